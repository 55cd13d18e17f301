"""Watched Sync: tell Plex and Jellyfin what was watched, and never lose it."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from functools import partial
import random
from typing import Any, Final

from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.const import CONF_URL
from homeassistant.core import HassJob, HomeAssistant, callback
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.start import async_at_started
from homeassistant.helpers.typing import UNDEFINED, ConfigType
from homeassistant.util.hass_dict import HassKey

from .activity import ActivityFeed
from .api import async_setup_api
from .catalogue_store import CatalogueStore, async_remove_catalogue, catalogue_path
from .causes import async_setup_causes
from .checks import (
    async_end as async_end_check,
    async_is_under_way as async_is_checked,
    async_put_back,
)
from .connecting import entry_server, known_info
from .const import (
    CONF_KIND,
    CONF_PERSON,
    CONF_SERVER_ID,
    DOMAIN,
    ENTRY_MINOR_VERSION,
    LOGGER,
    MODELS,
    PLATFORMS,
    PRODUCTS,
    SECTION_PLAYBACK,
)
from .coordinator import WatchedSyncCoordinator
from .core.errors import (
    JournalError,
    LaneDown,
    Parked,
    Reason,
    Rejected,
    ServerError,
    Unreachable,
    UnsupportedVersion,
    WrongServer,
    classify,
)
from .core.identity import MediaKind, ProviderIds
from .core.inventory import Inventory
from .core.lane import Health, Lane, LaneUpdate, Phase
from .core.learnt import learn_from_plays
from .core.observer import Observer
from .core.pace import Pace
from .core.play_state import Reading
from .core.ports import Changed, Clock, MediaServer, ServerInfo
from .core.relay import Relay
from .dialogs.player import log_damaged_players
from .failures import (
    being_checked,
    first_contact_failed,
    newer_storage,
    unreadable_storage,
)
from .images import (
    async_forget as async_forget_images,
    async_remove_images,
    async_setup_images,
)
from .issues import (
    async_mass_change,
    async_remove as async_remove_issues,
    async_unsupported_server,
    async_watch,
)
from .levelling.carrying_out import async_start_levellings
from .levelling.offers import (
    async_attach as async_attach_offers,
    async_withdraw as async_withdraw_offers,
)
from .mirroring import Mirroring
from .moves import async_watch_address
from .naming.joining import LookUps
from .panel import async_setup_face, async_update_panel
from .players.following import (
    async_follow,
    async_forget as async_forget_followed,
    async_unfollow,
)
from .players.memory import async_end_memory, async_start_memory
from .preferences import async_follow_person, preferences
from .runtime import HAClock, WatchedSyncConfigEntry, WatchedSyncRuntime
from .services import async_setup_services
from .signing_in import async_sign_out
from .store import LedgerStore, OutboxStore, StorageNewer, StorageUnreadable
from .tracking import TrackedItems, async_name_devices, log_damaged

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)

_PACES: HassKey[dict[str, Pace]] = HassKey(f"{DOMAIN}_paces")

#: Seconds that setting up waits for a server; after that it is away.
FIRST_CONTACT: Final = 10.0

#: Seconds in which a server may answer what was sent before delivering ends.
LAST_ANSWERS: Final = 5.0


async def async_setup(hass: HomeAssistant, _: ConfigType) -> bool:
    """Register the actions; they work on whatever entries are loaded."""
    async_setup_services(hass)
    async_setup_causes(hass)
    async_setup_api(hass)
    await async_setup_images(hass)
    await async_start_memory(hass)
    await async_setup_face(hass)
    await async_start_levellings(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: WatchedSyncConfigEntry) -> bool:
    """Bring one lane up: what was stored first, the server second.

    An entry that ran before comes up without its server, as accepting requests is the
    point of the queue. One that never ran is retried by Home Assistant.
    """
    if async_is_checked(hass, entry.entry_id):
        raise being_checked(entry.title)
    await async_start_memory(hass)  # it ends with the last entry
    await async_update_panel(hass)
    levellings = await async_start_levellings(hass)
    journal = OutboxStore(hass, entry.entry_id)
    ledger = LedgerStore(hass, entry.entry_id)
    try:
        outbox = await journal.async_load()
        await ledger.async_load()
    except StorageNewer as err:
        raise newer_storage(str(err)) from err
    except StorageUnreadable as err:
        raise unreadable_storage(str(err)) from err

    log_damaged(entry)
    log_damaged_players(entry)
    if journal.is_restored:
        ledger.moves.hold()
        # Files that were copied while they were written need not fit together.
        await async_remove_catalogue(hass, entry.entry_id)
    server = entry_server(hass, entry, ledger.learnt)
    contact = await _first_contact(server, entry.data[CONF_SERVER_ID])
    if isinstance(contact, ServerError):
        if journal.is_new:
            if isinstance(contact, UnsupportedVersion):
                async_unsupported_server(hass, entry, contact.version)
            raise first_contact_failed(contact, entry.title) from contact
        info = known_info(entry.data)
    else:
        info = contact

    clock = HAClock(hass)

    @callback
    def create_task(coro: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        # Not eager: the lane looks at the task it gets back. Not on the entry: its
        # tasks are cancelled on unload, and this one has callers waiting.
        return hass.async_create_task(
            coro, f"{DOMAIN} {entry.entry_id} commit", eager_start=False
        )

    catalogue = CatalogueStore(catalogue_path(hass, entry.entry_id))
    lane = Lane(
        outbox=outbox,
        ledger=ledger.ledger,
        journal=journal,
        clock=clock,
        catalogue=catalogue,
        create_task=create_task,
    )
    opened = asyncio.Event()

    async def listen_first() -> None:
        try:
            # What a check had done would be taken for what the user did.
            await async_put_back(hass, entry)
            await observer.open()
        finally:
            opened.set()

    async def find(
        kind: MediaKind, ids: ProviderIds, title: str | None = None
    ) -> Sequence[Reading]:
        return await inventory.find(kind, ids, title)

    @callback
    def hint(change: Changed) -> None:
        observer.hint(change)

    chosen = preferences(entry)
    rng = random.Random()  # noqa: S311 - chance for delays, not for secrets
    relay = Relay(
        lane,
        server,
        server_id=info.server_id,
        label=info.server_name,
        clock=clock,
        rng=rng,
        policy=chosen.conflict_policy,
        max_retry_age=chosen.max_retry_age,
        opening=listen_first,
        find=find,
    )
    if isinstance(contact, ServerError):
        _start_offline(lane, contact, info.server_name)
    _watch_sign_in(hass, entry, lane)
    async_watch(hass, entry, lane)
    async_watch_address(hass, entry, lane)
    coordinator = WatchedSyncCoordinator(
        hass,
        entry,
        lane=lane,
        relay=relay,
        server=server,
        ledger=ledger,
        find=find,
    )
    mirroring = Mirroring(
        hass,
        entry,
        lane,
        server,
        ledger,
        clock=clock,
        allows=coordinator.allows,
        report=relay.report,
        tell=lambda held: async_mass_change(hass, entry, held),
    )
    inventory = Inventory(
        lane,
        server,
        catalogue,
        _pace(hass, info.server_id, clock),
        label=info.server_name,
        played_until=ledger.plays_seen_until or ledger.moves.since,
        hint=hint,
        report=relay.report,
        clock=clock,
    )
    activity = ActivityFeed(hass, entry, lane, paused=lambda: ledger.paused)
    observer = Observer(
        lane,
        server,
        coordinator,
        label=info.server_name,
        report=relay.report,
        clock=clock,
        rng=rng,
        missed=inventory.look_again,
        counts=inventory,
    )
    if journal.is_new:
        try:
            await journal.save()
        except JournalError as err:
            # Told of in a repair issue; every request will be refused with a reason.
            LOGGER.debug("%s: the empty outbox was not written: %r", entry.title, err)

    tracked = TrackedItems(hass, entry, coordinator)
    entry.runtime_data = WatchedSyncRuntime(
        hass=hass,
        lane=lane,
        relay=relay,
        inventory=inventory,
        catalogue=catalogue,
        look_ups=LookUps(),
        server=server,
        info=info,
        coordinator=coordinator,
        tracked=tracked,
        journal=journal,
        ledger=ledger,
        clock=clock,
        device_id=_register_device(hass, entry, info),
        observer_task=entry.async_create_background_task(
            hass,
            observer.run(),
            f"{DOMAIN} {entry.entry_id} observer",
            eager_start=False,
        ),
        relay_task=entry.async_create_background_task(
            hass, relay.run(), f"{DOMAIN} {entry.entry_id} relay", eager_start=False
        ),
        inventory_task=entry.async_create_background_task(
            hass,
            inventory.run(),
            f"{DOMAIN} {entry.entry_id} inventory",
            eager_start=False,
        ),
        mirroring=mirroring,
        mirroring_task=entry.async_create_background_task(
            hass,
            mirroring.run(),
            f"{DOMAIN} {entry.entry_id} mirroring",
            eager_start=False,
        ),
    )
    entry.async_on_unload(
        lane.add_listener(
            lambda update: learn_from_plays(
                ledger.learnt, update.before, update.readings
            )
        )
    )
    await _first_look(lane, opened)
    async_name_devices(hass)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    async_follow(hass, entry)
    async_follow_person(hass, entry)
    activity.async_release()
    entry.async_on_unload(
        levellings.async_attach(entry, is_restored=journal.is_restored)
    )
    entry.async_on_unload(async_attach_offers(hass, entry, is_new=journal.is_new))

    @callback
    def begin(_: HomeAssistant) -> None:
        inventory.begin()

    # While everything comes up nobody wants to wait for a listing.
    entry.async_on_unload(async_at_started(hass, begin))
    entry.async_on_unload(entry.add_update_listener(_async_changed))
    # Before Home Assistant calls itself stopping: what was accepted just now is still
    # written, and nobody waits for a confirmation that will not come any more.
    entry.async_on_unload(
        hass.async_add_shutdown_job(HassJob(partial(_fall_silent, entry.runtime_data)))
    )
    return True


def _pace(hass: HomeAssistant, server_id: str, clock: Clock) -> Pace:
    """Return the pace of a server: of all its lanes, and however often they reload."""
    return hass.data.setdefault(_PACES, {}).setdefault(server_id, Pace(clock))


async def _fall_silent(runtime: WatchedSyncRuntime) -> None:
    """Take nothing in any more, and hear the answers to what is under way."""
    await runtime.lane.close()
    await runtime.relay.stop(LAST_ANSWERS)
    await _close_catalogue(runtime)


async def _close_catalogue(runtime: WatchedSyncRuntime) -> None:
    """List no more, write what was read until now, and end the catalogue."""
    runtime.inventory_task.cancel()
    await asyncio.wait([runtime.inventory_task])
    await runtime.inventory.flush()
    await runtime.catalogue.close()


async def async_migrate_entry(
    hass: HomeAssistant, entry: WatchedSyncConfigEntry
) -> bool:
    """Bring an entry of another release up to date.

    1.2 added what an entry of 1.1 does without: the token of a Plex account. 1.3 moved
    the person out of the options' section for playback. One of a later 1.x has more
    than we know of, and is left as it is; Home Assistant refuses a 2.x by itself.
    """
    if entry.minor_version < ENTRY_MINOR_VERSION:
        hass.config_entries.async_update_entry(
            entry,
            options=_with_person_moved(entry.options),
            minor_version=ENTRY_MINOR_VERSION,
        )
    return True


def _with_person_moved(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options of 1.2 as those of 1.3."""
    playback = dict(options.get(SECTION_PLAYBACK, {}))
    if (person := playback.pop(CONF_PERSON, None)) is None:
        return dict(options)
    return {**options, SECTION_PLAYBACK: playback, CONF_PERSON: person}


