"""Marking a film, an episode, a season and a show, on both servers."""

from typing import Any

from homeassistant.core import HomeAssistant
import pytest

from tests.common import drained

from .house import (
    ONE_PLAY,
    USER,
    JellyfinSide,
    PlexSide,
    Seen,
    Side,
    act,
    bring_back,
    cut_off,
    waiting,
)

#: What a case names, and the seasons of the show it reaches; None for one item.
type Case = tuple[dict[str, Any], tuple[int, ...] | None]

CASES: dict[str, Case] = {
    "film": ({"title": "Arrival"}, None),
    "film by external id": ({"external_id": "imdb://tt2543164"}, None),
    "episode": ({"title": "Sherlock", "season": 2, "episode": 2}, None),
    "special": ({"title": "Sherlock", "season": 0, "episode": 2}, None),
    "season": ({"title": "Sherlock", "season": 2}, (2,)),
    "season of specials": ({"title": "Sherlock", "season": 0}, (0,)),
    "season from an episode": (
        {"title": "Sherlock", "season": 2, "episode": 2, "scope": "season"},
        (2,),
    ),
    "show": ({"title": "Sherlock"}, (1, 2, 3, 4)),
    "show by external id": ({"external_id": "tvdb://show/176941"}, (1, 2, 3, 4)),
    "show from an episode": (
        {"title": "Sherlock", "season": 2, "episode": 2, "scope": "show"},
        (1, 2, 3, 4),
    ),
    "show with specials": (
        {"title": "Sherlock", "include_specials": True},
        (0, 1, 2, 3, 4),
    ),
    "show without specials in the library": ({"title": "Chernobyl"}, (1,)),
}


_EVERY_RUN = {"film", "episode", "season", "show", "show with specials"}

MOSTLY_LONG = [
    pytest.param(name, marks=[] if name in _EVERY_RUN else pytest.mark.long)
    for name in CASES
]


def reached(side: Side, case: Case) -> list[str]:
    """Return the ids of the films and episodes that a case is about."""
    data, seasons = case
    if "imdb" in data.get("external_id", ""):
        return [side.item_id("Arrival")]
    title = data.get("title", "Sherlock")
    if seasons is None:
        return [
            side.item_id(title, season=data.get("season"), episode=data.get("episode"))
        ]
    return [
        leaf
        for season in seasons
        for leaf in side.leaves(side.item_id(title, season=season))
    ]


async def somebody_lives_here(side: Side) -> None:
    """Leave traces around what is marked: other users', and of neighbours."""
    for user in ("alex", "kim"):
        await side.put(side.item_id("Alien"), plays=3, user=user)
        await side.put(side.item_id("Dune", 2021), position=1200, user=user)
        await side.put(
            side.item_id("Sherlock", season=0, episode=3), plays=2, user=user
        )
        await side.put(
            side.item_id("Severance", season=1, episode=1), plays=1, user=user
        )
        await side.put(
            side.item_id("Severance", season=1, episode=2), position=600, user=user
        )
    await side.put(side.item_id("Sherlock", season=2, episode=2), plays=5, user="kim")


@pytest.mark.parametrize("name", CASES)
async def test_marking_watched_is_one_play_of_exactly_what_was_named(
    hass: HomeAssistant, side: Side, name: str
) -> None:
    data, _ = CASES[name]
    await somebody_lives_here(side)
    entry = await side.connect(hass)
    before = side.all_seen()
    targets = reached(side, CASES[name])
    await act(hass, "mark_watched", **data)
    await drained(hass, entry)
    wanted = {
        (USER, target): before.get((USER, target), ONE_PLAY) for target in targets
    }
    assert side.all_seen() == before | wanted
    assert not entry.runtime_data.lane.outbox.rejected


