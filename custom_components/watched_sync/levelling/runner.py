"""Carrying a levelling out on one lane: what is handed over when, and what is not."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol

from homeassistant.core import callback

from ..const import DOMAIN, LOGGER
from ..core.errors import CatalogueError, JournalError, ServerError
from ..core.identity import Item
from ..core.lane import LaneClosed, Phase
from ..core.level.levelling import (
    CHUNK,
    MOST_WAITING,
    End,
    Ended,
    Levelling,
    Part,
    done_since,
    kept_back,
    remembered,
    verdict,
)
from ..core.level.plan import StepNow
from ..core.operation import Operation, Origin
from ..core.outbox import OutboxFull
from ..core.play_state import Reading
from ..core.undo import plan_undo
from ..runtime import WatchedSyncConfigEntry
from .planning import newest

#: Seconds until a step is tried again that could not be handed over.
RETRY: Final = 60.0


class Host(Protocol):
    """What a runner tells of its levelling, and asks of other lanes."""

    async def async_got_on(
        self, levelling: Levelling, entry: WatchedSyncConfigEntry
    ) -> None:
        """Hear that some steps were handed over."""
        ...

    async def async_ended(
        self, levelling: Levelling, entry: WatchedSyncConfigEntry
    ) -> None:
        """Hear that nothing is left to be done on the lane."""
        ...

    async def async_stopped(
        self, levelling: Levelling, entry: WatchedSyncConfigEntry
    ) -> None:
        """Hear that nothing more is handed over for now."""
        ...

    async def async_known(
        self, entry_id: str, item_ids: Collection[str]
    ) -> Mapping[str, Reading] | None:
        """Return what a lane will show of items, None if it cannot tell.

        Raises `CatalogueError`.
        """
        ...


class Runner:
    """Does what a levelling asks for on one lane, as long as that is loaded."""

    def __init__(
        self,
        host: Host,
        levelling: Levelling,
        entry: WatchedSyncConfigEntry,
        part: Part,
    ) -> None:
        """Begin to carry out *part* of a *levelling* on the lane of *entry*."""
        self._host = host
        self._levelling = levelling
        self._entry = entry
        self._runtime = entry.runtime_data
        self._lane = entry.runtime_data.lane
        self._part = part
        self._stirred = asyncio.Event()
        self._has_dropped = False
        self.task = entry.async_create_background_task(
            self._runtime.hass,
            self._run(),
            f"{DOMAIN} {entry.entry_id} levelling",
            eager_start=False,
        )

    @callback
    def stir(self) -> None:
        """Look again: something has changed."""
        self._stirred.set()

    async def _run(self) -> None:
        part = self._part
        while True:
            try:
                await self._get_on()
            except LaneClosed:
                return
            except Exception:  # noqa: BLE001 - a fault of ours: a person has it go on
                LOGGER.exception("%s: levelling failed", self._entry.title)
                part.is_stopped = True
            if part.is_over or not part.is_stopped:
                await self._host.async_ended(self._levelling, self._entry)
                return
            await self._host.async_stopped(self._levelling, self._entry)
            if part.is_stopped:  # nobody had it go on meanwhile
                return

    async def _get_on(self) -> None:
        """Do what is to be done until nothing is left, or it is stopped."""
        part = self._part
        while not part.is_stopped and not (part.is_over and self._is_clean):
            self._stirred.clear()
            try:
                waits = await self._turn()
            except (CatalogueError, JournalError, OutboxFull) as err:
                LOGGER.debug("%s: not levelled on now: %r", self._entry.title, err)
                await asyncio.sleep(RETRY)
                continue
            except ServerError as err:
                self._runtime.relay.report(err)
                await self._rest()
                continue
            if waits and not part.is_over:
                await self._rest()

    @property
    def _is_clean(self) -> bool:
        """Whether what is to be taken back waits no longer to be done."""
        return self._has_dropped or not self._part.takes_back

    async def _rest(self) -> None:
        """Wait until something has changed, which not everything tells."""
        try:
            async with asyncio.timeout(RETRY):
                await self._stirred.wait()
        except TimeoutError:
            self._look_for_lost()

    @callback
    def _look_for_lost(self) -> None:
        """Give steps up whose operations have gone without anybody telling how."""
        part = self._part
        for number in [*part.on_its_way]:
            if self._waiting(number) is not None:
                continue
            if part.takes_back:
                part.end_back(number, End.CHANGED_SINCE)
            else:
                part.end(number, Ended(End.CHANGED_SINCE))

    async def _turn(self) -> bool:
        """Do the next bit; whether there is nothing more to do for now."""
        part = self._part
        if part.takes_back and not self._has_dropped:
            await self._take_back([])
            self._has_dropped = True
        if not self._has_room or not await self._lane.is_listed():
            return True
        if not (numbers := part.left(CHUNK)):
            return True
        if part.takes_back:
            await self._take_back(numbers)
        else:
            await self._hand_over(numbers)
        if not part.is_over:
            await self._host.async_got_on(self._levelling, self._entry)
        return False

    @property
    def _has_room(self) -> bool:
        """Whether the lane is to be handed more.

        What somebody marks now is delivered next. What waits for another attempt holds
        nothing up, unless there is a lot of it.
        """
        if self._lane.health.phase is not Phase.READY:
            return False
        found = map(self._waiting, self._part.on_its_way)
        waiting = [operation for operation in found if operation is not None]
        return len(waiting) < MOST_WAITING and all(
            one.not_before is not None or one.held for one in waiting
        )

    def _waiting(self, number: int) -> Operation | None:
        """Return the operation of a step that is on its way, None if it has gone."""
        operation_id = self._levelling.operation_id(
            self._part.target_id, number, back=self._part.takes_back
        )
        return self._lane.outbox.get(operation_id)

    # --- there -----------------------------------------------------------------

    async def _hand_over(self, numbers: Sequence[int]) -> None:
        """Hand the lane what is still to be done of some steps."""
        part, lane, levelling = self._part, self._lane, self._levelling
        known = await self._known(numbers)
        sources = await self._sources(numbers)
        passed_over: dict[int, End] = {}
        handed: list[int] = []

        def swap() -> tuple[Collection[str], Sequence[Operation]]:
            operations: list[Operation] = []
            if part.takes_back or part.is_stopped:
                return (), operations
            done = done_since(lane.outbox.history, levelling)
            given_up = [
                one for one in lane.outbox.rejected if levelling.number_of(one) is None
            ]
            for number in numbers:
                step = part.step(number)
                listed = known.get(number)
                reading = None if listed is None else newest(lane, listed)
                waiting = (
                    []
                    if reading is None
                    else [
                        one
                        for one in lane.outbox.concerning(reading.item)
                        if levelling.number_of(one) is None
                    ]
                )
                end = verdict(
                    step, reading, sources.get(number), (*waiting, *given_up, *done)
                )
                if end is not None or reading is None:
                    passed_over[number] = end or End.NOT_FOUND
                    continue
                operations.append(
                    levelling.operation(part, number, reading, lane.clock.now())
                )
                handed.append(number)
            part.hand_over(handed)
            return (), operations

        try:
            await self._lane.exchange(swap)
        except BaseException:
            part.keep(handed)
            raise
        for number, end in passed_over.items():
            part.end(number, Ended(end))

    async def _known(self, numbers: Sequence[int]) -> dict[int, Reading]:
        """Return what is known of the items of steps. Raises `CatalogueError`."""
        part = self._part
        ids = {number: part.item_id(number) for number in numbers}
        listed = await self._runtime.catalogue.readings(set(ids.values()))
        # Of what nobody has begun the catalogue knows nothing more.
        await self._lane.know(
            one for one in listed.values() if not one.state.is_untouched
        )
        found: dict[int, Reading] = {}
        for number, item_id in ids.items():
            reading = listed.get(item_id) or self._lane.ledger.reading(item_id)
            if reading is not None:
                found[number] = reading
        return found

    async def _read(self, numbers: Sequence[int]) -> dict[int, Reading]:
        """Read the items of steps from the server. Raises `ServerError`."""
        if not numbers:
            return {}
        ids = {number: self._part.item_id(number) for number in numbers}
        found = await self._runtime.server.fetch(set(ids.values()))
        await self._lane.take_in(found.values())
        return {
            number: self._lane.ledger.knowing(found[item_id])
            for number, item_id in ids.items()
            if item_id in found
        }

    async def _sources(self, numbers: Sequence[int]) -> dict[int, Reading]:
        """Return what the items show by now that steps follow, as far as one knows."""
        by_source: dict[str, dict[int, str]] = {}
        for number in numbers:
            step = self._part.step(number)
            by_source.setdefault(step.source_id, {})[number] = step.source_item_id
        found: dict[int, Reading] = {}
        for source_id, ids in by_source.items():
            known = await self._host.async_known(source_id, set(ids.values()))
            for number, item_id in ids.items():
                if known is not None and (reading := known.get(item_id)) is not None:
                    found[number] = reading
        return found

    # --- and back --------------------------------------------------------------

    async def _take_back(self, numbers: Sequence[int]) -> None:
        """Have some steps taken back, and drop all that waits to be done still.

        What is known of the items may be from before the last life ended, while we had
        written to them: so they are read, with one request.
        """
        part, lane, levelling = self._part, self._lane, self._levelling
        known = await self._read(numbers)
        items: dict[int, Item] = {}
        for number in numbers:
            reading = known.get(number)
            if reading is None or part.step(number).now(reading) is StepNow.GONE:
                part.end_back(number, End.NOT_FOUND)
            else:
                items[number] = reading.item
        untouched: dict[int, End] = {}
        handed: list[int] = []

        def swap() -> tuple[Collection[str], Sequence[Operation]]:
            lane.ledger.recall(known.values())
            plan = plan_undo(
                lane.outbox,
                lane.ledger,
                levelling.batch_id,
                capabilities=self._runtime.server.capabilities,
                clock_offset=self._runtime.server.clock_offset,
                kept=remembered(levelling, part, items),
            )
            by_item = {item.item_id: number for number, item in items.items()}
            by_item |= {
                one.item.item_id: number
                for one in plan.discards
                if (number := levelling.number_of(one)) is not None
            }
            untouched.update(kept_back(plan, by_item))
            operations: list[Operation] = []
            for restore in plan.restores:
                number = by_item[restore.item.item_id]
                operation = restore.operation(
                    operation_id=levelling.operation_id(
                        part.target_id, number, back=True
                    ),
                    batch_id=str(levelling.undo_batch_id),
                    undoes=levelling.batch_id,
                    asked_at=lane.clock.now(),
                )
                operations.append(replace(operation, origin=Origin.LEVEL))
                handed.append(number)
            part.hand_over(handed)
            return [one.operation_id for one in plan.discards], operations

        try:
            await self._lane.exchange(swap)
        except BaseException:
            part.keep(handed)
            raise
        for number in items.keys() | untouched.keys():
            if number not in handed:
                part.end_back(number, untouched.get(number, End.NOT_POSSIBLE))
