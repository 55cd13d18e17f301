"""A television whose states are posted, as those of any integration would arrive."""

from datetime import UTC, datetime
from typing import Any

from scripts.lib.demo.client import Client

type Json = dict[str, Any]


class Player:
    """One player of a Home Assistant that *client* talks to."""

    def __init__(self, client: Client, name: str = "tv") -> None:
        """Name it; nobody knows of it before it has said something."""
        self._client = client
        self._name = name
        self.entity_id = f"media_player.{name}"

    async def says(self, state: str, **attributes: Any) -> None:
        """Show a state."""
        await self._client.rest(
            "POST",
            f"/api/states/{self.entity_id}",
            {
                "state": state,
                "attributes": {"friendly_name": self._name.upper(), **attributes},
            },
        )

    async def plays(self, what: Json, percent: float) -> None:
        """Play *what*, and be that far in it."""
        await self.says(
            "playing",
            **what,
            media_position=what["media_duration"] * percent / 100,
            media_position_updated_at=datetime.now(UTC).isoformat(),
        )

    async def stops(self) -> None:
        """Stop, and say nothing of what was played: most do so."""
        await self.says("idle")

    async def played(self, what: Json, percent: float) -> None:
        """Play *what* up to there and stop."""
        await self.plays(what, 0)
        await self.plays(what, percent)
        await self.stops()
