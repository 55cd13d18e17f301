"""Make files of the simulated servers' library; `scripts/make-library` starts it."""

from collections.abc import Callable, Mapping
import os
from pathlib import Path
import shutil
import subprocess
import sys
from typing import Final
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from tests.fakes.library import MOVIES, SHOWS, UNAIRED, SeedEpisode, SeedShow

type MakeVideo = Callable[[Path, int], None]
type Fields = Mapping[str, object]

_VIDEOS: Final = ".videos"
#: What cannot stand in the name of a file everywhere.
_UNFIT: Final = str.maketrans({"/": "-", ":": " -", "?": None})


class NoFfmpeg(Exception):
    """Without it there are no videos; the text says so."""


def ffmpeg() -> MakeVideo:
    """Return what makes a video of some minutes. Raises `NoFfmpeg`."""
    program = shutil.which("ffmpeg")
    if program is None:
        raise NoFfmpeg("ffmpeg makes the videos, and it is not installed")

    def make(path: Path, minutes: int) -> None:
        black = f"color=black:s=32x32:r=1/10:d={minutes * 60}"
        command = [program, "-v", "error", "-y", "-f", "lavfi", "-i", black]
        codec = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "1"]
        subprocess.run([*command, *codec, str(path)], check=True)  # noqa: S603 - our own words

    return make


class Maker:
    """Makes the library in a folder; what is there already is left."""

    def __init__(self, folder: Path, make_video: MakeVideo) -> None:
        """Make it there, and videos with *make_video*."""
        self._folder = folder
        self._make_video = make_video
        self.count = 0

    def make(self) -> None:
        """Make all films and shows. Raises `OSError` and `CalledProcessError`."""
        (self._folder / _VIDEOS).mkdir(parents=True, exist_ok=True)
        for film in MOVIES:
            for library in film.libraries:
                name = f"{_fit(film.title)} ({film.year})"
                folder = self._folder / library / name
                self._video(folder / f"{name}.mkv", film.minutes)
                fields = {
                    "title": film.title,
                    "year": film.year,
                    "runtime": film.minutes,
                }
                _write_nfo(folder / "movie.nfo", "movie", fields, film.ids)
        for show in SHOWS:
            self._show(show)
        # Its videos are linked to by now, and a server need not find them.
        shutil.rmtree(self._folder / _VIDEOS)

    def _show(self, show: SeedShow) -> None:
        folder = self._folder / show.library / f"{_fit(show.title)} ({show.year})"
        folder.mkdir(parents=True, exist_ok=True)
        fields = {"title": show.title, "year": show.year}
        _write_nfo(folder / "tvshow.nfo", "tvshow", fields, show.ids)
        for episode in show.episodes:
            if episode.aired is None or episode.aired < UNAIRED:
                self._episode(folder, show, episode)

    def _episode(self, folder: Path, show: SeedShow, episode: SeedEpisode) -> None:
        season = f"Season {episode.season:02}" if episode.season else "Specials"
        number = f"S{episode.season:02}E{episode.number:02}"
        if episode.number_end is not None:
            number += f"-E{episode.number_end:02}"
        path = folder / season / f"{_fit(show.title)} {number}.mkv"
        self._video(path, episode.minutes)
        fields = {
            "title": episode.title,
            "season": episode.season,
            "episode": episode.number,
            "aired": episode.aired,
            "runtime": episode.minutes,
        }
        _write_nfo(path.with_suffix(".nfo"), "episodedetails", fields, episode.ids)

    def _video(self, path: Path, minutes: int) -> None:
        """Have a video be there: one file for all of a length."""
        self.count += 1
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            return
        source = self._folder / _VIDEOS / f"{minutes}.mkv"
        if not source.exists():
            self._make_video(source, minutes)
        os.link(source, path)


def _fit(title: str) -> str:
    return title.translate(_UNFIT)


def _write_nfo(path: Path, root: str, fields: Fields, ids: Mapping[str, str]) -> None:
    element = Element(root)
    for name, value in fields.items():
        if value is not None:
            SubElement(element, name).text = str(value)
    for name, value in ids.items():
        SubElement(element, "uniqueid", type=name).text = value
    indent(element)
    ElementTree(element).write(path, encoding="utf-8", xml_declaration=True)


def main(arguments: list[str]) -> int:
    """Run; 0 if the library is there, else 1."""
    if len(arguments) != 1:
        print("error: name one folder", file=sys.stderr)
        return 1
    try:
        maker = Maker(Path(arguments[0]), ffmpeg())
        maker.make()
    except (NoFfmpeg, OSError, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{maker.count} videos are in {arguments[0]}.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
