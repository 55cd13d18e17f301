"""The simulated servers' own page and its API."""

from collections.abc import AsyncIterator
import json
from typing import Any

import aiohttp
import pytest

from tests.fakes.base import FaultKind
from tests.fakes.control import Ports, Simulation


@pytest.fixture(autouse=True)
def network(socket_enabled: None) -> None:
    """Let requests out, to 127.0.0.1."""


@pytest.fixture
async def simulation() -> AsyncIterator[Simulation]:
    found = Simulation()
    await found.start(Ports())
    yield found
    await found.stop()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as found:
        yield found


async def post(
    session: aiohttp.ClientSession, simulation: Simulation, path: str, body: Any = None
) -> tuple[int, Any]:
    async with session.post(simulation.control_url + path, json=body) as answer:
        return answer.status, await answer.json()


async def look(
    session: aiohttp.ClientSession, simulation: Simulation, user: str = "alex"
) -> list[dict[str, Any]]:
    async with session.get(
        f"{simulation.control_url}/api/state",
        params=dict.fromkeys(simulation.machines, user),
    ) as answer:
        found: list[dict[str, Any]] = (await answer.json())["servers"]
        return found


async def test_page_needs_nothing_from_elsewhere(
    simulation: Simulation, session: aiohttp.ClientSession
) -> None:
    async with session.get(simulation.control_url) as answer:
        page = await answer.text()
    assert answer.content_type == "text/html"
    assert "//" not in page.replace("// ", "")
    assert "<h1>Simulated servers</h1>" in page


async def test_state_tells_of_every_server_what_a_user_has_seen(
    simulation: Simulation, session: aiohttp.ClientSession
) -> None:
    simulation.live_in()
    plex, jellyfin, emby = await look(session, simulation, "kim")
    servers = (plex, jellyfin, emby)
    assert [one["kind"] for one in servers] == ["plex", "jellyfin", "emby"]
    assert {one["user"] for one in servers} == {"kim"}
    assert jellyfin["secret"] == emby["secret"] == ["password", "kim-password"]
    assert plex["secret"] == ["token", "plex-token-of-kim"]
    films = {film["title"]: film for film in plex["movies"]}
    assert films["Paddington 2"]["watched"]
    assert films["Paddington 2"]["plays"] == 1
    assert not films["Alien"]["watched"]
    assert films["Amélie"]["position"] == 35 * 60
    shows = {show["title"]: show for show in jellyfin["shows"]}
    second = shows["Grey's Anatomy"]["seasons"][1]
    assert [one["watched"] for one in second["episodes"]] == [True] * 11 + [False] * 16


async def test_state_is_sent_once_until_it_changes(
    simulation: Simulation, session: aiohttp.ClientSession
) -> None:
    address = f"{simulation.control_url}/api/state"
    async with session.get(address) as answer:
        version = answer.headers["X-Version"]
    async with session.get(address, params={"have": version}) as answer:
        assert answer.status == 204
    simulation.plex.mark("alex", simulation.plex.rating_key("Alien"))
    async with session.get(address, params={"have": version}) as answer:
        assert answer.status == 200


async def test_requests_are_shown_without_their_tokens(
    simulation: Simulation, session: aiohttp.ClientSession
) -> None:
    token = simulation.plex_token("alex")
    key = simulation.plex.rating_key("Alien")
    query = {
        "key": key,
        "identifier": "com.plexapp.plugins.library",
        "X-Plex-Token": token,
    }
    async with session.get(f"{simulation.plex.url}/:/scrobble", params=query) as answer:
        assert answer.ok
    plex, *_ = await look(session, simulation)
    (line,) = plex["requests"]
    assert token not in json.dumps(plex["requests"])
    assert (line["method"], line["status"], line["user"]) == ("GET", 200, "alex")
    assert line["path"].startswith(f"/:/scrobble?key={key}")
    assert line["write"]


