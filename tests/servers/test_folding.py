"""What a Jellyfin folds into one row: each id is answered as if asked for alone."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from aiohttp import ClientSession
from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

from custom_components.watched_sync.core.operation import MarkWatched
from custom_components.watched_sync.core.play_state import Reading
from custom_components.watched_sync.servers.jellyfin import client as client_module
from custom_components.watched_sync.servers.jellyfin.client import JellyfinClient
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.library import SeedEpisode, SeedShow

pytestmark = pytest.mark.usefixtures("socket_enabled")

#: How many folders the show has that has the most.
MOST_FOLDERS = 5

UNKNOWN = ("0" * 32, "f" * 32)


@dataclass(frozen=True)
class Folded:
    """A server with shows in several folders, and what it says of each id alone."""

    server: FakeJellyfin
    client: JellyfinClient
    alone: dict[str, Reading]

    async def check(self, item_ids: Sequence[str]) -> None:
        """Ask for all of *item_ids* at once, and compare."""
        self.server.clear_log()
        together = await self.client.fetch(item_ids)
        expected = {one: self.alone[one] for one in item_ids if one in self.alone}
        assert together == expected
        assert list(together) == list(expected)
        # A list for each folder of a show, and one for what is nowhere.
        assert self.server.count("/Items$") <= MOST_FOLDERS + 1


@pytest.fixture(params=["10.11", "12.0"])
async def folded(request: pytest.FixtureRequest) -> AsyncIterator[Folded]:
    async with (
        FakeJellyfin(profile=request.param, oddities=True) as server,
        ClientSession() as session,
    ):
        for number in range(MOST_FOLDERS):
            episodes = tuple(
                SeedEpisode(season, number + 1, f"S{season}E{number}", 40, None)
                for season in (1, 2)
            )
            ids = {"tvdb": "777010"}
            server.add_show(SeedShow("Many Homes", 2000 + number, ids, episodes))
        client = JellyfinClient(
            session,
            server.url,
            server.token_for("alex"),
            user_id=server.user_id("alex"),
            device_id="test-device",
        )
        (first, *_) = server.leaves(server.item_id("Many Homes", 2000))
        watched = (await client.fetch([first]))[first]
        await client.write(watched.item, MarkWatched(), watched.state)
        shows = [
            one.id
            for title in ("Many Homes", "Two Homes", "Merged", "Flat")
            for one in server.catalogue.items.values()
            if one.name == title
        ]
        below = [one.id for show in shows for one in server.catalogue.descendants(show)]
        alone: dict[str, Reading] = {}
        for item_id in (*shows, *below):
            alone |= await client.fetch([item_id])
        yield Folded(server, client, alone)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_each_of_many_ids_is_answered_as_if_asked_alone(
    folded: Folded, data: st.DataObject
) -> None:
    ids = sorted(
        folded.alone, key=lambda one: not folded.alone[one].item.kind.is_container
    )
    asked = st.lists(
        st.sampled_from([*ids, *UNKNOWN]), min_size=4, max_size=60, unique=True
    )
    await folded.check(data.draw(asked))


async def test_shows_and_seasons_that_are_believed_to_be_gone_are_noticed(
    folded: Folded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list is believed to have a row for all that is there."""
    monkeypatch.setattr(client_module, "_is_container", lambda _: False)
    with pytest.raises(AssertionError):
        await folded.check(list(folded.alone))
