"""Ask a real Jellyfin what another one was asked, and write down what it answers.

What to ask is in the recordings themselves, so an earlier one is all it takes: see
`tests.recordings`. Ids become names, tokens and addresses disappear.
"""

import argparse
import asyncio
from collections.abc import Callable, Sequence
from getpass import getpass
import json
import os
from pathlib import Path
import re
import sys
from time import monotonic
from typing import Final

from aiohttp import ClientSession, ClientWebSocketResponse

from custom_components.watched_sync.servers.jellyfin.dialect import JELLYFIN
from scripts.lib.checking import Refusal
from tests.fakes.library import MOVIES_LIBRARY, SHOWS_LIBRARY
from tests.recordings.replay import ACTS, NAMES, load, shortened

from .asking import Json, ask
from .contract import SECRET
from .jellyfin import RealJellyfin, dialect_at, taken_away
from .shelf import LIBRARIES

#: Headers of an answer that are written down.
_HEADERS: Final = ("Content-Type", "Retry-After")
#: Members whose values are nobody's business, or differ from one run to the next.
_SECRET_MEMBERS: Final = frozenset({"AccessToken", "Secret"})
_OWN_MEMBERS: Final = frozenset(
    {
        "Address",
        "Code",
        "Etag",
        "LocalAddress",
        "MessageId",
        "PlayAccess",
        "RemoteEndPoint",
        "ServerName",
        "traceId",
    }
)
_NAME_MEMBERS: Final = frozenset({"Name", "UserName", "Username"})
_GUID: Final = re.compile(
    r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE
)
_NAMED: Final = re.compile(r"\{[^{}]+\}")
_NO_TOKEN: Final = "0" * 32
#: Seconds in which the socket tells what was done.
_TOLD: Final = 1.5
_FAILED: Final = 2


class Recorder:
    """One run on one server."""

    def __init__(self, real: RealJellyfin, admin: str, *, told: float = _TOLD) -> None:
        """Record as the people of *real*; the administrator is called *admin*."""
        self._real = real
        self._told = told
        self._others: dict[str, str] = {}
        self._admin = admin
        self._made = {one.name: short for short, one in real.people.items()}
        self._names = {one.user_id: f"user:{key}" for key, one in real.people.items()}
        self._names[real.user_id] = "user:admin"
        self._names[self._info()["Id"]] = "server"
        self._name_items()
        self._ids = {f"{{{name}}}": key for key, name in self._names.items()}

    def record(self, like: Json) -> Json:
        """Ask all that *like* holds; every sequence begins with nothing watched."""
        sequences = []
        for asked in like["sequences"]:
            self._real.begin()
            done: dict[str, Json] = {"sequence": asked["sequence"]}
            if "frames" in asked:
                done["frames"] = asyncio.run(self._listen(asked["frames"]))
            else:
                done["steps"] = [self._take(step) for step in asked["steps"]]
            sequences.append(done)
            self._real.end()
        info = self._info()
        return {
            "server": info["ProductName"],
            "version": info["Version"],
            "sequences": sequences,
        }

    def _info(self) -> Json:
        answer = ask(self._real.url, "GET", "/System/Info/Public", headers={})
        return answer.json()

    # -- names ---------------------------------------------------------------

    def _name_items(self) -> None:
        """Name what the server holds; of several of one name each has a number."""
        same: dict[str, list[tuple[str, str, str]]] = {}
        for library in LIBRARIES:
            self._names[self._real.folders[library]["Id"]] = f"library:{library}"
            for row in self._real.rows(library):
                place = (library, row.get("SeriesId", ""), row["Id"])
                same.setdefault(_name(row), []).append(place)
        for name, places in same.items():
            for number, (_, _, item_id) in enumerate(sorted(places), 1):
                more = f" #{number}" if len(places) > 1 else ""
                self._names[item_id] = name + more

    def _clean(self, said: Json) -> Json:
        """Write names for ids, and nothing that is anybody's own."""
        if isinstance(said, dict):
            return {key: self._member(key, value) for key, value in said.items()}
        if isinstance(said, list):
            return [self._clean(one) for one in said]
        if not isinstance(said, str):
            return said
        for name, short in self._made.items():
            said = said.replace(name, short)
        return _GUID.sub(self._named, said)

    def _member(self, key: str, value: Json) -> Json:
        if key in _SECRET_MEMBERS:
            return "SECRET"
        if key in _OWN_MEMBERS or key.endswith("Path"):
            return "X"
        if key in _NAME_MEMBERS and value == self._admin:
            return "admin"
        return self._clean(value)

    def _named(self, found: re.Match[str]) -> str:
        plain = found[0].replace("-", "").lower()
        name = self._names.get(plain)
        if name is None:
            other = f"other:{len(self._others) + 1}"
            name = self._others.setdefault(plain, other)
        return f"{{{name}}}" if "-" not in found[0] else f"{{{name} dashed}}"

    def _filled(self, asked: Json) -> Json:
        """Put the server's ids, and its people, in the place of their names."""
        if isinstance(asked, dict):
            return {key: self._filled(value) for key, value in asked.items()}
        if isinstance(asked, list):
            return [self._filled(one) for one in asked]
        if not isinstance(asked, str):
            return asked
        for short, person in self._real.people.items():
            if asked in {short, f"{short}-password"}:
                return person.name if asked == short else person.password
        return _NAMED.sub(lambda found: self._ids[found[0]], asked)

    # -- asking --------------------------------------------------------------

    def _take(self, step: Json) -> Json:
        if prepared := step.get("prepare"):
            self._prepare(prepared)
            return {"prepare": prepared}
        asked = {key: step[key] for key in ("who", "method", "path", "query")}
        if "body" in step:
            asked["body"] = step["body"]
        answer = ask(
            self._real.url,
            asked["method"],
            self._filled(asked["path"]),
            headers=self._headers(asked["who"]),
            query=self._filled(asked["query"]),
            body=self._filled(asked.get("body")),
        )
        try:
            said = self._clean(answer.json())
        except ValueError:
            said = answer.body.decode("utf-8", "replace")
        kept = {key: value for key, value in answer.headers.items() if key in _HEADERS}
        return {**asked, "status": answer.status, "headers": kept, "answer": said}

    def _headers(self, who: str) -> dict[str, str]:
        person = self._real.people.get(who)
        match who:
            case "stranger":
                token = _NO_TOKEN
            case "admin":
                token = self._real.token
            case _:
                token = person.token if person else ""
        login = f'Client="Recorder", Device="recorder", DeviceId="rec-{who}"'
        more = f', Token="{token}"' if token else ""
        return {
            "Accept": "application/json",
            "Authorization": f'MediaBrowser {login}, Version="1"{more}',
        }

    def _prepare(self, prepared: Json) -> None:
        short = prepared["user"]
        match prepared:
            case {"policy": dict(policy)}:
                self._real.set_policy(short, **self._filled(policy))
            case {"account": "sign in"}:
                self._real.people[short].token = self._real.new_token(short)
            case {"account": "sign out"}:
                self._real.person(short, "POST", "/Sessions/Logout")
            case _:
                raise ValueError(prepared)

    # -- listening -----------------------------------------------------------

    async def _listen(self, frames: Sequence[Json]) -> list[Json]:
        """Do what was done beside an open socket, and write down what it is told."""
        acts = [one["then"] for one in frames if "then" in one]
        told: list[Json] = []
        headers = self._headers("kim")
        async with (
            ClientSession() as session,
            session.ws_connect(f"{self._real.url}/socket", headers=headers) as socket,
        ):
            for act in acts:
                told.append({"then": act})
                begun = monotonic()
                if act == "KeepAlive sent":
                    await socket.send_json({"MessageType": "KeepAlive"})
                elif act in ACTS:
                    await asyncio.to_thread(self._act, act)
                await self._hear(socket, begun, told)
        return told

    def _act(self, act: str) -> None:
        method, path, body = ACTS[act]
        self._take(
            {
                "who": "kim",
                "method": method,
                "path": path,
                "query": {},
                **({} if body is None else {"body": body}),
            }
        )

    async def _hear(
        self, socket: ClientWebSocketResponse, begun: float, told: list[Json]
    ) -> None:
        end = begun + self._told
        while (left := end - monotonic()) > 0:
            try:
                text = await socket.receive_str(timeout=left)
            except TimeoutError:
                return
            after = round(monotonic() - begun, 2)
            frame = self._clean(shortened(json.loads(text)))
            told.append({"after": after, "bytes": len(text), "frame": frame})


