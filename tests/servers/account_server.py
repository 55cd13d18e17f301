"""As much of plex.tv as tells whose token it is: `GET /api/v2/user`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tests.fakes.plex import FakePlex


@asynccontextmanager
async def accounts_of(server: FakePlex) -> AsyncIterator[str]:
    """Serve the accounts behind the tokens of *server*; gives the address."""

    async def user(request: web.Request) -> web.Response:
        name = server.user_of(request)
        if name is None:
            error = {"code": 1001, "message": "User could not be authenticated"}
            return web.json_response({"errors": [{**error, "status": 401}]}, status=401)
        account = server.users[name]
        return web.json_response(
            {"id": account.user_id, "uuid": account.uuid, "title": account.name}
        )

    app = web.Application()
    app.router.add_get("/api/v2/user", user)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
