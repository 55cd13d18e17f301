"""Two hours without a server: ten thousand operations, five hundred things done there.

Told by `test_big_outage` and measured by `scripts/bench`. Virtual time (see
`TimeMachine`); Home Assistant, its disk, our client and TCP are real.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from time import perf_counter

from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.common import drained
from tests.fakes import library
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.plex import FakePlex

from .house import ONE_PLAY, UNSEEN, USER, Seen, Side, act, cut_off, runtime_of, waiting
from .machine import TimeMachine

OUTAGE = 2 * 3600.0
OPERATIONS = 10_000
REMOTE_CHANGES = 500
#: The two hours in steps: who acts in a later one acts later, beyond any tolerance.
STEPS = 50

#: Nobody asked for these, but somebody played them.
UNASKED = 50

_NAME = "Film of the outage"
_EARLIER, _LATER = False, True
_TWICE = Seen(watched=True, plays=2)
_HALFWAY = Seen(watched=False, plays=0, position=600)


@dataclass(frozen=True, slots=True)
class Story:
    """One thing that happens to a film; `remote` is what others leave on the server.

    `end` is what the rule *the newest wins* makes of it, and `written` what we have
    to say to get there. A film in nobody's hands but ours has no `remote`.
    """

    name: str
    before: Seen
    operation: str | None
    remote: Seen | None
    remote_is_later: bool
    end: Seen
    written: str | None
    share: int


STORIES = (
    Story("mark", UNSEEN, "watched", None, _EARLIER, ONE_PLAY, "watched", 8_550),
    Story("un-mark", ONE_PLAY, "unwatched", None, _EARLIER, UNSEEN, "unwatched", 500),
    Story("mark what was so", ONE_PLAY, "watched", None, _EARLIER, ONE_PLAY, None, 500),
    Story("play, then mark", UNSEEN, "watched", ONE_PLAY, _EARLIER, ONE_PLAY, None, 75),
    Story("mark, then play", UNSEEN, "watched", ONE_PLAY, _LATER, ONE_PLAY, None, 75),
    Story(
        "play again, then un-mark",
        ONE_PLAY,
        "unwatched",
        _TWICE,
        _EARLIER,
        UNSEEN,
        "unwatched",
        75,
    ),
    Story(
        "un-mark, then play again",
        ONE_PLAY,
        "unwatched",
        _TWICE,
        _LATER,
        _TWICE,
        None,
        75,
    ),
    Story(
        "begin, then mark",
        UNSEEN,
        "watched",
        _HALFWAY,
        _EARLIER,
        ONE_PLAY,
        "watched",
        75,
    ),
    Story("mark, then begin", UNSEEN, "watched", _HALFWAY, _LATER, _HALFWAY, None, 75),
    Story("no operation", UNSEEN, None, ONE_PLAY, _EARLIER, ONE_PLAY, None, UNASKED),
)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What it took: requests and real seconds, from the first sign of the server."""

    requests: int
    seconds: float
    written: int

    @property
    def per_item(self) -> float:
        """Requests for each thing that was asked for."""
        return self.requests / OPERATIONS

    @property
    def per_write(self) -> float:
        """Requests for each thing that had to be said, which is the harder measure."""
        return self.requests / self.written


def films() -> tuple[library.SeedMovie, ...]:
    """Return what a library must hold more."""
    return tuple(
        library.SeedMovie(
            f"{_NAME} {number:05}",
            2000,
            100,
            {"imdb": f"tt9{number:07}", "tmdb": f"9{number:07}"},
        )
        for number in range(OPERATIONS + UNASKED)
    )


def named(side: Side, prefix: str) -> list[str]:
    """Return the ids of all films whose titles begin so, by title."""
    server = side.server
    found: Iterable[tuple[str, str]]
    if isinstance(server, FakePlex):
        section = server.entry(server.rating_key("Arrival")).section
        found = (
            (one.title, one.key) for one in server._shelf.of_section(section, "movie")
        )
    else:
        assert isinstance(server, FakeJellyfin)
        found = ((one.name, one.id) for one in server.catalogue.items.values())
    return [item_id for title, item_id in sorted(found) if title.startswith(prefix)]


