"""What people and automations get wrong: a clear sentence, and nothing else happens."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
import logging
from typing import Any

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.translation import (
    async_get_exception_message,
    async_get_translations,
)
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.lane import Phase
from tests.fakes.base import FaultKind

from .house import (
    PlexSide,
    Side,
    act,
    bring_back,
    cut_off,
    notice,
    runtime_of,
    until_true,
    waiting,
)


@dataclass(frozen=True)
class Mistake:
    """What is called, and the key of the sentence that answers; words it must hold."""

    action: str
    key: str | Callable[[Side], str]
    data: Callable[[Side], dict[str, Any]]
    words: tuple[str, ...] = ()


def given(**data: Any) -> Callable[[Side], dict[str, Any]]:
    return lambda _: data


def of_film(**data: Any) -> Callable[[Side], dict[str, Any]]:
    return lambda side: {"item_id": side.item_id("Arrival"), **data}


def unknown_id(side: Side) -> dict[str, Any]:
    return {"item_id": "999999" if isinstance(side, PlexSide) else "f" * 32}


def id_of_another_product(side: Side) -> dict[str, Any]:
    return {"item_id": "f" * 32 if isinstance(side, PlexSide) else "1001"}


def tomorrow(side: Side) -> dict[str, Any]:
    at = dt_util.utcnow() + timedelta(days=1)
    return {"item_id": side.item_id("Arrival"), "watched_at": at.isoformat()}


def malformed(text: str) -> Mistake:
    return Mistake(
        "mark_watched", "malformed_external_id", given(external_id=text), (text,)
    )


MISTAKES: dict[str, Mistake] = {
    "unknown item": Mistake("mark_watched", "unknown_item", unknown_id),
    "id of another product": Mistake(
        "mark_watched",
        lambda side: (
            "unknown_item" if isinstance(side, PlexSide) else "impossible_item_id"
        ),
        id_of_another_product,
    ),
    "id that is none": Mistake(
        "mark_watched",
        "impossible_item_id",
        given(item_id="../../etc"),
        ("../../etc",),
    ),
    "nothing named": Mistake("mark_watched", "nothing_named", given()),
    "empty title": Mistake("mark_watched", "nothing_named", given(title="  ")),
    "two ways of naming": Mistake(
        "mark_watched", "named_twice", of_film(title="Arrival"), ("item_id", "title")
    ),
    "ambiguous title": Mistake(
        "mark_watched",
        "ambiguous",
        given(title="Dune"),
        ("Dune (1984)", "Dune (2021)"),
    ),
    "unknown title": Mistake(
        "mark_watched", "nothing_found", given(title="Plan 9"), ("Plan 9",)
    ),
    "title that is nearly right": Mistake(
        "mark_watched",
        "only_similar",
        given(title="Paddington"),
        ("Paddington 2 (2017)",),
    ),
    "title of another year": Mistake(
        "mark_watched", "only_similar", given(title="Arrival", year=1996)
    ),
    "year without title": Mistake(
        "mark_watched", "year_without_title", of_film(year=2016)
    ),
    "episode without season": Mistake(
        "mark_watched", "episode_without_season", given(title="Sherlock", episode=1)
    ),
    "negative season": Mistake(
        "mark_watched", "negative_number", given(title="Sherlock", season=-1)
    ),
    "season that is not there": Mistake(
        "mark_watched", "nothing_found", given(title="Sherlock", season=9), ("S09",)
    ),
    "episode that is not there": Mistake(
        "mark_watched",
        "nothing_found",
        given(title="Sherlock", season=1, episode=44),
        ("S01E44",),
    ),
    "season of a film": Mistake(
        "mark_watched",
        "season_without_show",
        given(external_id="tmdb://movie/603", season=1),
    ),
    "show of a film": Mistake("mark_watched", "no_show_above", of_film(scope="show")),
    "external id without a source": malformed("tt2543164"),
    "external id of another source": malformed("anidb://1"),
    "external id without a kind": malformed("tmdb://603"),
    "external id that is no number": malformed("tvdb://show/abc"),
    "external id that is no IMDb id": malformed("imdb://2543164"),
    "external id that nothing has": Mistake(
        "mark_watched",
        "nothing_found",
        given(external_id="imdb://tt0000001"),
    ),
    "negative position": Mistake(
        "set_progress", "negative_position", of_film(position={"seconds": -1})
    ),
    "position beyond the end": Mistake(
        "set_progress",
        "position_beyond_end",
        of_film(position={"hours": 3}),
        ("Arrival (2016)", "3:00:00", "1:56:00"),
    ),
    "no position": Mistake("set_progress", "no_position", of_film()),
    "two positions": Mistake(
        "set_progress", "two_positions", of_film(position=600, percent=10)
    ),
    "percentage beyond 100": Mistake(
        "set_progress", "percent_out_of_range", of_film(percent=101), ("101",)
    ),
    "progress of a show": Mistake(
        "set_progress", "progress_of_many", given(title="Sherlock", percent=50)
    ),
    "watched tomorrow": Mistake("mark_watched", "watched_in_future", tomorrow),
    "wait for an hour": Mistake(
        "mark_watched", "wait_out_of_range", of_film(wait=3600), ("300",)
    ),
    "many marked unasked": Mistake(
        "mark_watched",
        "mark_needs_confirmation",
        given(title="Breaking Bad"),
        ("62", "50"),
    ),
    "many unmarked unasked": Mistake(
        "mark_unwatched",
        "unmark_needs_confirmation",
        given(title="Sherlock"),
        ("12", "10"),
    ),
    "operation that is not there": Mistake(
        "retry", "unknown_operation", given(operation_id="01ABC"), ("01ABC",)
    ),
    "entity that is not there": Mistake(
        "mark_watched",
        "entity_not_found",
        given(entity_id="switch.nothing"),
        ("switch.nothing",),
    ),
}


async def sentence(hass: HomeAssistant, error: HomeAssistantError) -> str:
    """Return what a person reads."""
    assert error.translation_key is not None
    await async_get_translations(hass, "en", "exceptions", [DOMAIN])
    return async_get_exception_message(
        DOMAIN, error.translation_key, error.translation_placeholders
    )


async def comes_up(hass: HomeAssistant, entry: MockConfigEntry) -> bool:
    """Try again to set an entry up."""
    await hass.config_entries.async_reload(entry.entry_id)
    return entry.state is ConfigEntryState.LOADED


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged that a person would have to look at."""
    return [
        f"{record.levelname} {record.name} {record.getMessage()}"
        for record in caplog.records
        if record.levelno >= logging.WARNING
        # What Home Assistant's web server says of this machine is none of ours.
        and record.name not in ("asyncio", "aiohttp_fast_zlib")
    ]


