"""Formats of the wire: dates, GUIDs, answers, refusals."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from http import HTTPStatus
import json
from typing import Any, NoReturn
import uuid

NEVER = "0001-01-01T00:00:00.0000000Z"
"""A date that cannot be null and was never set."""


def wire_date(moment: datetime) -> str:
    """Write a date as the server does: UTC, up to seven fraction digits.

    Zeros at the end are left out, but a whole second has seven of them.
    """
    utc = moment.astimezone(UTC)
    fraction = f"{utc.microsecond:06}".rstrip("0") or "0" * 7
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{fraction}Z"


def read_date(text: str, local: tzinfo) -> datetime | None:
    """Read a date as the server does, None when it cannot.

    Fourteen digits are `yyyyMMddHHmmss` in UTC (the old format); anything without a
    zone is taken as the server's local time.
    """
    if len(text) == 14 and text.isdigit():
        try:
            return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=local)
    return moment.astimezone(UTC)


def read_guid(text: str) -> str | None:
    """Read a GUID with or without dashes; returns 32 hex digits, None for nonsense."""
    if len(text) not in {32, 36}:
        return None
    try:
        return uuid.UUID(text).hex
    except ValueError:
        return None


def read_emby_id(text: str) -> str | None:
    """Read an id as Emby has them: decimal for items, a GUID for users."""
    if text.isascii() and text.isdecimal() and len(text) < 20:
        return text
    return read_guid(text)


def compact(value: Any) -> Any:
    """Leave out members that are null, all the way down."""
    if isinstance(value, dict):
        return {key: compact(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [compact(one) for one in value]
    return value


@dataclass(frozen=True, slots=True)
class Answer:
    """A response before it becomes one of aiohttp's."""

    status: int = HTTPStatus.OK
    body: bytes = b""
    content_type: str | None = None
    headers: Mapping[str, str] | None = None


def json_answer(value: Any, status: int = HTTPStatus.OK) -> Answer:
    """Answer with JSON."""
    return Answer(status, json.dumps(compact(value)).encode(), "application/json")


NO_CONTENT = Answer(HTTPStatus.NO_CONTENT)


class Refusal(Exception):
    """A request that is answered with an error."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def refuse(status: int) -> NoReturn:
    """Refuse with an empty body, as challenges do."""
    raise Refusal(Answer(status))


def refuse_with_text(status: int) -> NoReturn:
    """Refuse as `ExceptionMiddleware` does."""
    text = b"Error processing request."
    raise Refusal(Answer(status, text, "text/plain"))


def refuse_with_sentence(status: int, sentence: str) -> NoReturn:
    """Refuse with a JSON string, as `NotFound("...")` does."""
    raise Refusal(json_answer(sentence, status))


def refuse_with_problem(
    status: int, errors: Mapping[str, list[str]] | None = None
) -> NoReturn:
    """Refuse with the problem details of ASP.NET (RFC 7807)."""
    problem = {
        "type": f"https://tools.ietf.org/html/rfc9110#section-15.5.{status - 399}",
        "title": HTTPStatus(status).phrase
        if errors is None
        else "One or more validation errors occurred.",
        "status": status,
        "errors": errors,
        "traceId": "00-00000000000000000000000000000000-0000000000000000-00",
    }
    raise Refusal(json_answer(problem, status))
