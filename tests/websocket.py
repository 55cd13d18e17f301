"""A connection to the websocket commands, as the panel has one."""

from typing import Any


class Client:
    """Somebody's connection: `ask` for an answer, `refused` for an error."""

    def __init__(self, client: Any) -> None:
        """Talk over *client*."""
        self._client = client
        self._events: list[dict[str, Any]] = []

    async def _send(self, command: str, data: dict[str, Any]) -> dict[str, Any]:
        await self._client.send_json_auto_id(
            {"type": f"watched_sync/{command}", **data}
        )
        while True:
            message: dict[str, Any] = await self._client.receive_json()
            if message["type"] == "result":
                return message
            self._events.append(message["event"])

    async def ask(self, command: str, /, **data: Any) -> Any:
        """Return the answer to a command."""
        message = await self._send(command, data)
        assert message["success"], message
        return message["result"]

    async def refused(self, command: str, /, **data: Any) -> dict[str, Any]:
        """Return the error that a command is answered with."""
        message = await self._send(command, data)
        assert not message["success"]
        error: dict[str, Any] = message["error"]
        return error

    async def event(self) -> dict[str, Any]:
        """Return the next event of a subscription."""
        if self._events:
            return self._events.pop(0)
        message: dict[str, Any] = await self._client.receive_json()
        assert message["type"] == "event", message
        event: dict[str, Any] = message["event"]
        return event
