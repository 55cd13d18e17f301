"""Who answers a broadcast, and at which addresses they may be."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
import json
import socket
from typing import Any, override

import pytest

from custom_components.watched_sync.servers.jellyfin import discovery
from custom_components.watched_sync.servers.jellyfin.discovery import (
    FoundServer,
    discover,
)
from tests.fakes.base import HOST
from tests.fakes.emby import FakeEmby
from tests.fakes.jellyfin import FakeJellyfin

pytestmark = pytest.mark.usefixtures("socket_enabled")

FOREVER = 30.0
"""Longer than any answer takes: the server that is wanted ends the wait."""


@pytest.fixture
async def server() -> AsyncIterator[FakeJellyfin]:
    async with FakeJellyfin() as running:
        yield running


class Crowd(asyncio.DatagramProtocol):
    """Gives several answers to the first question it hears."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        self.questions: list[bytes] = []
        self._answers = answers
        self._transport: asyncio.DatagramTransport | None = None

    @override
    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # as asyncio hands it over
        self._transport = transport

    @override
    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.questions.append(data)
        assert self._transport is not None
        if len(self.questions) == 1:
            for answer in self._answers:
                self._transport.sendto(answer, addr)


@asynccontextmanager
async def crowd_of(*answers: Any) -> AsyncIterator[tuple[Crowd, int]]:
    """Answer as several servers would; what is no bytes is sent as JSON."""
    crowd = Crowd(
        [one if isinstance(one, bytes) else json.dumps(one).encode() for one in answers]
    )
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: crowd, local_addr=(HOST, 0)
    )
    try:
        yield crowd, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


def answer(server_id: str, address: str | None = None, name: str = "den") -> Any:
    return {"Address": address, "Id": server_id, "Name": name, "EndpointAddress": None}


async def found_at(address: str | None) -> tuple[str, ...]:
    """Return what is made of an address that a server announces from 127.0.0.1."""
    async with crowd_of(answer("one", address)) as (_, port):
        (found,) = await discover(to=[HOST], port=port, patience=FOREVER, wanted="one")
    return found.addresses


async def test_server_in_the_network_is_found(server: FakeJellyfin) -> None:
    port = await server.start_discovery()
    assert await discover(
        to=[HOST], port=port, patience=FOREVER, wanted=server.server_id
    ) == (FoundServer(server.server_id, server.name, (server.url,)),)


async def test_emby_is_asked_by_its_own_name() -> None:
    async with FakeEmby() as server:
        port = await server.start_discovery()
        (found,) = await discover(
            to=[HOST], port=port, patience=FOREVER, wanted=server.server_id
        )
    assert found.name == "Fake Emby"


async def test_every_server_that_answers_is_found_once() -> None:
    async with crowd_of(
        answer("one", "http://192.0.2.1:8096"),
        answer("two", "http://192.0.2.2:8096"),
        answer("one", "http://198.51.100.1:8096", "another name"),
        answer("three"),
    ) as (crowd, port):
        found = await discover(to=[HOST], port=port, patience=FOREVER, wanted="three")
    assert [one.server_id for one in found] == ["one", "two", "three"]
    assert found[0].name == "den"
    assert found[0].addresses == (
        "http://192.0.2.1:8096",
        f"http://{HOST}:8096",
        "http://198.51.100.1:8096",
    )
    assert crowd.questions[0] == b"who is JellyfinServer?"


@pytest.mark.parametrize(
    "nonsense",
    [
        b"",
        b"\xff\xfe",
        b"HTTP/1.1 200 OK",
        b"[" * 50_000,
        b"[]",
        {},
        {"Id": None},
        {"Id": "a b"},
        {"Id": "x" * 999},
    ],
)
async def test_what_is_no_answer_is_passed_over(nonsense: Any) -> None:
    async with crowd_of(nonsense, answer("one")) as (_, port):
        found = await discover(to=[HOST], port=port, patience=FOREVER, wanted="one")
    assert [one.server_id for one in found] == ["one"]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        # A good one, and the same seen from where the answer came.
        ("http://192.0.2.7:8097", ("http://192.0.2.7:8097", f"http://{HOST}:8097")),
        (
            "https://media.example/jf/",
            ("https://media.example/jf", f"https://{HOST}/jf"),
        ),
        (f"http://{HOST}:8096", (f"http://{HOST}:8096",)),
        # Loopback from a loopback is the same machine.
        ("http://[::1]:8096", ("http://[::1]:8096", f"http://{HOST}:8096")),
        ("http://localhost:8096", ("http://localhost:8096", f"http://{HOST}:8096")),
        # No address at all.
        ("http://0.0.0.0:8096", (f"http://{HOST}:8096",)),
        ("media.example", (f"http://{HOST}:8096",)),
        ("ftp://media.example", (f"http://{HOST}:8096",)),
        ("http://user:secret@media.example", (f"http://{HOST}:8096",)),
        ("", (f"http://{HOST}:8096",)),
        (None, (f"http://{HOST}:8096",)),
    ],
)
async def test_announced_address_comes_first_where_it_can_be_one(
    address: str | None, expected: tuple[str, ...]
) -> None:
    assert await found_at(address) == expected


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_loopback_of_another_machine_is_not_ours(host: str) -> None:
    data = json.dumps(answer("one", f"http://{host}:8097")).encode()
    found = discovery._parse(data, "192.0.2.9")
    assert found.addresses == ("http://192.0.2.9:8097",)


async def test_silence_is_waited_out() -> None:
    async with crowd_of() as (crowd, port):
        assert await discover(to=[HOST], port=port, patience=0.3) == ()
        assert crowd.questions == [b"who is JellyfinServer?", b"who is EmbyServer?"]


async def test_network_that_refuses_has_no_answer() -> None:
    """A closed port is reported as an error of the socket, not as an answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((HOST, 0))
        port = taken.getsockname()[1]
    assert await discover(to=[HOST], port=port, patience=0.3) == ()


async def test_machine_without_a_network_has_no_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(*_: Any, **__: Any) -> None:
        raise OSError("no network")

    monkeypatch.setattr(asyncio.get_running_loop(), "create_datagram_endpoint", refuse)
    assert await discover() == ()


async def test_error_of_the_socket_is_no_answer() -> None:
    listener = discovery._Listener(None)
    listener.error_received(PermissionError())
    assert listener.found == {}


async def test_wrong_announcement_is_followed_by_where_the_answer_came_from(
    server: FakeJellyfin,
) -> None:
    port = await server.start_discovery(address="http://172.17.0.2:8097")
    (found,) = await discover(
        to=[HOST], port=port, patience=FOREVER, wanted=server.server_id
    )
    assert found.addresses == ("http://172.17.0.2:8097", f"http://{HOST}:8097")
