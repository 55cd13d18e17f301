"""The browser is given the card everywhere, and the page while somebody wants it."""

from http import HTTPStatus

from homeassistant.components.frontend import (
    DATA_EXTRA_MODULE_URL,
    DATA_PANELS,
    Panel,
    UrlManager,
    async_register_built_in_panel,
)
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, mock_component
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.panel import PANEL_PATH

from .common import MemoryServer, setup_lane

OFF = {"entities": {"panel": False}}


@pytest.fixture
async def urls(hass: HomeAssistant) -> UrlManager:
    """What Home Assistant's frontend loads everywhere; it is there."""
    assert await async_setup_component(hass, "http", {})
    urls = UrlManager(lambda _kind, _url: None, [])
    hass.data[DATA_EXTRA_MODULE_URL] = urls
    mock_component(hass, "frontend")
    return urls


def page(hass: HomeAssistant) -> Panel | None:
    """Return what stands at our address in the sidebar."""
    found: Panel | None = hass.data.get(DATA_PANELS, {}).get(PANEL_PATH)
    return found


async def choose(hass: HomeAssistant, entry: MockConfigEntry, *, panel: bool) -> None:
    """Go through the options of an entry, and change one thing."""
    flow = await hass.config_entries.options.async_init(entry.entry_id)
    flow = await hass.config_entries.options.async_configure(
        flow["flow_id"], {"next_step_id": "preferences"}
    )
    assert flow["data_schema"] is not None
    done = await hass.config_entries.options.async_configure(
        flow["flow_id"],
        {
            "person": "shared",
            "entities": {"up_next_switches": 3, "panel": panel},
            "playback": {"watched_threshold": 90},
            "mirror": {},
            "delivery": {"conflict_policy": "newest", "max_retry_age": 30},
        },
    )
    assert done["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()


@pytest.mark.usefixtures("socket_enabled")
async def test_browser_gets_the_files_under_an_address_of_their_own(
    hass: HomeAssistant,
    urls: UrlManager,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    await setup_lane(hass, MemoryServer())
    (everywhere,) = urls.urls
    assert everywhere.startswith(f"/{DOMAIN}/")
    panel = page(hass)
    assert panel is not None
    assert panel.sidebar_title == "Watched"
    assert panel.config is not None
    custom = panel.config["_panel_custom"]
    assert custom["name"] == "watched-sync-panel"
    client = await hass_client_no_auth()
    for url in (everywhere, custom["module_url"]):
        answer = await client.get(url)
        assert answer.status == HTTPStatus.OK
        assert answer.content_type == "text/javascript"
        assert "max-age" in answer.headers["Cache-Control"]


@pytest.mark.usefixtures("urls")
async def test_page_has_its_name_in_the_language_of_home_assistant(
    hass: HomeAssistant,
) -> None:
    hass.config.language = "nl"
    await setup_lane(hass, MemoryServer())
    panel = page(hass)
    assert panel is not None
    assert panel.sidebar_title == "Bekeken"


async def test_without_a_frontend_nothing_is_served(hass: HomeAssistant) -> None:
    entry = await setup_lane(hass, MemoryServer())
    assert page(hass) is None
    assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.usefixtures("urls")
async def test_page_goes_and_comes_with_the_option_of_any_entry(
    hass: HomeAssistant,
) -> None:
    one = await setup_lane(hass, MemoryServer())
    other = await setup_lane(hass, MemoryServer(user_id="bob"))
    await choose(hass, one, panel=False)
    assert page(hass) is None
    assert one.options["entities"]["panel"] is False
    # Switched on at the other one: it is the same page.
    await choose(hass, other, panel=True)
    assert one.options["entities"] == {
        "up_next_switches": 3,
        "libraries": [],
        "panel": True,
    }
    assert page(hass) is not None


@pytest.mark.usefixtures("urls")
async def test_page_goes_with_the_last_entry(
    hass: HomeAssistant,
) -> None:
    entry = await setup_lane(hass, MemoryServer())
    assert await hass.config_entries.async_set_disabled_by(
        entry.entry_id, ConfigEntryDisabler.USER
    )
    assert page(hass) is None
    assert await hass.config_entries.async_set_disabled_by(entry.entry_id, None)
    await hass.async_block_till_done()
    assert page(hass) is not None
    await hass.config_entries.async_remove(entry.entry_id)
    assert page(hass) is None


@pytest.mark.usefixtures("urls")
async def test_page_of_somebody_else_at_that_address_stays(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    async_register_built_in_panel(hass, "iframe", frontend_url_path=PANEL_PATH)
    entry = await setup_lane(hass, MemoryServer(), options=OFF)
    await choose(hass, entry, panel=True)
    panel = page(hass)
    assert panel is not None
    assert panel.component_name == "iframe"
    assert "another one is at /watched" in caplog.text
