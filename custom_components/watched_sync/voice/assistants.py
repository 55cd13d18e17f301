"""What an assistant does for the person who speaks, by the public actions alone.

So the rules and permissions are those of the actions. What is not certain, or too much
at once, raises NeedsAnswer before anything is queued.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from homeassistant.auth.permissions.const import POLICY_CONTROL, POLICY_READ
from homeassistant.components.media_player import (
    DOMAIN as MEDIA_PLAYER_DOMAIN,
    MediaPlayerState,
)
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import ATTR_CONFIG_ENTRY_ID, ATTR_ENTITY_ID
from homeassistant.core import Context, HomeAssistant, State
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import intent
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType

from ..actions.fields import (
    ATTR_BATCH_ID,
    ATTR_CONFIRM,
    ATTR_DRY_RUN,
    ATTR_EPISODE,
    ATTR_LIMIT,
    ATTR_MEDIA_TYPE,
    ATTR_PERCENT,
    ATTR_PERSON,
    ATTR_POSITION,
    ATTR_QUERY,
    ATTR_SCOPE,
    ATTR_SEASON,
)
from ..actions.for_whom import EVERYONE, counted_for
from ..actions.lanes import async_lanes, enabled_lanes, owner_names
from ..const import CONF_USER_NAME, DOMAIN, PERSON_SOMEBODY_ELSE
from ..core.identity import Item, MediaKind
from ..core.play_state import Reading
from ..failures import invalid
from ..naming.asking import CannotAsk, SkipReason, async_ask
from ..naming.found import LaneItem, Skipped, by_work
from ..naming.known import async_known_items, known_item
from ..naming.played import async_plays
from ..naming.shows import ActionScope, Episodes, async_episodes
from ..persons import owner_name, persons_called
from ..players.memory import async_get_memory
from ..preferences import person_of
from ..runtime import WatchedSyncConfigEntry, runtime_of
from ..undo import newest_batch
from .hearing import (
    Asks,
    Heard,
    NeedsAnswer,
    Which,
    async_find,
    fields_of,
    is_away,
)

_MARK_WATCHED: Final = "mark_watched"
_MARK_UNWATCHED: Final = "mark_unwatched"
_SET_PROGRESS: Final = "set_progress"
_FIND_MEDIA: Final = "find_media"
_EXPLAIN: Final = "explain"
_UNDO: Final = "undo"

#: For how long "undo that" surely means the last change: it may be said of a lamp.
_JUST_NOW: Final = timedelta(minutes=15)

#: Refusals of an action that become a question.
_TO_CONFIRM: Final = {
    "mark_needs_confirmation": Asks.CONFIRM_MARK,
    "unmark_needs_confirmation": Asks.CONFIRM_UNMARK,
    "unknown_size_needs_confirmation": Asks.CONFIRM_UNKNOWN,
}

#: Reasons for which a row was passed over because all was well already.
_ALREADY: Final = (
    SkipReason.ALREADY_WATCHED,
    SkipReason.ALREADY_UNWATCHED,
    SkipReason.ALREADY_THERE,
    SkipReason.ALREADY_UNDONE,
)

#: Reasons that say nothing about anything that was meant.
_NOT_TOLD: Final = (SkipReason.NOT_FOUND, SkipReason.CHANGED_NOTHING)


#: Items of one lane that an answer tells of although nothing is done with them.
_ALREADY_TOLD: Final = 20


@dataclass(frozen=True, slots=True)
class Done:
    """What an action answered: items that change, and those that need not.

    `dropped` had not reached its server yet and is taken back by that, `kept` is not
    taken back, because it was changed since. `missed` are the lanes that could not be
    asked, `waiting` those that are away and are told later. `persons` are the names of
    those for whom something changes, where there are several to choose from.
    """

    batch_id: str | None
    changed: Sequence[tuple[WatchedSyncConfigEntry, Item]] = ()
    already: Sequence[Item] = ()
    missed: Sequence[tuple[WatchedSyncConfigEntry, SkipReason]] = ()
    persons: Sequence[str] = ()
    dropped: Sequence[tuple[WatchedSyncConfigEntry, Item]] = ()
    kept: Sequence[Item] = ()

    @property
    def items(self) -> list[Item]:
        """What changes, once for each work."""
        works = by_work((*self.changed, *self.dropped), lambda one: one[1])
        return [work[0][1] for work in works]

    @property
    def waiting(self) -> list[WatchedSyncConfigEntry]:
        """Lanes that have accepted something and cannot deliver it now."""
        entries = {entry.entry_id: entry for entry, _ in self.changed}
        return [entry for entry in entries.values() if is_away(entry)]


@dataclass(frozen=True, slots=True)
class Next:
    """What is next in a show on one lane; None if everything there is watched."""

    entry: WatchedSyncConfigEntry
    show: Item
    episode: Reading | None


@dataclass(frozen=True, slots=True)
class UpNext:
    """What is next: in one show, or of everything (`rows`, in the server's order)."""

    shows: Sequence[Next] = ()
    rows: Sequence[tuple[WatchedSyncConfigEntry, Item]] = ()
    missed: Sequence[tuple[WatchedSyncConfigEntry, SkipReason]] = ()

    @property
    def answers(self) -> list[list[Next]]:
        """The lanes of one show, those together that stand at the same minute."""
        answers: dict[tuple[int, int, int] | None, list[Next]] = {}
        for one in self.shows:
            place = None
            if one.episode is not None:
                minute = round((one.episode.state.position or 0) / 60)
                place = (*_place(one.episode.item), minute)
            answers.setdefault(place, []).append(one)
        return list(answers.values())

    @property
    def works(self) -> list[list[tuple[WatchedSyncConfigEntry, Item]]]:
        """What of everything is next, work by work."""
        return by_work(self.rows, lambda one: one[1])


@dataclass(frozen=True, slots=True)
class _Place:
    """The lanes somebody speaks of, the fields that name them, and what for.

    `policy` is what they are permitted to do there: `read` or `control`.
    """

    lanes: Sequence[WatchedSyncConfigEntry]
    fields: Mapping[str, Any]
    policy: str


@dataclass(frozen=True, slots=True)
class Assistant:
    """Somebody who speaks: who they are, what they speak through, and where.

    `area` is the id or name of a room.
    """

    hass: HomeAssistant
    context: Context
    assistant: str | None = None
    area: str | None = None

    # --- for whom -----------------------------------------------------------

    async def _async_place(
        self, policy: str, heard: Heard, *, by_player: bool = True
    ) -> _Place:
        """Return the lanes that are meant, and the fields that name them to an action.

        *policy* is what is done there: `read` or `control`. The actions decide for
        whom a change is by themselves, by the same rule. *by_player* is whether a
        player is meant where nothing is named. Raises NeedsAnswer if it must be said
        for whom, Unauthorized, and ServiceValidationError if there is none.
        """
        named = {} if heard.person is None else self._named(heard.person)
        lanes = await async_lanes(
            self.hass,
            self.context,
            policy,
            entry_ids=named.get(ATTR_CONFIG_ENTRY_ID),
            persons=named.get(ATTR_PERSON),
        )
        if named:
            return _Place(lanes.running, named, policy)
        if policy == POLICY_READ and (caller := lanes.permit.person) is not None:
            own = lanes.of_caller(caller).running
            entry_ids = [entry.entry_id for entry in own]
            return _Place(own, {ATTR_CONFIG_ENTRY_ID: entry_ids}, policy)
        if heard.is_named or not by_player:
            with self._asking_for_whom():
                lanes = lanes.for_whom()
        # What a player plays may tell for whom it is.
        return _Place(lanes.running, {}, policy)

    def _named(self, name: str) -> dict[str, list[str]]:
        """Return the fields that mean somebody who was named.

        Who is no person of Home Assistant is called by the user's name on the server.
        """
        if name.strip().casefold() == EVERYONE:
            return {ATTR_PERSON: [EVERYONE]}
        persons = persons_called(self.hass, name)
        if not persons and (users := self._users_called(name)):
            return {ATTR_CONFIG_ENTRY_ID: users}
        if len(persons) != 1:
            raise self._for_whom()
        return {ATTR_PERSON: persons}

    def _users_called(self, name: str) -> list[str]:
        """Return the entries of users by this name who are no persons."""
        wanted = name.strip().casefold()
        return [
            entry.entry_id
            for entry in enabled_lanes(self.hass)
            if person_of(entry) == PERSON_SOMEBODY_ELSE
            and wanted
            in (entry.title.casefold(), entry.data[CONF_USER_NAME].casefold())
        ]

    def knows(self, name: str) -> bool:
        """Whether somebody is called *name*."""
        return bool(persons_called(self.hass, name) or self._users_called(name))

    def _for_whom(self) -> NeedsAnswer:
        names = owner_names(self.hass, enabled_lanes(self.hass))
        return NeedsAnswer(Asks.FOR_WHOM, choices=names)

    @contextmanager
    def _asking_for_whom(self) -> Iterator[None]:
        """Turn the refusal to guess for whom something is into a question."""
        try:
            yield
        except ServiceValidationError as err:
            if err.translation_key != "for_whom":
                raise
            raise self._for_whom() from err

    # --- what is nearby -----------------------------------------------------

    def _players(self) -> list[State]:
        """Return the players in the room that this assistant may know of."""
        result = intent.async_match_targets(
            self.hass,
            intent.MatchTargetsConstraints(
                area_name=self.area,
                domains={MEDIA_PLAYER_DOMAIN},
                assistant=self.assistant,
                allow_duplicate_names=True,
            ),
        )
        return result.states if result.is_match else []

    async def _async_player(self, place: _Place) -> str:
        """Return the player that plays in the room, or played there last."""
        players = self._players()
        playing = [one for one in players if async_plays(self.hass, one.entity_id)]
        on = [one for one in playing if one.state == MediaPlayerState.PLAYING]
        refusals: list[ServiceValidationError] = []
        # One that is paused is meant only if none plays.
        for group in (on, [one for one in playing if one not in on]):
            errors = {one: await self._async_refusal(one, place) for one in group}
            named = [one for one, error in errors.items() if error is None]
            if len(named) > 1:
                raise NeedsAnswer(
                    Asks.WHICH_PLAYER, choices=[one.name for one in named]
                )
            if named:
                return named[0].entity_id
            refusals.extend(error for error in errors.values() if error is not None)
        if refusals:
            # Something plays: what was there before it is not meant.
            raise refusals[0]
        if self.area is None:
            # What stopped anywhere in the house says nothing of who speaks.
            raise NeedsAnswer(Asks.WHERE)
        memory = async_get_memory(self.hass)
        ended = {
            player.entity_id: played.ended_at
            for player in players
            if (played := memory.last(player.entity_id)) is not None
            and played.ended_at is not None
        }
        for player in sorted(
            (one for one in players if one.entity_id in ended),
            key=lambda one: ended[one.entity_id],
            reverse=True,
        ):
            if await self._async_refusal(player, place) is None:
                return player.entity_id
        raise invalid("nothing_played_here")

    async def _async_refusal(
        self, player: State, place: _Place
    ) -> ServiceValidationError | None:
        """Return why it cannot be told what a player plays, or None if it can."""
        fields = {ATTR_ENTITY_ID: [player.entity_id], **place.fields}
        try:
            if place.policy == POLICY_READ:
                await self._async_call(_EXPLAIN, fields)
            else:
                await self._async_call(_MARK_WATCHED, {**fields, ATTR_DRY_RUN: True})
        except ServiceValidationError as err:
            return err
        return None

    # --- doing --------------------------------------------------------------

    async def _async_call(
        self, action: str, fields: Mapping[str, Any]
    ) -> JsonObjectType:
        answer: JsonObjectType | None
        with self._asking_for_whom():
            answer = await self.hass.services.async_call(
                DOMAIN,
                action,
                dict(fields),
                blocking=True,
                context=self.context,
                return_response=True,
            )
        return answer or {}

    async def async_mark(
        self,
        heard: Heard,
        *,
        watched: bool = True,
        scope: ActionScope = ActionScope.ITEM,
        confirm: bool = False,
    ) -> Done:
        """Mark what was heard. Raises NeedsAnswer and what the action raises."""
        place = await self._async_place(POLICY_CONTROL, heard)
        fields = await self._async_naming(heard, place)
        if heard.up_to:
            scope = ActionScope.UP_TO
        fields |= {ATTR_SCOPE: scope.value, ATTR_CONFIRM: confirm, **place.fields}
        return await self._async_done(
            _MARK_WATCHED if watched else _MARK_UNWATCHED, fields, heard
        )

    async def async_set_progress(
        self,
        heard: Heard,
        *,
        position: float | None = None,
        percent: float | None = None,
    ) -> Done:
        """Set the position, in seconds or percent, of what was heard.

        Of a show it is that of the next episode: the one somebody is in.
        """
        place = await self._async_place(POLICY_CONTROL, heard)
        fields = await self._async_naming(heard, place, one_item=True)
        if position is not None:
            fields[ATTR_POSITION] = {"seconds": position}
        if percent is not None:
            fields[ATTR_PERCENT] = percent
        fields |= place.fields
        return await self._async_done(_SET_PROGRESS, fields, heard)

    async def async_undo(self, heard: Heard, *, confirm: bool = False) -> Done:
        """Take back the last change of whom it is for.

        Raises NeedsAnswer, for one that was not made just now as well, and what the
        action raises.
        """
        place = await self._async_place(POLICY_CONTROL, heard, by_player=False)
        batch = newest_batch(place.lanes)
        fields = {ATTR_BATCH_ID: batch.batch_id, **place.fields}
        if not confirm and dt_util.utcnow() - batch.asked_at > _JUST_NOW:
            planned = await self._async_call(_UNDO, {**fields, ATTR_DRY_RUN: True})
            done = await self._async_told(planned)
            candidates = [
                LaneItem(entry, item) for entry, item in (*done.changed, *done.dropped)
            ]
            if candidates:
                raise NeedsAnswer(Asks.CONFIRM_UNDO, candidates=candidates)
        return await self._async_told(await self._async_call(_UNDO, fields))

    async def _async_naming(
        self, heard: Heard, place: _Place, *, one_item: bool = False
    ) -> dict[str, Any]:
        """Return the fields that name what was heard; *one_item* is never a show."""
        if not heard.is_named:
            return {ATTR_ENTITY_ID: [await self._async_player(place)]}
        work = await async_find(place.lanes, heard)
        fields = fields_of(work.name)
        which = heard.which
        if (
            one_item
            and which is None
            and heard.season is None
            and heard.episode is None
            and work.item.kind is MediaKind.SHOW
        ):
            which = Which.NEXT
        if which is None:
            if heard.season is not None:
                fields[ATTR_SEASON] = heard.season
            if heard.episode is not None:
                fields[ATTR_EPISODE] = heard.episode
            return fields
        told, _ = await async_episodes(work, dt_util.now().date())
        item = (
            _newest(told) if which is Which.LAST else _next(told, work.item.title)
        ).item
        return {**fields, ATTR_SEASON: item.season, ATTR_EPISODE: item.episode}

    async def _async_done(
        self, action: str, fields: Mapping[str, Any], heard: Heard
    ) -> Done:
        try:
            answer = await self._async_call(action, fields)
        except ServiceValidationError as err:
            asks = _TO_CONFIRM.get(err.translation_key or "")
            if asks is None:
                raise
            placeholders = err.translation_placeholders or {}
            raise NeedsAnswer(
                asks,
                name=placeholders.get("name", heard.name),
                count=placeholders.get("count", ""),
            ) from err
        return await self._async_told(answer)

    async def _async_told(self, answer: Mapping[str, Any]) -> Done:
        """Return an answer with all that is known of the items in it."""
        changed: list[tuple[WatchedSyncConfigEntry, Item]] = []
        dropped: list[tuple[WatchedSyncConfigEntry, Item]] = []
        for row in answer["operations"]:
            entry = self._entry(row)
            found = dropped if row["status"] == "discarded" else changed
            found.append((entry, _item_of(entry, row)))
        kept: list[Item] = []
        already: dict[str, list[Mapping[str, Any]]] = {}
        missed: list[tuple[WatchedSyncConfigEntry, SkipReason]] = []
        for row in answer["skipped"]:
            entry, reason = self._entry(row), SkipReason(row["reason"])
            if reason in _ALREADY:
                already.setdefault(entry.entry_id, []).append(row)
            elif reason is SkipReason.CHANGED_SINCE:
                kept.append(_item_of(entry, row))
            elif reason not in _NOT_TOLD:
                missed.append((entry, reason))
        items = [
            item
            for rows in already.values()
            for item in await _async_items(self._entry(rows[0]), rows[:_ALREADY_TOLD])
        ]
        return Done(
            answer["batch_id"],
            changed,
            [work[0] for work in by_work(items, lambda item: item)],
            list(dict.fromkeys(missed)),
            self._persons([entry for entry, _ in (*changed, *dropped)]),
            dropped,
            [work[0] for work in by_work(kept, lambda item: item)],
        )

    def _persons(self, entries: Sequence[WatchedSyncConfigEntry]) -> list[str]:
        """Return whose *entries* are, if there is anybody else."""
        if len({counted_for(entry) for entry in enabled_lanes(self.hass)}) == 1:
            return []
        names = [owner_name(self.hass, entry) for entry in entries]
        return list(dict.fromkeys(names))

    def _entry(self, row: Mapping[str, Any]) -> WatchedSyncConfigEntry:
        entry_id: str = row["config_entry_id"]
        return self.hass.config_entries.async_get_known_entry(entry_id)

    # --- looking ------------------------------------------------------------

    async def async_find_media(
        self, query: str, media_type: str | None, limit: int
    ) -> JsonObjectType:
        """Return what the action finds."""
        place = await self._async_place(POLICY_READ, Heard())
        fields = {ATTR_QUERY: query, ATTR_LIMIT: limit, **place.fields}
        if media_type is not None:
            fields[ATTR_MEDIA_TYPE] = [media_type]
        return await self._async_call(_FIND_MEDIA, fields)

    async def async_explain(self, heard: Heard) -> JsonObjectType:
        """Return how what was heard stands, and why."""
        place = await self._async_place(POLICY_READ, heard)
        fields = await self._async_naming(heard, place)
        fields |= place.fields
        return await self._async_call(_EXPLAIN, fields)

    async def async_next_up(self, heard: Heard) -> UpNext:
        """Return what comes next in the show that was heard, or of everything."""
        place = await self._async_place(POLICY_READ, heard)
        if heard.is_named:
            work = await async_find(place.lanes, heard)
            told, skipped = await async_episodes(work, dt_util.now().date())
            return UpNext(
                shows=[
                    Next(one.target.entry, one.target.item, one.next) for one in told
                ],
                missed=_missed(skipped),
            )
        rows = [
            (entry, view.item)
            for entry in place.lanes
            for item_id in runtime_of(entry).coordinator.data.up_next
            if (view := runtime_of(entry).coordinator.view(item_id)) is not None
            and not view.desired.watched
        ]
        return UpNext(rows=rows)


def _missed(
    skipped: Sequence[Skipped],
) -> list[tuple[WatchedSyncConfigEntry, SkipReason]]:
    return [
        (one.entry, one.reason)
        for one in skipped
        if one.reason is not SkipReason.NOT_FOUND
    ]


def _item_of(entry: WatchedSyncConfigEntry, row: Mapping[str, Any]) -> Item:
    """Return the item a row of an answer is about, with all that is known of it."""
    item_id = row["item_id"]
    known: Item | None = None
    # What was accepted is so, and is answered, if the entry is unloaded by now.
    if entry.state is ConfigEntryState.LOADED:
        operation_id: str | None = row.get("operation_id")
        if operation_id is not None:
            operation = entry.runtime_data.lane.outbox.get(operation_id)
            known = operation.item if operation is not None else None
        known = known or known_item(entry, item_id)
    return known or Item(item_id, MediaKind.UNKNOWN, row["title"])


async def _async_items(
    entry: WatchedSyncConfigEntry, rows: Sequence[Mapping[str, Any]]
) -> list[Item]:
    """Return the items of rows that were passed over; the lane may not know them."""
    known = await async_known_items(entry, [row["item_id"] for row in rows])
    unknown = [row["item_id"] for row in rows if row["item_id"] not in known]
    readings: Mapping[str, Reading] = {}
    if unknown:
        try:
            readings = await async_ask(entry, lambda server: server.fetch(unknown))
        except CannotAsk:
            readings = {}
    items = {item_id: one.item for item_id, one in known.items()}
    items |= {item_id: one.item for item_id, one in readings.items()}
    return [items.get(row["item_id"]) or _item_of(entry, row) for row in rows]


def _newest(told: Sequence[Episodes]) -> Reading:
    """Return the newest episode that any lane has."""
    newest = [one.newest for one in told if one.newest is not None]
    if not newest:
        raise invalid("no_next_episode", name=told[0].target.item.title)
    return max(newest, key=lambda one: _place(one.item))


def _next(told: Sequence[Episodes], name: str) -> Reading:
    """Return the episode that is next; it must be the same on every lane."""
    upcoming = {_place(one.next.item): one.next for one in told if one.next is not None}
    if not upcoming:
        raise invalid("no_next_episode", name=name)
    if len(upcoming) > 1:
        raise NeedsAnswer(
            Asks.WHICH_EPISODE,
            name=name,
            candidates=[
                LaneItem(one.target.entry, one.next.item)
                for one in told
                if one.next is not None
            ],
        )
    return next(iter(upcoming.values()))


def _place(item: Item) -> tuple[int, int]:
    return item.season or 0, item.episode or 0
