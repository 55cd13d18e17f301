"""Noticing what others do: at once where it is told, cheaply where it is not."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
import random
from typing import Any

import pytest

from custom_components.watched_sync.core import observer as observer_module
from custom_components.watched_sync.core.errors import (
    AuthRejected,
    Fault,
    Malformed,
    ServerError,
    Unreachable,
    Unsupported,
)
from custom_components.watched_sync.core.lane import Lane, LaneUpdate, Phase
from custom_components.watched_sync.core.ledger import Ledger
from custom_components.watched_sync.core.observer import (
    FULL_LOOK,
    GATHER,
    GLANCE,
    LOOK_BATCH,
    LOOKS,
    NEXT_LOOK,
    PATIENCE,
    Observer,
)
from custom_components.watched_sync.core.operation import MarkWatched
from custom_components.watched_sync.core.outbox import Outbox
from custom_components.watched_sync.core.play_state import PlayState, Reading
from custom_components.watched_sync.core.ports import (
    Changed,
    Connected,
    ServerEvent,
    Told,
)
from custom_components.watched_sync.core.reconcile import Policy
from custom_components.watched_sync.core.relay import Relay

from .samples import an_operation, seen
from .twins import (
    ERROR,
    HANG,
    Ask,
    Kind,
    MemoryJournal,
    ModelServer,
    Trouble,
    movie,
    show,
)
from .virtual import VirtualClock, settle, virtual

HOUR = 3600.0


def now() -> float:
    return asyncio.get_running_loop().time()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds; fail after an hour."""
    async with asyncio.timeout(HOUR):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


class LiveServer(ModelServer):
    """A model server with a socket.

    `refusal` is what a handshake is answered with. `lasts` is how long a socket stays
    open. `handshakes` holds when each was asked for.
    """

    refusal: ServerError | None = None
    lasts: float | None = None
    hangs = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.handshakes: list[float] = []
        self.sockets: list[asyncio.Queue[ServerEvent | ServerError | None]] = []

    async def listen(self) -> AsyncGenerator[ServerEvent]:
        self.handshakes.append(now())
        await asyncio.sleep(self.latency)
        if self.hangs:
            await asyncio.Event().wait()
        if self.down:
            raise Unreachable("refused")
        if not self.token_good:
            raise AuthRejected("401")
        if self.refusal is not None:
            raise self.refusal
        socket: asyncio.Queue[ServerEvent | ServerError | None] = asyncio.Queue()
        self.sockets.append(socket)
        if self.lasts is not None:
            asyncio.get_running_loop().call_later(self.lasts, socket.put_nowait, None)
        try:
            yield Connected()
            while (event := await socket.get()) is not None:
                if isinstance(event, ServerError):
                    raise event
                yield event
        finally:
            self.sockets.remove(socket)

    def hint(self, *item_ids: str, again: tuple[float, ...] = ()) -> None:
        """Hint at items over every socket."""
        for socket in self.sockets:
            socket.put_nowait(Changed(frozenset(item_ids), again))

    def cut(self, error: ServerError | None = None) -> None:
        """Close every socket, in good order or by losing it."""
        for socket in self.sockets:
            socket.put_nowait(error)

    def go_away(self) -> None:
        """Answer nothing any more, and lose the sockets."""
        self.down = True
        self.cut(Unreachable("lost"))

    def revoke(self) -> None:
        """Take the token back, which closes its sockets."""
        self.token_good = False
        self.cut()


class Eyes:
    """A reader that does what it is told and writes down when."""

    def __init__(self, lane: Lane, server: ModelServer) -> None:
        self.lane = lane
        self.server = server
        self.done: list[tuple[str, float]] = []
        self.looks: list[frozenset[str]] = []

    async def catch_up(self) -> None:
        self.done.append(("catch_up", now()))
        await self._read(one.item.item_id for one in self.lane.ledger)

    async def look(self, item_ids: frozenset[str]) -> None:
        self.done.append(("look", now()))
        self.looks.append(item_ids)
        await self._read(item_ids)

    async def glance(self) -> None:
        self.done.append(("glance", now()))
        # Two lists, and one batch of known items.
        lists = self.server.capabilities.lists_plays
        for _ in range(2):
            await (self.server.last_played if lists else self.server.up_next)(20)
        await self._read(one.item.item_id for one in self.lane.ledger)

    async def _read(self, item_ids: Any) -> None:
        if wanted := set(item_ids):
            found = await self.server.fetch(wanted)
            self.lane.remember(found.values())

    def times(self, name: str) -> list[float]:
        return [when for kind, when in self.done if kind == name]

    def count(self, name: str) -> int:
        return len(self.times(name))


