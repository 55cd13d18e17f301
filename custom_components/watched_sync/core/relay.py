"""The loop that empties one lane: when to deliver, and how the server is.

What is due is handed to `delivery`. What comes back is judged here: wait for the
server, wait for a person, or go on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import islice
import logging

from .backoff import FORBIDDEN_BACKOFF, IDLE_BACKOFF, LANE_BACKOFF, Backoff
from .delivery import Delivery
from .errors import (
    Busy,
    Fault,
    Forbidden,
    JournalError,
    LaneDown,
    Malformed,
    Missing,
    Parked,
    Reason,
    Refused,
    Rejected,
    RetryLater,
    ServerError,
    Unanswered,
    Unexpected,
    Unreachable,
    Unstorable,
    WrongServer,
    classify,
    is_outage,
    reason_of,
)
from .identity import Item
from .lane import Health, Lane, LaneUpdate, Phase
from .operation import Operation
from .play_state import Reading
from .ports import Clock, Find, MediaServer, Random
from .reconcile import Decision, Policy

_LOGGER = logging.getLogger(__name__)

#: Operations read, and then verified, with one request each.
BATCH = 100

#: Items that cannot be read one after the other, the server being there; with one more
#: the trouble is the server's and not theirs.
MAX_POISONED = 3

#: Items that are known and read to find out whether any can be; then the libraries.
OTHERS = 3

#: Writes that all have to fail with a server fault before the lane counts as down.
MIN_WIDE_FAULTS = 3

#: Seconds for which all writes may fail while reads do not; then each item is judged
#: for itself, one at a time, for they may be the trouble after all.
WIDE_FAULT_PATIENCE = 900.0

#: Seconds after which a server that did not accept our sign-in is asked again: tokens
#: come back with a database, and an answer of a proxy is not the server's.
PARKED_RECHECK = 3600.0


class Relay:
    """Deliver what waits in a lane, as long as the lane lives."""

    def __init__(
        self,
        lane: Lane,
        server: MediaServer,
        *,
        server_id: str,
        label: str,
        clock: Clock,
        rng: Random,
        policy: Policy,
        max_retry_age: timedelta,
        opening: Callable[[], Awaitable[None]] | None = None,
        find: Find | None = None,
    ) -> None:
        """Deliver for *lane* to *server*, which must be the one called *server_id*.

        *label* names the server in the log. An operation whose item is missing for
        longer than *max_retry_age* is given up. *opening* is awaited before the first
        delivery and whenever the server is back: listen before you speak. *find* looks
        for an item that is gone, as `Delivery` says.
        """
        self._lane = lane
        self._server = server
        self._server_id = server_id
        self._label = label
        self._clock = clock
        self._rng = rng
        self._delivery = Delivery(
            lane,
            server,
            self,
            clock=clock,
            rng=rng,
            policy=policy,
            max_retry_age=max_retry_age,
            find=find,
        )
        self._opening = opening
        self._opened = opening is None
        self._batch = BATCH
        self._faulty_since: float | None = None
        self._failed_singly = False
        self._disk_failures = 0
        self._save_at = 0.0
        self._stopping = False
        self._poisoned: dict[str, Operation] = {}
        self._mistaken: set[str] = set()
        self._failures = 0
        self._nudged = False
        self._suspicious = False
        self._busy: Busy | None = None
        self._retry_at = 0.0
        self._left_alone_until = 0.0
        self._had_operations = False
        self._delivered_since_recovery: int | None = None

    # --- from outside ------------------------------------------------------

    def nudge(self) -> None:
        """Try now, whatever the backoff says; also when the lane is parked.

        It ends in a probe that is sent from now on, also while one is under way.
        """
        self._nudged = True
        self._save_at = 0.0
        self._lane.wake.set()

    def report(self, error: ServerError) -> None:
        """Hear of a failed read elsewhere; the relay asks the server what is up.

        A server that asked for patience gets it, and is not asked at once. A report
        is no news any more once the server has answered well after it.
        """
        _LOGGER.debug("%s: a read failed: %r", self._label, error)
        self._lane.recent.lose_contact()
        if isinstance(error, Busy):
            self._busy = error
        else:
            self._suspicious = True
        self._lane.wake.set()

    async def stop(self, seconds: float) -> None:
        """Send nothing more, and wait up to *seconds* for answers to what was sent.

        Whoever is cancelled in the middle of a write does not know what became of it.
        """
        self._stopping = True
        self._lane.wake.set()
        await self._delivery.stop(seconds)

    async def run(self) -> None:
        """Deliver until cancelled, or told to stop."""
        if self._lane.health.phase is Phase.PARKED:
            self._park()  # it was asked just now
        while not self._stopping:
            try:
                await self._turn()
            except Exception:
                # A fault of ours that is nobody's: it must not end the queue for good.
                _LOGGER.exception("%s: delivering failed unexpectedly", self._label)
                self._go_down(LaneDown(Reason.UNEXPECTED))

    def judge(self, operation: Operation, reading: Reading) -> Decision:
        """Say what delivering *operation* would do to one item that shows *reading*.

        The state must be known. Nothing is sent.
        """
        return self._delivery.judge(operation, reading)

    # --- what a delivery asks ----------------------------------------------

    async def is_there(self, halted: ServerError | None) -> bool:
        """Say whether to go on after requests, the last of which *halted* them.

        It may mean the server or this one item: one probe tells. What was sent is
        looked at again in any case, now or after the outage.
        """
        if halted is None:
            return True
        if isinstance(halted, Busy):
            self._judge(halted)
            return False
        return await self._probe()

    def is_to_blame(self, faults: int) -> bool:
        """Say whether it is the server's fault that all *faults* writes have failed."""
        if self._judges_singly:
            self._failed_singly = True
            return False
        if faults < MIN_WIDE_FAULTS:
            return False
        if self._faulty_since is None:
            self._faulty_since = self._clock.monotonic()
        self._go_down(LaneDown(Reason.SERVER_FAULT))
        return True

    def has_written(self) -> None:
        """Note that a write was carried out: the server can, whatever failed before."""
        self._faulty_since = None

    async def reads_others(self, item: Item, error: ServerError) -> bool:
        """Say whether other items can be read, where *item* cannot because of *error*.

        Where none can it is the server's trouble, and the lane is taken down: nothing
        is given up because of a server that answers junk under its own name.
        """
        if not isinstance(error, Fault | Malformed | Refused):
            return True
        others = (one.item.item_id for one in self._lane.ledger)
        unsuspected = (
            one
            for one in others
            if one != item.item_id
            and all(one != held.item.item_id for held in self._poisoned.values())
        )
        reads: list[Callable[[], Awaitable[Collection[object]]]] = [
            partial(self._server.fetch, {one}) for one in islice(unsuspected, OTHERS)
        ]
        for read in (*reads, self._server.libraries):
            try:
                if await read():
                    return True  # an answer that has nothing in it shows nothing
            except ServerError as err:
                if is_outage(err):
                    self._judge(err)
                    return False
        self._go_down(LaneDown(reason_of(error)))
        return False

    # --- one turn ----------------------------------------------------------

    async def _turn(self) -> None:
        match self._lane.health.phase:
            case Phase.READY:
                await self._turn_ready()
            case Phase.BACKING_OFF:
                self._hurry()
                await self._wait_for_server()
            case Phase.PARKED:
                await self._wait_for_server()

    async def _turn_ready(self) -> None:
        if self._busy is not None and not self._nudged:
            busy, self._busy = self._busy, None
            self._judge(busy)
            return
        if self._suspicious or self._nudged or not self._opened:
            await self._probe()
            return
        now = self._clock.now()
        operations = self._lane.outbox.due(now, self._batch)
        if self._judges_singly:
            # Whoever was tried least goes first, so that no good one waits for long.
            operations = sorted(operations, key=lambda one: one.attempts)[:1]
        if operations and self._disk_failures:
            await self._try_disk()
            return
        if operations:
            await self._deliver(operations)
            return
        if not len(self._lane.outbox):
            self._faulty_since = None
        if not self._judges_singly:
            self._failures = 0
            self._log_recovery()
        next_due = self._lane.outbox.next_due(now)
        await self._rest(None if next_due is None else (next_due - now).total_seconds())

    def _hurry(self) -> None:
        """Ask sooner once something waits: a long interval was meant for nothing."""
        has_operations = len(self._lane.outbox) > 0
        if has_operations and not self._had_operations:
            now = self._clock.monotonic()
            delay = self._backoff(self._lane.health.reason).delay(
                self._failures, self._rng, max(self._left_alone_until - now, 0)
            )
            self._schedule(min(self._retry_at, now + delay))
        self._had_operations = has_operations

    def _backoff(self, reason: Reason | None) -> Backoff:
        """Return how long to wait for a server that is away for a *reason*."""
        if reason is Reason.FORBIDDEN:
            return FORBIDDEN_BACKOFF
        return LANE_BACKOFF if len(self._lane.outbox) else IDLE_BACKOFF

    async def _wait_for_server(self) -> None:
        """Ask it again when it is time, or when a person wants to know."""
        remaining = self._retry_at - self._clock.monotonic()
        if remaining > 0 and not self._nudged:
            await self._rest(remaining)
        else:
            await self._probe()

    async def _rest(self, seconds: float | None) -> None:
        """Sleep until something happens, at most *seconds*."""
        try:
            async with asyncio.timeout(seconds):
                await self._lane.wake.wait()
        except TimeoutError:
            return
        self._lane.wake.clear()

    # --- health ------------------------------------------------------------

    async def _probe(self) -> bool:
        """Ask the server whether it is there; judge the lane by the answer."""
        unheard = (
            self._suspicious
            or not self._opened
            or self._lane.health.phase is not Phase.READY
        )
        self._nudged = self._suspicious = False
        try:
            info = await self._server.probe()
            if info.server_id != self._server_id:
                msg = "another server answers at this address"
                raise WrongServer(msg)
            self._has_answered()
            if unheard:
                await self._listen_first()
        except ServerError as err:
            self._opened = self._opening is None
            self._judge(err)
            return False
        self._opened = True
        if self._lane.health.phase is not Phase.READY:
            if self._delivered_since_recovery is None:
                self._delivered_since_recovery = 0
            self._lane.set_health(Health(Phase.READY, self._clock.now()))
            self._lane.publish(LaneUpdate())
        return True

    def _has_answered(self) -> None:
        """Forget the trouble that was reported until now: the server answers well."""
        self._busy = None
        self._suspicious = False

    async def _listen_first(self) -> None:
        """Hear what happened meanwhile, so that nothing old overwrites it.

        A server that answers but fails to list something, or takes too long to, is no
        reason to hold operations back: each is compared with a fresh reading before it
        is sent.
        """
        if self._opening is None:
            return
        try:
            await self._opening()
        except ServerError as err:
            is_away = isinstance(err, Busy | Unreachable)
            if is_away and not isinstance(err, Unanswered):
                raise
            _LOGGER.debug("%s: could not catch up: %r", self._label, err)
        except Exception:
            # Whatever it is about, it is not about what waits.
            _LOGGER.exception("%s: catching up failed unexpectedly", self._label)

    def _judge(self, error: ServerError) -> None:
        """Take the lane down, or park it, because of *error*."""
        _LOGGER.debug("%s: %r", self._label, error)
        self._faulty_since = None  # now it is the server, whatever it was before
        match classify(error):
            case LaneDown() as verdict:
                self._go_down(verdict)
            case Parked():
                self._park()
            case RetryLater(reason) | Rejected(reason):
                self._go_down(LaneDown(reason))
            case _:
                self._go_down(LaneDown(Reason.WRONG_SERVER))

    def _go_down(self, verdict: LaneDown) -> None:
        # Counted until something is delivered: a server that answers probes and
        # nothing else must not be asked without end.
        if self._failures == 0 and self._lane.health.phase is Phase.READY:
            _LOGGER.info("Lost contact with %s: %s", self._label, verdict.reason.value)
        self._failures += 1
        self._had_operations = len(self._lane.outbox) > 0
        delay = self._backoff(verdict.reason).delay(
            self._failures, self._rng, verdict.after
        )
        now = self._clock.monotonic()
        self._left_alone_until = now + (verdict.after or 0)
        self._lane.set_health(
            Health(
                Phase.BACKING_OFF,
                self._clock.now(),
                verdict.reason,
                self._failures,
                version=verdict.version,
            )
        )
        self._schedule(now + delay)
        self._lane.publish(LaneUpdate())

    def _schedule(self, retry_at: float) -> None:
        self._retry_at = retry_at
        remaining = max(retry_at - self._clock.monotonic(), 0)
        self._lane.set_health(
            replace(
                self._lane.health,
                next_attempt=self._clock.now() + timedelta(seconds=remaining),
            )
        )

    def _park(self) -> None:
        if self._lane.health.phase is not Phase.PARKED:
            _LOGGER.info("%s does not accept our sign-in any more", self._label)
            self._lane.set_health(
                Health(Phase.PARKED, self._clock.now(), Reason.AUTH_REQUIRED)
            )
        self._schedule(self._clock.monotonic() + PARKED_RECHECK)
        self._lane.publish(LaneUpdate())

    def _log_recovery(self) -> None:
        if self._delivered_since_recovery is not None:
            _LOGGER.info(
                "%s is back: delivered %d, waiting %d",
                self._label,
                self._delivered_since_recovery,
                len(self._lane.outbox),
            )
            self._delivered_since_recovery = None

    # --- delivering --------------------------------------------------------

    async def _deliver(self, operations: list[Operation]) -> None:
        self._lane.in_flight = frozenset(one.operation_id for one in operations)
        self._failed_singly = False
        self._delivery.publish()
        settled_before = self._delivery.settled
        try:
            await self._delivery.deliver(operations)
            if self._failed_singly and len(self._lane.outbox):
                # It may still be the server: no more than one write in a while.
                self._go_down(LaneDown(Reason.SERVER_FAULT))
            self._batch = min(self._batch * 2, BATCH)
            self._poisoned.clear()
            self._mistaken.clear()
            if self._lane.health.phase is Phase.READY:
                self._failures = 0
                self._busy = None  # what was reported before is over
        except Unstorable as err:
            await self._failed_unexpectedly(err, operations)
        except JournalError as err:
            self._disk_failed(err)
        except ServerError as err:
            await self._read_failed(err, operations)
        except Exception as err:  # noqa: BLE001 - logged with the one it is about
            await self._failed_unexpectedly(err, operations)
        finally:
            self._lane.in_flight = frozenset()
            self._delivery.publish()
            if self._delivered_since_recovery is not None:
                settled = self._delivery.settled - settled_before
                self._delivered_since_recovery += settled

    def _disk_failed(self, error: JournalError) -> None:
        """Leave the server alone for a while: what cannot be noted is not sent."""
        _LOGGER.debug("%s: before-states not saved: %r", self._label, error)
        self._disk_failures += 1
        self._save_at = self._clock.monotonic() + LANE_BACKOFF.delay(
            self._disk_failures, self._rng
        )

    async def _try_disk(self) -> None:
        """Wait until the disk is worth another try, and try it."""
        remaining = self._save_at - self._clock.monotonic()
        if remaining > 0:
            await self._rest(remaining)
            return
        try:
            await self._lane.save_now()
        except JournalError as err:
            self._disk_failed(err)
        else:
            self._disk_failures = 0

    @property
    def _judges_singly(self) -> bool:
        """Whether all writes have failed for so long that it may be the items."""
        return (
            self._faulty_since is not None
            and self._clock.monotonic() - self._faulty_since >= WIDE_FAULT_PATIENCE
        )

    async def _read_failed(
        self, error: ServerError, operations: Sequence[Operation]
    ) -> None:
        """Judge a failed read: the lane, or one operation among many."""
        verdict = classify(error)
        if isinstance(verdict, LaneDown):
            self._judge(error)
            return
        if not await self._probe():
            return
        if len(operations) > 1:
            # The server is there, so one of these is the trouble: ask for fewer.
            self._batch = max(1, len(operations) // 2)
            return
        # What the outbox holds knows more than what was taken out of it: it may have
        # been written meanwhile, or overtaken.
        operation = self._lane.outbox.get(operations[0].operation_id)
        if operation is None:
            return
        if not isinstance(verdict, Missing):
            self._poisoned.setdefault(operation.operation_id, operation)
        if len(self._poisoned) > MAX_POISONED:
            for innocent in self._poisoned.values():
                self._lane.outbox.update(innocent)
            self._poisoned.clear()
            self._go_down(LaneDown(reason_of(error)))
            return
        if not await self.reads_others(operation.item, error):
            return
        if isinstance(error, Unanswered | Forbidden):
            # 403 to a read, and a good probe: closing hours have just ended.
            self._delivery.postpone(operation)
        else:
            await self._delivery.judge_failure(operation, error)

    async def _failed_unexpectedly(
        self, error: Exception, operations: Sequence[Operation]
    ) -> None:
        """Have the one operation wait that a fault of ours is about, and go on.

        Where several fail like that one after the other, and nothing else succeeds, it
        is not about them: the lane waits as well, so that not all are given up.
        """
        if len(operations) > 1:
            _LOGGER.debug("%s: one of many failed: %r", self._label, error)
            self._batch = max(1, len(operations) // 2)
            return
        operation_id = operations[0].operation_id
        if operation_id in self._mistaken:
            _LOGGER.debug("%s: failed unexpectedly again: %r", self._label, error)
        else:
            _LOGGER.error(
                "%s: delivering failed unexpectedly", self._label, exc_info=error
            )
        self._mistaken.add(operation_id)
        if (operation := self._lane.outbox.get(operation_id)) is not None:
            await self._delivery.judge_failure(operation, Unexpected(repr(error)))
        if len(self._mistaken) > MAX_POISONED:
            self._go_down(LaneDown(Reason.UNEXPECTED))

    # --- verdicts ----------------------------------------------------------
