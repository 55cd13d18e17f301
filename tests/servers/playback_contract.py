"""What the core may rely on about playback reports and pictures, on any server."""

from dataclasses import dataclass
from typing import Any

import pytest

from custom_components.watched_sync.core.errors import (
    AuthRejected,
    Busy,
    Fault,
    ItemGone,
    Malformed,
    ServerError,
    Unreachable,
    Unsupported,
    WrongAddress,
)
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.operation import MarkWatched
from custom_components.watched_sync.core.ports import (
    Image,
    MediaServer,
    PlaybackReport,
    PlaybackState,
)
from custom_components.watched_sync.core.reconcile import NoOp, Policy, decide
from custom_components.watched_sync.servers import transport
from tests.fakes.base import FaultKind
from tests.fakes.poster import STORED_WIDTH, size_of

from .contract import NOW, UNWATCHED, Bench

PLAYING, PAUSED, STOPPED = PlaybackState
#: Paths of the reports themselves.
REPORTS = "^/:/timeline|^/Sessions/Playing"
PICTURES = "/Images/|^/photo/|/thumb/"


@dataclass
class Player:
    """A player whose doings are reported, by fractions of the duration."""

    server: MediaServer
    item: Item
    name: str = "TV"
    session: str = "one"

    async def does(self, state: PlaybackState, share: float) -> None:
        duration = self.item.duration
        assert duration is not None
        await self.server.report(
            PlaybackReport(
                session_id=self.session,
                item=self.item,
                state=state,
                position=share * duration,
                duration=duration,
                player_id=f"media_player.{self.name.lower()}",
                player=self.name,
            )
        )

    async def plays(self, *shares: float, stop: bool = True) -> None:
        """Play from the first to the last of some positions, and stop there."""
        for share in shares:
            await self.does(PLAYING, share)
        if stop:
            await self.does(STOPPED, shares[-1])


async def player_of(bench: Bench, title: str = "Arrival") -> Player:
    return Player(bench.client, await bench.item(title))


