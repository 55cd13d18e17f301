"""What is asked for before it is there, and what vanishes and comes back."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
import random
from typing import Any, override

import pytest

from custom_components.watched_sync.core.activity import ActivityKind
from custom_components.watched_sync.core.codec import decode_outbox, encode_outbox
from custom_components.watched_sync.core.errors import CatalogueError, Reason
from custom_components.watched_sync.core.identity import (
    NO_IDS,
    Item,
    MediaKind,
    ProviderIds,
)
from custom_components.watched_sync.core.inventory import ROUND_REST
from custom_components.watched_sync.core.operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    Operation,
    Scope,
    SetProgress,
)
from custom_components.watched_sync.core.outbox import Outcome, Result
from custom_components.watched_sync.core.reconcile import Policy
from custom_components.watched_sync.core.relay import Relay

from .rig import Rig
from .samples import an_operation
from .test_inventory import DAY, LONG, Watched, both_kinds
from .twins import HANG, Ask, ModelServer, episode, movie, season, show
from .virtual import VirtualClock, virtual

FILM = movie("new")
SHOW = show("fresh")
IMDB = FILM.provider_ids


class Delivered(Watched):
    """A lane that is read, observed and delivered."""

    def __init__(self, make: Callable[[VirtualClock], ModelServer]) -> None:
        self.outcomes: list[Outcome] = []
        super().__init__(make)

    @override
    def assemble(self) -> None:
        super().assemble()
        self.relay = Relay(
            self.lane,
            self.server,
            server_id="server",
            label="Model",
            clock=self.clock,
            rng=random.Random(1),
            policy=Policy.NEWEST,
            max_retry_age=timedelta(days=30),
            find=self.inventory.find,
        )
        self.lane.add_listener(lambda update: self.outcomes.extend(update.outcomes))
        self.tasks.append(asyncio.create_task(self.relay.run()))

    async def ask(self, item: Item, change: Change | None = None) -> Operation:
        """Have an operation accepted, for all that is below a show or season."""
        scope = Scope.TREE if item.kind.is_container else Scope.ITEM
        operation = an_operation(
            change or MarkWatched(), item, scope=scope, asked_at=self.clock.now()
        )
        await self.lane.submit([operation])
        return operation

    @property
    def results(self) -> list[Result]:
        return [one.result for one in self.outcomes]

    @property
    def reasons(self) -> list[str | None]:
        return [one.last_error for one in self.outbox]


@contextmanager
def nothing_told(rig: Watched) -> Iterator[None]:
    """Fail if more is told, or copied, than that what was asked for is done."""
    rig.told.clear()
    before = {one.item.item_id for one in rig.moves}
    yield
    ours = {item_id for item_id, watched in _watched(rig).items() if watched}
    assert len(rig.told) == len(set(rig.told))
    assert set(rig.told) <= {(ActivityKind.WATCHED, item_id) for item_id in ours}
    assert {one.item.item_id for one in rig.moves} - before <= ours


async def ready(make: Callable[[VirtualClock], ModelServer]) -> Delivered:
    """Return a lane that has read its libraries."""
    rig = Delivered(make)
    rig.stock()
    await rig.first()
    await asyncio.sleep(LONG)
    rig.server.requests.clear()
    return rig


# --- what a film is called before it is there -------------------------------------


def test_what_was_never_seen_is_named_by_the_world() -> None:
    film = Item.unseen(MediaKind.MOVIE, ProviderIds(tmdb="603"))
    part = Item.unseen(MediaKind.EPISODE, ProviderIds(tmdb="95396"), 0, 5)
    whole = Item.unseen(MediaKind.SEASON, ProviderIds(tvdb="371980"), 2)
    assert film.item_id == "tmdb://movie/603"
    assert part.item_id == "tmdb://show/95396/0/5"
    assert whole.item_id == "tvdb://show/371980/2"
    assert (part.provider_ids, part.show_provider_ids.tmdb) == (NO_IDS, "95396")
    assert {one.is_unseen for one in (film, part, whole)} == {True}
    assert (film.id_there, movie().id_there) == (None, "m1")


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (movie(provider_ids=IMDB), True),
        (replace(episode(SHOW, 1, 1), provider_ids=IMDB), True),
        (replace(SHOW, provider_ids=IMDB), False),
        (replace(season(SHOW, 1), provider_ids=IMDB), False),
        (movie(provider_ids=ProviderIds(imdb="tt0000001")), False),
        (movie(provider_ids=NO_IDS), False),
    ],
)
def test_an_id_without_a_kind_is_a_film_or_an_episode(
    other: Item,
    same: bool,  # noqa: FBT001 - of a table
) -> None:
    item = Item.unseen(MediaKind.UNKNOWN, IMDB)
    assert item.is_same_work(other) is same
    assert other.is_same_work(item) is same
    if same:
        assert not other.awaited_keys.isdisjoint(item.work_keys)


# --- delivered once it is there ---------------------------------------------------


AWAITED = [
    Item.unseen(MediaKind.MOVIE, IMDB),
    Item.unseen(MediaKind.UNKNOWN, IMDB),
    Item.unseen(MediaKind.EPISODE, SHOW.provider_ids, 1, 2),
    Item.unseen(MediaKind.SEASON, SHOW.provider_ids, 1),
    Item.unseen(MediaKind.SHOW, SHOW.provider_ids),
]
WRITTEN = [["new"], ["new"], ["fresh.1.2"], ["fresh.1.1", "fresh.1.2"]]
WRITTEN.append(["fresh.1.1", "fresh.1.2", "fresh.2.1"])


@both_kinds
@pytest.mark.parametrize(("item", "ids"), zip(AWAITED, WRITTEN, strict=True))
def test_what_comes_is_delivered_once_and_nothing_told(
    make: Any, item: Item, ids: list[str]
) -> None:
    @virtual
    async def world() -> None:
        rig = await ready(make)
        asked = await rig.ask(item)
        await asyncio.sleep(DAY)
        assert rig.reasons == [Reason.MISSING]
        rig.server.add(FILM)
        rig.server.add_show(SHOW, {1: 2, 2: 1})
        with nothing_told(rig):
            rig.inventory.look_again()
            await asyncio.sleep(2 * ROUND_REST)
            marked = [one for one, watched in _watched(rig).items() if watched]
            assert marked == ids
            await asyncio.sleep(2 * DAY)
        assert rig.results == [Result.DELIVERED]
        done = rig.outcomes[0].operation
        assert done.operation_id == asked.operation_id
        assert not done.item.is_unseen
        assert not rig.outbox

    world()


def _watched(rig: Watched) -> dict[str, bool | None]:
    return {
        item_id: rig.server.watched(item_id)[0]
        for item_id, item in rig.server.items.items()
        if not item.kind.is_container
    }


@virtual
async def test_what_the_lane_reads_first_is_delivered_within_seconds() -> None:
    rig = await ready(ModelServer.plex)
    await rig.ask(AWAITED[0])
    await asyncio.sleep(60)
    rig.server.add(FILM)
    rig.lane.remember([rig.server.reading(FILM.item_id)])
    await asyncio.sleep(10)
    assert rig.server.watched("new") == [True]


@both_kinds
def test_waiting_costs_the_server_nothing(make: Any) -> None:
    @virtual
    async def world() -> None:
        idle, waiting = await asyncio.gather(ready(make), ready(make))
        for item in AWAITED:
            await waiting.ask(item)
        await asyncio.sleep(LONG)
        for rig in (idle, waiting):
            rig.server.requests.clear()
        await asyncio.sleep(12 * 3600)
        # Glances fall a little earlier or later.
        assert abs(waiting.server.count() - idle.server.count()) <= 2

    world()


@virtual
async def test_what_is_there_already_needs_no_listing() -> None:
    """It may have come between the question and the answer."""
    rig = await ready(ModelServer.jellyfin)
    rig.server.add(FILM)
    await rig.round()
    await rig.ask(AWAITED[1])
    await asyncio.sleep(5)
    assert rig.results == [Result.DELIVERED]


@virtual
async def test_what_gets_its_ids_later_is_delivered_then() -> None:
    """Servers show a file first, and find out later what it is."""
    rig = await ready(ModelServer.plex)
    await rig.ask(AWAITED[0])
    rig.server.add(replace(FILM, provider_ids=NO_IDS))
    await rig.round()
    assert rig.reasons == [Reason.MISSING]
    rig.server.items["new"] = FILM
    rig.inventory.read_again()
    await asyncio.sleep(ROUND_REST)
    assert rig.results == [Result.DELIVERED]


@virtual
async def test_a_file_of_several_episodes_holds_the_one_that_is_awaited() -> None:
    rig = await ready(ModelServer.plex)
    await rig.ask(Item.unseen(MediaKind.EPISODE, SHOW.provider_ids, 1, 2))
    await asyncio.sleep(60)
    rig.server.add_show(SHOW, {1: 1})
    double = replace(rig.server.items["fresh.1.1"], episode_end=2)
    rig.server.items["fresh.1.1"] = double
    await rig.round()
    assert rig.server.watched("fresh.1.1") == [True]


@virtual
async def test_of_several_copies_one_is_marked() -> None:
    rig = await ready(ModelServer.jellyfin)
    await rig.ask(AWAITED[0])
    await asyncio.sleep(60)
    rig.server.add(replace(FILM, item_id="n2"), replace(FILM, item_id="n1"))
    await rig.round()
    assert rig.server.watched("n1", "n2") == [True, False]


@virtual
async def test_a_show_that_comes_before_its_episodes_is_marked_with_them() -> None:
    rig = await ready(ModelServer.plex)
    await rig.ask(AWAITED[-1])
    rig.server.add(SHOW)
    rig.inventory.read_again()
    await asyncio.sleep(ROUND_REST)
    assert rig.reasons == [Reason.NO_EPISODES]
    rig.server.add(*(replace(episode(SHOW, 1, one)) for one in (1, 2)))
    await rig.round()
    assert rig.server.watched("fresh.1.1", "fresh.1.2") == [True, True]


@virtual
async def test_what_went_before_it_was_read_is_waited_for() -> None:
    rig = await ready(ModelServer.jellyfin)
    rig.server.add(FILM)
    await rig.round()
    rig.server.hidden.add(FILM.item_id)
    await rig.ask(AWAITED[0])
    await asyncio.sleep(5)
    assert rig.reasons == [Reason.MISSING]


@virtual
async def test_a_catalogue_that_fails_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = await ready(ModelServer.jellyfin)
    rig.server.add(FILM)
    await rig.round()

    async def fail(*_: object) -> None:
        raise CatalogueError("broken")

    with monkeypatch.context() as patch:
        patch.setattr(rig.catalogue, "find", fail)
        await rig.ask(AWAITED[0])
        await asyncio.sleep(60)
        assert rig.reasons == [Reason.MISSING]
    await asyncio.sleep(3600)
    assert rig.results == [Result.DELIVERED]


@virtual
async def test_an_outage_while_it_is_read_burns_no_attempt() -> None:
    rig = await ready(ModelServer.jellyfin)
    rig.server.add(FILM)
    await rig.round()
    rig.server.on(Ask.FETCH, HANG)
    rig.server.down = True
    await rig.ask(AWAITED[0])
    await asyncio.sleep(60)
    assert [one.attempts for one in rig.outbox] == [0]
    rig.server.down = False
    await asyncio.sleep(ROUND_REST)
    assert rig.results == [Result.DELIVERED]


@virtual
async def test_a_lane_without_a_catalogue_lets_it_wait() -> None:
    rig = Rig().start()
    rig.server.add(FILM)
    await rig.ask(None, AWAITED[0])
    await asyncio.sleep(60)
    assert [one.last_error for one in rig.outbox] == [Reason.MISSING]
    assert rig.server.count() == 0


# --- once, and for so long ---------------------------------------------------------


@virtual
async def test_asked_again_it_takes_the_place_of_what_waits() -> None:
    rig = await ready(ModelServer.jellyfin)
    await rig.ask(AWAITED[0])
    await rig.ask(AWAITED[1], SetProgress(600))
    last = await rig.ask(AWAITED[0], MarkUnwatched())
    assert rig.results == [Result.SUPERSEDED] * 2
    assert [one.operation_id for one in rig.outbox] == [last.operation_id]
    rig.server.add(FILM)
    await rig.round()
    assert rig.server.writes == []
    assert rig.results[2:] == [Result.ALREADY_TRUE]


@virtual
async def test_what_is_asked_of_it_by_its_id_later_is_the_last_word() -> None:
    rig = await ready(ModelServer.jellyfin)
    await rig.ask(AWAITED[0])
    await asyncio.sleep(60)
    rig.server.add(FILM)
    await rig.ask(FILM, MarkUnwatched())
    await rig.round()
    assert rig.server.watched("new") == [False]
    assert not rig.outbox


@virtual
async def test_it_is_given_up_after_a_month_and_may_be_tried_again() -> None:
    rig = await ready(ModelServer.jellyfin)
    await rig.ask(AWAITED[0])
    await asyncio.sleep(31 * DAY)
    assert [one.reason for one in rig.outcomes] == [Reason.MISSING]
    assert len(rig.outbox.rejected) == 1
    await rig.ask(AWAITED[1])
    assert not rig.outbox.rejected
    await asyncio.sleep(60)
    rig.server.add(FILM)
    await rig.round()
    assert rig.server.watched("new") == [True]


@pytest.mark.parametrize("item", [AWAITED[0], movie("gone")])
def test_since_when_it_is_missing_outlasts_a_crash(item: Item) -> None:
    """Or it would never be given up by who restarts every week."""

    @virtual
    async def world() -> None:
        rig = Rig().start()
        await rig.ask(None, item)
        await asyncio.sleep(60)
        (waiting,) = rig.outbox
        await rig.crash()
        (restored,) = rig.outbox
        assert restored.missing_since == waiting.missing_since is not None

    world()


@virtual
async def test_it_can_be_discarded() -> None:
    rig = await ready(ModelServer.jellyfin)
    operation = await rig.ask(AWAITED[0])
    assert await rig.lane.discard([operation.operation_id]) == 1
    rig.server.add(FILM)
    await rig.round()
    assert rig.server.writes == []


@pytest.mark.parametrize("item", AWAITED)
def test_it_survives_a_restart(item: Item) -> None:
    @virtual
    async def world() -> None:
        rig = await ready(ModelServer.jellyfin)
        await rig.ask(item)
        await asyncio.sleep(60)
        stored = decode_outbox(encode_outbox(rig.outbox))
        assert stored.damaged == []
        assert list(stored.outbox) == list(rig.outbox)
        assert [one.item for one in stored.outbox] == [item]

    world()


# --- what vanishes and comes back ---------------------------------------------------


@both_kinds
def test_what_comes_back_under_other_ids_is_delivered_and_nothing_twice(
    make: Any,
) -> None:
    """A library is moved: it is gone for a day, and then has other ids."""

    @virtual
    async def world() -> None:
        rig = await ready(make)
        delivered = await rig.ask(rig.server.items["m1"])
        await asyncio.sleep(60)
        assert rig.results == [Result.DELIVERED]
        rig.server.hidden |= rig.server.items.keys()
        films = [rig.server.items[one] for one in ("m2", "s1.1.2", "s2")]
        for item in films:
            await rig.ask(item)
        await asyncio.sleep(DAY)
        assert rig.reasons == [Reason.MISSING] * 3
        rig.server.renumber({one: f"x{one}" for one in rig.server.items})
        rig.server.hidden.clear()
        writes = len(rig.server.writes)
        with nothing_told(rig):
            rig.inventory.look_again()
            await asyncio.sleep(2 * ROUND_REST)
            marked = [one for one, watched in _watched(rig).items() if watched]
            await asyncio.sleep(2 * DAY)
        assert sorted(marked) == sorted(
            ["xm1", "xm2", "xs1.1.2", *(f"xs2.1.{one}" for one in range(1, 5))]
        )
        assert len(rig.server.writes) - writes <= 6
        assert all(one.result is Result.DELIVERED for one in rig.outcomes)
        assert len(rig.outcomes) == 4
        assert delivered.operation_id == rig.outcomes[0].operation.operation_id

    world()


@both_kinds
def test_a_file_that_is_replaced_is_delivered_to_the_new_one(make: Any) -> None:
    @virtual
    async def world() -> None:
        rig = await ready(make)
        rig.server.replace_file("m3", "better")
        with nothing_told(rig):
            await rig.ask(movie("m3"))
            await asyncio.sleep(2 * ROUND_REST)
            await rig.round()
            await asyncio.sleep(DAY)
        assert rig.server.watched("better") == [True]
        assert rig.results == [Result.DELIVERED]

    world()