def _name(row: Json) -> str:
    match row["Type"]:
        case "Movie":
            return f"film:{row['Name']} ({row['ProductionYear']})"
        case "Series":
            return f"show:{row['Name']}"
        case "Season":
            return f"season:{row['SeriesName']}/{row['IndexNumber']}"
        case _:
            place = f"{row['ParentIndexNumber']}/{row['IndexNumber']}"
            return f"episode:{row['SeriesName']}/{place}"


def main(
    arguments: Sequence[str],
    read_secret: Callable[[str], str] = getpass,
    *,
    told: float = _TOLD,
) -> int:
    """Run; 0 if the recording is written, else 2."""
    parser = argparse.ArgumentParser(prog="scripts/record-server", allow_abbrev=False)
    parser.add_argument("url", help="the address of a Jellyfin")
    parser.add_argument("file", type=Path, help="where to write the recording")
    parser.add_argument("--admin", required=True, help="the name of its administrator")
    like = [one for one in NAMES if "odd" not in one]
    parser.add_argument("--like", choices=like, default=like[-1], help="what to ask")
    options = parser.parse_args(arguments)
    try:
        recording = _recorded(options, read_secret, told)
    except Refusal as refusal:
        print(f"error: {refusal}", file=sys.stderr)
        return _FAILED
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return _FAILED
    text = json.dumps(recording, ensure_ascii=False, indent=1)
    options.file.write_text(f"{text}\n", encoding="utf-8")
    steps = sum(len(one.get("steps", ())) for one in recording["sequences"])
    print(f"{steps} exchanges with Jellyfin {recording['version']} are written down.")
    return 0


def _recorded(
    options: argparse.Namespace, read_secret: Callable[[str], str], told: float
) -> Json:
    url = options.url.rstrip("/")
    if dialect_at(url) is not JELLYFIN:
        raise Refusal("only a Jellyfin can be asked what the recordings hold")
    secret = os.environ.get(SECRET) or read_secret(f"Password of {options.admin}: ")
    real = RealJellyfin.sign_in(url, JELLYFIN, options.admin, secret)
    try:
        real.sees["sam"] = frozenset({MOVIES_LIBRARY, SHOWS_LIBRARY})
        real.make_people()
        return Recorder(real, options.admin, told=told).record(load(options.like))
    finally:
        taken_away(real)
