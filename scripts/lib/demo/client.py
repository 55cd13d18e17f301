"""Talk to a running Home Assistant as its frontend does: websocket and REST."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
import itertools
from typing import Any, Self

import aiohttp

type Json = dict[str, Any]


class RefusedError(Exception):
    """Home Assistant answered with an error; `code` and the message as it sent them."""

    def __init__(self, code: str, message: str) -> None:
        """Keep both apart."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Client:
    """One websocket connection, and REST requests with the same token."""

    def __init__(self, url: str, token: str) -> None:
        """Prepare; entering the context connects."""
        self.url = url
        self._token = token
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._events: dict[int, asyncio.Queue[Any]] = {}

    async def __aenter__(self) -> Self:
        """Connect and sign in. Raises OSError, aiohttp.ClientError, RefusedError."""
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {self._token}"}
        )
        try:
            self._socket = await self._session.ws_connect(
                f"{self.url}/api/websocket", max_msg_size=0
            )
            await self._sign_in()
        except BaseException:
            await self._session.close()
            raise
        self._reader = asyncio.create_task(self._read())
        return self

    async def _sign_in(self) -> None:
        await self._socket.receive_json()
        await self._socket.send_json({"type": "auth", "access_token": self._token})
        answer = await self._socket.receive_json()
        if answer["type"] != "auth_ok":
            raise RefusedError(answer["type"], answer.get("message", ""))

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        self._reader.cancel()
        with suppress(asyncio.CancelledError):
            await self._reader
        await self._socket.close()
        await self._session.close()

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                data = message.json()
                # Several messages may come in one frame.
                for one in data if isinstance(data, list) else [data]:
                    self._take(one)
        finally:
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(ConnectionError("the websocket was closed"))

    def _take(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "event":
            if (queue := self._events.get(message["id"])) is not None:
                queue.put_nowait(message["event"])
            return
        answer = self._answers.pop(message["id"], None)
        if answer is None or answer.done():
            return
        if message.get("success", True):
            answer.set_result(message.get("result"))
        else:
            error = message["error"]
            answer.set_exception(RefusedError(error["code"], error["message"]))

    async def _send(self, number: int, command: str, data: Mapping[str, Any]) -> Any:
        answer = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        await self._socket.send_json({"id": number, "type": command, **data})
        return await answer

    async def command(self, command: str, **data: Any) -> Any:
        """Send a websocket command and return its result. Raises RefusedError."""
        return await self._send(next(self._ids), command, data)

    async def subscribe(self, command: str, **data: Any) -> asyncio.Queue[Any]:
        """Send a command that subscribes; return the queue its events come in."""
        number = next(self._ids)
        queue = self._events[number] = asyncio.Queue()
        await self._send(number, command, data)
        return queue

    async def rest(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request and return the decoded answer. Raises RefusedError."""
        async with self._session.request(method, self.url + path, json=body) as answer:
            if not answer.ok:
                raise RefusedError(str(answer.status), await answer.text())
            return await answer.json()

    async def action(
        self,
        name: str,
        data: Mapping[str, Any] | None = None,
        *,
        entity_id: str | None = None,
        response: bool = False,
    ) -> Any:
        """Perform an action; return its response if asked for. Raises RefusedError."""
        domain, service = name.split(".")
        result = await self.command(
            "call_service",
            domain=domain,
            service=service,
            service_data=dict(data or {}),
            return_response=response,
            **({"target": {"entity_id": entity_id}} if entity_id else {}),
        )
        return result["response"] if response else None

    async def states(self) -> dict[str, Json]:
        """Return all states by entity id."""
        states = await self.command("get_states")
        return {state["entity_id"]: state for state in states}

    async def state(self, entity_id: str) -> str | None:
        """Return the state of an entity; None if there is no such entity."""
        state = (await self.states()).get(entity_id)
        return state["state"] if state else None

    async def until(
        self,
        condition: Callable[[dict[str, Json]], Any],
        what: str,
        *,
        timeout: float = 30,  # noqa: ASYNC109 - says what was waited for
    ) -> Any:
        """Wait until *condition* of all states is true, and return what it gave.

        Raises TimeoutError, naming *what*, after that many seconds.
        """
        changes = await self.subscribe("subscribe_events", event_type="state_changed")
        try:
            async with asyncio.timeout(timeout):
                while not (found := condition(await self.states())):
                    # A condition may look at something else as well.
                    with suppress(TimeoutError):
                        await asyncio.wait_for(changes.get(), 0.5)
                    while not changes.empty():
                        changes.get_nowait()
                return found
        except TimeoutError:
            raise TimeoutError(f"waited {timeout} s in vain: {what}") from None

    async def until_state(
        self,
        entity_id: str,
        *wanted: str,
        timeout: float = 30,  # noqa: ASYNC109 - says what was waited for
    ) -> Json:
        """Wait until an entity has one of these states, and return it."""
        seen: list[str | None] = [None]

        def reached(states: dict[str, Json]) -> Json | None:
            state = states.get(entity_id)
            seen[0] = state["state"] if state else None
            return state if state and state["state"] in wanted else None

        try:
            found: Json = await self.until(reached, entity_id, timeout=timeout)
        except TimeoutError as error:
            raise TimeoutError(
                f"{error}: is {seen[0]}, ought to be {' or '.join(wanted)}"
            ) from None
        return found
