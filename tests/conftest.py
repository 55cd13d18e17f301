"""What every test stands on."""

import asyncio
from collections.abc import Iterator
import gc
from pathlib import Path
from unittest.mock import patch

from homeassistant import loader, runner
from homeassistant.components.http import HomeAssistantHTTP
from homeassistant.core import HomeAssistant
from homeassistant.helpers import script
from hypothesis import settings
import pytest

# The test plugin ships a `custom_components` package of its own: ours must be the
# one that is imported first, or Home Assistant does not find the integration.
from custom_components import watched_sync
from custom_components.watched_sync.naming import joining

from .core.memory_catalogue import MemoryCatalogue
from .wording import Wording

settings.register_profile("watched_sync", deadline=None, print_blob=True)
settings.load_profile("watched_sync")


@pytest.fixture
def hass(hass: HomeAssistant) -> HomeAssistant:
    """Home Assistant that loads custom integrations (the plugin's does not)."""
    hass.data.pop(loader.DATA_CUSTOM_COMPONENTS, None)
    return hass


@pytest.fixture
def hass_config_dir(tmp_path: Path) -> str:
    """Give each Home Assistant a folder of its own: catalogues are files.

    That of the plugin is shared by all tests, and by whoever else runs them.
    """
    folder = tmp_path / "config"
    (folder / ".storage").mkdir(parents=True)
    return str(folder)


@pytest.fixture(autouse=True)
def nothing_takes_time_where_it_stands_still(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Look up at once, and without a thread, where a test has stopped the clock."""
    if "freezer" in request.fixturenames:
        monkeypatch.setattr(joining, "JOINED", 0)
        monkeypatch.setattr(watched_sync, "CatalogueStore", lambda _: MemoryCatalogue())


@pytest.fixture(autouse=True, scope="session")
def rare_garbage_collection() -> None:
    """Look for garbage once in fifty thousand new objects instead of two thousand.

    The way to it is through all that Home Assistant holds, and was a sixth of the time
    of its tests. The test plugin has all garbage collected before each file.
    """
    gc.set_threshold(50_000, 10, 10)


# Four fixtures of the test plugin come before each of our ten thousand tests, of which
# two thirds know no Home Assistant. These take their places, and hardly any time.


@pytest.fixture(autouse=True)
def enable_event_loop_debug() -> None:
    """Leave the loop's debug mode to PYTHONASYNCIODEBUG, as `scripts/test --long` does.

    The test plugin has it switched on for every test. It notes the whole stack wherever
    a future is made: that is a third of the time of all tests.
    """


@pytest.fixture
async def loop_of_home_assistant() -> None:
    """Give the event loop what Home Assistant gives its own."""
    runner.configure_event_loop(asyncio.get_running_loop())


@pytest.fixture(autouse=True)
def configure_event_loop(request: pytest.FixtureRequest) -> None:
    """Leave the event loop as it is where there is no Home Assistant.

    Its threads would be ended twice after each test, in a thread of its own.
    """
    if "hass" in request.fixturenames:
        request.getfixturevalue("loop_of_home_assistant")


@pytest.fixture(autouse=True, scope="session")
def skip_stop_scripts() -> Iterator[None]:
    """Have no timer stop scripts after the end of any Home Assistant."""
    with patch.object(script, "_schedule_stop_scripts_after_shutdown"):
        yield


@pytest.fixture(autouse=True, scope="session")
def disable_http_server() -> Iterator[None]:
    """Have no Home Assistant listen to a port; clients of tests need none."""
    with (
        patch.object(HomeAssistantHTTP, "async_bind"),
        patch.object(HomeAssistantHTTP, "start"),
    ):
        yield


@pytest.fixture(autouse=True)
def wording(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Wording | None]:
    """Fail a test in which a person would have met a word that is not translated.

    Watches the exceptions, forms, repair issues and attributes of entities in tests
    that use `hass`.
    """
    if "hass" not in request.fixturenames:
        yield None
        return
    watcher = Wording.of(watched_sync.__path__[0])
    watcher.watch(monkeypatch)
    yield watcher
    assert not watcher.missing, "\n".join(sorted(watcher.missing))
