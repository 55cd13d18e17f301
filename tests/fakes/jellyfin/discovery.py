"""The answer to `who is JellyfinServer?` over UDP (`AutoDiscoveryHost`).

Emby has a question of its own and does not answer this one.
"""

import asyncio
from collections.abc import Callable
import json
from typing import override

PORT = 7359
_QUESTIONS = {False: "who is jellyfinserver?", True: "who is embyserver?"}


class Discovery(asyncio.DatagramProtocol):
    """Answers every datagram that holds the question."""

    def __init__(
        self, answer: Callable[[], dict[str, str | None]], *, emby: bool = False
    ) -> None:
        self._answer = answer
        self._question = _QUESTIONS[emby]
        self._transport: asyncio.DatagramTransport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self._transport = transport

    @override
    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._transport and self._question in data.decode(errors="replace").lower():
            self._transport.sendto(json.dumps(self._answer()).encode(), addr)
