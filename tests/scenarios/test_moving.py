"""From a server that is going away to another one, over TCP."""

from datetime import UTC, datetime
from typing import Any

from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError, Unauthorized
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.watched_sync.const import DOMAIN

from .house import ONE_PLAY, UNSEEN, JellyfinSide, PlexSide, act, cut_off
from .machine import TimeMachine
from .test_catalogue import restart
from .test_level import over, read

WATCHED_AT = datetime(2024, 5, 1, 20, 0, tzinfo=UTC)


async def both_read(
    hass: HomeAssistant, plex: PlexSide, jellyfin: JellyfinSide, machine: TimeMachine
) -> tuple[MockConfigEntry, MockConfigEntry]:
    """Connect an old server, on which Alien was watched, and a new one."""
    await plex.put(plex.item_id("Alien"), plays=1, at=WATCHED_AT)
    entries = await plex.connect(hass), await jellyfin.connect(hass)
    machine.running = True
    await read(*entries)
    return entries


async def disable(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await hass.config_entries.async_set_disabled_by(
        entry.entry_id, ConfigEntryDisabler.USER
    )
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.NOT_LOADED


async def level(
    hass: HomeAssistant, *entries: MockConfigEntry, source: MockConfigEntry, **data: Any
) -> dict[str, Any]:
    entry_ids = [one.entry_id for one in entries]
    return await act(
        hass, "level", config_entry_id=entry_ids, source=source.entry_id, **data
    )


async def moved(
    hass: HomeAssistant, jellyfin: JellyfinSide, entry: MockConfigEntry, **data: Any
) -> None:
    """Check that what the old server had is shown, and done where it is confirmed."""
    plan = await act(hass, "level", **data)
    (lane,) = (one for one in plan["lanes"] if one["total"])
    assert (lane["config_entry_id"], lane["total"]) == (entry.entry_id, 1)
    (row,) = lane["rows"]
    assert (row["title"], row["from"]) == ("Alien (1979)", "Fake Plex (alex)")
    done = await act(hass, "level", confirm=plan["plan_id"], **data)
    await over(hass, done["batch_id"])
    alien = jellyfin.item_id("Alien")
    assert {item_id for _, item_id in jellyfin.marks()} == {alien}
    assert jellyfin.seen(alien) == ONE_PLAY
    assert jellyfin.last_played(alien) == WATCHED_AT


async def test_a_server_that_is_gone_is_a_source_all_the_same(
    hass: HomeAssistant, plex: PlexSide, jellyfin: JellyfinSide, machine: TimeMachine
) -> None:
    old, new = await both_read(hass, plex, jellyfin, machine)
    await cut_off(hass, old, plex)
    await restart(hass, old)
    await moved(
        hass,
        jellyfin,
        new,
        config_entry_id=[old.entry_id, new.entry_id],
        source=old.entry_id,
    )


async def test_an_entry_that_is_switched_off_is_a_source_too(
    hass: HomeAssistant, plex: PlexSide, jellyfin: JellyfinSide, machine: TimeMachine
) -> None:
    old, new = await both_read(hass, plex, jellyfin, machine)
    await disable(hass, old)
    await plex.server.go_dark()
    await moved(
        hass,
        jellyfin,
        new,
        config_entry_id=[new.entry_id],
        source=old.entry_id,
    )


async def test_only_allowed_libraries_of_a_source_that_is_switched_off_count(
    hass: HomeAssistant, plex: PlexSide, jellyfin: JellyfinSide, machine: TimeMachine
) -> None:
    old, new = await both_read(hass, plex, jellyfin, machine)
    await disable(hass, old)
    hass.config_entries.async_update_entry(
        old, options={"person": "shared", "entities": {"libraries": ["none"]}}
    )
    plan = await level(hass, new, source=old)
    assert plan["total"] == 0
    assert jellyfin.seen(jellyfin.item_id("Alien")) == UNSEEN


async def test_what_was_never_read_is_no_source(
    hass: HomeAssistant, plex: PlexSide, jellyfin: JellyfinSide, machine: TimeMachine
) -> None:
    old, new = await plex.connect(hass), await jellyfin.connect(hass)
    await disable(hass, old)
    machine.running = True
    await read(new)
    with pytest.raises(ServiceValidationError) as caught:
        await level(hass, new, source=old)
    assert caught.value.translation_key == "level_not_read"


async def test_nothing_is_written_to_what_is_switched_off(
    hass: HomeAssistant, plex: PlexSide, jellyfin: JellyfinSide, machine: TimeMachine
) -> None:
    old, new = await both_read(hass, plex, jellyfin, machine)
    await disable(hass, old)
    with pytest.raises(ServiceValidationError):
        await level(hass, old, new, source=new)
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, "level", config_entry_id=[new.entry_id], source="nobody")
    assert caught.value.translation_key in ("level_source_unknown", "level_needs_two")


async def test_nobody_looks_into_an_entry_of_another(
    hass: HomeAssistant, plex: PlexSide, jellyfin: JellyfinSide, machine: TimeMachine
) -> None:
    old, new = await both_read(hass, plex, jellyfin, machine)
    await disable(hass, old)
    hass.config_entries.async_update_entry(old, options={"person": "person.ada"})
    user = MockUser().add_to_hass(hass)
    with pytest.raises(Unauthorized):
        await hass.services.async_call(
            DOMAIN,
            "level",
            {"config_entry_id": [new.entry_id], "source": old.entry_id},
            blocking=True,
            return_response=True,
            context=Context(user_id=user.id),
        )