class PlaybackContract:
    """Inherited beside `MediaServerContract`."""

    # Playing

    async def test_film_stopped_in_the_middle_can_be_resumed_there(
        self, bench: Bench
    ) -> None:
        player = await player_of(bench)
        await player.plays(0.0, 0.2, 0.5)
        state = bench.state(player.item.item_id)
        assert state.watched is False
        assert state.position == pytest.approx(0.5 * (player.item.duration or 0), abs=1)
        reading = await bench.reading(player.item.item_id)
        assert reading.state.agrees_with(state)

    async def test_film_played_to_the_end_is_watched_with_one_play(
        self, bench: Bench
    ) -> None:
        player = await player_of(bench)
        await player.plays(0.0, 0.5, 0.95)
        state = bench.state(player.item.item_id)
        assert state.watched is True
        assert state.position == 0
        assert state.play_count == 1
        assert state.last_played is not None

    async def test_episode_is_followed_as_well(self, bench: Bench) -> None:
        item = await bench.item("Severance", season=1, episode=2)
        await Player(bench.client, item).plays(0.1, 0.6, 1.0)
        assert bench.state(item.item_id).play_count == 1
        before = bench.item_id("Severance", season=1, episode=1)
        assert bench.state(before) == UNWATCHED

    async def test_mark_after_a_playback_finds_it_watched(self, bench: Bench) -> None:
        """Who looks first has nothing to write, and a mark would add no play."""
        player = await player_of(bench)
        await player.plays(0.1, 0.5, 0.97)
        reading = await bench.reading(player.item.item_id)
        decision = decide(
            UNWATCHED,
            MarkWatched(NOW),
            reading.state,
            asked_at=NOW,
            policy=Policy.NEWEST,
        )
        assert decision == NoOp()
        if bench.client.capabilities.repeat_safe:
            await bench.mark(player.item, MarkWatched())
        assert bench.state(player.item.item_id).play_count == 1

    async def test_reports_beyond_the_threshold_count_one_play(
        self, bench: Bench
    ) -> None:
        player = await player_of(bench)
        await player.plays(0.1, 0.5, 0.92, 0.94, 0.96, 0.98, 1.0)
        assert bench.state(player.item.item_id).play_count == 1

    async def test_position_beyond_the_end_is_the_end(self, bench: Bench) -> None:
        player = await player_of(bench)
        await player.plays(0.3, 0.6, 1.2)
        assert bench.state(player.item.item_id).watched is True

    async def test_playback_shows_while_it_lasts(self, bench: Bench) -> None:
        player = await player_of(bench)
        seconds = player.item.duration or 0.0
        for state, share in ((PLAYING, 0.25), (PAUSED, 0.5), (PLAYING, 0.75)):
            await player.does(state, share)
            (shown,) = bench.now_playing()
            assert shown[:3] == ("alex", player.item.item_id, state)
            assert 0 <= shown.position - share * seconds <= bench.plays_on
        await player.does(STOPPED, 0.75)
        assert bench.now_playing() == []

    async def test_playback_may_begin_paused(self, bench: Bench) -> None:
        player = await player_of(bench)
        await player.does(PAUSED, 0.3)
        assert [one.state for one in bench.now_playing()] == [PAUSED]

    async def test_film_paused_for_long_stays_where_it_was(self, bench: Bench) -> None:
        player = await player_of(bench)
        await player.plays(0.2, 0.4, stop=False)
        for _ in range(30):
            await player.does(PAUSED, 0.4)
        await player.does(STOPPED, 0.4)
        state = bench.state(player.item.item_id)
        assert state.watched is False
        assert state.position == pytest.approx(0.4 * (player.item.duration or 0), abs=1)

    @pytest.mark.needs("users")
    async def test_other_users_are_left_alone(self, bench: Bench) -> None:
        player = await player_of(bench)
        film = player.item.item_id
        await bench.pause(film, 1200.0, user="sam")
        await bench.play_to_the_end(bench.item_id("Alien"), user="kim")
        kept = {user: bench.state(film, user) for user in ("sam", "kim")}
        others = Player(
            bench.client_of("sam"), await bench.item("Stalker"), name="Attic"
        )
        await others.does(PLAYING, 0.3)
        await player.plays(0.1, 0.95)
        assert {user: bench.state(film, user) for user in ("sam", "kim")} == kept
        assert [(one.user, one.item_id) for one in bench.now_playing()] == [
            ("sam", others.item.item_id)
        ]

    async def test_two_players_are_two_playbacks(self, bench: Bench) -> None:
        first = await player_of(bench, "Arrival")
        second = Player(
            bench.client, await bench.item("Stalker"), name="Tablet", session="two"
        )
        await first.does(PLAYING, 0.3)
        await second.does(PLAYING, 0.4)
        assert {one.item_id for one in bench.now_playing()} == {
            first.item.item_id,
            second.item.item_id,
        }
        await first.does(STOPPED, 0.5)
        assert [one.item_id for one in bench.now_playing()] == [second.item.item_id]
        await second.plays(0.6, 0.95)
        assert bench.state(first.item.item_id).watched is False
        assert bench.state(second.item.item_id).play_count == 1

    async def test_one_film_after_another_on_one_player(self, bench: Bench) -> None:
        first = await player_of(bench, "Arrival")
        second = Player(bench.client, await bench.item("Stalker"), session="two")
        await first.plays(0.1, 0.95)
        await second.plays(0.1, 0.5)
        assert bench.state(first.item.item_id).play_count == 1
        assert bench.state(second.item.item_id).position > 0

    async def test_watched_film_that_is_begun_again_stays_watched(
        self, bench: Bench
    ) -> None:
        player = await player_of(bench)
        await bench.watch(player.item.item_id)
        await player.plays(0.1, 0.3, 0.5, stop=False)
        assert bench.state(player.item.item_id).watched is True
        await player.does(STOPPED, 0.5)
        state = bench.state(player.item.item_id)
        assert state.watched is True
        assert state.position > 0

    async def test_stop_alone_shows_nothing_and_keeps_the_position(
        self, bench: Bench
    ) -> None:
        """The server was away until then."""
        player = await player_of(bench)
        await player.does(STOPPED, 0.5)
        assert bench.now_playing() == []
        assert bench.state(player.item.item_id).position > 0

    @pytest.mark.needs("files")
    @pytest.mark.parametrize("state", [PLAYING, STOPPED])
    async def test_report_for_a_gone_item_says_so(
        self, bench: Bench, state: PlaybackState
    ) -> None:
        player = await player_of(bench)
        bench.remove(player.item.item_id)
        with pytest.raises(ItemGone):
            await player.does(state, 0.5)
        nothing = Item(bench.unknown_id, MediaKind.MOVIE, "?", duration=6000.0)
        with pytest.raises(ItemGone):
            await Player(bench.client, nothing).does(state, 0.5)
        no_id = Item("../x?y", MediaKind.MOVIE, "?", duration=6000.0)
        with pytest.raises(ItemGone):
            await Player(bench.client, no_id).does(state, 0.5)
        assert bench.now_playing() == []

    async def test_show_cannot_be_played(self, bench: Bench) -> None:
        show = await bench.item("Severance")
        report = PlaybackReport(
            session_id="one", item=show, state=PLAYING, position=5.0, duration=9.0
        )
        bench.server.clear_log()
        with pytest.raises(Unsupported):
            await bench.client.report(report)
        assert not bench.server.requests

    @pytest.mark.needs("faults")
    @pytest.mark.parametrize(
        ("kind", "options", "error"),
        [
            (FaultKind.STATUS, {"status": 401}, AuthRejected),
            (FaultKind.STATUS, {"status": 429, "retry_after": "007"}, Busy),
            (FaultKind.STATUS, {"status": 500}, Fault),
            (FaultKind.STATUS, {"status": 503}, Busy),
            (FaultKind.HTML, {}, Unreachable),
            (FaultKind.REDIRECT, {}, WrongAddress),
            (FaultKind.DROPPED, {}, Unreachable),
            (FaultKind.APPLIED_BUT_DROPPED, {}, Unreachable),
        ],
    )
    async def test_failed_report_leaves_once_and_the_next_one_goes_on(
        self,
        bench: Bench,
        kind: FaultKind,
        options: dict[str, Any],
        error: type[ServerError],
    ) -> None:
        player = await player_of(bench)
        bench.server.clear_log()
        bench.server.fail(kind, path=REPORTS, **options)
        with pytest.raises(error):
            await player.does(PLAYING, 0.2)
        assert bench.server.count(REPORTS) == 1
        await player.plays(0.3, 0.6, 0.95)
        state = bench.state(player.item.item_id)
        assert state.watched is True
        assert state.play_count == 1
        assert bench.now_playing() == []

    @pytest.mark.needs("users")
    async def test_report_with_a_revoked_token_is_rejected(self, bench: Bench) -> None:
        player = await player_of(bench)
        await player.does(PLAYING, 0.2)
        bench.revoke()
        with pytest.raises(AuthRejected):
            await player.does(PLAYING, 0.3)

    async def test_names_of_all_kinds_can_be_sent(self, bench: Bench) -> None:
        player = await player_of(bench)
        for number, name in enumerate(
            (
                "Küche",
                "居間",
                "a\r\nX-Evil: 1",
                '"so", said',
                "",
                "x" * 999,
                "\ud800",
            )
        ):
            player.name, player.session = name, f"session {number} \n \ud800"
            await player.plays(0.2, 0.3)
        assert bench.now_playing() == []

    async def test_playbacks_that_never_stop_do_not_pile_up(self, bench: Bench) -> None:
        player = await player_of(bench)
        for number in range(100):
            player.session = str(number)
            await player.does(PLAYING, 0.2)
        player.session = "0"
        await player.plays(0.3, 0.4)
        assert bench.state(player.item.item_id).watched is False

    # Pictures

    @pytest.mark.needs("pictures")
    async def test_film_has_a_poster(self, bench: Bench) -> None:
        image = await bench.client.image(await bench.item("Arrival"), width=120)
        assert image.content_type == "image/png"
        assert size_of(image.data) == (120, 180)

    @pytest.mark.needs("pictures")
    async def test_small_pictures_are_not_blown_up(self, bench: Bench) -> None:
        image = await bench.client.image(await bench.item("Arrival"), width=2000)
        assert size_of(image.data)[0] == STORED_WIDTH

    @pytest.mark.needs("pictures")
    async def test_pictures_differ(self, bench: Bench) -> None:
        found = {
            await bench.client.image(await bench.item(*name), width=120)
            for name in (("Arrival",), ("Stalker",), ("Dune", 1984), ("Dune", 2021))
        }
        assert len(found) == 4

    @pytest.mark.needs("pictures")
    async def test_picture_of_an_episode_is_its_seasons_or_shows_for_want_of_one(
        self, bench: Bench
    ) -> None:
        show = await bench.item("Severance")
        season = await bench.item("Severance", season=1)
        episode = await bench.item("Severance", season=1, episode=2)

        async def picture(item: Item) -> Image:
            return await bench.client.image(item, width=100)

        of_show, of_season = await picture(show), await picture(season)
        assert len({of_show, of_season, await picture(episode)}) == 3
        bench.take_picture(episode.item_id)
        assert await picture(episode) == of_season
        bench.take_picture(season.item_id)
        assert await picture(episode) == of_show
        bench.take_picture(show.item_id)
        with pytest.raises(ItemGone):
            await picture(episode)

    @pytest.mark.needs("files", "pictures")
    async def test_gone_item_has_no_picture(self, bench: Bench) -> None:
        film = await bench.item("Arrival")
        bench.remove(film.item_id)
        with pytest.raises(ItemGone):
            await bench.client.image(film, width=100)
        for item_id in (bench.unknown_id, "../x?y"):
            with pytest.raises(ItemGone):
                await bench.client.image(Item(item_id, MediaKind.MOVIE, "?"), width=100)

    @pytest.mark.needs("faults", "pictures")
    @pytest.mark.parametrize(
        ("kind", "options", "error"),
        [
            (FaultKind.STATUS, {"status": 401}, AuthRejected),
            (FaultKind.STATUS, {"status": 429}, Busy),
            (FaultKind.STATUS, {"status": 503}, Busy),
            (FaultKind.HTML, {"status": 200}, Malformed),
            (FaultKind.REDIRECT, {}, WrongAddress),
            (FaultKind.DROPPED, {}, Unreachable),
        ],
    )
    async def test_what_is_no_picture_is_not_shown(
        self,
        bench: Bench,
        kind: FaultKind,
        options: dict[str, Any],
        error: type[ServerError],
    ) -> None:
        film = await bench.item("Arrival")
        bench.server.fail(kind, path=PICTURES, times=None, **options)
        with pytest.raises(error):
            await bench.client.image(film, width=100)

    @pytest.mark.needs("pictures")
    async def test_huge_picture_is_refused(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        film = await bench.item("Arrival")
        monkeypatch.setattr(transport, "MAX_IMAGE_BYTES", 100)
        with pytest.raises(Malformed):
            await bench.client.image(film, width=200)

    @pytest.mark.needs("faults", "pictures")
    async def test_lost_route_is_not_a_lost_picture(self, bench: Bench) -> None:
        film = await bench.item("Arrival")
        bench.server.fail(FaultKind.STATUS, status=404, times=None)
        with pytest.raises(Unreachable):
            await bench.client.image(film, width=100)
