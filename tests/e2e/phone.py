"""A phone with the Home Assistant app, and the service that pushes to it."""

import asyncio
from collections.abc import Mapping
from typing import Any, Self

from aiohttp import web

from scripts.lib.demo.client import Client

_HOST = "127.0.0.1"

#: What configuration.yaml needs for phones to register.
CONFIGURATION = "mobile_app:\n"


class Phone:
    """Registers as the app does; `notifications` are what was pushed to it."""

    def __init__(self, name: str = "Pocket") -> None:
        """Prepare; entering the context makes it reachable."""
        self.name = name
        self.notifications: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        """Listen for what is pushed."""
        app = web.Application()
        app.router.add_post("/push", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, _HOST, 0).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Listen no more."""
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        self.notifications.put_nowait(await request.json())
        return web.json_response({}, status=201)

    async def register(self, client: Client) -> str:
        """Register, and return the id of the device it becomes."""
        port = self._runner.addresses[0][1]
        registered = await client.rest(
            "POST",
            "/api/mobile_app/registrations",
            {
                "app_id": "io.homeassistant.companion",
                "app_name": "Home Assistant",
                "app_version": "2026.11.1",
                "app_data": {
                    "push_token": "push-token",
                    "push_url": f"http://{_HOST}:{port}/push",
                },
                "device_id": self.name.lower(),
                "device_name": self.name,
                "manufacturer": "Somebody",
                "model": "Slab",
                "os_name": "Android",
                "os_version": "17",
                "supports_encryption": False,
            },
        )
        self._webhook = f"/api/webhook/{registered['webhook_id']}"
        devices = await client.command("config/device_registry/list")
        (device,) = (
            one["id"]
            for one in devices
            if ["mobile_app", self.name.lower()] in one["identifiers"]
        )
        return str(device)

    async def press(self, client: Client, action: str) -> None:
        """Press the button of a notification that stands for *action*."""
        await client.rest(
            "POST",
            self._webhook,
            {
                "type": "fire_event",
                "data": {
                    "event_type": "mobile_app_notification_action",
                    "event_data": {"action": action},
                },
            },
        )
