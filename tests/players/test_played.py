"""What players play or played last, and what that is on lanes."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import json
from typing import Any
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.identity import Item, MediaKind, ProviderIds
from custom_components.watched_sync.core.playback import Motion
from custom_components.watched_sync.naming.played import (
    async_plays,
    async_resolve_player,
)
from custom_components.watched_sync.players.memory import (
    MAX_PLAYERS,
    PlayerMemory,
    async_get_memory,
    sighting,
)
from custom_components.watched_sync.store import PLAYERS_KEY

from ..common import (
    EPISODES,
    MOVIE,
    OTHER_MOVIE,
    SHOW,
    MemoryServer,
    lane_entry,
    season,
    setup_lane,
)
from ..scene import lose_contact

TV = "media_player.tv"
FILM: Mapping[str, Any] = {
    "media_content_type": "movie",
    "media_title": "Arrival (2016)",
    "media_duration": 6960,
}
EPISODE: Mapping[str, Any] = {
    "media_content_type": "tvshow",
    "media_series_title": "Severance",
    "media_season": 2,
    "media_episode": 1,
    "media_title": "Part 1",
}
EVERYTHING = (MOVIE, OTHER_MOVIE, SHOW, season(1), season(2), *EPISODES)


def add_player(
    hass: HomeAssistant,
    platform: str,
    unique_id: str,
    state: str | None = None,
    **attributes: Any,
) -> str:
    """Add a media player of another integration, and return its entity id."""
    entity_id = (
        er.async_get(hass)
        .async_get_or_create("media_player", platform, unique_id)
        .entity_id
    )
    if state is None:
        state = "playing" if "media_content_id" in attributes else "idle"
    hass.states.async_set(entity_id, state, attributes)
    return entity_id


async def named(
    hass: HomeAssistant, player: str, *lanes: MockConfigEntry, chosen: bool = False
) -> list[tuple[str, str]]:
    """Return the user and item id of everything a player names."""
    targets = await async_resolve_player(hass, player, lanes, chosen=chosen)
    return [(target.entry.data["user_name"], target.item.item_id) for target in targets]


async def refused(
    hass: HomeAssistant, player: str, *lanes: MockConfigEntry, chosen: bool = False
) -> str:
    """Return the key of the error that a player ends in."""
    with pytest.raises(ServiceValidationError) as error:
        await async_resolve_player(hass, player, lanes, chosen=chosen)
    assert error.value.translation_key is not None
    placeholders = error.value.translation_placeholders or {}
    if error.value.translation_key.startswith("player_"):
        assert placeholders["entity_id"] == player
    return error.value.translation_key


def plays(hass: HomeAssistant, state: str = "playing", /, **attributes: Any) -> None:
    """Have the television play something, or stop."""
    hass.states.async_set(TV, state, attributes)


async def restart(hass: HomeAssistant, hass_storage: dict[str, Any]) -> PlayerMemory:
    """Return the memory as it comes back after everything was written down."""
    async_fire_time_changed(hass, datetime.now(UTC) + timedelta(minutes=5))
    await hass.async_block_till_done()
    assert PLAYERS_KEY in hass_storage
    memory = PlayerMemory(hass)
    hass.states.async_remove(TV)
    await memory.async_start()
    return memory


# --- players of Plex and Jellyfin -----------------------------------------------


@pytest.mark.parametrize(
    ("kind", "unique_id", "content_id", "content_type"),
    [
        # Plex says the item's id as a number.
        ("plex", "server-1:tv", 48151, "movie"),
        ("plex", "server-1:tv", 48151, "tvshow"),
        ("jellyfin", "server-1-session", "48151", "episode"),
        ("jellyfin", "server-1-session", "48151", "movie"),
    ],
)
async def test_player_of_a_server_means_what_it_plays_for_who_plays(
    hass: HomeAssistant,
    kind: str,
    unique_id: str,
    content_id: str | int,
    content_type: str,
) -> None:
    server = MemoryServer([replace(MOVIE, item_id="48151")], kind=kind)
    server.sessions = {"session": "user-1"}
    lane = await setup_lane(hass, server)
    other = await setup_lane(hass, MemoryServer(server_id="server-2", user_id="user-2"))
    player = add_player(
        hass,
        kind,
        unique_id,
        media_content_id=content_id,
        media_content_type=content_type,
        username="ada",
    )
    assert await named(hass, player, lane, other) == [("Ada", "48151")]


@pytest.mark.parametrize("kind", ["plex", "jellyfin"])
async def test_session_of_somebody_else_is_refused_even_with_a_single_lane(
    hass: HomeAssistant, kind: str
) -> None:
    server = MemoryServer(kind=kind)
    server.sessions = {"a": "user-2", "b": "user-1"}
    lane = await setup_lane(hass, server)
    separator = ":" if kind == "plex" else "-"
    film = {"media_content_id": "m1", "media_content_type": "movie"}
    theirs = add_player(hass, kind, f"server-1{separator}a", **film, username="Grace")
    assert await refused(hass, theirs, lane) == "player_of_other_user"
    # Saying for whom does not help: it is nobody's who was chosen.
    assert await refused(hass, theirs, lane, chosen=True) == "player_of_other_user"
    ours = add_player(hass, kind, f"server-1{separator}b", **film, username="Ada")
    assert await named(hass, ours, lane) == [("Ada", "m1")]


@pytest.mark.parametrize("kind", ["plex", "jellyfin"])
async def test_session_of_an_unknown_user_is_refused_unless_somebody_was_chosen(
    hass: HomeAssistant, kind: str
) -> None:
    lane = await setup_lane(hass, MemoryServer(kind=kind))
    player = add_player(
        hass,
        kind,
        "server-1:a" if kind == "plex" else "server-1-a",
        media_content_id="m1",
        media_content_type="movie",
    )
    assert await refused(hass, player, lane) == "player_of_unknown_user"
    assert await named(hass, player, lane, chosen=True) == [("Ada", "m1")]


@pytest.mark.parametrize("kind", ["plex", "jellyfin"])
async def test_together_means_all_who_were_chosen_if_one_of_them_plays(
    hass: HomeAssistant, kind: str
) -> None:
    lanes = []
    for name in ("Ada", "Grace"):
        server = MemoryServer(user_id=name, user_name=name, kind=kind)
        server.sessions = {"a": "Grace"} if name == "Grace" else {}
        lanes.append(await setup_lane(hass, server))
    elsewhere = await setup_lane(
        hass, MemoryServer(server_id="server-2", user_id="x", user_name="Edsger")
    )
    nowhere = await setup_lane(
        hass, MemoryServer([], server_id="server-3", user_id="y", user_name="Alan")
    )
    player = add_player(
        hass,
        kind,
        "server-1:a" if kind == "plex" else "server-1-a",
        media_content_id="m1",
        **FILM,
        username="Grace",
    )
    assert await named(hass, player, *lanes, elsewhere) == [("Grace", "m1")]
    assert await named(hass, player, *lanes, chosen=True) == [
        ("Ada", "m1"),
        ("Grace", "m1"),
    ]
    # On another server it is found by what the player says of it, or not.
    assert await named(hass, player, lanes[1], elsewhere, chosen=True) == [
        ("Grace", "m1"),
        ("Edsger", "m1"),
    ]
    assert await named(hass, player, lanes[1], nowhere, chosen=True) == [
        ("Grace", "m1")
    ]
    assert await named(hass, player, elsewhere, chosen=True) == [("Edsger", "m1")]
    assert await refused(hass, player, nowhere, chosen=True) == "nothing_found"
    assert await refused(hass, player, elsewhere) == "player_of_other_server"


async def test_two_lanes_of_one_name_are_nobodys(hass: HomeAssistant) -> None:
    lanes = [
        await setup_lane(hass, MemoryServer(user_id=one, kind="plex")) for one in "ab"
    ]
    player = add_player(
        hass, "plex", "server-1:a", media_content_id="m1", **FILM, username="Ada"
    )
    assert await refused(hass, player, *lanes) == "player_of_unknown_user"


async def test_user_of_a_session_is_remembered_when_nobody_can_be_asked(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.sessions = {"session": "user-1"}
    lane = await setup_lane(hass, server)
    player = add_player(
        hass,
        "jellyfin",
        "server-1-session",
        media_content_id="m7",
        media_content_type="movie",
        media_title="Contact",
    )
    assert await refused(hass, player, lane) == "unknown_item"
    await lose_contact(hass, lane, server)
    (target,) = await async_resolve_player(hass, player, [lane])
    assert target.item == Item("m7", MediaKind.UNKNOWN, "Contact")
    assert server.requests.count(("session_user", "session")) == 1
    # What plays next may be somebody else's.
    hass.states.async_set(
        player, "playing", {"media_content_id": "m1", "media_content_type": "movie"}
    )
    assert await refused(hass, player, lane) == "player_of_unknown_user"


@pytest.mark.parametrize(
    ("platform", "unique_id", "attributes", "key"),
    [
        ("cast", "server-1:tv", {"media_content_id": "m1"}, "player_not_supported"),
        ("cast", "server-1:tv", {}, "player_plays_nothing"),
        ("emby", "session", {}, "player_of_other_server"),
        ("jellyfin", "server-9-x", {}, "player_of_other_server"),
        # The product must be the same, too.
        ("plex", "server-1:tv", {}, "player_of_other_server"),
        ("jellyfin", "server-1-x", {}, "player_plays_nothing"),
        (
            "jellyfin",
            "server-1-x",
            {"media_content_id": "m1", "media_content_type": "music"},
            "player_plays_nothing",
        ),
        (
            "jellyfin",
            "server-1-x",
            {"media_content_id": "m1", "media_content_type": "video"},
            "player_plays_nothing",
        ),
        (
            "jellyfin",
            "server-1-x",
            {"media_title": "A film without an id", "media_content_type": "movie"},
            "player_plays_nothing",
        ),
    ],
)
async def test_player_that_says_nothing_is_refused(
    hass: HomeAssistant,
    platform: str,
    unique_id: str,
    attributes: dict[str, Any],
    key: str,
) -> None:
    lane = await setup_lane(hass)
    player = add_player(
        hass, platform, unique_id, "playing" if attributes else "idle", **attributes
    )
    assert await refused(hass, player, lane) == key


async def test_player_that_is_not_there_is_refused(hass: HomeAssistant) -> None:
    lane = await setup_lane(hass)
    with pytest.raises(ServiceValidationError) as error:
        await async_resolve_player(hass, TV, [lane])
    assert error.value.translation_key == "entity_not_found"


@pytest.mark.parametrize("library", ["Live TV", "Preroll", "Unknown"])
async def test_what_plex_has_in_no_library_is_refused(
    hass: HomeAssistant, library: str
) -> None:
    lane = await setup_lane(hass, MemoryServer(kind="plex"))
    player = add_player(
        hass,
        "plex",
        "server-1:a",
        media_content_id="m1",
        **FILM,
        username="Ada",
        media_library_title=library,
    )
    assert await refused(hass, player, lane) == "player_plays_nothing"


async def test_emby_player_is_of_the_user_its_app_is_named_after(
    hass: HomeAssistant,
) -> None:
    embys = [
        await setup_lane(
            hass,
            MemoryServer(kind="emby", server_id="e", user_id=name, user_name=name),
        )
        for name in ("Ada", "Grace")
    ]
    jellyfin = await setup_lane(hass)
    player = add_player(
        hass, "emby", "device", media_content_id="9", **FILM, app_name="Grace"
    )
    assert await named(hass, player, *embys, jellyfin) == [("Grace", "m1")]
    assert await refused(hass, player, embys[0]) == "player_of_other_server"


async def mark(hass: HomeAssistant, **data: Any) -> list[str]:
    """Return the ids of what marking something watched would mean."""
    response = await hass.services.async_call(
        DOMAIN,
        "mark_watched",
        {**data, "dry_run": True},
        blocking=True,
        return_response=True,
    )
    assert isinstance(response, dict)
    operations = response["operations"]
    assert isinstance(operations, list)
    return [str(row["item_id"]) for row in operations if isinstance(row, dict)]


async def test_players_in_an_area_count_only_while_they_play_something(
    hass: HomeAssistant, entity_registry: er.EntityRegistry
) -> None:
    await setup_lane(hass)
    silent = add_player(hass, "androidtv", "silent")
    stopped = add_player(hass, "androidtv", "stopped", "playing", **EPISODE)
    hass.states.async_set(stopped, "idle")
    radio = add_player(
        hass, "sonos", "radio", "playing", media_content_type="music", media_title="X"
    )
    playing = add_player(hass, "androidtv", "playing", "playing", **FILM)
    for player in (silent, stopped, radio, playing):
        entity_registry.async_update_entity(player, labels={"den"})
    assert await mark(hass, label_id="den") == ["m1"]
    assert await mark(hass, entity_id=stopped) == ["e2x1"]
    assert await mark(hass, entity_id=[stopped, playing]) == ["m1", "e2x1"]
    # Something without a name is something: the others count all the same.
    nameless = add_player(hass, "androidtv", "nameless", "playing")
    entity_registry.async_update_entity(nameless, labels={"den"})
    assert await mark(hass, label_id="den") == ["m1"]
    for still_there, key in ((nameless, "player_plays_nameless"), (None, "no_entity")):
        entity_registry.async_update_entity(playing, labels=set())
        if still_there is None:
            entity_registry.async_update_entity(nameless, labels=set())
        with pytest.raises(ServiceValidationError) as error:
            await mark(hass, label_id="den")
        assert error.value.translation_key == key


async def test_choosing_for_whom_stands_in_for_an_unknown_user(
    hass: HomeAssistant,
) -> None:
    lane = await setup_lane(hass)
    film = {"media_content_id": "m1", "media_content_type": "movie"}
    player = add_player(hass, "jellyfin", "server-1-a", **film)
    with pytest.raises(ServiceValidationError) as error:
        await mark(hass, entity_id=player)
    assert error.value.translation_key == "player_of_unknown_user"
    assert error.value.translation_placeholders == {
        "entity_id": player,
        "lanes": "Attic (Ada)",
    }
    assert await mark(hass, entity_id=player, config_entry_id=lane.entry_id) == ["m1"]


async def test_player_that_is_remembered_names_its_film_and_not_its_id(
    hass: HomeAssistant,
) -> None:
    """It has stopped long ago, and the server was restored since."""
    server = MemoryServer()
    server.kind = "plex"
    lane = await setup_lane(hass, server)
    film = {"media_content_id": "m1", **FILM, "username": "Ada"}
    player = add_player(hass, "plex", "server-1:a", **film)
    server.items["m1"] = replace(OTHER_MOVIE, item_id="m1")
    server.items["m2"] = replace(MOVIE, item_id="m2")
    (target,) = await async_resolve_player(hass, player, [lane], chosen=True)
    assert (target.item.title, target.item.item_id) == ("Arrival", "m2")
    del server.items["m2"]
    assert await refused(hass, player, lane, chosen=True) == "nothing_found"


# --- other players ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "items"),
    [
        (FILM, ["m1"]),
        ({"media_content_type": "movie", "media_title": "arrival"}, ["m1"]),
        ({"media_content_type": "video", "media_title": "Arrival (2016)"}, ["m1"]),
        # Without a type or a year the length has to fit.
        ({"media_title": "Arrival", "media_duration": 7000.5}, ["m1"]),
        (EPISODE, ["e2x1"]),
        ({**EPISODE, "media_content_type": "video"}, ["e2x1"]),
        ({**EPISODE, "media_season": "2", "media_episode": "1"}, ["e2x1"]),
        ({**EPISODE, "media_season": 0}, ["e0x1"]),
        ({**EPISODE, "media_series_title": "Severance (2022)"}, ["e2x1"]),
        ({**EPISODE, "media_episode": "1-2"}, ["e2x1", "e2x2"]),
        ({**EPISODE, "media_episode": "E01 / E02"}, ["e2x1", "e2x2"]),
        ({**EPISODE, "media_episode": "1-99"}, ["e2x1", "e2x2"]),
        ({**EPISODE, "media_duration": 2700}, ["e2x1"]),
        # Kodi gives the ids of databases, by their names.
        (
            {
                "media_content_type": "movie",
                "media_title": "Premier Contact",
                "media_content_id": {"imdb": "tt2543164", "unknown": "x"},
            },
            ["m1"],
        ),
        (
            {"media_content_type": "episode", "media_content_id": {"tvdb": 1002}},
            ["e1x2"],
        ),
        ({"media_content_id": "imdb://tt2543164"}, ["m1"]),
        ({"media_content_id": "tmdb://movie/329865", "media_title": "A"}, ["m1"]),
        ({"media_content_type": "movie", "media_content_id": "tvdb://episode/7"}, None),
        ({"media_content_type": "tvshow", "media_title": "Part 1"}, None),
        ({"media_content_type": "video", "media_title": "Arrival"}, None),
        ({"media_content_type": "video", "media_content_id": "http://[x"}, None),
    ],
)
async def test_what_other_players_say_is_found(
    hass: HomeAssistant, attributes: dict[str, Any], items: list[str] | None
) -> None:
    lane = await setup_lane(hass, MemoryServer(EVERYTHING))
    player = add_player(hass, "androidtv", "tv", "playing", **attributes)
    if items is None:
        assert await refused(hass, player, lane) == "player_not_supported"
    else:
        assert await named(hass, player, lane) == [("Ada", one) for one in items]


@pytest.mark.parametrize(
    ("attributes", "key"),
    [
        # A trailer, a preview and another thing of that name.
        ({**FILM, "media_duration": 150}, "nothing_found"),
        ({**EPISODE, "media_duration": 60}, "nothing_found"),
        ({**FILM, "media_title": "Arrival (1996)"}, "only_similar"),
        ({**EPISODE, "media_episode": 9}, "nothing_found"),
        ({**EPISODE, "media_series_title": "Lost"}, "nothing_found"),
        ({**FILM, "media_title": "Dune"}, "ambiguous"),
        (
            {"media_content_type": "movie", "media_content_id": {"imdb": "tt9999998"}},
            "nothing_found",
        ),
        ({"media_title": "Untimed", "media_duration": 6000}, "nothing_found"),
        *(
            ({"media_title": "Arrival (2016)", "media_content_type": kind}, None)
            for kind in ("music", "channel", "podcast", "app", "game", "trailer")
        ),
    ],
)
async def test_what_is_not_certain_is_refused(
    hass: HomeAssistant, attributes: dict[str, Any], key: str | None
) -> None:
    dunes = [
        Item(f"d{year}", MediaKind.MOVIE, "Dune", year, ProviderIds(tmdb=str(year)))
        for year in (1984, 2021)
    ]
    untimed = Item("u", MediaKind.MOVIE, "Untimed", 2000)
    lane = await setup_lane(hass, MemoryServer([*EVERYTHING, *dunes, untimed]))
    player = add_player(hass, "androidtv", "tv", "playing", **attributes)
    assert await refused(hass, player, lane) == (key or "player_plays_nothing")


async def test_other_players_mean_every_lane_and_every_copy(
    hass: HomeAssistant,
) -> None:
    copy = replace(MOVIE, item_id="m1-4k", library_id="films-4k")
    lanes = [
        await setup_lane(hass, MemoryServer([*EVERYTHING, copy])),
        await setup_lane(
            hass, MemoryServer(server_id="s2", user_id="2", user_name="Grace")
        ),
    ]
    player = add_player(hass, "androidtv", "tv", "playing", **FILM)
    assert await named(hass, player, *lanes) == [
        ("Ada", "m1"),
        ("Ada", "m1-4k"),
        ("Grace", "m1"),
    ]


async def test_show_of_a_server_that_is_away_cannot_be_looked_up(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    lane = await setup_lane(hass, server, subentries=[SHOW])
    await lose_contact(hass, lane, server)
    player = add_player(
        hass, "androidtv", "tv", "playing", **{**EPISODE, "media_season": 7}
    )
    assert await refused(hass, player, lane) == "cannot_look_up"


GUID = "0123456789abcdef0123456789abcdef"
PLUGIN = "com.plexapp.plugins.library"
DASHED = "01234567-89AB-CDEF-0123-456789ABCDEF"


@pytest.mark.parametrize(
    ("kind", "content_id", "outcome"),
    [
        ("plex", "plex://server-1/48151", "named"),
        ("plex", f"server://server-1/{PLUGIN}/library/metadata/48151", "named"),
        ("plex", "plex://server-2/48151", "refused"),
        ("plex", "{url}/library/metadata/48151", "named"),
        ("plex", "{url}/library/metadata/48151/file.mkv?X-Plex-Token=x", "named"),
        ("plex", "http://elsewhere.test/library/metadata/48151", "refused"),
        ("plex", "/library/metadata/48151", "refused"),
        ("plex", "https://example.test/48151", "refused"),
        ("jellyfin", f"media-source://jellyfin/{GUID}", "named"),
        ("jellyfin", f"{{url}}/Videos/{GUID}/stream?static=true", "named"),
        ("jellyfin", f"http://proxy.test/jf/videos/{DASHED}/master.m3u8", "named"),
        ("jellyfin", f"http://proxy.test/Items/{GUID}/Download", "named"),
        ("jellyfin", f"media-source://jellyfin/{GUID[::-1]}", "refused"),
        ("jellyfin", f"ftp://proxy.test/videos/{GUID}/x", "refused"),
        ("jellyfin", "{url}/Videos/48151/stream", "refused"),
        ("emby", "{url}/emby/Videos/48151/stream.mkv", "named"),
        ("emby", "http://elsewhere.test/Videos/48151/stream.mkv", "refused"),
    ],
)
async def test_address_of_a_stream_names_an_item_where_that_is_certain(
    hass: HomeAssistant, kind: str, content_id: str, outcome: str
) -> None:
    item_id = GUID if kind == "jellyfin" else "48151"
    server = MemoryServer([replace(MOVIE, item_id=item_id)], kind=kind)
    lane = await setup_lane(hass, server)
    player = add_player(
        hass, "cast", "tv", media_content_id=content_id.format(url=server.url)
    )
    if outcome == "named":
        assert await named(hass, player, lane) == [("Ada", item_id)]
    else:
        assert await refused(hass, player, lane) == "player_not_supported"


async def test_stream_of_a_server_that_is_away_is_named_by_what_is_known(
    hass: HomeAssistant,
) -> None:
    known = replace(MOVIE, item_id=GUID)
    server = MemoryServer([known])
    lane = await setup_lane(hass, server, subentries=[known])
    await lose_contact(hass, lane, server)
    address = f"media-source://jellyfin/{GUID}"
    player = add_player(hass, "cast", "tv", media_content_id=address)
    assert await named(hass, player, lane) == [("Ada", GUID)]
    other = add_player(hass, "cast", "tv2", media_content_id=address[:-1] + "0")
    assert await refused(hass, other, lane) == "player_not_supported"


# --- ids first, then words ----------------------------------------------------------

HARBOUR = Item("h", MediaKind.SHOW, "Harbour", 2001, ProviderIds(imdb="tt9000100"))


def harbour(number: int, imdb: str | None = None) -> Item:
    """Return an episode of the first season of a show."""
    return Item(
        f"h{number}",
        MediaKind.EPISODE,
        f"Tide {number}",
        2001,
        ProviderIds(imdb=imdb),
        show_id="h",
        show_title="Harbour",
        season_id="hs",
        season=1,
        episode=number,
    )


SAYS_3: Mapping[str, Any] = {
    "media_content_type": "tvshow",
    "media_series_title": "Harbour",
    "media_season": 1,
    "media_episode": 3,
}
FIRST, THIRD, OTHER = "tt9000101", "tt9000103", "tt9000999"


@pytest.mark.parametrize(
    ("third", "says", "expected"),
    [
        # Ids and words agree, or there are only words.
        (THIRD, {"media_content_id": {"imdb": THIRD}}, ["h3"]),
        (None, {}, ["h3"]),
        # The ids are those of another episode that is there.
        (THIRD, {"media_content_id": {"imdb": FIRST}}, ["h1"]),
        (None, {"media_content_id": {"imdb": FIRST}}, ["h1"]),
        (THIRD, {"media_content_id": f"imdb://{FIRST}"}, ["h1"]),
        # They lead nowhere: words may decide where they do not contradict.
        (None, {"media_content_id": {"imdb": OTHER}}, ["h3"]),
        (THIRD, {"media_content_id": {"tvdb": 77}}, ["h3"]),
        (THIRD, {"media_content_id": {"imdb": OTHER}}, "nothing_found"),
        # A title in another language says nothing against them.
        (
            THIRD,
            {"media_series_title": "Hafen", "media_content_id": {"imdb": THIRD}},
            ["h3"],
        ),
        (
            THIRD,
            {"media_series_title": "Hafen", "media_content_id": {"imdb": OTHER}},
            "nothing_found",
        ),
        # They are those of the show.
        (THIRD, {"media_content_id": "imdb://tt9000100"}, ["h3"]),
        (
            THIRD,
            {"media_series_title": "Hafen", "media_content_id": "imdb://tt9000100"},
            ["h3"],
        ),
        (
            THIRD,
            {"media_episode": None, "media_content_id": "imdb://tt9000100"},
            "player_plays_unknown_episode",
        ),
        (
            THIRD,
            {
                "media_series_title": None,
                "media_season": None,
                "media_content_id": {"imdb": THIRD},
            },
            ["h3"],
        ),
        # Of a file with several, ids name one.
        (THIRD, {"media_episode": "3-4", "media_content_id": {"imdb": THIRD}}, "both"),
        (THIRD, {"media_episode": "3-4", "media_content_id": {"imdb": FIRST}}, ["h1"]),
        (None, {"media_episode": "3-4", "media_content_id": {"imdb": OTHER}}, "both"),
    ],
)
async def test_ids_come_before_words_and_words_never_contradict_them(
    hass: HomeAssistant, third: str | None, says: dict[str, Any], expected: Any
) -> None:
    server = MemoryServer(
        [HARBOUR, harbour(1, FIRST), harbour(3, third), harbour(4, "tt9000104")]
    )
    lane = await setup_lane(hass, server)
    player = add_player(hass, "kodi", "tv", "playing", **{**SAYS_3, **says})
    if expected == "both":
        expected = ["h3", "h4"]
    if isinstance(expected, str):
        assert await refused(hass, player, lane) == expected
    else:
        assert await named(hass, player, lane) == [("Ada", one) for one in expected]


@pytest.mark.parametrize(
    ("title", "ids", "expected"),
    [
        # The film itself, in another language or by another's name.
        ("Premier contact", {"imdb": "tt2543164"}, ["m1"]),
        ("Dune", {"imdb": "tt2543164"}, ["m1"]),
        # Ids that lead nowhere do not contradict ids of another database.
        ("Arrival", {"tvdb": "77"}, ["m1"]),
        ("Arrival", {"imdb": "tt9000999"}, "only_similar"),
        ("Premier contact", {"tvdb": "77"}, "nothing_found"),
    ],
)
async def test_film_is_named_by_its_ids_and_else_by_its_title(
    hass: HomeAssistant, title: str, ids: dict[str, str], expected: Any
) -> None:
    lane = await setup_lane(hass, MemoryServer(EVERYTHING))
    player = add_player(
        hass,
        "kodi",
        "tv",
        "playing",
        media_content_type="movie",
        media_title=title,
        media_content_id=ids,
    )
    if isinstance(expected, str):
        assert await refused(hass, player, lane) == expected
    else:
        assert await named(hass, player, lane) == [("Ada", one) for one in expected]


async def test_lane_without_the_ids_is_meant_only_if_it_has_the_same_work(
    hass: HomeAssistant,
) -> None:
    lane = await setup_lane(hass, MemoryServer([MOVIE]))
    bare = [
        Item("b1", MediaKind.MOVIE, "Arrival", 2016),
        Item("b2", MediaKind.MOVIE, "Contact", 1997),
    ]
    other = await setup_lane(
        hass, MemoryServer(bare, server_id="server-2", user_id="u2", user_name="Grace")
    )
    film = {"media_content_type": "movie", "media_content_id": {"imdb": "tt2543164"}}
    player = add_player(hass, "kodi", "tv", "playing", media_title="Arrival", **film)
    assert await named(hass, player, lane, other) == [("Ada", "m1"), ("Grace", "b1")]
    player = add_player(hass, "kodi", "tv2", "playing", media_title="Contact", **film)
    assert await named(hass, player, lane, other) == [("Ada", "m1")]


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (5, 5),
        ("05", 5),
        (5.0, 5),
        ("E05", 5),
        ("Ep. 5", 5),
        ("Episode 5", 5),
        ("#5", 5),
        ("5-6", 5),
        (-1, None),
        ("-1", None),
        ("E-1", None),
        (5.5, None),
        ("5.5", None),
        ("1e3", None),
        ("5 of 9", None),
        ("minus 5", None),
        ("S01E05", None),
        ("100000", None),
        ("\N{ARABIC-INDIC DIGIT FIVE}", None),
        (float("nan"), None),
        (float("inf"), None),
        (True, None),
        ([5], None),
    ],
)
async def test_only_known_forms_of_numbers_are_numbers(
    hass: HomeAssistant, one: Any, expected: int | None
) -> None:
    await setup_lane(hass)
    plays(hass, **{**EPISODE, "media_season": one, "media_episode": one})
    played = async_get_memory(hass).last(TV)
    assert played is not None
    assert (played.season, played.episode) == (expected, expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(600, 600.0), (0, 0.0), (-1, None), (float("nan"), None), (float("inf"), None)],
)
async def test_times_that_cannot_be_are_not_known(
    hass: HomeAssistant, value: float, expected: float | None
) -> None:
    await setup_lane(hass)
    plays(hass, "paused", **{**FILM, "media_position": value, "media_duration": value})
    played = async_get_memory(hass).last(TV)
    assert played is not None
    assert played.position == expected
    assert played.duration == (expected or None)


@pytest.mark.parametrize("numbers", [(-1, -1), (1, -1), (-1, 1), (None, None)])
async def test_unknown_episode_of_a_show_is_refused(
    hass: HomeAssistant, numbers: tuple[int | None, int | None]
) -> None:
    lane = await setup_lane(hass, MemoryServer(EVERYTHING))
    season_number, number = numbers
    plays(hass, **{**EPISODE, "media_season": season_number, "media_episode": number})
    assert await refused(hass, TV, lane) == "player_plays_unknown_episode"


# --- something, nothing, and something without a name --------------------------------


async def test_something_without_a_name_is_not_what_played_before(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    lane = await setup_lane(hass)
    plays(hass, **FILM)
    plays(hass, "idle")
    assert await named(hass, TV, lane) == [("Ada", "m1")]
    plays(hass, media_position=5)
    assert async_plays(hass, TV)
    assert await refused(hass, TV, lane) == "player_plays_nameless"
    freezer.tick(timedelta(minutes=10))
    plays(hass, "idle")
    assert not async_plays(hass, TV)
    assert await refused(hass, TV, lane) == "player_plays_nameless"
    # An id that is none names nothing either.
    plays(hass, media_content_id=True)
    assert await refused(hass, TV, lane) == "player_plays_nameless"


async def test_moment_without_a_name_is_only_between_two_things(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    lane = await setup_lane(hass)
    memory = async_get_memory(hass)
    plays(hass, **FILM, media_position=600)
    ended = datetime.now(UTC)
    plays(hass)
    assert await refused(hass, TV, lane) == "player_plays_nameless"
    freezer.tick(30)
    plays(hass, "off")
    played = memory.last(TV)
    assert played is not None
    assert (played.title, played.ended_at) == ("Arrival (2016)", ended)
    assert await named(hass, TV, lane) == [("Ada", "m1")]
    # Or in the middle of one, however long it was silent.
    plays(hass, **FILM, media_position=600)
    memory.note_user(TV, memory.key(TV) or "", "u1")
    plays(hass)
    freezer.tick(timedelta(minutes=5))
    plays(hass, **FILM, media_position=900)
    played = memory.last(TV)
    assert played is not None
    assert (played.ended_at, played.user_id) == (None, "u1")


async def test_something_without_a_name_is_remembered_over_a_restart(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    freezer: FrozenDateTimeFactory,
) -> None:
    lane = await setup_lane(hass)
    freezer.tick(1)
    plays(hass, **FILM)
    plays(hass)
    freezer.tick(600)
    plays(hass, "off")
    memory = await restart(hass, hass_storage)
    played = memory.last(TV)
    assert played is not None
    assert not played.is_named
    assert await refused(hass, TV, lane) == "player_plays_nameless"


# --- the memory --------------------------------------------------------------------


async def test_what_stopped_is_still_named_for_six_hours(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    lane = await setup_lane(hass)
    for ending in ("idle", "off", "unavailable", "on", "standby"):
        plays(hass, **FILM)
        plays(hass, ending)
        assert await named(hass, TV, lane) == [("Ada", "m1")]
    freezer.tick(timedelta(hours=5, minutes=59))
    assert await named(hass, TV, lane) == [("Ada", "m1")]
    freezer.tick(timedelta(minutes=2))
    assert await refused(hass, TV, lane) == "player_played_long_ago"
    # Music in between is what it played last.
    plays(hass, **FILM)
    plays(hass, media_content_type="music", media_title="A song")
    plays(hass, "idle")
    assert await refused(hass, TV, lane) == "player_plays_nothing"


@pytest.mark.parametrize("when", ["\ud83d", "now", 5, None])
async def test_a_moment_that_is_none_says_nothing_of_the_position(
    hass: HomeAssistant, when: object
) -> None:
    """One lone surrogate where a date belongs would end the whole process."""
    await setup_lane(hass)
    memory = async_get_memory(hass)
    assert memory.last(TV) is None
    plays(hass, **FILM, media_position=600, media_position_updated_at=when)
    played = memory.last(TV)
    assert played is not None
    assert played.position is not None


async def test_position_is_extrapolated_while_it_plays_and_kept_when_it_stops(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    await setup_lane(hass)
    memory = async_get_memory(hass)

    def position() -> float | None:
        played = memory.last(TV)
        assert played is not None
        return played.position

    assert memory.last(TV) is None
    began = datetime.now(UTC)
    plays(hass, **FILM, media_position=600, media_position_updated_at=began)
    freezer.tick(60)
    assert position() == 660
    plays(
        hass,
        "paused",
        **FILM,
        media_position=660,
        media_position_updated_at=datetime.now(UTC).isoformat(),
    )
    freezer.tick(3600)
    assert position() == 660
    plays(hass, **FILM, media_position=660)
    freezer.tick(30)
    # A position that falls to zero when it stops says nothing.
    plays(hass, "idle", media_position=0)
    freezer.tick(3600)
    assert position() == 690
    played = memory.last(TV)
    assert played is not None
    assert played.ended_at == datetime.now(UTC) - timedelta(hours=1)
    plays(hass, **FILM, media_position=6900)
    freezer.tick(3600)
    assert position() == 6960
    plays(hass, **FILM)
    assert position() is None


async def test_restart_forgets_nothing(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    freezer: FrozenDateTimeFactory,
) -> None:
    lane = await setup_lane(hass)
    freezer.tick(1)
    plays(
        hass,
        **EPISODE,
        media_content_id={"tvdb": 2001},
        media_position=900,
        media_duration=3000,
        username="Ada",
        app_name="Jellyfin",
    )
    async_get_memory(hass).note_user(TV, async_get_memory(hass).key(TV) or "", "u1")
    async_get_memory(hass).keep_session("sub-1", {"key": "k"})
    freezer.tick(60)
    plays(hass, "off")
    before = async_get_memory(hass).last(TV)
    assert before is not None
    memory = await restart(hass, hass_storage)
    assert memory.last(TV) == before
    assert before.position == 960
    assert before.user_id == "u1"
    assert memory.sessions == {"sub-1": {"key": "k"}}
    memory.drop_session("sub-1")
    memory.drop_session("sub-1")
    assert memory.sessions == {}
    assert await named(hass, TV, lane) == [("Ada", "e2x1")]


@pytest.mark.parametrize(
    "said",
    [
        {"media_title": "caf\ud83d", "media_series_title": "\ud800"},
        {"media_content_id": "\ud83d"},
        {"media_content_id": {"imdb": "\ud83d", "tvdb": 10**5000}},
        {"media_title": "A film", "media_content_id": 10**5000},
        {"media_title": "A film", "media_duration": 10**400, "media_position": 2**80},
        {"media_title": "A film", "media_season": 2**80, "media_episode": "\ud83d"},
        {"media_title": "A film", "username": "\ud83d", "app_name": "\udc00"},
        {"media_title": "A film", "media_content_type": "\ud83d"},
        {"media_title": "e\u0301" * 1_000_000},
    ],
    ids=["titles", "id", "ids", "long id", "times", "numbers", "names", "type", "long"],
)
async def test_what_one_player_says_never_keeps_the_others_from_being_remembered(
    hass: HomeAssistant, hass_storage: dict[str, Any], said: dict[str, Any]
) -> None:
    """All of it is kept in one file, which holds no half of a character."""
    await setup_lane(hass)
    plays(hass, **{"media_content_type": "movie", **said})
    hass.states.async_set("media_player.other", "playing", FILM)
    memory = await restart(hass, hass_storage)
    other = memory.last("media_player.other")
    assert other is not None
    assert other.title == FILM["media_title"]
    assert memory.last(TV) is not None
    assert len(json.dumps(hass_storage[PLAYERS_KEY])) < 20_000


async def test_what_played_when_home_assistant_stopped_ended_then(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    freezer: FrozenDateTimeFactory,
) -> None:
    await setup_lane(hass)
    freezer.tick(1)
    plays(hass, **FILM, media_position=600)
    memory = await restart(hass, hass_storage)
    stored = memory.last(TV)
    assert stored is not None
    assert stored.ended_at == stored.at
    # Unless it plays still.
    plays(hass, **FILM, media_position=1200)
    played = memory.last(TV)
    assert played is not None
    assert played.ended_at is None
    assert played.position == 1200


@pytest.mark.parametrize(
    "data",
    [
        {"players": {TV: {"key": "k", "played": {"at": "yesterday"}}}, "sessions": {}},
        {"players": {TV: {"key": "k", "played": {}}}, "sessions": {}},
        {"players": [], "sessions": {}},
        {},
    ],
)
async def test_damaged_memory_is_an_empty_one(
    hass: HomeAssistant, hass_storage: dict[str, Any], data: dict[str, Any]
) -> None:
    hass_storage[PLAYERS_KEY] = {"version": 1, "minor_version": 1, "data": data}
    entry = await setup_lane(hass)
    assert entry.state is ConfigEntryState.LOADED
    assert async_get_memory(hass).last(TV) is None


async def test_damaged_player_costs_the_others_nothing(
    hass: HomeAssistant, hass_storage: dict[str, Any]
) -> None:
    good = {"key": "k", "played": {"at": "2026-03-01T12:00:00+00:00", "title": "T"}}
    odd = {"key": "k", "played": {"at": "2026-03-01T12:00:00+00:00", "title": 5}}
    rows = {TV: good, "media_player.odd": odd, "media_player.none": None}
    hass_storage[PLAYERS_KEY] = {
        "version": 1,
        "minor_version": 1,
        "data": {"players": rows, "sessions": {"a": 5}},
    }
    await setup_lane(hass)
    memory = async_get_memory(hass)
    played = memory.last(TV)
    assert played is not None
    assert played.title == "T"
    assert memory.last("media_player.odd") is None
    assert memory.sessions == {}


async def test_memory_of_a_newer_version_is_left_alone(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    newer = {"version": 2, "minor_version": 1, "data": {"more": "than we know"}}
    hass_storage[PLAYERS_KEY] = newer
    entry = await setup_lane(hass)
    plays(hass, **FILM)
    assert await named(hass, TV, entry) == [("Ada", "m1")]
    async_fire_time_changed(hass, datetime.now(UTC) + timedelta(minutes=5))
    await hass.async_block_till_done()
    assert PLAYERS_KEY in caplog.text
    caplog.clear()
    await hass.config_entries.async_remove(entry.entry_id)
    assert hass_storage[PLAYERS_KEY] is newer


async def test_memory_goes_with_the_last_entry_and_comes_with_the_next(
    hass: HomeAssistant, hass_storage: dict[str, Any]
) -> None:
    entries = [
        await setup_lane(hass),
        await setup_lane(hass, MemoryServer(server_id="server-2")),
    ]
    plays(hass, **FILM)
    await restart(hass, hass_storage)
    await hass.config_entries.async_remove(entries[0].entry_id)
    assert async_get_memory(hass).last(TV) is not None
    await hass.config_entries.async_remove(entries[1].entry_id)
    assert PLAYERS_KEY not in hass_storage
    plays(hass, **EPISODE)
    assert PLAYERS_KEY not in hass_storage
    plays(hass, **FILM)
    lane = await setup_lane(hass, MemoryServer(server_id="server-3"))
    assert await named(hass, TV, lane) == [("Ada", "m1")]


async def test_entry_that_never_ran_can_be_removed(hass: HomeAssistant) -> None:
    entry = lane_entry(MemoryServer())
    entry.add_to_hass(hass)
    with patch("custom_components.watched_sync.async_sign_out"):
        await hass.config_entries.async_remove(entry.entry_id)
        await hass.async_block_till_done(wait_background_tasks=True)
    assert not hass.config_entries.async_entries(DOMAIN)


async def test_memory_follows_a_player_that_is_renamed_or_removed(
    hass: HomeAssistant, entity_registry: er.EntityRegistry
) -> None:
    lane = await setup_lane(hass)
    player = add_player(hass, "androidtv", "tv", "playing", **FILM)
    entity_registry.async_update_entity(player, name="Television")
    entity_registry.async_update_entity(player, new_entity_id="media_player.den")
    await hass.async_block_till_done()
    assert async_get_memory(hass).last(player) is None
    assert await named(hass, "media_player.den", lane) == [("Ada", "m1")]
    idle = add_player(hass, "androidtv", "other")
    entity_registry.async_update_entity(idle, new_entity_id="media_player.attic")
    entity_registry.async_remove("media_player.den")
    await hass.async_block_till_done()
    assert async_get_memory(hass).last("media_player.den") is None


async def test_memory_is_bounded_and_keeps_the_newest(hass: HomeAssistant) -> None:
    await setup_lane(hass)
    memory = async_get_memory(hass)
    for number in range(MAX_PLAYERS):
        hass.states.async_set(f"media_player.p{number}", "playing", FILM)
    hass.states.async_set("media_player.p0", "playing", EPISODE)
    hass.states.async_set("media_player.p1", "off")
    hass.states.async_set(TV, "playing", FILM)
    await hass.async_block_till_done()
    assert memory.last("media_player.p1") is None
    assert memory.last("media_player.p0") is not None
    assert memory.last(TV) is not None


async def test_user_is_noted_only_for_what_plays(hass: HomeAssistant) -> None:
    await setup_lane(hass)
    memory = async_get_memory(hass)
    memory.note_user(TV, "k", "u1")
    assert memory.key(TV) is None
    plays(hass, **FILM)
    memory.note_user(TV, "another", "u1")
    played = memory.last(TV)
    assert played is not None
    assert played.user_id is None


def test_sighting_of_a_player_that_is_gone() -> None:
    now = datetime.now(UTC)
    assert sighting(None, now).motion is Motion.GONE
