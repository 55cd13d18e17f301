"""A time machine: the same event loop, the same sockets, and no waiting.

When nothing is to be read and no thread is at work, the loop would sleep until its next
timer. Here it skips that time instead, and takes everybody's clock along: ours, Home
Assistant's and those of the simulated servers. An hour of backoff is over in seconds,
with every timeout and every delay kept.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
import socket
from typing import Any

import pytest

from tests.fakes.base import FakeClock


class TimeMachine:
    """Skips idle time while `running`; `elapsed` seconds so far.

    Clients and servers live in one thread, so what is on its way over the loopback was
    sent before the loop had nothing more to do. A byte that is sent after it arrives
    after it: only then is there nothing to wait for, however busy the real machine is.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Take over the clocks of *loop*."""
        self._take_over(loop)
        monkeypatch.setattr("homeassistant.util.dt.utcnow", self.now)
        monkeypatch.setattr(
            "custom_components.watched_sync.servers.transport._utc_now", self.now
        )

    def _take_over(self, loop: Any) -> None:
        self.running = False
        self.elapsed = 0.0
        self._clocks: list[FakeClock] = []
        self._threads = 0
        self._time: Callable[[], float] = loop.time
        self._select: Callable[[float | None], Any] = loop._selector.select
        self._run_in_executor: Callable[..., asyncio.Future[Any]] = loop.run_in_executor
        # The loop ends with the test: turning its time back would confuse timers.
        loop.time = lambda: self._time() + self.elapsed
        loop.run_in_executor = self._count_threads
        loop._selector.select = self._wait
        with socket.create_server(("127.0.0.1", 0)) as server:
            self._sent = socket.create_connection(server.getsockname())
            self._arrived, _ = server.accept()
        self._sent.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def stop(self) -> None:
        """Let time take its time again, for good."""
        self.running = False
        self._sent.close()
        self._arrived.close()

    def take_along(self, clock: FakeClock) -> None:
        """Move a simulated server's clock as well, however often it is named."""
        if clock not in self._clocks:
            self._clocks.append(clock)

    def now(self) -> datetime:
        """Return the time it is."""
        return datetime.now(UTC) + timedelta(seconds=self.elapsed)

    def seconds(self) -> float:
        """Return the time it is for the event loop."""
        return self._time() + self.elapsed

    def _count_threads(self, *args: Any) -> asyncio.Future[Any]:
        future = self._run_in_executor(*args)
        self._threads += 1

        def done(_: asyncio.Future[Any]) -> None:
            self._threads -= 1

        future.add_done_callback(done)
        return future

    def _wait(self, timeout: float | None) -> Any:
        if not self.running or self._threads or not timeout:
            return self._select(timeout)
        if events := self._select(0) or self._select_what_was_on_its_way():
            return events
        self.elapsed += timeout
        for clock in self._clocks:
            clock.advance(timeout)
        return events

    def _select_what_was_on_its_way(self) -> Any:
        self._sent.sendall(b"!")
        self._arrived.recv(1)
        return self._select(0)