class Watch:
    """A lane that delivers and observes."""

    def __init__(
        self,
        make: Callable[[VirtualClock], ModelServer] = LiveServer.jellyfin,
        seed: int = 1,
    ) -> None:
        self.clock = VirtualClock()
        server = make(self.clock)
        assert isinstance(server, LiveServer)
        self.server = server
        self.server.add(*(movie(f"m{n}") for n in range(700)))
        self.outbox = Outbox()
        journal = MemoryJournal()
        journal.outbox = self.outbox
        self.lane = Lane(
            outbox=self.outbox, ledger=Ledger(), journal=journal, clock=self.clock
        )
        self.updates: list[LaneUpdate] = []
        self.reports: list[ServerError] = []
        self.eyes = Eyes(self.lane, self.server)
        rng = random.Random(seed)
        self.relay = Relay(
            self.lane,
            self.server,
            server_id="server",
            label="Model (User)",
            clock=self.clock,
            rng=rng,
            policy=Policy.NEWEST,
            max_retry_age=timedelta(days=30),
            opening=self._open,
        )
        self.observer = Observer(
            self.lane,
            self.server,
            self.eyes,
            label="Model (User)",
            report=self._report,
            clock=self.clock,
            rng=rng,
        )
        self.task: asyncio.Task[None] | None = None

    async def _open(self) -> None:
        await self.observer.open()

    def _report(self, error: ServerError) -> None:
        self.reports.append(error)
        self.relay.report(error)

    async def start(self) -> Watch:
        """Observe and deliver; return once both stand."""
        self.lane.add_listener(self.updates.append)
        self.task = asyncio.create_task(self.observer.run())
        self.delivering = asyncio.create_task(self.relay.run())
        await until(lambda: bool(self.eyes.done) and self.relay._opened)
        await settle()
        return self

    def forget(self) -> None:
        """Forget what happened so far."""
        self.eyes.done.clear()
        self.eyes.looks.clear()
        self.server.requests.clear()
        self.server.handshakes.clear()
        self.updates.clear()
        self.reports.clear()

    def know(self, *item_ids: str) -> None:
        """Have items in the ledger as the server has them."""
        self.lane.remember(self.server.reading(one) for one in item_ids)

    @property
    def phase(self) -> Phase:
        return self.lane.health.phase

    def writes(self) -> list[float]:
        return [one.at for one in self.server.requests if one.ask is Ask.WRITE]


# --- listen before you speak -------------------------------------------------------


@virtual
async def test_subscribe_then_catch_up_then_deliver() -> None:
    watch = Watch()
    await watch.lane.submit([an_operation(MarkWatched(), movie("m1"))])
    await watch.start()
    await asyncio.sleep(1)
    assert watch.observer.is_live
    (handshake,) = watch.server.handshakes
    (caught_up,) = watch.eyes.times("catch_up")
    (written,) = watch.writes()
    assert handshake < caught_up < written
    # Connecting was part of it: nothing is read a second time.
    await asyncio.sleep(60)
    assert watch.eyes.count("catch_up") == 1


@virtual
async def test_a_server_that_was_away_is_listened_to_before_it_is_spoken_to() -> None:
    watch = await Watch().start()
    watch.know("m1", "m2")
    watch.server.go_away()
    await asyncio.sleep(10)
    assert watch.phase is Phase.BACKING_OFF
    await watch.lane.submit([an_operation(MarkWatched(), movie("m1"))])
    watch.server.played_elsewhere("m2")
    await asyncio.sleep(100)
    watch.forget()
    watch.server.down = False
    await asyncio.sleep(60)
    base = watch.lane.ledger.base("m2")
    assert base is not None
    assert base.watched
    (caught_up,) = watch.eyes.times("catch_up")
    (written,) = watch.writes()
    assert watch.server.handshakes[0] < caught_up < written
    assert watch.observer.is_live