async def live_through(
    hass: HomeAssistant, side: Side, entry: MockConfigEntry, machine: TimeMachine
) -> Reconciled:
    """Let it all happen in a seeded order, and fail unless all ends as it should."""
    rng = Random(10_500)
    stories = [story for story in STORIES for _ in range(story.share)]
    assert sum(story.operation is not None for story in stories) == OPERATIONS
    assert sum(story.remote is not None for story in stories) == REMOTE_CHANGES
    rng.shuffle(stories)
    told = dict(zip(named(side, _NAME), stories, strict=True))
    long_ago = side.server.clock()
    for item, story in told.items():
        if story.before != UNSEEN:
            await side.put(item, plays=story.before.plays, at=long_ago)
    untouched = {
        key: seen for key, seen in side.all_seen().items() if key[1] not in told
    }

    await _pass(machine, 3600)
    await cut_off(hass, entry, side)
    await _two_hours(hass, side, entry, machine, told, rng)
    assert len(waiting(entry)) == OPERATIONS
    assert all(one.attempts == 0 for one in waiting(entry))

    side.server.clear_log()
    await side.server.come_back()
    began = perf_counter()
    machine.running = True
    await drained(hass, entry, seconds=3600)
    machine.running = False
    took = perf_counter() - began

    ends = {(USER, item): story.end for item, story in told.items()}
    wanted = {key: seen for key, seen in (untouched | ends).items() if seen != UNSEEN}
    found = {key: seen for key, seen in side.all_seen().items() if seen != UNSEEN}
    wrong = Counter(
        (told[key[1]].name if key[1] in told else key[1], found.get(key))
        for key in wanted.keys() | found.keys()
        if wanted.get(key) != found.get(key)
    )
    assert not wrong, wrong
    # Each write once, and none that was not needed.
    marks = [(item, story.written) for item, story in told.items() if story.written]
    assert sorted((item, name) for name, item in side.marks()) == sorted(marks)
    assert not runtime_of(entry).lane.outbox.rejected
    requests = side.server.count() - side.server.count("websocket|/socket$")
    return Reconciled(requests, took, len(marks))


async def _two_hours(
    hass: HomeAssistant,
    side: Side,
    entry: MockConfigEntry,
    machine: TimeMachine,
    told: dict[str, Story],
    rng: Random,
) -> None:
    """Let operations and what others do happen, each in its step."""
    operations: list[list[str]] = [[] for _ in range(STEPS)]
    others: list[list[str]] = [[] for _ in range(STEPS)]
    for item, story in told.items():
        first, second = sorted(rng.sample(range(STEPS), 2))
        if story.remote is not None:
            others[second if story.remote_is_later else first].append(item)
        if story.operation is not None:
            operations[first if story.remote_is_later else second].append(item)
    for asked, done in zip(operations, others, strict=True):
        await _do_elsewhere(side, told, done, side.server.clock())
        answers = await asyncio.gather(
            *(
                act(
                    hass,
                    f"mark_{told[item].operation}",
                    item_id=item,
                    config_entry_id=entry.entry_id,
                )
                for item in asked
            )
        )
        for answer in answers:
            assert [row["status"] for row in answer["operations"]] == ["queued"]
        await _pass(machine, OUTAGE / STEPS)


async def _do_elsewhere(
    side: Side, told: dict[str, Story], items: Sequence[str], now: datetime
) -> None:
    for item in items:
        remote = told[item].remote
        assert remote is not None
        await side.put(item, plays=remote.plays, position=remote.position, at=now)


async def _pass(machine: TimeMachine, seconds: float) -> None:
    machine.running = True
    await asyncio.sleep(seconds)
    machine.running = False
