"""The disk: the outbox, durable before anybody is told yes, and the ledger.

Home Assistant's `Store` logs write errors instead of raising them, loses a write whose
caller is cancelled and postpones writes while it stops. What is here raises, shields
and refuses instead. Only this file touches `Store`.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
import secrets
from typing import Any, Final, override

from homeassistant.core import CoreState, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, UnsupportedStorageVersionError
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.json import cached_json_fragment, json_fragment
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util
from homeassistant.util.file import WriteError, write_utf8_file_atomic
from homeassistant.util.hass_dict import HassKey

from .const import (
    DOMAIN,
    ISSUE_OUTBOX_DAMAGED,
    ISSUE_OUTBOX_LOST,
    ISSUE_OUTBOX_UNWRITABLE,
    LOGGER,
)
from .core import members
from .core.codec import (
    DAMAGE,
    Json,
    StoredOutbox,
    decode_history_entry,
    decode_move,
    decode_operation,
    decode_outbox,
    decode_reading,
    encode_history_entry,
    encode_move,
    encode_operation,
    encode_reading,
    history_key,
    item_id_in,
    move_key,
    operation_key,
    reading_key,
    salvage,
    title_in,
)
from .core.errors import JournalError, Reason, Unstorable
from .core.learnt import Learnt, learnt_from_json
from .core.ledger import Ledger
from .core.mirror import Moves
from .core.operation import Operation
from .core.outbox import Outbox
from .core.ports import Journal
from .markdown import plain

VERSION: Final = 1
MINOR_VERSION: Final = 1

#: Seconds until a write whose loss would be harmless.
OUTBOX_DELAY: Final = 2.0
#: Seconds until another try after a write that failed.
RETRY_DELAY: Final = 60.0
LEDGER_DELAY: Final = 10.0

#: What Home Assistant raises besides for a file that is JSON, but none of its own.
_DAMAGED: Final = (*DAMAGE, AttributeError, IndexError, NotImplementedError)

#: Titles named of what could not be read.
_TITLES_SHOWN: Final = 5

#: When a backup began that is being made right now.
BACKUP_SINCE: Final[HassKey[datetime]] = HassKey(f"{DOMAIN}_backup_since")

#: What an outbox' file tells only as long as a backup is made. A file that tells it
#: when it is loaded has come out of one.
_IN_BACKUP: Final = "in_backup_of"

#: The name, below `.storage`, of what players played last.
PLAYERS_KEY: Final = f"{DOMAIN}.players"

#: The same of the secret that addresses of pictures are made with, and its bytes.
PICTURES_KEY: Final = f"{DOMAIN}.pictures"
_SECRET_SIZE: Final = 32


class StorageNewer(Exception):
    """The file was written by a newer version; it is left as it is."""


class StorageUnreadable(Exception):
    """The file exists and cannot be read."""


def outbox_key(entry_id: str) -> str:
    """Return the name of the outbox' file below `.storage`."""
    return f"{DOMAIN}.{entry_id}.outbox"


def ledger_key(entry_id: str) -> str:
    """Return the name of the ledger's file below `.storage`."""
    return f"{DOMAIN}.{entry_id}.ledger"


class _RecordingStore(Store[dict[str, Any]]):
    """A store that says what became of each write."""

    def __init__(
        self,
        hass: HomeAssistant,
        key: str,
        on_write: Callable[[Exception | None], None],
    ) -> None:
        """Call *on_write* after each write, with its error or None."""
        super().__init__(
            hass,
            VERSION,
            key,
            private=True,
            atomic_writes=True,
            minor_version=MINOR_VERSION,
        )
        self._on_write = on_write

    @override
    async def _async_write_data(self, data: dict[str, Any]) -> None:
        try:
            await super()._async_write_data(data)
        except Exception as err:
            self._on_write(err)
            raise  # the base class logs it and goes on as if nothing had happened
        self._on_write(None)


