"""Jellyfin and Emby servers that answer a broadcast in the local network.

Source: Jellyfin's server source (AutoDiscoveryHost): a datagram to port 7359 that asks
`who is JellyfinServer?` is answered with address, id and name. Emby answers a question
of its own. Only IPv4 is listened to, and an administrator may switch it off.
"""

import asyncio
from collections.abc import Collection, Iterator
from dataclasses import dataclass
import ipaddress
import json
import logging
import socket
from typing import Final, override

from yarl import URL

from ...core.errors import Malformed, ServerError
from ..fields import Json, Oddities, as_row, identifier, name, text
from ..transport import parse_url

_LOGGER = logging.getLogger(__name__)

#: Everybody in the network that the default route leads to.
BROADCAST: Final = "255.255.255.255"
PORT: Final = 7359
#: Seconds in which answers are waited for.
PATIENCE: Final = 1.5

_QUESTIONS: Final = (b"who is JellyfinServer?", b"who is EmbyServer?")
_DEFAULT_PORT: Final = 8096


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A server that answered.

    `addresses` are where it may be, the likeliest first: what it says of itself can be
    wrong (the inside of a container, say), so each is to be verified before it is used.
    Whether it is Jellyfin or Emby is not told either.
    """

    server_id: str
    name: str
    addresses: tuple[str, ...]


async def discover(
    *,
    to: Collection[str] = (BROADCAST,),
    port: int = PORT,
    patience: float = PATIENCE,
    wanted: str | None = None,
) -> tuple[FoundServer, ...]:
    """Ask who is there, and return who answers within *patience* seconds.

    *to* are the addresses asked, such as the broadcast address of each network. Ends
    at once when the server with the id *wanted* has answered. A network that cannot be
    asked has no answer to give: nothing is raised.
    """
    listener = _Listener(wanted)
    try:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: listener, family=socket.AF_INET, allow_broadcast=True
        )
    except OSError as error:
        _LOGGER.debug("No broadcast can be sent: %s", type(error).__name__)
        return ()
    try:
        for address in to:
            for question in _QUESTIONS:
                transport.sendto(question, (address, port))
        async with asyncio.timeout(patience):
            await listener.satisfied.wait()
    except TimeoutError:
        pass  # everybody had time to answer
    finally:
        transport.close()
    return tuple(listener.found.values())


class _Listener(asyncio.DatagramProtocol):
    """Collects answers, one for each server."""

    def __init__(self, wanted: str | None) -> None:
        self.found: dict[str, FoundServer] = {}
        self.satisfied = asyncio.Event()
        self._wanted = wanted

    @override
    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        try:
            server = _parse(data, addr[0])
        except Malformed, ValueError, RecursionError:
            _LOGGER.debug("Something else answered a broadcast")
            return
        if (known := self.found.get(server.server_id)) is not None:
            # A server in two networks answers in each.
            addresses = dict.fromkeys((*known.addresses, *server.addresses))
            server = FoundServer(known.server_id, known.name, tuple(addresses))
        self.found[server.server_id] = server
        if server.server_id == self._wanted:
            self.satisfied.set()

    @override
    def error_received(self, exc: Exception) -> None:
        _LOGGER.debug("A broadcast could not be sent: %s", type(exc).__name__)


def _parse(data: bytes, source: str) -> FoundServer:
    answer: Json = json.loads(data)
    server = as_row(answer, "the answer")
    odd = Oddities()
    announced = odd.read(text, server, "Address") or ""
    return FoundServer(
        server_id=identifier(server, "Id"),
        name=odd.read(name, server, "Name") or "",
        addresses=tuple(dict.fromkeys(_addresses(announced, source))),
    )


def _addresses(announced: str, source: str) -> Iterator[str]:
    """Give the announced address, and the same seen from where the answer came."""
    try:
        url = parse_url(announced)
    except ServerError:
        url = None
    if url is not None and _leads_to(url, source):
        yield str(url).rstrip("/")
    fallback = url or URL.build(scheme="http", host=source, port=_DEFAULT_PORT)
    yield str(fallback.with_host(source)).rstrip("/")


def _leads_to(url: URL, source: str) -> bool:
    """Whether an address can lead from here to *source*; loopback is ourselves."""
    try:
        address = ipaddress.ip_address(url.host or "")
    except ValueError:
        return url.host != "localhost" or ipaddress.ip_address(source).is_loopback
    if address.is_unspecified:
        return False
    return not address.is_loopback or ipaddress.ip_address(source).is_loopback