@virtual
async def test_a_server_that_is_away_hears_from_nobody_but_the_relay() -> None:
    watch = await Watch(LiveServer.plex).start()
    watch.server.go_away()
    await asyncio.sleep(60)
    watch.forget()
    await asyncio.sleep(HOUR)
    assert watch.eyes.done == []
    assert watch.server.handshakes == []
    assert {one.ask for one in watch.server.requests} == {Ask.PROBE}


@virtual
async def test_a_socket_that_never_opens_holds_delivering_up_for_a_moment_only() -> (
    None
):
    watch = Watch()
    watch.server.hangs = True
    await watch.lane.submit([an_operation(MarkWatched(), movie("m1"))])
    await watch.start()
    await asyncio.sleep(PATIENCE)
    assert not watch.observer.is_live
    (written,) = watch.writes()
    assert PATIENCE < written < PATIENCE + 1


@virtual
async def test_a_server_without_a_socket_holds_nothing_up() -> None:
    watch = Watch()
    watch.server.refusal = Unsupported("no socket here")
    await watch.lane.submit([an_operation(MarkWatched(), movie("m1"))])
    await watch.start()
    await asyncio.sleep(1)
    assert len(watch.writes()) == 1
    assert watch.reports == []


@virtual
async def test_a_server_lost_while_catching_up_is_away() -> None:
    watch = Watch()
    watch.know("m1")
    watch.server.on(Ask.FETCH, HANG)
    await watch.start()
    await asyncio.sleep(40)
    assert watch.eyes.count("catch_up") == 2
    assert watch.phase is Phase.READY
    assert watch.observer.is_live


@virtual
async def test_a_list_that_fails_holds_nothing_up_and_is_read_again() -> None:
    watch = Watch()
    watch.know("m1")
    watch.server.on(Ask.FETCH, ERROR)
    await watch.start()
    assert watch.phase is Phase.READY
    assert watch.eyes.count("catch_up") == 1
    await asyncio.sleep(30)
    assert watch.eyes.count("catch_up") == 2
    assert watch.phase is Phase.READY


@virtual
async def test_what_is_told_while_catching_up_is_looked_at_afterwards() -> None:
    watch = Watch()
    watch.know("m1")
    watch.server.go_away()
    watch.server.on(Ask.FETCH, None)
    started = asyncio.create_task(watch.start())
    await asyncio.sleep(5)
    watch.server.latency = 1.0
    watch.server.down = False
    await until(lambda: watch.eyes.count("catch_up") > 0)
    # Read already, but not answered yet.
    await asyncio.sleep(0.5)
    assert watch.phase is Phase.BACKING_OFF
    watch.server.hint("m1")
    await started
    await asyncio.sleep(5)
    assert watch.eyes.looks == [frozenset({"m1"})]


@virtual
async def test_a_doubt_while_the_server_is_there_reads_nothing_again() -> None:
    watch = await Watch().start()
    watch.forget()
    watch.relay.report(Malformed("a read failed"))
    await asyncio.sleep(10)
    assert watch.eyes.done == []
    assert watch.server.count(Ask.PROBE) == 1
    assert watch.server.handshakes == []


# --- hints ---------------------------------------------------------------------------


@virtual
async def test_a_hint_is_looked_at_in_less_than_half_a_second() -> None:
    watch = await Watch().start()
    watch.forget()
    began = now()
    watch.server.played_elsewhere("m1")
    watch.server.hint("m1")
    await asyncio.sleep(1)
    (looked,) = watch.eyes.times("look")
    assert looked - began < 0.5
    assert watch.lane.ledger.reading("m1") == watch.server.reading("m1")