class _Fragments[T]:
    """JSON of values that seldom change, kept as long as they are the same object.

    With 10,000 operations waiting, a save costs one look at each instead of encoding
    all of them again.
    """

    def __init__(
        self,
        encode: Callable[[T], Json],
        decode: Callable[[Json], T],
        key: Callable[[T], str],
    ) -> None:
        """Encode with *encode*; *key* names a value among those of one save.

        *decode* is how a value is read again, through the gate.
        """
        self._encode = encode
        self._decode = decode
        self._key = key
        self._known: dict[str, tuple[T, json_fragment]] = {}

    def of(self, values: Iterable[T]) -> list[json_fragment]:
        """Return the JSON of *values*, and forget that of all others."""
        known: dict[str, tuple[T, json_fragment]] = {}
        for value in values:
            key = self._key(value)
            pair = self._known.get(key)
            if pair is None or pair[0] is not value:
                try:
                    pair = (value, self._fragment(value))
                except _DAMAGED:
                    LOGGER.exception("Something cannot be stored as it is now")
            if pair is not None:
                known[key] = pair  # as it was, where it cannot be stored as it is
        self._known = known
        return [fragment for _, fragment in known.values()]

    def check(self, value: T) -> None:
        """Raise one of `_DAMAGED` for a value that cannot be stored."""
        key = self._key(value)
        if (pair := self._known.get(key)) is None or pair[0] is not value:
            self._known[key] = (value, self._fragment(value))

    def _fragment(self, value: T) -> json_fragment:
        """Return the JSON of *value*; what no file can hold is written as it is read.

        One text with a lone surrogate would take the whole file with it. Raises one of
        `_DAMAGED` for what means nothing at all.
        """
        data = self._encode(value)
        try:
            return cached_json_fragment(data)
        except TypeError:
            return cached_json_fragment(self._encode(self._decode(data)))


@dataclass(frozen=True, slots=True)
class _Contents:
    """What a file held; None for nothing. `lost` if it held something unreadable."""

    data: dict[str, Any] | None
    lost: bool = False


async def _load(hass: HomeAssistant, store: Store[dict[str, Any]]) -> _Contents:
    """Load a file. Raises `StorageNewer`, `StorageUnreadable`."""
    path = Path(store.path)
    existed = await hass.async_add_executor_job(path.exists)
    try:
        data = await store.async_load()
    except UnsupportedStorageVersionError as err:
        raise StorageNewer(store.key) from err
    except _DAMAGED as err:
        LOGGER.debug("%s is damaged: %r", store.key, err)
        await _keep_aside(hass, path)
        return _Contents(None, lost=True)
    except (HomeAssistantError, OSError) as err:
        raise StorageUnreadable(store.key) from err
    return _Contents(data, lost=existed and data is None)


async def _keep_aside(hass: HomeAssistant, path: Path) -> None:
    """Rename a damaged file, as Home Assistant does with what is not JSON at all."""
    aside = _aside(path)
    LOGGER.error("%s cannot be understood; it was kept as %s", path.name, aside.name)
    try:
        await hass.async_add_executor_job(path.rename, aside)
    except OSError as err:
        raise StorageUnreadable(path.name) from err


async def _copy_aside(hass: HomeAssistant, path: Path) -> str:
    """Keep a file that is damaged in places, and go on with it; return the copy's name.

    The rest of it is never gone from the disk, not even until the next write.
    """
    aside = _aside(path)

    def copy() -> None:
        write_utf8_file_atomic(str(aside), path.read_bytes(), private=True, mode="wb")

    try:
        await hass.async_add_executor_job(copy)
    except (OSError, WriteError) as err:
        raise StorageUnreadable(path.name) from err
    return aside.name


def _aside(path: Path) -> Path:
    return path.with_name(f"{path.name}.corrupt.{dt_util.utcnow().isoformat()}")


async def _remove(hass: HomeAssistant, store: Store[dict[str, Any]]) -> None:
    """Delete a file and what was kept aside of it; what cannot be deleted is named."""
    await store.async_remove()
    await hass.async_add_executor_job(_remove_aside, Path(store.path))


def _remove_aside(path: Path) -> None:
    for aside in path.parent.glob(f"{path.name}.corrupt.*"):
        try:
            aside.unlink(missing_ok=True)
        except OSError as err:
            LOGGER.warning("%s could not be deleted: %s", aside.name, err.strerror)


