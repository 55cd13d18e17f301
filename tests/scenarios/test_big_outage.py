"""A server that is away for two hours, while much happens on both sides."""

from homeassistant.core import HomeAssistant
import pytest

from tests.fakes import library

from .big_outage import films, live_through
from .house import Side
from .machine import TimeMachine

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture(autouse=True)
def many_films(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give both servers ten thousand films more."""
    monkeypatch.setattr(library, "MOVIES", (*library.MOVIES, *films()))


@pytest.fixture
def side(request: pytest.FixtureRequest, kind: str) -> Side:
    """One kind of server, with these films."""
    found: Side = request.getfixturevalue(kind)
    return found


@pytest.mark.parametrize("kind", ["plex", "jellyfin"])
async def test_two_hours_ten_thousand_operations_and_five_hundred_changes_elsewhere(
    hass: HomeAssistant, side: Side, machine: TimeMachine
) -> None:
    """Every film ends as the newest of both sides says, and nothing is played twice.

    See `big_outage.STORIES`, which says for each what that is.
    """
    hass.loop.set_debug(False)
    entry = await side.connect(hass)
    took = await live_through(hass, side, entry, machine)
    assert took.per_item <= 1.1
    assert took.per_write <= 1.1