@virtual
async def test_hints_that_come_together_lead_to_one_look() -> None:
    watch = await Watch().start()
    watch.forget()
    for n in range(20):
        watch.server.hint(f"m{n}", "m1")
        await asyncio.sleep(0.01)
    await asyncio.sleep(5)
    assert watch.eyes.looks == [frozenset(f"m{n}" for n in range(20))]


@virtual
async def test_an_end_of_playback_is_looked_at_again() -> None:
    watch = await Watch().start()
    watch.forget()
    began = now()
    watch.server.hint("m1", again=(2.0, 10.0))
    # Another hint does not make it forget.
    await asyncio.sleep(1)
    watch.server.hint("m1", "m2")
    await asyncio.sleep(60)
    after = [round(one - began, 1) for one in watch.eyes.times("look")]
    assert after == [GATHER, 1 + GATHER, 2.0, 10.0]


@virtual
async def test_a_full_look_leaves_the_later_looks_alone() -> None:
    watch = await Watch().start()
    await asyncio.sleep(60)
    watch.forget()
    watch.server.hint("m1", again=(10.0,))
    watch.server.cut()
    await asyncio.sleep(60)
    assert watch.eyes.count("catch_up") == 1
    assert watch.eyes.looks[-1] == {"m1"}
    assert watch.eyes.times("look")[-1] > watch.eyes.times("catch_up")[0]


@virtual
async def test_something_somewhere_is_a_look_at_nothing_in_particular() -> None:
    watch = await Watch().start()
    watch.forget()
    for _ in range(3):
        watch.server.hint()
    watch.server.hint("m1")
    await asyncio.sleep(5)
    assert watch.eyes.looks == [frozenset(), frozenset({"m1"})]
    watch.server.hint()
    watch.server.hint()
    await asyncio.sleep(5)
    assert watch.eyes.looks[2:] == [frozenset()]


@virtual
async def test_a_burst_is_looked_at_whole_in_bounded_steps() -> None:
    watch = await Watch().start()
    await asyncio.sleep(60)
    watch.forget()
    hinted = {f"m{n}" for n in range(20 * LOOK_BATCH + 1)}
    watch.server.hint(*hinted)
    await asyncio.sleep(5)
    assert set.union(*map(set, watch.eyes.looks)) == hinted
    assert [len(one) for one in watch.eyes.looks] == [LOOK_BATCH] * 20 + [1]
    assert watch.eyes.count("catch_up") == 0


@virtual
async def test_a_full_look_amid_a_burst_drops_nothing_that_it_does_not_read() -> None:
    watch = await Watch().start()
    await asyncio.sleep(60)
    watch.know("m1", "m2")
    watch.forget()
    watch.observer.hint(Changed(frozenset({"m1", "m2", "m3", "m4"})))
    watch.observer._miss()
    await asyncio.sleep(10)
    assert watch.eyes.count("catch_up") == 1
    looked = set.union(*map(set, watch.eyes.looks))
    assert looked == {"m3", "m4"}


# --- what a hint says beside the id ------------------------------------------------


def told_of(watch: Watch, *item_ids: str, **changes: Any) -> Changed:
    """Return a hint that tells what the server shows, but for *changes*."""
    return Changed(
        frozenset(item_ids),
        told={
            one: Told(replace(watch.server.reading(one).state, **changes))
            for one in item_ids
        },
    )


@virtual
async def test_nothing_is_asked_for_what_shows_what_is_known() -> None:
    watch = await Watch().start()
    watch.know("m1", "m2")
    watch.forget()
    for socket in watch.server.sockets:
        socket.put_nowait(told_of(watch, "m1", "m2"))
    await asyncio.sleep(5)
    assert watch.eyes.done == []
    for socket in watch.server.sockets:
        socket.put_nowait(told_of(watch, "m1"))
        socket.put_nowait(told_of(watch, "m2", watched=True))
    await asyncio.sleep(5)
    assert watch.eyes.looks == [frozenset({"m2"})]
    # It is read, not believed.
    assert watch.lane.ledger.reading("m2") == watch.server.reading("m2")