class OutboxStore(Journal):
    """The journal of one lane: outbox, rejected operations and history.

    Writes are atomic and end in fsync. Callers of `save` that come while a write is
    under way share the next one.
    """

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Prepare; nothing is read or written before `async_load`."""
        self._hass = hass
        self._entry_id = entry_id
        self._outbox = Outbox()
        self._store = _RecordingStore(hass, outbox_key(entry_id), self._written)
        self._error: Exception | None = None
        self._later = False
        self._closing = False
        self._next: asyncio.Future[None] | None = None
        self._writer: asyncio.Task[None] | None = None
        self._operations = _Fragments(encode_operation, decode_operation, operation_key)
        self._rejected = _Fragments(encode_operation, decode_operation, operation_key)
        self._history = _Fragments(
            encode_history_entry, decode_history_entry, history_key
        )
        self.is_new = True
        self.is_restored = False

    @property
    def key(self) -> str:
        """The file's name below `.storage`."""
        return self._store.key

    async def async_load(self) -> Outbox:
        """Return what was stored; from now on that outbox is what is written.

        A file that cannot be understood is kept aside and told of in a repair issue:
        what it held is lost, which is not the same as an empty outbox. So are single
        rows, for which the others need not wait. Raises `StorageNewer`,
        `StorageUnreadable`; the file is untouched then.
        """
        contents = await _load(self._hass, self._store)
        lost = contents.lost
        if contents.data is not None:
            try:
                stored = await self._hass.async_add_executor_job(
                    self._decode, contents.data
                )
            except _DAMAGED as err:
                LOGGER.debug("%s is damaged: %r", self.key, err)
                await _keep_aside(self._hass, Path(self._store.path))
                lost = True
            else:
                self._outbox = stored.outbox
                self._hold_if_restored(contents.data)
                if stored.damaged:
                    await self._set_aside(stored.damaged)
        self.is_new = contents.data is None and not lost
        if lost:
            self.save_later()
            self._tell(ISSUE_OUTBOX_LOST, file=f".storage/{self.key}.corrupt")
        return self._outbox

    @callback
    def _hold_if_restored(self, data: Mapping[str, Any]) -> None:
        """Send nothing unasked that may have been sent after a backup was made.

        Home Assistant and its supervisor tell of each backup before they copy the
        files, and after it. A backup that was cut off by a crash looks the same.
        """
        if _IN_BACKUP in data and BACKUP_SINCE not in self._hass.data:
            LOGGER.info("%s comes from a backup", self.key)
            self.is_restored = True
            self._outbox.hold(Reason.RESTORED)
            self.save_later()

    def _decode(self, data: object) -> StoredOutbox:
        """Return what a file held; a thread's work, as it takes long for a long queue.

        The first save would encode all of it, so that is done here as well.
        """
        stored = decode_outbox(data)
        self._operations.of(stored.outbox)
        self._rejected.of(stored.outbox.rejected)
        self._history.of(stored.outbox.history)
        return stored

    async def _set_aside(self, damaged: Sequence[Any]) -> None:
        """Keep rows that are not understood, and tell of them; the others go on."""
        aside = await _copy_aside(self._hass, Path(self._store.path))
        LOGGER.error(
            "%s: %d rows cannot be understood; it was kept as %s as it was",
            self.key,
            len(damaged),
            aside,
        )
        self.save_later()
        titles = list(dict.fromkeys(filter(None, map(title_in, damaged))))
        more = len(titles) > _TITLES_SHOWN or not titles
        self._tell(
            ISSUE_OUTBOX_DAMAGED,
            count=str(len(damaged)),
            titles=", ".join(
                [*map(plain, titles[:_TITLES_SHOWN]), *(["…"] if more else [])]
            ),
            file=f".storage/{aside}",
        )

    @callback
    def _tell(self, cause: str, **placeholders: str) -> None:
        """Tell of a loss in a repair issue, until somebody has read that."""
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            f"{cause}_{self._entry_id}",
            is_fixable=True,
            is_persistent=True,
            severity=ir.IssueSeverity.ERROR,
            translation_key=cause,
            translation_placeholders={"name": plain(self._title), **placeholders},
        )

    @callback
    @override
    def check(self, operation: Operation) -> None:
        """Raise `Unstorable` for an operation that could not be read again."""
        try:
            self._operations.check(operation)
        except _DAMAGED as err:
            raise Unstorable(repr(err)) from err

    @override
    async def save(self) -> None:
        """Write the outbox and return once it is durable. Raises `JournalError`.

        Cancelling the caller does not stop the write: a `Store` whose write is
        cancelled may let an older one win.
        """
        if self._next is None:
            self._next = self._hass.loop.create_future()
            # Everybody who waits may be cancelled: mark a failure as heard.
            self._next.add_done_callback(_heard)
        if self._writer is None:
            self._writer = self._hass.async_create_task(
                self._write(), f"{DOMAIN} writes {self.key}", eager_start=False
            )
        await asyncio.shield(self._next)

    @callback
    @override
    def save_later(self) -> None:
        """Write within two seconds, or when Home Assistant stops."""
        self._write_in(OUTBOX_DELAY)

    async def async_flush(self) -> None:
        """Write what `save_later` still holds back; nothing is written after this.

        A failure is logged, not raised: what is lost then is only the news that some
        operations were delivered, and they will be found delivered.
        """
        self._closing = True
        try:
            if self._later:
                await self.save()
        except JournalError as err:
            LOGGER.debug("%s could not be written: %r", self.key, err)
        if self._writer is not None:
            await asyncio.wait([self._writer])

    async def async_remove(self) -> None:
        """Delete the file, and those of its name that were damaged and kept aside."""
        await _remove(self._hass, self._store)

    @property
    def _title(self) -> str:
        entry = self._hass.config_entries.async_get_entry(self._entry_id)
        return entry.title if entry else self._entry_id

    @callback
    def _write_in(self, delay: float) -> None:
        # Called once, not for each change: `Store` would start to wait anew.
        if not self._later and not self._closing:
            self._later = True
            self._store.async_delay_save(self._snapshot, delay)

    @callback
    def _snapshot(self) -> dict[str, Any]:
        """Return what is written; called when a write starts, not when it is asked."""
        self._later = False
        since = self._hass.data.get(BACKUP_SINCE)
        return {
            **({} if since is None else {_IN_BACKUP: since.isoformat()}),
            "operations": self._operations.of(self._outbox),
            "rejected": self._rejected.of(self._outbox.rejected),
            "history": self._history.of(self._outbox.history),
        }

    async def _write(self) -> None:
        """Write as long as somebody waits."""
        try:
            while (waiting := self._next) is not None:
                self._next = None
                try:
                    await self._write_once()
                except JournalError as err:
                    waiting.set_exception(err)
                except BaseException:
                    waiting.set_exception(JournalError("the write was interrupted"))
                    raise
                else:
                    waiting.set_result(None)
        finally:
            self._writer = None
            if self._next is not None:
                self._next.set_exception(JournalError("the write was interrupted"))
                self._next = None

    async def _write_once(self) -> None:
        if self._hass.state is CoreState.stopping:
            # `Store` would say yes now and write later.
            raise JournalError("Home Assistant is stopping")
        self._error = None
        await self._store.async_save(self._snapshot())
        if self._error is not None:
            raise JournalError("the outbox was not written") from self._error

    @callback
    def _written(self, error: Exception | None) -> None:
        """Hear of the end of any write, also of one that nobody waits for."""
        issue_id = f"{ISSUE_OUTBOX_UNWRITABLE}_{self._entry_id}"
        self._error = error
        if error is None:
            ir.async_delete_issue(self._hass, DOMAIN, issue_id)
            return
        # The disk may now hold more or less than what the lane goes on with.
        self._write_in(RETRY_DELAY)
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            issue_id,
            is_fixable=False,
            severity=ir.IssueSeverity.ERROR,
            translation_key=ISSUE_OUTBOX_UNWRITABLE,
            translation_placeholders={
                "name": plain(self._title),
                "file": f".storage/{self.key}",
            },
        )