@pytest.mark.parametrize("name", MOSTLY_LONG)
async def test_unmarking_clears_exactly_what_was_named(
    hass: HomeAssistant, side: Side, name: str
) -> None:
    data, _ = CASES[name]
    await somebody_lives_here(side)
    targets = reached(side, CASES[name])
    around = {*side.leaves(side.item_id("Sherlock")), side.item_id("Arrival"), *targets}
    for item_id in around:
        await side.put(item_id, plays=2)
    entry = await side.connect(hass)
    before = side.all_seen()
    await act(hass, "mark_unwatched", confirm=True, **data)
    await drained(hass, entry)
    gone = {(USER, target) for target in targets}
    assert gone <= before.keys()
    assert side.all_seen() == {
        key: seen for key, seen in before.items() if key not in gone
    }
    assert not entry.runtime_data.lane.outbox.rejected


@pytest.mark.parametrize("name", MOSTLY_LONG)
async def test_marking_what_is_watched_already_writes_nothing(
    hass: HomeAssistant, side: Side, name: str
) -> None:
    data, _ = CASES[name]
    for target in reached(side, CASES[name]):
        await side.put(target, plays=1)
    entry = await side.connect(hass)
    before = side.all_seen()
    await act(hass, "mark_watched", **data)
    await drained(hass, entry)
    assert side.writes == []
    assert side.all_seen() == before


@pytest.mark.parametrize("name", MOSTLY_LONG)
async def test_unmarking_what_was_never_watched_writes_nothing(
    hass: HomeAssistant, side: Side, name: str
) -> None:
    data, _ = CASES[name]
    await side.put(side.item_id("Alien"), plays=3)
    entry = await side.connect(hass)
    before = side.all_seen()
    await act(hass, "mark_unwatched", confirm=True, **data)
    await drained(hass, entry)
    assert side.writes == []
    assert side.all_seen() == before


async def test_marking_twice_is_one_play(hass: HomeAssistant, side: Side) -> None:
    film = side.item_id("Arrival")
    entry = await side.connect(hass)
    await act(hass, "mark_watched", item_id=film)
    await drained(hass, entry)
    await act(hass, "mark_watched", item_id=film)
    await drained(hass, entry)
    await act(hass, "mark_watched", title="Arrival")
    await drained(hass, entry)
    assert side.marks() == [("watched", film)]
    assert side.all_seen() == {(USER, film): ONE_PLAY}


async def test_watched_unwatched_watched_again_is_one_play(
    hass: HomeAssistant, side: Side
) -> None:
    film = side.item_id("Arrival")
    entry = await side.connect(hass)
    for action in ("mark_watched", "mark_unwatched", "mark_watched"):
        await act(hass, action, item_id=film)
        await drained(hass, entry)
    assert side.all_seen() == {(USER, film): ONE_PLAY}


async def test_show_watched_in_part_gets_only_what_is_missing(
    hass: HomeAssistant, side: Side
) -> None:
    show = side.item_id("Severance")
    first, *others = side.leaves(side.item_id("Severance", season=1))
    await side.put(first, plays=4)
    entry = await side.connect(hass)
    await act(hass, "mark_watched", title="Severance")
    await drained(hass, entry)
    for leaf in side.leaves(show):
        assert side.seen(leaf) == (
            Seen(watched=True, plays=4) if leaf == first else ONE_PLAY
        )
    assert others


async def test_marking_watched_clears_a_position_left_behind(
    hass: HomeAssistant, side: Side
) -> None:
    film = side.item_id("Dune", 2021)
    await side.put(film, position=1200)
    entry = await side.connect(hass)
    await act(hass, "mark_watched", title="Dune", year=2021)
    await drained(hass, entry)
    assert side.seen(film) == ONE_PLAY


async def test_unmarking_a_show_clears_positions_below_it(
    hass: HomeAssistant, side: Side
) -> None:
    started = side.item_id("Chernobyl", season=1, episode=2)
    await side.put(started, position=1200)
    entry = await side.connect(hass)
    await act(hass, "mark_unwatched", title="Chernobyl")
    await drained(hass, entry)
    assert side.all_seen() == {}


async def test_progress_is_set_and_nothing_else(
    hass: HomeAssistant, side: Side
) -> None:
    film = side.item_id("Inception")
    await somebody_lives_here(side)
    entry = await side.connect(hass)
    before = side.all_seen()
    await act(hass, "set_progress", title="Inception", position="00:40:00")
    await drained(hass, entry)
    wanted = {(USER, film): Seen(watched=False, plays=0, position=2400)}
    assert side.all_seen() == before | wanted


