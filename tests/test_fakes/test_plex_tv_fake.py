"""What the simulated plex.tv does; the numbers continue those of the Plex server."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
import json
from typing import Any
from xml.etree import ElementTree as ET

from aiohttp import ClientError, ClientSession
import pytest

from tests.fakes.base import FakeClock, FaultKind
from tests.fakes.plex import FakePlex
from tests.fakes.plex_tv import FakePlexTv

pytestmark = pytest.mark.usefixtures("socket_enabled")


@dataclass
class Desk:
    """plex.tv and one server, asked by a client that names itself."""

    plex: FakePlex
    plex_tv: FakePlexTv
    clock: FakeClock
    session: ClientSession

    async def ask(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        client: str | None = "ours",
        body: Any = None,
    ) -> tuple[int, Any]:
        headers = {"Accept": "application/json", "X-Plex-Product": "Watched Sync"}
        if token is not None:
            headers["X-Plex-Token"] = token
        if client is not None:
            headers["X-Plex-Client-Identifier"] = client
        async with self.session.request(
            method, self.plex_tv.url + path, headers=headers, json=body
        ) as response:
            text = await response.text()
            return response.status, json.loads(text) if text else None

    async def sign_in(self, user: str, client: str = "ours") -> str:
        """Go through the whole sign-in, and return the account token."""
        _, pin = await self.ask("POST", "/api/v2/pins?strong=true", client=client)
        self.plex_tv.approve(pin["code"], user)
        _, pin = await self.ask("GET", f"/api/v2/pins/{pin['id']}", client=client)
        return str(pin["authToken"])

    async def servers(self, token: str) -> list[dict[str, Any]]:
        status, resources = await self.ask("GET", "/api/v2/resources", token=token)
        assert status == 200
        return [entry for entry in resources if entry["provides"] == "server"]

    async def plex_status(self, token: str) -> int:
        """What the media server says to a token."""
        async with self.session.get(
            self.plex.url + "/", headers={"X-Plex-Token": token}
        ) as response:
            return response.status


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    clock = FakeClock(datetime(2026, 3, 1, 12, tzinfo=UTC))
    async with (
        FakePlex(clock=clock) as plex,
        FakePlexTv([plex]) as plex_tv,
        ClientSession() as session,
    ):
        yield Desk(plex, plex_tv, clock, session)


def code_of(answer: Any) -> int:
    (error,) = answer["errors"]
    return int(error["code"])


async def test_behaviour_32_a_pin_becomes_a_token(desk: Desk) -> None:
    status, pin = await desk.ask("POST", "/api/v2/pins?strong=true")
    assert status == 201
    assert pin["authToken"] is None
    assert pin["expiresIn"] == 1800
    assert pin["clientIdentifier"] == "ours"
    assert pin["product"] == "Watched Sync"
    assert len(pin["code"]) > 20
    path = f"/api/v2/pins/{pin['id']}"
    for _ in range(2):
        status, waiting = await desk.ask("GET", path)
        assert (status, waiting["authToken"]) == (200, None)
    desk.plex_tv.approve(pin["code"], "alex")
    status, done = await desk.ask("GET", path)
    assert status == 200
    status, user = await desk.ask("GET", "/api/v2/user", token=done["authToken"])
    assert (status, user["username"], user["id"]) == (200, "alex", 11000001)
    status, answer = await desk.ask("GET", path)
    assert (status, code_of(answer)) == (404, 1020)


async def test_behaviour_32_strong_may_come_in_the_body(desk: Desk) -> None:
    _, pin = await desk.ask("POST", "/api/v2/pins", body={"strong": True})
    assert pin["expiresIn"] == 1800


async def test_behaviour_32_a_pin_to_type_is_short(desk: Desk) -> None:
    _, pin = await desk.ask("POST", "/api/v2/pins")
    assert len(pin["code"]) == 4
    assert pin["expiresIn"] == 900
    token = await desk.sign_in("alex", client="phone")
    status, _ = await desk.ask(
        "PUT", f"/api/v2/pins/link?code={pin['code']}", token=token
    )
    assert status == 204
    _, done = await desk.ask("GET", f"/api/v2/pins/{pin['id']}")
    assert done["authToken"]
    status, answer = await desk.ask("PUT", "/api/v2/pins/link?code=NONE", token=token)
    assert (status, code_of(answer)) == (404, 1020)


async def test_behaviour_32_a_pin_expires(desk: Desk) -> None:
    _, pin = await desk.ask("POST", "/api/v2/pins?strong=true")
    path = f"/api/v2/pins/{pin['id']}"
    desk.clock.advance(1799)
    status, waiting = await desk.ask("GET", path)
    assert (status, waiting["expiresIn"]) == (200, 1)
    desk.clock.advance(1)
    status, answer = await desk.ask("GET", path)
    assert (status, code_of(answer)) == (404, 1020)
    with pytest.raises(LookupError):
        desk.plex_tv.approve(pin["code"], "alex")


async def test_behaviour_32_a_pin_belongs_to_the_client_that_asked(
    desk: Desk,
) -> None:
    _, pin = await desk.ask("POST", "/api/v2/pins?strong=true")
    path = f"/api/v2/pins/{pin['id']}"
    status, answer = await desk.ask("GET", path, client="somebody else")
    assert (status, code_of(answer)) == (404, 1020)
    for method, address in (("POST", "/api/v2/pins"), ("GET", path)):
        status, answer = await desk.ask(method, address, client=None)
        assert (status, code_of(answer)) == (400, 1000)


async def test_behaviour_32_too_many_requests(desk: Desk) -> None:
    desk.plex_tv.fail(FaultKind.STATUS, status=429, path="pins")
    status, answer = await desk.ask("POST", "/api/v2/pins?strong=true")
    assert (status, code_of(answer)) == (429, 1003)
    status, _ = await desk.ask("POST", "/api/v2/pins?strong=true")
    assert status == 201


async def test_behaviour_32_signing_in_again_ends_the_clients_older_token(
    desk: Desk,
) -> None:
    first = await desk.sign_in("alex")
    other = await desk.sign_in("alex", client="another")
    (server,) = await desk.servers(first)
    of_server = server["accessToken"]
    assert await desk.plex_status(of_server) == 200
    assert await desk.plex_status(first) == 200
    second = await desk.sign_in("alex")
    status, answer = await desk.ask("GET", "/api/v2/user", token=first)
    assert (status, code_of(answer)) == (401, 1001)
    assert await desk.plex_status(first) == 401
    assert await desk.plex_status(of_server) == 401
    for token in (second, other):
        assert (await desk.ask("GET", "/api/v2/user", token=token))[0] == 200
        assert await desk.plex_status(token) == 200


async def test_behaviour_33_each_server_has_a_token_of_its_own(desk: Desk) -> None:
    token = await desk.sign_in("alex")
    (server,) = await desk.servers(token)
    assert server["clientIdentifier"] == desk.plex.machine_identifier
    assert server["owned"] is True
    assert server["accessToken"] != token
    assert await desk.plex_status(server["accessToken"]) == 200
    (again,) = await desk.servers(token)
    assert again["accessToken"] == server["accessToken"]
    status, resources = await desk.ask("GET", "/api/v2/resources", token=token)
    assert status == 200
    assert {entry["provides"] for entry in resources} == {"server", "client,player"}


async def test_behaviour_33_an_account_token_is_no_good_on_a_shared_server(
    desk: Desk,
) -> None:
    token = await desk.sign_in("sam")
    (server,) = await desk.servers(token)
    assert server["owned"] is False
    assert server["sourceTitle"] == "alex"
    assert await desk.plex_status(token) == 401
    assert await desk.plex_status(server["accessToken"]) == 200
    assert desk.plex.requests[-1].user == "sam"


async def test_behaviour_33_some_connections_answer_and_one_does_not(
    desk: Desk,
) -> None:
    (server,) = await desk.servers(await desk.sign_in("alex"))
    kinds = [
        (entry["local"], entry["relay"], entry["protocol"])
        for entry in server["connections"]
    ]
    assert kinds == [
        (True, False, "https"),
        (True, False, "http"),
        (False, False, "http"),
        (False, True, "http"),
    ]
    with pytest.raises(ClientError):
        await desk.session.get(server["connections"][0]["uri"] + "/identity")
    for connection in server["connections"][1:]:
        async with desk.session.get(connection["uri"] + "/identity") as response:
            assert response.status == 200


async def test_behaviour_34_a_home_user_is_switched_to_with_the_pin(
    desk: Desk,
) -> None:
    token = await desk.sign_in("alex")
    status, home = await desk.ask("GET", "/api/v2/home/users", token=token)
    assert status == 200
    users = {user["title"]: user for user in home["users"]}
    assert list(users) == ["alex", "kim"]
    assert users["alex"]["admin"]
    assert (users["kim"]["protected"], users["kim"]["restricted"]) == (True, True)
    path = f"/api/v2/home/users/{users['kim']['uuid']}/switch"
    for query in ("", "?pin=0000"):
        status, answer = await desk.ask("POST", path + query, token=token)
        assert (status, code_of(answer)) == (403, 1041)
    status, kim = await desk.ask("POST", path + "?pin=2468", token=token)
    assert (status, kim["title"]) == (201, "kim")
    (server,) = await desk.servers(kim["authToken"])
    assert await desk.plex_status(kim["authToken"]) == 401
    assert await desk.plex_status(server["accessToken"]) == 200
    assert desk.plex.requests[-1].user == "kim"
    assert (await desk.ask("GET", "/api/v2/user", token=token))[0] == 200


async def test_behaviour_34_only_the_home_can_switch(desk: Desk) -> None:
    sam = await desk.sign_in("sam")
    assert (await desk.ask("GET", "/api/v2/home/users", token=sam))[0] == 403
    alex = await desk.sign_in("alex")
    users = desk.plex_tv.users
    path = f"/api/v2/home/users/{users['sam'].uuid}/switch"
    assert (await desk.ask("POST", path, token=alex))[0] == 404
    path = f"/api/v2/home/users/{users['alex'].uuid}/switch"
    assert (await desk.ask("POST", path, token=sam))[0] == 403
    assert (await desk.ask("POST", path, token=alex))[0] == 201


async def test_behaviour_34_a_server_refuses_tokens_of_the_new_kind(
    desk: Desk,
) -> None:
    jwt = desk.plex_tv.issue_jwt("alex")
    assert (await desk.ask("GET", "/api/v2/user", token=jwt))[0] == 200
    (server,) = await desk.servers(jwt)
    assert server["accessToken"] == jwt
    assert await desk.plex_status(jwt) == 401


async def test_nobody_is_told_anything_without_a_token(desk: Desk) -> None:
    for path in ("user", "ping", "resources", "home/users"):
        for token in (None, "unknown"):
            status, answer = await desk.ask("GET", f"/api/v2/{path}", token=token)
            assert (status, code_of(answer)) == (401, 1001)
    status, answer = await desk.ask("GET", "/api/v2/nothing")
    assert (status, code_of(answer)) == (404, 1002)


async def test_a_token_ends_by_signing_out(desk: Desk) -> None:
    token = await desk.sign_in("alex")
    assert (await desk.ask("GET", "/api/v2/ping", token=token))[0] == 200
    status, _ = await desk.ask("DELETE", "/api/v2/users/signout", token=token)
    assert status == 204
    assert (await desk.ask("GET", "/api/v2/ping", token=token))[0] == 401
    assert await desk.plex_status(token) == 401


async def test_a_change_of_password_ends_every_token(desk: Desk) -> None:
    tokens = [await desk.sign_in("alex", client=name) for name in ("one", "two")]
    sams = await desk.sign_in("sam")
    desk.plex_tv.sign_out_everywhere("alex")
    for token in tokens:
        assert (await desk.ask("GET", "/api/v2/user", token=token))[0] == 401
    assert (await desk.ask("GET", "/api/v2/user", token=sams))[0] == 200


async def test_without_accept_it_answers_in_xml(desk: Desk) -> None:
    async with desk.session.post(
        desk.plex_tv.url + "/api/v2/pins?strong=true",
        headers={"X-Plex-Client-Identifier": "ours"},
    ) as response:
        assert response.status == 201
        pin = ET.fromstring(await response.text())  # noqa: S314 - our own server's
    assert pin.tag == "pin"
    assert pin.get("clientIdentifier") == "ours"
    assert pin.get("authToken") is None


async def test_the_sign_in_page_offers_the_accounts_and_approves(desk: Desk) -> None:
    async with desk.session.get(desk.plex_tv.url + "/auth") as response:
        page = await response.text()
    assert 'value="alex"' in page
    assert 'value="sam"' in page
    assert 'value="kim"' not in page
    _, pin = await desk.ask("POST", "/api/v2/pins?strong=true")
    for user, expected in (("nobody", 404), ("alex", 204)):
        status, _ = await desk.ask(
            "POST", "/auth/approve", body={"code": pin["code"], "user": user}
        )
        assert status == expected
    _, done = await desk.ask("GET", f"/api/v2/pins/{pin['id']}")
    assert done["authToken"]


async def test_other_addresses_and_servers_can_be_listed(desk: Desk) -> None:
    token = await desk.sign_in("alex")
    (server,) = await desk.servers(token)
    identifier = desk.plex.machine_identifier
    desk.plex_tv.connections[identifier] = []
    desk.plex_tv.offline.add(identifier)
    (server,) = await desk.servers(token)
    assert server["connections"] == []
    assert server["presence"] is False
    desk.plex_tv.remove_server(desk.plex)
    assert await desk.servers(token) == []