class LedgerStore:
    """What was last seen: readings, up next, last played; written now and then.

    It can be rebuilt by reading again, so a damaged file is told of by Home Assistant
    and otherwise forgotten. `paused` is kept beside it: what is seen while it holds
    is remembered here and told nobody. So are the `moves` that wait to be copied to
    other lanes: a reading and what it gave rise to are written together. What was
    `learnt` of the server can be learnt again like the rest.
    """

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Prepare; nothing is read or written before `async_load`."""
        self._hass = hass
        self._store = _RecordingStore(hass, ledger_key(entry_id), _ignore)
        self._readings = _Fragments(encode_reading, decode_reading, reading_key)
        self._moves = _Fragments(encode_move, decode_move, move_key)
        self._dirty = False
        self._closing = False
        self.ledger = Ledger()
        self.moves = Moves()
        self.up_next: tuple[str, ...] = ()
        self.last_played: str | None = None
        self.plays_seen_until: datetime | None = None
        self.paused = False
        self.learnt = Learnt(dt_util.utcnow)

    @property
    def key(self) -> str:
        """The file's name below `.storage`."""
        return self._store.key

    async def async_load(self) -> None:
        """Read what was stored. Raises `StorageNewer`, `StorageUnreadable`."""
        contents = await _load(self._hass, self._store)
        if isinstance(contents.data, dict):
            await self._hass.async_add_executor_job(self._decode, contents.data)
        self.learnt.listen(self.save_later)

    def _decode(self, data: Mapping[str, Any]) -> None:
        """Take over what a file held; in a thread, for the same reasons.

        What is damaged is left out, and read again of the server. That goes for an
        item as a whole, so that a move whose row is damaged is seen once more if it
        was a play.
        """
        readings = salvage(data.get("readings"), decode_reading, reading_key)
        moves = salvage(data.get("moves", []), decode_move, move_key)
        damaged = len(readings.damaged) + len(moves.damaged)

        def member[T](key: str, read: Callable[[Any], T]) -> T | None:
            nonlocal damaged
            try:
                return None if (value := data.get(key)) is None else read(value)
            except DAMAGE:
                damaged += 1
                return None

        lost = {one for row in moves.damaged if (one := item_id_in(row)) is not None}
        self.ledger = Ledger(
            (one for one in readings.values if one.item.item_id not in lost),
            member("absent", members.texts) or (),
        )
        self.moves = Moves(
            moves.values,
            since=member("moves_since", members.moment),
            emptied=bool(data.get("emptied")),
        )
        self.up_next = tuple(member("up_next", members.texts) or ())
        self.last_played = member("last_played", members.text)
        self.plays_seen_until = member("plays_seen_until", members.moment)
        self.learnt = (
            member("learnt", lambda stored: learnt_from_json(stored, dt_util.utcnow))
            or self.learnt
        )
        # Whatever is written there: a guest's doings are told nobody by mistake.
        self.paused = bool(data.get("paused"))
        self._readings.of(self.ledger)
        self._moves.of(self.moves)
        if damaged:
            LOGGER.debug("%s: %d rows are damaged and left out", self.key, damaged)
        if moves.damaged:
            LOGGER.warning(
                "%s: %d changes that waited to be copied cannot be understood",
                self.key,
                len(moves.damaged),
            )

    @callback
    def save_later(self) -> None:
        """Write within ten seconds, or when Home Assistant stops."""
        if not self._dirty and not self._closing:
            self._dirty = True
            self._store.async_delay_save(self._snapshot, LEDGER_DELAY)

    async def async_save(self) -> None:
        """Write now what must not be forgotten; Home Assistant logs a failure.

        Cancelling the caller does not stop the write.
        """
        if not self._closing:
            await self._write()

    async def _write(self) -> None:
        await asyncio.shield(
            self._hass.async_create_task(
                self._store.async_save(self._snapshot()), f"{DOMAIN} writes {self.key}"
            )
        )

    async def async_flush(self) -> None:
        """Write what `save_later` still holds back; nothing is written after this.

        A reading that comes in while the entry is unloaded would bring back the file
        of an entry that is gone.
        """
        self._closing = True
        if self._dirty:
            await self._write()

    async def async_remove(self) -> None:
        """Delete the file, and those of its name that were damaged and kept aside."""
        await _remove(self._hass, self._store)

    @callback
    def _snapshot(self) -> dict[str, Any]:
        self._dirty = False
        return {
            "readings": self._readings.of(self.ledger),
            "up_next": list(self.up_next),
            "last_played": self.last_played,
            "plays_seen_until": self.plays_seen_until
            and self.plays_seen_until.isoformat(),
            "paused": self.paused,
            "absent": sorted(self.ledger.absent),
            "moves": self._moves.of(self.moves),
            "moves_since": self.moves.since and self.moves.since.isoformat(),
            "emptied": self.moves.emptied,
            "learnt": self.learnt.as_json(),
        }