@pytest.mark.parametrize("kind", ["plex", "jellyfin"])
async def test_server_goes_away_and_comes_back(
    simulation: Simulation, session: aiohttp.ClientSession, kind: str
) -> None:
    server = simulation.machines[kind].server
    assert await post(session, simulation, f"/api/outage/{kind}/on") == (
        200,
        {"up": False},
    )
    with pytest.raises(aiohttp.ClientConnectorError):
        await session.get(server.url)
    assert [one["up"] for one in await look(session, simulation)].count(False) == 1
    assert await post(session, simulation, f"/api/outage/{kind}/off") == (
        200,
        {"up": True},
    )
    assert server.is_listening


async def test_server_breaks_as_asked_and_works_again(
    simulation: Simulation, session: aiohttp.ClientSession
) -> None:
    fault = {"kind": "status", "status": 503, "retry_after": 7, "times": None}
    assert await post(session, simulation, "/api/fault/plex", fault) == (200, {})
    async with session.get(f"{simulation.plex.url}/identity") as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "7")
    async with session.delete(f"{simulation.control_url}/api/fault/plex") as answer:
        assert answer.ok
    async with session.get(f"{simulation.plex.url}/identity") as answer:
        assert answer.ok


async def test_page_begins_with_whom_it_is_told_and_each_server_has_its_own(
    simulation: Simulation, session: aiohttp.ClientSession
) -> None:
    simulation.machines["jellyfin"].shown_first = "family"
    address = f"{simulation.control_url}/api/state"
    for chosen, shown in (
        ({}, ["alex", "family", "alex"]),
        ({"plex": "kim", "emby": "nobody"}, ["kim", "family", "alex"]),
        ({"jellyfin": "sam"}, ["alex", "sam", "alex"]),
    ):
        async with session.get(address, params=chosen) as answer:
            state = await answer.json()
        assert [one["user"] for one in state["servers"]] == shown


@pytest.mark.parametrize("kind", ["plex", "jellyfin", "emby"])
async def test_server_refuses_changes_and_nothing_else(
    simulation: Simulation, session: aiohttp.ClientSession, kind: str
) -> None:
    machine = simulation.machines[kind]
    film = machine.item_id("Arrival", None, None)
    user, (_, secret) = "kim", machine.secret("kim")
    if kind == "plex":
        look_url = f"{machine.server.url}/library/metadata/{film}"
        mark_url = f"{machine.server.url}/:/scrobble?key={film}"
        mark_url += "&identifier=com.plexapp.plugins.library"
        method, headers = "GET", {"X-Plex-Token": secret}
    else:
        users = f"{machine.server.url}/Users/{machine.server.user_id(user)}"
        look_url, mark_url = f"{users}/Items/{film}", f"{users}/PlayedItems/{film}"
        method = "POST"
        headers = {"X-Emby-Token": machine.server.token_for(user)}

    async def answers(method: str, url: str) -> int:
        async with session.request(method, url, headers=headers) as answer:
            return answer.status

    # Told twice it is no more refused than told once.
    for _ in range(2):
        switched = await post(session, simulation, f"/api/refuse/{kind}/on")
        assert switched == (200, {"refuses": True})
    refusing = [one["refuses"] for one in await look(session, simulation)]
    assert refusing.count(True) == 1
    assert await answers("GET", look_url) == 200
    assert await answers(method, mark_url) == 400
    assert film not in machine.seen(user)

    # What else is broken stays so.
    machine.server.fail(FaultKind.STATUS, path="/nowhere", status=503)
    for _ in range(2):
        switched = await post(session, simulation, f"/api/refuse/{kind}/off")
        assert switched == (200, {"refuses": False})
    assert await answers(method, mark_url) == 200
    assert machine.seen(user)[film].watched
    assert await answers("GET", f"{machine.server.url}/nowhere") == 503

    await post(session, simulation, f"/api/refuse/{kind}/on")
    async with session.delete(f"{simulation.control_url}/api/fault/{kind}") as answer:
        assert answer.ok
    assert not any(one["refuses"] for one in await look(session, simulation))