@virtual
async def test_what_was_hinted_at_without_a_word_is_looked_at_all_the_same() -> None:
    watch = await Watch().start()
    watch.know("m1", "m2")
    watch.forget()
    watch.server.hint("m1")
    for socket in watch.server.sockets:
        socket.put_nowait(told_of(watch, "m1", "m2"))
    watch.server.hint("m2")
    await asyncio.sleep(5)
    assert watch.eyes.looks == [frozenset({"m1", "m2"})]


@virtual
async def test_what_is_told_last_counts_and_what_was_absent_is_looked_at() -> None:
    watch = await Watch().start()
    watch.know("m1", "m2")
    watch.lane.ledger.miss({"m2"})
    watch.forget()
    for socket in watch.server.sockets:
        socket.put_nowait(told_of(watch, "m1", watched=True))
        socket.put_nowait(told_of(watch, "m1", "m2"))
    await asyncio.sleep(5)
    assert watch.eyes.looks == [frozenset({"m2"})]


@virtual
async def test_folders_that_nobody_knows_cost_nothing_and_new_titles_one_look() -> None:
    watch = await Watch().start()
    parent = show("s")
    watch.server.add_show(parent, {1: 3})
    watch.know("s")
    watch.forget()
    unwatched = PlayState(watched=False)
    for socket in watch.server.sockets:
        socket.put_nowait(
            Changed(
                frozenset({"folder", "s"}),
                told={"folder": Told(unwatched, 28), "s": Told(unwatched, 3)},
            )
        )
    await asyncio.sleep(5)
    assert watch.eyes.done == []
    for socket in watch.server.sockets:
        socket.put_nowait(
            Changed(
                frozenset({"folder", "s", "m1"}),
                told={
                    "folder": Told(unwatched, 28),
                    "s": Told(unwatched, 2),
                    "m1": Told(unwatched),
                },
            )
        )
    await asyncio.sleep(5)
    # What was never played and is not known may be up next: the lists say so.
    assert watch.eyes.looks == [frozenset(), frozenset({"s"})]


def test_a_container_whose_counts_are_not_known_shows_nothing() -> None:
    parent = show("s")
    told = Told(PlayState(watched=False), 3)
    assert not told.is_shown_by(Reading(parent, told.state))
    assert not told.is_shown_by(Reading(parent, told.state, leaf_count=3))
    assert not told.is_shown_by(Reading(parent, told.state, 3, 1))
    assert told.is_shown_by(Reading(parent, told.state, 4, 1))


@virtual
async def test_what_is_being_written_is_left_to_the_relay() -> None:
    watch = await Watch().start()
    show_item = show("s")
    leaves = watch.server.add_show(show_item, {1: 3})
    watch.know("m1", "m2", *(leaf.item_id for leaf in leaves))
    watch.forget()
    watch.server.latency = 5.0
    await watch.lane.submit([an_operation(MarkWatched(), movie("m1"))])
    await asyncio.sleep(1)
    assert watch.lane.in_flight
    watch.server.hint("m1")
    await asyncio.sleep(1)
    assert watch.eyes.looks == []
    watch.server.hint("m1", "m2")
    await asyncio.sleep(30)
    assert watch.eyes.looks == [frozenset({"m2"})]

    watch.forget()
    await watch.lane.submit([an_operation(MarkWatched(), show_item)])
    await asyncio.sleep(1)
    watch.server.hint(*(leaf.item_id for leaf in leaves), "unknown")
    await asyncio.sleep(60)
    assert watch.eyes.looks == [frozenset({"unknown"})]
    assert not watch.lane.in_flight


@virtual
async def test_an_operation_that_has_just_ended_is_not_in_the_way() -> None:
    watch = await Watch().start()
    watch.forget()
    watch.lane.in_flight = frozenset({"ended"})
    watch.server.hint("m1")
    await asyncio.sleep(1)
    assert watch.eyes.looks == [frozenset({"m1"})]