class PictureSecret:
    """What the keys in the addresses of pictures are made with, kept over restarts.

    An address that changed with each start would make every card load its pictures
    anew.
    """

    def __init__(self, hass: HomeAssistant) -> None:
        """Prepare; nothing is read or written yet."""
        self._hass = hass
        self._store = _RecordingStore(hass, PICTURES_KEY, _ignore)

    async def async_load(self) -> bytes:
        """Return the secret; a new one if there is none that can be read."""
        try:
            data = (await _load(self._hass, self._store)).data
            if data is not None and (kept := bytes.fromhex(data["secret"])):
                return kept
        except StorageNewer, StorageUnreadable:
            # Left as it is; pictures are loaded anew after each restart then.
            return secrets.token_bytes(_SECRET_SIZE)
        except KeyError, TypeError, ValueError:
            LOGGER.debug("%s holds no secret; it gets a new one", PICTURES_KEY)
        made = secrets.token_bytes(_SECRET_SIZE)
        await self._store.async_save({"secret": made.hex()})
        return made

    async def async_remove(self) -> None:
        """Delete the file, and those of its name that were damaged and kept aside."""
        await _remove(self._hass, self._store)


class _Notes:
    """A file that is on the disk when `async_save` returns."""

    def __init__(self, hass: HomeAssistant, key: str) -> None:
        """Prepare; nothing is read or written yet."""
        self._hass = hass
        self._store = _RecordingStore(hass, key, self._wrote)
        self._error: Exception | None = None

    async def async_load(self) -> dict[str, Any] | None:
        """Return what was noted, None for nothing.

        A file that cannot be read now, or is of a newer version, is left alone.
        """
        try:
            return (await _load(self._hass, self._store)).data
        except (StorageNewer, StorageUnreadable) as err:
            LOGGER.warning("%s cannot be read: %r", self._store.key, err)
            return None

    async def async_save(self, data: dict[str, Any]) -> None:
        """Return once this is on the disk. Raises `JournalError` if it is not."""
        # While Home Assistant stops the base class writes later, and says nothing.
        self._error = JournalError("nothing was written")
        try:
            await self._store.async_save(data)
        except OSError as err:
            self._error = err
        if self._error is not None:
            raise JournalError(repr(self._error))

    async def async_remove(self) -> None:
        """Delete the file, and those of its name that were damaged and kept aside."""
        await _remove(self._hass, self._store)

    @callback
    def _wrote(self, error: Exception | None) -> None:
        self._error = error