@pytest.mark.parametrize("name", MISTAKES)
async def test_mistake_is_answered_with_a_sentence_and_changes_nothing(
    hass: HomeAssistant, side: Side, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    mistake = MISTAKES[name]
    await side.put(side.item_id("Alien"), plays=2)
    entry = await side.connect(hass)
    before = side.all_seen()
    caplog.clear()
    with pytest.raises(ServiceValidationError) as refused:
        await hass.services.async_call(
            DOMAIN, mistake.action, mistake.data(side), blocking=True
        )
    await hass.async_block_till_done()
    key = mistake.key if isinstance(mistake.key, str) else mistake.key(side)
    assert refused.value.translation_domain == DOMAIN
    assert refused.value.translation_key == key
    read = await sentence(hass, refused.value)
    assert all(word in read for word in mistake.words), read
    assert "{" not in read
    assert waiting(entry) == []
    assert side.writes == []
    assert side.all_seen() == before
    assert complaints(caplog) == []
    assert runtime_of(entry).lane.health.phase is Phase.READY


async def test_position_plex_would_not_keep_is_refused_with_its_limits(
    hass: HomeAssistant, plex: PlexSide
) -> None:
    entry = await plex.connect(hass)
    with pytest.raises(ServiceValidationError) as refused:
        await act(hass, "set_progress", title="Arrival", position=30)
    assert refused.value.translation_key == "position_not_kept"
    read = await sentence(hass, refused.value)
    assert all(word in read for word in (" 0:30", " 1:00", "90%")), read
    assert waiting(entry) == []
    assert plex.writes == []


async def test_entry_that_is_not_there_is_named_in_the_error(
    hass: HomeAssistant, side: Side, caplog: pytest.LogCaptureFixture
) -> None:
    """That sentence is Home Assistant's own."""
    entry = await side.connect(hass)
    caplog.clear()
    with pytest.raises(ServiceValidationError) as refused:
        await act(
            hass, "mark_watched", title="Arrival", config_entry_id="no_such_entry"
        )
    assert refused.value.translation_key == "service_config_entry_not_found"
    assert refused.value.translation_placeholders is not None
    assert "no_such_entry" in refused.value.translation_placeholders.values()
    assert waiting(entry) == []
    assert complaints(caplog) == []


@pytest.mark.parametrize(
    "data",
    [
        {"item_id": "1", "scope": "universe"},
        {"item_id": "1", "wait": "long"},
        {"item_id": "1", "watched_at": "whenever"},
        {"title": "Sherlock", "season": "first"},
        {"item_id": "1", "colour": "red"},
    ],
)
async def test_what_is_not_even_the_right_type_never_reaches_us(
    hass: HomeAssistant, side: Side, data: dict[str, Any]
) -> None:
    entry = await side.connect(hass)
    with pytest.raises(vol.Invalid):
        await act(hass, "mark_watched", **data)
    assert waiting(entry) == []
    assert side.writes == []


async def test_one_mistake_among_several_entities_queues_nothing(
    hass: HomeAssistant, side: Side
) -> None:
    await side.put(side.item_id("Alien"), plays=1)
    entry = await side.connect(hass, side.film("Arrival"))
    (switch,) = (
        entity_id
        for entity_id in hass.states.async_entity_ids("switch")
        if "arrival" in entity_id
    )
    with pytest.raises(ServiceValidationError) as refused:
        await act(hass, "mark_watched", entity_id=[switch, "switch.nothing"])
    assert refused.value.translation_key == "entity_not_found"
    assert waiting(entry) == []
    await hass.async_block_till_done()
    assert side.writes == []


async def test_unknown_title_while_the_server_is_away_says_which_server(
    hass: HomeAssistant, side: Side, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await side.connect(hass)
    await cut_off(hass, entry, side)
    caplog.clear()
    with pytest.raises(ServiceValidationError) as refused:
        await act(hass, "mark_watched", title="Arrival")
    assert refused.value.translation_key == "cannot_look_up"
    assert entry.title in await sentence(hass, refused.value)
    assert waiting(entry) == []
    assert complaints(caplog) == []


async def test_operation_accepted_before_a_mistake_is_not_lost_by_it(
    hass: HomeAssistant, side: Side
) -> None:
    film = side.item_id("Arrival")
    entry = await side.connect(hass)
    await cut_off(hass, entry, side)
    await act(hass, "mark_watched", item_id=film)
    before = waiting(entry)
    with pytest.raises(ServiceValidationError):
        await act(hass, "mark_watched", item_id=film, title="Arrival")
    assert waiting(entry) == before


# --- setting up -------------------------------------------------------------


async def test_first_set_up_without_the_server_is_tried_again(
    hass: HomeAssistant, side: Side, caplog: pytest.LogCaptureFixture
) -> None:
    entry = side.entry()
    await side.server.go_dark()
    entry.add_to_hass(hass)
    caplog.clear()
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "read_cannot_connect"
    # Home Assistant says in one line that it will try again; we add nothing.
    assert all("config_entries" in one for one in complaints(caplog)[1:])
    await side.server.come_back()
    assert await comes_up(hass, entry)


async def test_first_set_up_with_a_wrong_token_asks_for_a_sign_in(
    hass: HomeAssistant, side: Side
) -> None:
    entry = side.entry()
    side.revoke()
    entry.add_to_hass(hass)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "read_invalid_auth"
    (flow,) = hass.config_entries.flow.async_progress()
    assert flow["context"]["source"] == SOURCE_REAUTH


@pytest.mark.parametrize(
    "trouble",
    [
        {"kind": FaultKind.HTML, "status": 200},
        {"kind": FaultKind.HTML, "status": 502},
        {"kind": FaultKind.REDIRECT},
        {"kind": FaultKind.TRUNCATED},
        {"kind": FaultKind.STATUS, "status": 503},
    ],
    ids=str,
)
async def test_first_set_up_against_something_odd_is_tried_again(
    hass: HomeAssistant, side: Side, trouble: dict[str, Any]
) -> None:
    entry = side.entry()
    side.server.fail(times=None, **trouble)
    entry.add_to_hass(hass)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    side.server.clear_faults()
    assert await comes_up(hass, entry)


async def test_server_that_is_another_one_now_gets_nothing_and_loses_nothing(
    hass: HomeAssistant, side: Side, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever took the address: what waits is not written to it."""
    film = side.item_id("Arrival")
    entry = await side.connect(hass)
    await cut_off(hass, entry, side)
    await act(hass, "mark_watched", item_id=film)
    impostor: Any = side.server
    attribute = "machine_identifier" if isinstance(side, PlexSide) else "server_id"
    ours = getattr(impostor, attribute)
    setattr(impostor, attribute, "0" * 32)
    await side.server.come_back()
    caplog.clear()
    failures = runtime_of(entry).lane.health.failures
    runtime_of(entry).relay.nudge()
    await until_true(lambda: runtime_of(entry).lane.health.failures > failures)
    assert len(waiting(entry)) == 1
    assert side.writes == []
    assert complaints(caplog) == []
    setattr(impostor, attribute, ours)
    await notice(hass, entry, Phase.READY)
    await until_true(lambda: not waiting(entry))
    assert side.seen(film).plays == 1


async def test_plex_entry_that_leads_to_jellyfin_waits(
    hass: HomeAssistant, plex: PlexSide, jellyfin: Side
) -> None:
    """And the reverse: neither writes anything to the other's address."""
    for ours, theirs in ((plex, jellyfin), (jellyfin, plex)):
        entry = ours.entry()
        entry.add_to_hass(hass)
        hass.config_entries.async_update_entry(
            entry, data={**entry.data, "url": theirs.server.url}
        )
        assert not await hass.config_entries.async_setup(entry.entry_id)
        assert entry.state is ConfigEntryState.SETUP_RETRY
        assert theirs.writes == []


async def test_offline_server_is_back_after_all_these_errors(
    hass: HomeAssistant, side: Side
) -> None:
    entry = await side.connect(hass)
    await cut_off(hass, entry, side)
    for title in ("Nothing", "Dune"):
        with pytest.raises(ServiceValidationError):
            await act(hass, "mark_watched", title=title)
    await bring_back(hass, entry, side)
    await act(hass, "mark_watched", title="Dune", year=2021, wait=10)
    assert side.seen(side.item_id("Dune", 2021)).plays == 1
