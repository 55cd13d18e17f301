"""What a client sent to `aioresponses`, in the order of sending."""

from typing import Any, NamedTuple

from aioresponses import aioresponses
from yarl import URL


class Sent(NamedTuple):
    """One request as it was handed to aiohttp."""

    method: str
    url: URL
    options: dict[str, Any]

    @property
    def line(self) -> str:
        """Method and path, without the query."""
        return f"{self.method} {self.url.path}"

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.options["headers"])


def sent(mock: aioresponses) -> list[Sent]:
    """Return the requests, grouped by address where one was asked several times."""
    return [
        Sent(method, url, call.kwargs)
        for (method, url), calls in (mock.requests or {}).items()
        for call in calls
    ]