async def async_unload_entry(
    hass: HomeAssistant, entry: WatchedSyncConfigEntry
) -> bool:
    """Stop delivering and write down what the disk does not know yet."""
    if not await hass.config_entries.async_unload_platforms(entry, PLATFORMS):
        return False
    runtime = entry.runtime_data
    await async_unfollow(hass, entry)
    tasks = (
        runtime.mirroring_task,
        runtime.relay_task,
        runtime.observer_task,
    )
    await runtime.relay.stop(LAST_ANSWERS)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await runtime.lane.close()
    await runtime.journal.async_flush()
    await runtime.ledger.async_flush()
    await _close_catalogue(runtime)
    async_forget_images(hass, entry)
    await async_update_panel(hass)
    return True


async def async_remove_entry(
    hass: HomeAssistant, entry: WatchedSyncConfigEntry
) -> None:
    """Delete what was stored and what was said about it, and sign out.

    Removing waits for no server: one that is away keeps the sign-in.
    """
    await async_end_check(hass, entry.entry_id)
    hass.async_create_background_task(
        async_sign_out(hass, entry.data), f"{DOMAIN} signs out"
    )
    await OutboxStore(hass, entry.entry_id).async_remove()
    await LedgerStore(hass, entry.entry_id).async_remove()
    await async_remove_catalogue(hass, entry.entry_id)
    async_remove_issues(hass, entry.entry_id)
    levellings = await async_start_levellings(hass)
    await levellings.async_forget(entry.entry_id)
    async_withdraw_offers(hass, entry.entry_id)
    async_forget_followed(hass, entry.entry_id)
    async_name_devices(hass)
    await async_update_panel(hass)
    if not hass.config_entries.async_entries(DOMAIN):
        await async_end_memory(hass)
        await async_remove_images(hass)
        await levellings.async_remove()


