"""What Jellyfin and Emby say differently; the rest is their common heritage.

Sources: Jellyfin's OpenAPI description and server source; Emby's "REST API" reference
(dev.emby.media) and its OpenAPI description 4.1.1. What those leave open about Emby is
what others measured on 4.9 and 4.10 and made public.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
import re
from typing import Final
from urllib.parse import quote

from ...core.identity import ProviderIds
from . import wire

#: The core integration makes no media player for sessions of this client.
CLIENT: Final = "Home Assistant"
#: The device as the dashboard lists it. Its record is rewritten whenever name or
#: version differ from those the token was made with, so both stay the same.
DEVICE: Final = "Watched Sync"
VERSION: Final = "1"

_EMBY_ITEM_ID: Final = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one of the two kinds of server is spoken to.

    `products` are what it calls itself (None: it does not), `item_id` writes an id as
    the server does, or returns None for what cannot be one. `me`, `items`, ... are
    paths, in which `{user}` and `{item}` stand for ids. `fields` names what a listing
    does not tell unasked, and `listing` narrows each of them; items read by their ids
    are not narrowed. `file_count` is the field that tells how many files a film has;
    None where nothing is known of the play states of files.

    With `replaces_user_data`, members that are not sent lose their values, and a
    position without a date is not offered to be resumed. `first_play` says, beside
    the mark of an item never played, when that was; None where each repetition of
    such a mark would count. `lists_plays` says that what was played last is listed
    without effort. `having` narrows a listing to what bears one of some ids;
    None where nothing does.

    The socket at `socket` is asked with the token in its address where
    `socket_by_query` says so; `keeps_alive` is whether the server wants to hear of us
    over it now and then.
    """

    name: str
    products: tuple[str | None, ...]
    minimum_version: tuple[int, int]
    item_id: wire.NormalId
    me: str
    views: str
    items: str
    item: str
    resumable: str
    played: str
    user_data: str
    fields: str
    file_count: str | None = None
    listing: Mapping[str, str] = field(default_factory=dict)
    token_header: str | None = None
    replaces_user_data: bool = False
    first_play: Callable[[datetime], Mapping[str, str]] | None = None
    having: Callable[[ProviderIds], Mapping[str, str]] | None = None
    lists_plays: bool = False
    announces_marks: bool = True
    socket: str
    socket_by_query: bool = False
    keeps_alive: bool = True

    def __repr__(self) -> str:
        """Name the kind of server."""
        return f"<{self.name}>"

    def headers(self, device_id: str, token: str | None) -> dict[str, str]:
        """Return the headers of every request.

        Names are case-sensitive, values are percent-decoded by the server, and older
        ways to send the token are switched off from Jellyfin 12 on.
        """
        values = {
            "Client": CLIENT,
            "Device": DEVICE,
            "DeviceId": device_id,
            "Version": VERSION,
        }
        if token is not None:
            values["Token"] = token
        pairs = ", ".join(
            f'{name}="{quote(value, safe="")}"' for name, value in values.items()
        )
        headers = {
            "Accept": "application/json",
            "Authorization": f"MediaBrowser {pairs}",
        }
        if token is not None and self.token_header is not None:
            headers[self.token_header] = token
        return headers

    def socket_params(self, device_id: str, token: str) -> dict[str, str] | None:
        """Return what the address of the socket has to say, None if nothing."""
        if not self.socket_by_query:
            return None
        return {"api_key": token, "deviceId": device_id}


def _emby_item_id(value: str) -> str | None:
    return value if _EMBY_ITEM_ID.fullmatch(value) else None


def _date_played(at: datetime) -> Mapping[str, str]:
    """Write a moment as Emby documents it: `yyyyMMddHHmmss`, which is UTC."""
    return {"DatePlayed": f"{at.astimezone(UTC):%Y%m%d%H%M%S}"}


def _any_provider_id(ids: ProviderIds) -> Mapping[str, str]:
    known = {"imdb": ids.imdb, "tmdb": ids.tmdb, "tvdb": ids.tvdb}
    named = [f"{name}.{value}" for name, value in known.items() if value]
    return {"anyProviderIdEquals": ",".join(named)}


#: From 10.9 on: the first version with user data and played items apart from the user.
JELLYFIN: Final = Dialect(
    name="Jellyfin",
    products=(wire.PRODUCT_NAME,),
    minimum_version=(10, 9),
    item_id=wire.normal_id,
    me="/Users/Me",
    views="/UserViews",
    items="/Items",
    item="/Items/{item}",
    resumable="/UserItems/Resume",
    played="/UserPlayedItems/{item}",
    user_data="/UserItems/{item}/UserData",
    fields="ProviderIds,RecursiveItemCount",
    file_count="MediaSourceCount",
    # Proxies are set up for this one.
    socket="/socket",
)

#: From 4.4 on: the first version that takes user data.
EMBY: Final = Dialect(
    name="Emby",
    products=(None, "Emby Server"),
    minimum_version=(4, 4),
    item_id=_emby_item_id,
    me="/Users/{user}",
    views="/Users/{user}/Views",
    items="/Users/{user}/Items",
    item="/Users/{user}/Items/{item}",
    resumable="/Users/{user}/Items/Resume",
    played="/Users/{user}/PlayedItems/{item}",
    user_data="/Users/{user}/Items/{item}/UserData",
    fields=(
        "ProviderIds,RecursiveItemCount,ProductionYear,PremiereDate,"
        "UserDataLastPlayedDate,UserDataPlayCount"
    ),
    listing={"excludeLocationTypes": "Virtual"},
    token_header="X-Emby-Token",  # noqa: S106 - the name of a header
    replaces_user_data=True,
    first_play=_date_played,
    having=_any_provider_id,
    lists_plays=True,
    # That a mark is told of was seen, that each one is was not.
    announces_marks=False,
    socket="/embywebsocket",
    socket_by_query=True,
    keeps_alive=False,
)