class CheckNotes(_Notes):
    """What a check has to put back: on the disk before it writes.

    It is there for a minute, and only if Home Assistant did not end meanwhile.
    """

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Prepare; nothing is read or written yet."""
        super().__init__(hass, f"{DOMAIN}.{entry_id}.check")


class LevellingsStore(_Notes):
    """Which levellings there are, and what a person has said to the offer of one."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Prepare; nothing is read or written yet."""
        super().__init__(hass, f"{DOMAIN}.levellings")


class LevellingStore(_Notes):
    """One levelling: its steps, and how they ended.

    Private like all of it, as it says what a household watches. It has a file of its
    own: what is over is not written again with whatever comes after it.
    """

    def __init__(self, hass: HomeAssistant, batch_id: str) -> None:
        """Prepare; nothing is read or written yet."""
        super().__init__(hass, f"{DOMAIN}.levelling.{batch_id}")


class PlayersStore:
    """What players played last, for all entries together.

    Private, as it says what a household watches. It can be lost without harm, but a
    file of a newer version, or one that cannot be read, is left alone: nothing is
    stored then.
    """

    def __init__(
        self, hass: HomeAssistant, snapshot: Callable[[], dict[str, Any]]
    ) -> None:
        """Write what *snapshot* returns."""
        self._hass = hass
        self._snapshot = snapshot
        self._store = _RecordingStore(hass, PLAYERS_KEY, _ignore)
        self._is_ours = True
        self._due: float | None = None

    async def async_load(self) -> dict[str, Any] | None:
        """Return what was stored, None for nothing."""
        try:
            return (await _load(self._hass, self._store)).data
        except (StorageNewer, StorageUnreadable) as err:
            LOGGER.warning(
                "%s cannot be read (%s), so what players play is forgotten at the "
                "next restart",
                PLAYERS_KEY,
                type(err).__name__,
            )
            self._is_ours = False
            return None

    @callback
    def save_within(self, seconds: float) -> None:
        """Write within so many seconds, or when Home Assistant stops."""
        due = self._hass.loop.time() + seconds
        if self._is_ours and (self._due is None or due < self._due):
            self._due = due
            self._store.async_delay_save(self._take, seconds)

    async def async_remove(self) -> None:
        """Delete the file, and those of its name that were damaged and kept aside."""
        if self._is_ours:
            self._is_ours = False
            await _remove(self._hass, self._store)

    @callback
    def _take(self) -> dict[str, Any]:
        self._due = None
        return self._snapshot()


def _ignore(_: Exception | None) -> None:
    """Take no notice: the ledger can be rebuilt."""


def _heard(future: asyncio.Future[None]) -> None:
    # Never cancelled: those who wait are shielded from it, and it from them.
    future.exception()