async def async_remove_config_entry_device(
    _: HomeAssistant,
    entry: WatchedSyncConfigEntry,
    device: dr.DeviceEntry,
) -> bool:
    """Let a person delete the device of an item that is not tracked any more."""
    runtime = entry.runtime_data
    in_use = {(DOMAIN, runtime.lane_id)} | {
        (DOMAIN, f"{runtime.lane_id}:{item_id}")
        for item_id in runtime.coordinator.tracked_ids
    }
    return not in_use & device.identifiers


async def _async_changed(hass: HomeAssistant, entry: WatchedSyncConfigEntry) -> None:
    """Follow what is tracked now, or start anew with whatever else was changed."""
    if not await entry.runtime_data.tracked.async_update():
        await hass.config_entries.async_reload(entry.entry_id)


async def _first_contact(
    server: MediaServer, server_id: str
) -> ServerInfo | ServerError:
    """Ask once who is there, with little patience."""
    try:
        async with asyncio.timeout(FIRST_CONTACT):
            info = await server.probe()
    except TimeoutError:
        return Unreachable("no answer in time")
    except ServerError as err:
        return err
    if info.server_id != server_id:
        return WrongServer("another server answers at this address")
    return info


async def _first_look(lane: Lane, opened: asyncio.Event) -> None:
    """Wait a little until the server was read, so that entities come up complete.

    A server that is away, or takes its time, is not waited for.
    """

    @callback
    def changed(_: LaneUpdate) -> None:
        if lane.health.phase is not Phase.READY:
            opened.set()

    remove = lane.add_listener(changed)
    try:
        changed(LaneUpdate())
        async with asyncio.timeout(FIRST_CONTACT):
            await opened.wait()
    except TimeoutError:
        LOGGER.debug("Set up before the server was read")
    finally:
        remove()