async def test_quick_connect_is_approved_on_the_page(
    simulation: Simulation, session: aiohttp.ClientSession
) -> None:
    async def codes() -> list[list[str]]:
        return [one["codes"] for one in await look(session, simulation)]

    assert await codes() == [[], [], []]
    who = 'MediaBrowser Client="c", Device="d", DeviceId="e", Version="1"'
    async with session.post(
        f"{simulation.jellyfin.url}/QuickConnect/Initiate",
        headers={"Authorization": who},
    ) as answer:
        request = await answer.json()
    assert await codes() == [[], [request["Code"]], []]

    approve = "/api/approve/jellyfin"
    for body in (
        {"code": request["Code"], "user": "nobody"},
        {"code": "000000", "user": "sam"},
    ):
        assert (await post(session, simulation, approve, body))[0] == 404
    body = {"code": request["Code"], "user": "sam"}
    assert (await post(session, simulation, "/api/approve/plex", body))[0] == 404
    assert await post(session, simulation, approve, body) == (200, {})
    assert await codes() == [[], [], []]
    async with session.get(
        f"{simulation.jellyfin.url}/QuickConnect/Connect",
        params={"secret": request["Secret"]},
    ) as answer:
        assert (await answer.json())["Authenticated"]


@pytest.mark.parametrize("kind", ["plex", "jellyfin"])
async def test_another_client_watches(
    simulation: Simulation, session: aiohttp.ClientSession, kind: str
) -> None:
    machine = simulation.machines[kind]
    film = machine.item_id("Arrival", None, None)
    operation = {"server": kind, "user": "kim", "item": film, "watched": True}
    assert await post(session, simulation, "/api/watch", operation) == (200, {})
    assert machine.seen("kim")[film].watched
    assert film not in machine.seen("alex")

    operation["watched"] = False
    await post(session, simulation, "/api/watch", operation)
    assert not machine.seen("kim").get(film)

    begun = {"server": kind, "user": "kim", "item": film, "position": 1800}
    await post(session, simulation, "/api/watch", begun)
    assert machine.seen("kim")[film].position == 1800


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/outage/kodi/on", None, 404),
        ("/api/fault/plex", {"kind": "nonsense"}, 400),
        ("/api/fault/plex", {"kind": "slow", "speed": 1}, 400),
        ("/api/fault/plex", {"kind": "slow", "path": "("}, 400),
        ("/api/fault/plex", {"delay": 1}, 404),
        ("/api/watch", {"server": "plex"}, 404),
        ("/api/watch", {"server": "plex", "user": "nobody", "item": "1001"}, 404),
        (
            "/api/watch",
            {"server": "plex", "user": "alex", "item": "1", "watched": True},
            404,
        ),
    ],
)
async def test_what_makes_no_sense_is_refused_with_a_sentence(
    simulation: Simulation,
    session: aiohttp.ClientSession,
    path: str,
    body: Any,
    status: int,
) -> None:
    answered, answer = await post(session, simulation, path, body)
    assert answered == status
    assert answer["error"]


async def test_nothing_is_forgotten_over_a_restart() -> None:
    first = Simulation()
    first.live_in()
    film = first.jellyfin.item_id("Alien")
    await first.jellyfin.set_state("sam", film, played=True)
    token = first.jellyfin.token_for("sam")
    await first.stop()

    second = Simulation()
    second.load(json.loads(json.dumps(first.dump())))
    assert second.dump() == first.dump()
    assert second.jellyfin.state("sam", film).played
    assert second.jellyfin.tokens[token].user_id == second.jellyfin.user_id("sam")
    await second.stop()


async def test_what_was_started_is_stopped_when_a_port_is_taken(
    simulation: Simulation,
) -> None:
    other = Simulation()
    with pytest.raises(OSError, match="in use"):
        await other.start(Ports(jellyfin=simulation.jellyfin.port))
    assert not other.plex.is_listening