@virtual
async def test_three_hundred_echoes_are_no_news() -> None:
    watch = await Watch().start()
    operations = [an_operation(MarkWatched(), movie(f"m{n}")) for n in range(300)]
    await watch.lane.submit(operations)
    await asyncio.sleep(60)
    assert not len(watch.outbox)
    watch.forget()
    for n in range(300):
        watch.server.hint(f"m{n}")
    await asyncio.sleep(10)
    assert len(watch.eyes.looks) == 1
    assert watch.updates == []
    assert watch.server.count() == 1


@virtual
async def test_an_hour_of_hints_is_followed_at_a_measured_pace() -> None:
    watch = await Watch().start()
    watch.forget()
    for n in range(int(HOUR * 4)):
        watch.server.hint(f"m{n % 700}")
        await asyncio.sleep(0.25)
    most = LOOKS + HOUR / NEXT_LOOK + 2
    assert most / 2 < watch.eyes.count("look") + watch.eyes.count("catch_up") < most
    # Afterwards it is as quick as ever.
    await asyncio.sleep(HOUR)
    watch.forget()
    began = now()
    watch.server.hint("m1")
    await asyncio.sleep(5)
    assert watch.eyes.times("look")[0] - began < 0.5


@virtual
async def test_a_look_that_failed_is_made_up_for() -> None:
    watch = await Watch().start()
    await asyncio.sleep(60)
    watch.know("m1")
    watch.server.played_elsewhere("m1")
    watch.forget()
    watch.server.on(Ask.FETCH, ERROR)
    watch.server.hint("m1")
    await asyncio.sleep(60)
    base = watch.lane.ledger.base("m1")
    assert base is not None
    assert base.watched
    assert [name for name, _ in watch.eyes.done] == ["look", "look"]
    assert [type(one) for one in watch.reports] == [Fault]
    assert watch.phase is Phase.READY


@virtual
async def test_one_item_that_cannot_be_read_does_not_hide_the_others() -> None:
    watch = await Watch().start()
    await asyncio.sleep(60)
    watch.forget()
    watch.server.poison("m7", ERROR)
    for n in range(40):
        watch.server.played_elsewhere(f"m{n}")
    watch.server.hint(*(f"m{n}" for n in range(40)))
    await asyncio.sleep(HOUR)
    assert {one.item.item_id for one in watch.lane.ledger} == {
        f"m{n}" for n in range(40) if n != 7
    }
    # It is asked for now and then.
    assert 10 < watch.eyes.count("look") < 100
    watch.server.poison("m7", None)
    await asyncio.sleep(600)
    assert watch.lane.ledger.reading("m7") is not None


@virtual
async def test_a_mistake_about_one_item_does_not_hide_the_others() -> None:
    watch = await Watch().start()
    await asyncio.sleep(60)
    real = watch.server.fetch

    async def mistaken(item_ids: Collection[str]) -> Mapping[str, Reading]:
        if "m7" in item_ids:
            raise RuntimeError("a mistake of ours")
        return await real(item_ids)

    watch.server.fetch = mistaken  # type: ignore[method-assign]  # a mistake
    for n in range(40):
        watch.server.played_elsewhere(f"m{n}")
    watch.server.hint(*(f"m{n}" for n in range(40)))
    await asyncio.sleep(HOUR)
    assert {one.item.item_id for one in watch.lane.ledger} == {
        f"m{n}" for n in range(40) if n != 7
    }


@virtual
async def test_what_was_told_before_the_server_went_away_is_looked_at_afterwards() -> (
    None
):
    watch = await Watch().start()
    await asyncio.sleep(60)
    watch.server.played_elsewhere("m1")
    watch.server.hint("m1")
    watch.server.go_away()
    await asyncio.sleep(HOUR)
    watch.server.down = False
    await asyncio.sleep(600)
    assert watch.lane.ledger.reading("m1") == watch.server.reading("m1")


@virtual
async def test_each_gap_in_which_nothing_was_told_is_told_of() -> None:
    watch = Watch()
    gaps: list[float] = []
    watch.observer._tell_of_gap = lambda: gaps.append(now())
    await watch.start()
    assert len(gaps) == 1
    await asyncio.sleep(FULL_LOOK)
    # All that is known is read again now and then: nothing was missed for that.
    assert len(gaps) == 1
    watch.server.cut()
    await asyncio.sleep(60)
    assert len(gaps) == 2
    watch.server.refusal = Unsupported("a proxy")
    watch.server.cut()
    await asyncio.sleep(HOUR)
    assert len(gaps) > 100


