"""`scripts/make-library`: files of the simulated servers' library."""

import os
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from scripts.lib.make_library import Maker, ffmpeg, main
from tests.fakes.library import (
    MOVIES,
    MOVIES_4K_LIBRARY,
    MOVIES_LIBRARY,
    SHOWS,
    SHOWS_LIBRARY,
    UNAIRED,
)


def write_minutes(path: Path, minutes: int) -> None:
    path.write_text(f"{minutes} minutes", encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Maker(tmp_path, write_minutes).make()
    return tmp_path


def test_every_film_and_episode_has_a_video_of_its_length(folder: Path) -> None:
    assert {one.name for one in folder.iterdir()} == {
        MOVIES_LIBRARY,
        MOVIES_4K_LIBRARY,
        SHOWS_LIBRARY,
    }
    episodes = [one for show in SHOWS for one in show.episodes if one.aired != UNAIRED]
    copies = sum(len(one.libraries) for one in MOVIES)
    assert len([*folder.rglob("*.mkv")]) == len(episodes) + copies
    alien = folder / "Movies" / "Alien (1979)" / "Alien (1979).mkv"
    assert alien.read_text(encoding="utf-8") == "117 minutes"


def test_films_and_shows_have_their_ids(folder: Path) -> None:
    (alien,) = folder.glob("Movies/Alien (1979)/movie.nfo")
    root = ET.parse(alien).getroot()  # noqa: S314 - our own file
    assert root.tag == "movie"
    assert root.findtext("title") == "Alien"
    assert root.findtext("year") == "1979"
    ids = {one.get("type"): one.text for one in root.findall("uniqueid")}
    assert ids == {"imdb": "tt0078748", "tmdb": "348"}
    (show,) = folder.glob("TV Shows/Sherlock (2010)/tvshow.nfo")
    ids = {
        one.get("type"): one.text
        for one in ET.parse(show).getroot().findall("uniqueid")  # noqa: S314 - our own
    }
    assert ids == {"imdb": "tt1475582", "tmdb": "19885", "tvdb": "176941"}


def test_odd_names_and_episodes_lie_where_servers_look(folder: Path) -> None:
    star_trek = folder / "TV Shows" / "Star Trek - The Next Generation (1987)"
    first = "Star Trek - The Next Generation S01E01-E02.nfo"
    nfo = ET.parse(star_trek / "Season 01" / first).getroot()  # noqa: S314 - our own
    assert nfo.findtext("title") == "Encounter at Farpoint"
    assert nfo.findtext("aired") == "1987-09-28"
    sherlock = folder / "TV Shows" / "Sherlock (2010)" / "Specials"
    assert len([*sherlock.glob("*.mkv")]) == 3
    unknown = ET.parse(sherlock / "Sherlock S00E01.nfo")  # noqa: S314 - our own
    assert unknown.getroot().find("aired") is None
    assert not [*folder.glob("TV Shows/The Last of Us*/Season 03")]


def test_a_second_run_leaves_what_is_there(folder: Path) -> None:
    lengths: list[int] = []

    def count(path: Path, minutes: int) -> None:
        lengths.append(minutes)
        write_minutes(path, minutes)

    (folder / "Movies" / "Alien (1979)" / "Alien (1979).mkv").unlink()
    again = Maker(folder, count)
    again.make()
    assert lengths == [117]
    assert again.count == len([*folder.rglob("*.mkv")])


def test_ffmpeg_is_asked_for_a_tiny_black_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text('#!/bin/sh\nfor last; do :; done\necho "$@" > "$last"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    ffmpeg()(tmp_path / "2.mkv", 2)
    said = (tmp_path / "2.mkv").read_text(encoding="utf-8")
    assert "color=black:s=32x32:r=1/10:d=120 " in said


def test_ffmpeg_that_fails_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([str(tmp_path / "made")]) == 1
    assert "non-zero exit status 3" in capsys.readouterr().err


def test_missing_ffmpeg_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([str(tmp_path / "made")]) == 1
    said = "error: ffmpeg makes the videos, and it is not installed\n"
    assert capsys.readouterr().err == said
    assert not (tmp_path / "made").exists()


def test_one_folder_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 1
    assert capsys.readouterr().err == "error: name one folder\n"