async def test_progress_in_percent_of_an_episode(
    hass: HomeAssistant, side: Side
) -> None:
    episode = side.item_id("Severance", season=1, episode=3)
    entry = await side.connect(hass)
    await act(hass, "set_progress", title="Severance", season=1, episode=3, percent=50)
    await drained(hass, entry)
    assert side.seen(episode) == Seen(watched=False, plays=0, position=1500)


async def test_progress_of_zero_forgets_where_it_was(
    hass: HomeAssistant, side: Side
) -> None:
    film = side.item_id("Inception")
    await side.put(film, position=2400)
    entry = await side.connect(hass)
    await act(hass, "set_progress", title="Inception", position=0)
    await drained(hass, entry)
    assert not side.seen(film).watched
    assert side.seen(film).position == 0


async def test_film_present_twice_is_marked_in_both_libraries(
    hass: HomeAssistant, side: Side
) -> None:
    copies = [
        side.item_id("Blade Runner", 1982, library=library)
        for library in ("Movies", "Movies 4K")
    ]
    assert len(set(copies)) == 2
    entry = await side.connect(hass)
    answer = await act(hass, "mark_watched", title="Blade Runner")
    assert sorted(row["item_id"] for row in answer["operations"]) == sorted(copies)
    await drained(hass, entry)
    assert side.all_seen() == {(USER, copy): ONE_PLAY for copy in copies}
    await act(hass, "mark_unwatched", external_id="imdb://tt0083658")
    await drained(hass, entry)
    assert side.all_seen() == {}


async def test_one_copy_can_be_named_by_its_id(hass: HomeAssistant, side: Side) -> None:
    copy = side.item_id("Blade Runner", 1982, library="Movies 4K")
    entry = await side.connect(hass)
    await act(hass, "mark_watched", item_id=copy)
    await drained(hass, entry)
    assert side.all_seen() == {(USER, copy): ONE_PLAY}


async def test_file_of_two_episodes_is_one_play(
    hass: HomeAssistant, side: Side
) -> None:
    pilot = side.item_id("Star Trek: The Next Generation", season=1, episode=1)
    entry = await side.connect(hass)
    await act(
        hass,
        "mark_watched",
        title="Star Trek: The Next Generation",
        season=1,
        episode=1,
    )
    await drained(hass, entry)
    assert side.all_seen() == {(USER, pilot): ONE_PLAY}


async def test_show_of_300_episodes_is_marked_whole(
    hass: HomeAssistant, side: Side
) -> None:
    leaves = side.leaves(side.item_id("Grey's Anatomy"))
    assert len(leaves) > 300
    entry = await side.connect(hass)
    await act(hass, "mark_watched", title="Grey's Anatomy", confirm=True)
    await drained(hass, entry)
    assert side.all_seen() == {(USER, leaf): ONE_PLAY for leaf in leaves}


async def test_waiting_for_confirmation_means_the_server_has_it(
    hass: HomeAssistant, side: Side
) -> None:
    film = side.item_id("Arrival")
    await side.connect(hass)
    answer = await act(hass, "mark_watched", title="Arrival", wait=10)
    assert [row["status"] for row in answer["operations"]] == ["confirmed"]
    assert side.seen(film) == ONE_PLAY


async def test_dry_run_says_what_would_happen_and_does_nothing(
    hass: HomeAssistant, side: Side
) -> None:
    entry = await side.connect(hass)
    answer = await act(hass, "mark_watched", title="Sherlock", dry_run=True)
    assert [row["status"] for row in answer["operations"]] == ["planned"]
    assert waiting(entry) == []
    await hass.async_block_till_done()
    assert side.writes == []
    assert side.all_seen() == {}