# --- sockets that come and go ---------------------------------------------------------


@pytest.mark.parametrize("error", [None, Unreachable("lost"), Malformed("a frame")])
def test_what_was_missed_between_two_sockets_is_made_up_for(
    error: ServerError | None,
) -> None:
    @virtual
    async def world() -> None:
        watch = await Watch().start()
        watch.know("m1")
        await asyncio.sleep(60)
        watch.forget()
        watch.server.cut(error)
        await settle()
        assert not watch.observer.is_live
        watch.server.played_elsewhere("m1")
        await asyncio.sleep(10)
        assert watch.observer.is_live
        assert len(watch.server.handshakes) == 1
        assert watch.eyes.count("catch_up") == 1
        base = watch.lane.ledger.base("m1")
        assert base is not None
        assert base.watched
        # The relay was told, asked how the server is, and that was that.
        assert len(watch.reports) == 1
        assert watch.server.count(Ask.PROBE) == 1

    world()


@virtual
async def test_a_socket_that_closes_while_the_lane_comes_back_is_asked_for_again() -> (
    None
):
    """It stood when the lane was opened, and the lane is not ready when it closes."""
    watch = await Watch().start()
    watch.know("m1")
    watch.server.go_away()
    await until(lambda: watch.phase is not Phase.READY)
    watch.server.on(Ask.FETCH, Trouble(Kind.LATE, seconds=25))
    watch.server.down = False
    watch.relay.nudge()
    await until(lambda: watch.observer.is_live)
    watch.server.cut(Unreachable("lost"))
    await until(lambda: not watch.observer.is_live)
    assert watch.phase is not Phase.READY
    await until(lambda: watch.phase is Phase.READY)
    await asyncio.sleep(60)
    assert watch.observer.is_live


@pytest.mark.parametrize("lasts", [0.0, 1.0, 29.0, 31.0])
def test_a_socket_that_flaps_for_an_hour_causes_no_storm(lasts: float) -> None:
    @virtual
    async def world() -> None:
        watch = await Watch().start()
        watch.know("m1")
        watch.server.lasts = lasts
        watch.server.cut()
        watch.forget()
        await asyncio.sleep(HOUR)
        assert len(watch.server.handshakes) < 180
        assert watch.eyes.count("catch_up") < 20
        # The relay's look for each socket that closed, and glances meanwhile.
        assert watch.server.count(Ask.PROBE) <= len(watch.server.handshakes) + 1
        assert watch.eyes.count("glance") < HOUR / GLANCE
        assert watch.phase is Phase.READY

    world()


@pytest.mark.parametrize(
    ("refusal", "most_reports"),
    [
        (Unsupported("a proxy"), 0),
        (AuthRejected("a proxy that lets no socket in"), 2),
        (Unreachable("a gateway"), 2),
    ],
)
def test_a_socket_that_is_refused_for_an_hour_causes_no_storm(
    refusal: ServerError, most_reports: int
) -> None:
    @virtual
    async def world() -> None:
        watch = Watch()
        watch.server.refusal = refusal
        await watch.start()
        watch.forget()
        await asyncio.sleep(HOUR)
        most = 200 if isinstance(refusal, Unreachable) else 20
        assert 1 < len(watch.server.handshakes) < most
        assert len(watch.reports) <= most_reports
        assert watch.server.count(Ask.PROBE) <= most_reports
        # Glances do the work then.
        assert watch.eyes.count("glance") > 100
        assert watch.phase is Phase.READY

    world()


@virtual
async def test_a_socket_is_had_again_once_the_proxy_lets_it_through() -> None:
    watch = Watch()
    watch.server.refusal = Unsupported("a proxy")
    await watch.start()
    await asyncio.sleep(HOUR)
    assert not watch.observer.is_live
    watch.server.refusal = None
    await asyncio.sleep(HOUR)
    assert watch.observer.is_live