def _start_offline(lane: Lane, error: ServerError, label: str) -> None:
    """Begin as the relay would have left the lane."""
    now = lane.clock.now()
    match classify(error):
        case Parked():
            health = Health(Phase.PARKED, now, Reason.AUTH_REQUIRED)
        case LaneDown(reason, version=version):
            health = Health(Phase.BACKING_OFF, now, reason, version=version)
        case Rejected(Reason.FORBIDDEN as reason):
            health = Health(Phase.BACKING_OFF, now, reason)
        case _:
            health = Health(Phase.BACKING_OFF, now, Reason.UNREACHABLE)
    LOGGER.info(
        "Starting without %s: %s",
        label,
        health.reason.value if health.reason else "",
    )
    lane.set_health(health)


def _watch_sign_in(
    hass: HomeAssistant, entry: WatchedSyncConfigEntry, lane: Lane
) -> None:
    """Ask for a new sign-in, once, whenever the server stops accepting ours.

    Once it accepts it again, nobody has to sign in any more.
    """
    phase: Phase | None = None

    @callback
    def look(_: LaneUpdate) -> None:
        nonlocal phase
        if lane.health.phase is phase:
            return
        phase = lane.health.phase
        if phase is Phase.PARKED:
            entry.async_start_reauth(hass)
        elif phase is Phase.READY:
            # That withdraws Home Assistant's repair issue as well.
            for flow in list(entry.async_get_active_flows(hass, {SOURCE_REAUTH})):
                hass.config_entries.flow.async_abort(flow["flow_id"])

    entry.async_on_unload(lane.add_listener(look))
    look(LaneUpdate())


def _register_device(
    hass: HomeAssistant, entry: WatchedSyncConfigEntry, info: ServerInfo
) -> str:
    """Register the lane's device and return its id; an unknown version is kept."""
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={(DOMAIN, f"{info.server_id}:{info.user_id}")},
        name=entry.title,
        entry_type=dr.DeviceEntryType.SERVICE,
        manufacturer=PRODUCTS[entry.data[CONF_KIND]],
        model=MODELS[entry.data[CONF_KIND]],
        configuration_url=entry.data[CONF_URL],
        sw_version=info.version or UNDEFINED,
    )
    return device.id
