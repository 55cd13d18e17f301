"""One request at a time, which waits for its answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
import json
from typing import Any
from urllib.parse import urlencode, urlsplit

from scripts.lib.checking import Refusal

type Json = Any

_PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_refusal(self) -> bool:
        """Whether it was not done."""
        return self.status >= HTTPStatus.BAD_REQUEST

    def json(self) -> Json:
        """Return the decoded body, None if there is none. Raises ValueError."""
        return json.loads(self.body) if self.body.strip() else None


def ask(
    url: str,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str],
    query: Mapping[str, str] | None = None,
    body: Json = None,
) -> Answer:
    """Send one request; a body goes as JSON. Raises `Refusal` if nobody answers."""
    where = urlsplit(url)
    kind = HTTPSConnection if where.scheme == "https" else HTTPConnection
    connection = kind(where.netloc, timeout=_PATIENCE)
    target = where.path.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")
    more = {} if body is None else {"Content-Type": "application/json"}
    content = None if body is None else json.dumps(body)
    try:
        connection.request(method, target, content, {**headers, **more})
        response = connection.getresponse()
        return Answer(response.status, dict(response.headers), response.read())
    except (OSError, HTTPException) as error:
        raise Refusal(f"{url} does not answer: {error or type(error).__name__}") from (
            error
        )
    finally:
        connection.close()


def expect(answer: Answer, asked: str) -> Json:
    """Return the JSON of a good answer. Raises `Refusal` for any other."""
    if answer.is_refusal:
        raise Refusal(f"{asked} was answered with {answer.status}")
    try:
        return answer.json()
    except ValueError as error:
        raise Refusal(f"{asked} was not answered with JSON") from error