@virtual
async def test_a_token_that_is_revoked_parks_the_lane() -> None:
    watch = await Watch().start()
    watch.server.revoke()
    await asyncio.sleep(10)
    assert watch.phase is Phase.PARKED
    watch.forget()
    # It is looked at once an hour, and not by a socket.
    await asyncio.sleep(HOUR)
    assert watch.server.count() == 1
    assert watch.server.handshakes == []


@virtual
async def test_a_token_found_bad_by_the_handshake_parks_the_lane() -> None:
    watch = await Watch().start()
    watch.server.cut()
    await settle()
    # The relay's own look comes a moment before that.
    await asyncio.sleep(0.1)
    watch.server.token_good = False
    await asyncio.sleep(10)
    assert watch.phase is Phase.PARKED
    assert any(isinstance(one, AuthRejected) for one in watch.reports)


@virtual
async def test_ending_closes_the_socket() -> None:
    watch = await Watch().start()
    assert len(watch.server.sockets) == 1
    assert watch.task is not None
    watch.task.cancel()
    with suppress(asyncio.CancelledError):
        await watch.task
    assert watch.server.sockets == []
    # Nobody stirs it any more.
    assert len(watch.lane._listeners) == 1


# --- glances --------------------------------------------------------------------------


@virtual
async def test_what_plex_does_not_tell_is_seen_within_35_seconds() -> None:
    watch = await Watch(LiveServer.plex).start()
    watch.know("m1")
    for state in (seen(), watch.server.states["m2"]):
        watch.server.elsewhere("m1", state)
        await asyncio.sleep(35)
        base = watch.lane.ledger.base("m1")
        assert base is not None
        assert base.agrees_with(state)


@pytest.mark.parametrize(
    ("make", "most"), [(LiveServer.plex, 6.0), (LiveServer.jellyfin, 0.02)]
)
def test_an_idle_hour_costs_next_to_nothing(
    make: Callable[[VirtualClock], ModelServer], most: float
) -> None:
    @virtual
    async def world() -> None:
        watch = await Watch(make).start()
        watch.know(*(f"m{n}" for n in range(50)))
        watch.forget()
        await asyncio.sleep(HOUR)
        assert (watch.server.count() + len(watch.server.handshakes)) / 60 <= most

    world()


@virtual
async def test_every_four_hours_everything_is_looked_at() -> None:
    watch = await Watch().start()
    watch.forget()
    await asyncio.sleep(2 * FULL_LOOK + 10 * GLANCE)
    assert watch.eyes.count("catch_up") == 2


@virtual
async def test_a_glance_that_fails_is_reported_and_not_the_last() -> None:
    watch = await Watch(LiveServer.plex).start()
    watch.forget()
    watch.server.on(Ask.LAST_PLAYED, ERROR)
    await asyncio.sleep(3 * GLANCE + 1)
    assert watch.eyes.count("glance") > 1
    assert [type(one) for one in watch.reports] == [Fault]


@virtual
async def test_a_fault_of_ours_does_not_blind_us_for_good() -> None:
    watch = await Watch().start()
    watch.forget()
    real = watch.eyes.look
    faults = [RuntimeError("a bug")]

    async def look(item_ids: frozenset[str]) -> None:
        if faults:
            raise faults.pop()
        await real(item_ids)

    watch.eyes.look = look  # type: ignore[method-assign]  # a fault for once
    watch.server.hint("m1")
    await asyncio.sleep(1)
    assert not faults
    watch.server.hint("m2")
    await asyncio.sleep(2 * observer_module.SOCKET_BACKOFF.cap)
    # What it happened to is not forgotten either.
    assert watch.eyes.looks == [frozenset({"m1", "m2"})]


@virtual
async def test_nothing_is_looked_at_before_the_first_opening() -> None:
    watch = Watch()
    watch.task = asyncio.create_task(watch.observer.run())
    await asyncio.sleep(HOUR)
    assert watch.eyes.done == []
    assert watch.server.handshakes == []
    assert Counter(one.ask for one in watch.server.requests) == {}
