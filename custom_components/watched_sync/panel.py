"""What the browser is given: the files of `frontend/`, and the page in the sidebar.

The files are made by `scripts/frontend`. The card and the dashboard come to every page
of Home Assistant; the page of our own is loaded when it is opened.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from homeassistant.components.frontend import (
    DOMAIN as FRONTEND,
    add_extra_js_url,
    async_panel_exists,
    async_remove_panel,
)
from homeassistant.components.http import StaticPathConfig
from homeassistant.components.panel_custom import async_register_panel
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.translation import async_get_translations
from homeassistant.loader import async_get_integration
from homeassistant.setup import async_when_setup
from homeassistant.util.hass_dict import HassKey

from .browsing.shelves import async_shelves
from .bundle import FILES
from .const import CONF_PANEL, DOMAIN, LOGGER, SECTION_ENTITIES
from .preferences import preferences

#: The page's address. Dashboards that people make have a dash in theirs.
PANEL_PATH: Final = "watched"
_ELEMENT: Final = "watched-sync-panel"
_ICON: Final = "mdi:eye-check-outline"

_FOLDER: Final = "frontend"
_EVERYWHERE: Final = "watched-sync.js"
_PANEL: Final = "panel.js"


@dataclass(slots=True)
class _Face:
    """Where the files are served, and whether the page in the sidebar is ours."""

    url: str
    has_panel: bool = False


_FACE: Final[HassKey[_Face]] = HassKey(f"{DOMAIN}_face")


async def async_setup_face(hass: HomeAssistant) -> None:
    """Serve the files once Home Assistant has a frontend; one without gets nothing."""

    async def serve(hass: HomeAssistant, _: str) -> None:
        integration = await async_get_integration(hass, DOMAIN)
        folder = integration.file_path / _FOLDER
        # The address changes with the files, so that browsers may keep them for good.
        face = _Face(f"/{DOMAIN}/{FILES}")
        await hass.http.async_register_static_paths(
            [StaticPathConfig(face.url, str(folder), cache_headers=True)]
        )
        hass.data[_FACE] = face
        add_extra_js_url(hass, f"{face.url}/{_EVERYWHERE}")
        await async_update_panel(hass)

    async_when_setup(hass, FRONTEND, serve)


async def async_update_panel(hass: HomeAssistant) -> None:
    """Have the page in the sidebar exactly while it is wanted."""
    if (face := hass.data.get(_FACE)) is None:
        return
    wanted = is_panel_wanted(hass.config_entries.async_entries(DOMAIN))
    if wanted:
        # So that it is there at once when it is opened for the first time.
        async_shelves(hass).async_stir()
    if wanted and not face.has_panel:
        if async_panel_exists(hass, PANEL_PATH):
            LOGGER.warning(
                "The page is not in the sidebar, as another one is at /%s", PANEL_PATH
            )
            return
        face.has_panel = True
        await async_register_panel(
            hass,
            PANEL_PATH,
            _ELEMENT,
            sidebar_title=await _async_title(hass),
            sidebar_icon=_ICON,
            module_url=f"{face.url}/{_PANEL}",
        )
    elif face.has_panel and not wanted:
        face.has_panel = False
        async_remove_panel(hass, PANEL_PATH)


def is_panel_wanted(entries: Iterable[ConfigEntry[Any]]) -> bool:
    """Whether the page belongs into the sidebar: there is a lane, and none says no."""
    chosen = [preferences(entry).panel for entry in entries if not entry.disabled_by]
    return bool(chosen) and all(chosen)


def async_want_panel(hass: HomeAssistant, besides: ConfigEntry[Any]) -> None:
    """Take back what other entries than *besides* said against the page.

    There is one page for all of them: whoever switches it on wants to see it.
    """
    for entry in hass.config_entries.async_entries(DOMAIN):
        if entry.entry_id != besides.entry_id and not preferences(entry).panel:
            entities = {**entry.options[SECTION_ENTITIES], CONF_PANEL: True}
            hass.config_entries.async_update_entry(
                entry, options={**entry.options, SECTION_ENTITIES: entities}
            )


async def _async_title(hass: HomeAssistant) -> str:
    """Return the name of the page in the language of this Home Assistant."""
    words = await async_get_translations(
        hass, hass.config.language, "config_panel", [DOMAIN]
    )
    return words[f"component.{DOMAIN}.config_panel.panel.title"]
