"""How the simulated Plex Media Server speaks: XML, JSON, HTML errors."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from xml.etree import ElementTree as ET

from aiohttp import web

type Container = dict[str, Any]
"""The inside of a `MediaContainer`: scalars are attributes, lists are children."""

_TAGS = {
    "movie": "Video",
    "episode": "Video",
    "clip": "Video",
    "track": "Track",
}


def answer(
    request: web.Request,
    container: Container,
    *,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Answer in JSON where `Accept` asks for it, in XML otherwise."""
    if wants_json(request):
        response = web.json_response({"MediaContainer": container})
    else:
        response = web.Response(
            text=to_xml("MediaContainer", container),
            content_type="text/xml",
            charset="utf-8",
        )
    response.headers["X-Plex-Protocol"] = "1.0"
    response.headers.update(headers or {})
    return response


def wants_json(request: web.Request) -> bool:
    """Whether `Accept` names JSON; `*/*` does not."""
    return "application/json" in request.headers.get("Accept", "")


def to_xml(tag: str, content: Mapping[str, Any]) -> str:
    """Write one element: scalars become attributes, lists and mappings children."""
    declaration = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return declaration + ET.tostring(_element(tag, content), encoding="unicode")


def _element(tag: str, content: Mapping[str, Any]) -> ET.Element:
    element = ET.Element(tag)
    for name, value in content.items():
        match value:
            case None:
                continue
            case list():
                element.extend(_element(_tag(name, child), child) for child in value)
            case dict():
                element.append(_element(_tag(name, value), value))
            case bool():
                element.set(name, "1" if value else "0")
            case _:
                element.set(name, str(value))
    return element


def _tag(name: str, child: Mapping[str, Any]) -> str:
    # What JSON calls Metadata has one name for each kind of item in XML.
    return _TAGS.get(child.get("type", ""), "Directory") if name == "Metadata" else name


def error(
    status: int, request: web.Request, message: str | None = None
) -> web.Response:
    """Answer with Plex's HTML page, which comes whatever `Accept` says."""
    phrase = message or HTTPStatus(status).phrase
    script = (
        "<script>window.location = window.location.href.match(/(^.+\\/)[^\\/]*$/)[1]"
        " + 'web/index.html';</script>"
        if request.path == "/" and status == HTTPStatus.UNAUTHORIZED
        else ""
    )
    return web.Response(
        status=status,
        text=(
            f"<html><head>{script}<title>{phrase}</title></head>"
            f"<body><h1>{status} {phrase}</h1></body></html>"
        ),
        content_type="text/html",
    )


def done() -> web.Response:
    """Answer a mark: 200 with nothing in it, called HTML."""
    return web.Response(text="", content_type="text/html")