async def test_action_by_title_marks_the_film_on_both_servers(
    hass: HomeAssistant, plex: PlexSide, jellyfin: JellyfinSide
) -> None:
    entries = [await side.connect(hass) for side in (plex, jellyfin)]
    answer = await act(hass, "mark_watched", title="Arrival")
    assert {row["config_entry_id"] for row in answer["operations"]} == {
        entry.entry_id for entry in entries
    }
    for side, entry in zip((plex, jellyfin), entries, strict=True):
        await drained(hass, entry)
        assert side.all_seen() == {(USER, side.item_id("Arrival")): ONE_PLAY}


async def test_action_marks_on_one_server_and_says_that_the_other_is_watched_already(
    hass: HomeAssistant, plex: PlexSide, jellyfin: JellyfinSide
) -> None:
    await plex.put(plex.item_id("Arrival"), plays=2)
    on_plex = await plex.connect(hass)
    on_jellyfin = await jellyfin.connect(hass)
    answer = await act(hass, "mark_watched", title="Arrival")
    assert [row["config_entry_id"] for row in answer["operations"]] == [
        on_jellyfin.entry_id
    ]
    assert [(row["config_entry_id"], row["reason"]) for row in answer["skipped"]] == [
        (on_plex.entry_id, "already_watched")
    ]
    await drained(hass, on_plex)
    await drained(hass, on_jellyfin)
    assert plex.writes == []
    assert jellyfin.seen(jellyfin.item_id("Arrival")) == ONE_PLAY


async def test_show_is_marked_on_both_servers_while_one_of_them_is_away(
    hass: HomeAssistant, plex: PlexSide, jellyfin: JellyfinSide
) -> None:
    on_plex = await plex.connect(hass)
    on_jellyfin = await jellyfin.connect(hass, jellyfin.show("Severance"))
    await cut_off(hass, on_jellyfin, jellyfin)
    answer = await act(hass, "mark_watched", title="Severance")
    assert len(answer["operations"]) == 2
    await drained(hass, on_plex)
    assert len(waiting(on_jellyfin)) == 1
    await bring_back(hass, on_jellyfin, jellyfin)
    await drained(hass, on_jellyfin)
    for side in (plex, jellyfin):
        leaves = side.leaves(side.item_id("Severance"))
        assert side.all_seen() == {(USER, leaf): ONE_PLAY for leaf in leaves}


async def test_show_known_by_its_ids_waits_for_its_server_that_is_away(
    hass: HomeAssistant, plex: PlexSide, jellyfin: JellyfinSide
) -> None:
    """How many episodes it has nobody can say there: as many as on the other."""
    await jellyfin.put(jellyfin.item_id("Severance", season=1, episode=1), plays=1)
    on_plex = await plex.connect(hass)
    on_jellyfin = await jellyfin.connect(hass)
    await cut_off(hass, on_jellyfin, jellyfin)
    answer = await act(hass, "mark_watched", title="Severance")
    assert answer["skipped"] == []
    await drained(hass, on_plex)
    leaves = plex.leaves(plex.item_id("Severance"))
    assert plex.all_seen() == {(USER, leaf): ONE_PLAY for leaf in leaves}
    assert len(waiting(on_jellyfin)) == 1


async def test_show_known_by_title_alone_is_skipped_while_its_server_is_away(
    hass: HomeAssistant, plex: PlexSide, jellyfin: JellyfinSide
) -> None:
    """It may be a remake; and it is no reason to refuse the server that is there."""
    jellyfin.server.forget_ids(jellyfin.item_id("Severance"))
    await jellyfin.put(jellyfin.item_id("Severance", season=1, episode=1), plays=1)
    on_plex = await plex.connect(hass)
    on_jellyfin = await jellyfin.connect(hass)
    await cut_off(hass, on_jellyfin, jellyfin)
    answer = await act(hass, "mark_watched", title="Severance")
    assert [(row["config_entry_id"], row["reason"]) for row in answer["skipped"]] == [
        (on_jellyfin.entry_id, "offline")
    ]
    await drained(hass, on_plex)
    leaves = plex.leaves(plex.item_id("Severance"))
    assert plex.all_seen() == {(USER, leaf): ONE_PLAY for leaf in leaves}
    assert waiting(on_jellyfin) == []
