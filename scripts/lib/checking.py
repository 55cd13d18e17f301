"""What `scripts/check-server` does: sign in, check, put back, and say what it saw."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from getpass import getpass
import json
import os
from pathlib import Path
import secrets
import signal
import sys
import tempfile
from typing import Final, Self, TextIO

from aiohttp import ClientSession, DummyCookieJar, TCPConnector

from custom_components.watched_sync.core.checking import (
    Check,
    CheckRequest,
    NothingSuitable,
)
from custom_components.watched_sync.core.errors import ServerError, WrongServer
from custom_components.watched_sync.core.facts import (
    FACT_TEXTS,
    WORD_TEXTS,
    FactVerdict,
    FindingsTable,
    Product,
)
from custom_components.watched_sync.core.members import DamagedRow
from custom_components.watched_sync.core.ports import ServerInfo
from custom_components.watched_sync.core.restoring import (
    DirectAccess,
    RestoreNote,
    Stored,
    put_back,
)
from custom_components.watched_sync.servers.jellyfin.client import (
    JellyfinClient,
    authenticate,
    public_info,
    sign_out,
)
from custom_components.watched_sync.servers.jellyfin.dialect import (
    EMBY,
    JELLYFIN,
    Dialect,
)
from custom_components.watched_sync.servers.jellyfin.direct import JellyfinDirect
from custom_components.watched_sync.servers.jellyfin.wire import parse_user
from custom_components.watched_sync.servers.plex.client import (
    PlexClient,
    server_id_at,
)
from custom_components.watched_sync.servers.plex.direct import PlexDirect
from custom_components.watched_sync.servers.transport import (
    Transport,
    parse_url,
    without_own_page,
)

#: What the script ends with.
SAME, DIFFERS, FAILED, LEFT = range(4)

_COMPONENT: Final = Path(__file__).parents[2] / "custom_components" / "watched_sync"
_DIALECTS: Final[Mapping[Product, Dialect]] = {
    Product.JELLYFIN: JELLYFIN,
    Product.EMBY: EMBY,
}

#: What stays on a server, or leaves it, whatever is put back.
_TRACES: Final[Mapping[Product, str]] = {
    Product.PLEX: (
        "Plex may keep lines of it in its play history, and plex.tv hears of it if "
        "you sync your watch state there."
    ),
    Product.JELLYFIN: (
        "Its activity log will say that the film was played, and plugins such as "
        "Trakt hear of it."
    ),
    Product.EMBY: (
        "Its activity log will say that the film was played, and plugins such as "
        "Trakt hear of it."
    ),
}


class Refusal(Exception):
    """It cannot be done; the text says why."""


@dataclass
class Terminal:
    """The person in front of it."""

    out: TextIO = field(default_factory=lambda: sys.stdout)
    read: Callable[[str], str] = input
    read_secret: Callable[[str], str] = getpass

    def ask(self, text: str) -> str:
        """Ask for a line."""
        with _interruptible():
            return self.read(text).strip()

    def ask_secret(self, text: str) -> str:
        """Ask for a line that nobody is to see."""
        with _interruptible():
            return self.read_secret(text)

    def say(self, text: str = "") -> None:
        """Write a line."""
        print(text, file=self.out, flush=True)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Have Ctrl-C end a prompt at once, which the event loop would not let it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@dataclass(frozen=True, slots=True)
class _RealClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A user of a server, and how to end what was begun for this check."""

    client: PlexClient | JellyfinClient
    direct: DirectAccess
    info: ServerInfo
    device_id: str
    end: Callable[[], Awaitable[None]]


class NoteFile:
    """Where a check notes what to put back: a file that only its owner can read."""

    def __init__(self, path: Path) -> None:
        """Keep it there; nothing is written yet."""
        self.path = path

    @classmethod
    def new(cls) -> Self:
        """Keep it here, or where temporary files are if this folder is read-only."""
        here = Path.cwd()
        folder = here if os.access(here, os.W_OK) else Path(tempfile.gettempdir())
        return cls(folder / f"watched-sync-check-{secrets.token_hex(4)}.json")

    async def __call__(self, note: RestoreNote | None) -> None:
        """Have this note be on the disk; None takes the file away."""
        if note is None:
            self.path.unlink(missing_ok=True)
            return
        new = self.path.with_suffix(".new")
        with suppress(FileNotFoundError):
            new.unlink()
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(note.as_json(), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)


def main(arguments: Sequence[str], terminal: Terminal | None = None) -> int:
    """Run; 0 if the server does what we believe, 1 if not, 2 if it failed, 3 if left.

    Ctrl-C puts back as well; a second one leaves that to `--put-back`.
    """
    terminal = terminal or Terminal()
    options = parse(arguments)
    notes = NoteFile.new()
    result = FAILED
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell has begun it in the background. A signal is to put back all the same.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = asyncio.run(_until_told(options, terminal, notes))
    except KeyboardInterrupt:
        terminal.say("Stopped.")
    except (Refusal, ServerError, OSError) as error:
        terminal.say(f"error: {error or type(error).__name__}")
    if not notes.path.exists():
        return result
    terminal.say("Not everything is put back. To try that again:")
    terminal.say(f"  scripts/check-server {options.url} --put-back {notes.path}")
    return LEFT


async def _until_told(
    options: argparse.Namespace, terminal: Terminal, notes: NoteFile
) -> int:
    """Run until it is through, or told to stop: by Ctrl-C or by a signal like it."""
    asyncio.get_running_loop().add_signal_handler(
        signal.SIGTERM, signal.raise_signal, signal.SIGINT
    )
    return await run(options, terminal, notes, CheckRequest())


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/check-server",
        description="See whether a server does what Watched Sync believes of it.",
    )
    parser.add_argument("url", help="the server's address")
    parser.add_argument("--kind", choices=[one.value for one in Product])
    parser.add_argument("--user", help="the name to sign in with; else it is asked for")
    parser.add_argument("--film", default="", help="the film to try things on")
    parser.add_argument("--show", default="", help="the show to try things on")
    parser.add_argument("--read-only", action="store_true", help="write nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask before writing")
    parser.add_argument("--report", type=Path, help="write the findings to this file")
    parser.add_argument("--put-back", type=Path, help="put back what this file notes")
    parser.add_argument(
        "--no-verify", action="store_true", help="believe any certificate"
    )
    return parser.parse_args(arguments)


async def run(
    options: argparse.Namespace,
    terminal: Terminal,
    notes: NoteFile,
    wanted: CheckRequest,
) -> int:
    """Sign in, and check or put back. Raises `Refusal` and `ServerError`."""
    note = _read_note(options.put_back) if options.put_back else None
    url = options.url if "://" in options.url else f"http://{options.url}"
    url = str(without_own_page(parse_url(url))).rstrip("/")
    async with ClientSession(
        cookie_jar=DummyCookieJar(),
        connector=TCPConnector(ssl=not options.no_verify),
    ) as session:
        device_id = note.device_id if note else f"check-{secrets.token_hex(8)}"
        product = await _product(session, url, device_id, options.kind)
        user = await _sign_in(session, url, product, device_id, options, terminal)
        try:
            if note is not None:
                return await _put_back(user, note, options.put_back, terminal)
            return await _check(user, options, terminal, notes, wanted)
        finally:
            await user.end()


def _read_note(path: Path) -> RestoreNote:
    try:
        return RestoreNote.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (DamagedRow, ValueError) as error:
        raise Refusal(f"{path} is no note of a check") from error


async def _product(
    session: ClientSession, url: str, device_id: str, kind: str | None
) -> Product:
    """Find out what kind of server answers. Raises `WrongServer`."""
    if kind is not None:
        return Product(kind)
    for product, dialect in _DIALECTS.items():
        with suppress(WrongServer):
            transport = Transport(session, url, dialect.headers(device_id, None))
            await public_info(transport, dialect)
            return product
    await server_id_at(session, url, device_id)
    return Product.PLEX


async def _sign_in(
    session: ClientSession,
    url: str,
    product: Product,
    device_id: str,
    options: argparse.Namespace,
    terminal: Terminal,
) -> SignedIn:
    """Ask for what a server wants to see, and find out who that is."""
    if product is Product.PLEX:
        token = terminal.ask_secret("X-Plex-Token: ")
        plex = PlexClient(session, url, token, client_id=device_id)
        access = PlexDirect(session, url, token, client_id=device_id)
        return SignedIn(plex, access, await plex.identify(), device_id, _nothing)
    dialect = _DIALECTS[product]
    user_id, token, end = await _token(
        session, url, dialect, device_id, options.user, terminal
    )
    try:
        client = JellyfinClient(
            session,
            url,
            token,
            user_id=user_id,
            device_id=device_id,
            dialect=dialect,
        )
        direct = JellyfinDirect(
            session,
            url,
            token,
            user_id=user_id,
            device_id=device_id,
            dialect=dialect,
        )
        return SignedIn(client, direct, await client.identify(), device_id, end)
    except BaseException:
        await end()
        raise


async def _token(
    session: ClientSession,
    url: str,
    dialect: Dialect,
    device_id: str,
    name: str | None,
    terminal: Terminal,
) -> tuple[str, str, Callable[[], Awaitable[None]]]:
    """Return user id and token, by name and password or by the token itself."""
    takes_token = dialect is JELLYFIN
    if name is None:
        hint = " (none to paste a token instead)" if takes_token else ""
        name = terminal.ask(f"User name{hint}: ")
    if not name and takes_token:
        token = terminal.ask_secret("Token: ").strip()
        transport = Transport(session, url, dialect.headers(device_id, token))
        user = parse_user(await transport.read(dialect.me))
        return user.user_id, token, _nothing
    password = terminal.ask_secret("Password: ")
    login = await authenticate(session, url, name, password, device_id, dialect=dialect)

    async def end() -> None:
        with suppress(ServerError):
            await sign_out(session, url, login.token, device_id, dialect=dialect)

    return login.info.user_id, login.token, end


async def _nothing() -> None:
    """End nothing: the token is the user's own."""


async def _put_back(
    user: SignedIn, note: RestoreNote, path: Path, terminal: Terminal
) -> int:
    """Put back what a check that was killed had noted."""
    ours = (user.direct.product, user.info.server_id, user.info.user_id)
    if ours != (note.product, note.server_id, note.user_id):
        raise Refusal("the note is of another server or another user")
    left = await put_back(user.direct, note, asyncio.sleep)
    if left:
        _say_left(left, {}, terminal)
        return LEFT
    await NoteFile(path)(None)
    terminal.say("Everything is as it was.")
    return SAME


async def _check(
    user: SignedIn,
    options: argparse.Namespace,
    terminal: Terminal,
    notes: NoteFile,
    wanted: CheckRequest,
) -> int:
    """Check, and say what was found."""
    check = Check(
        user.client,
        user.direct,
        user.info,
        device_id=user.device_id,
        session_id=secrets.token_hex(16),
        clock=_RealClock(),
        sleep=asyncio.sleep,
        wanted=replace(wanted, film=options.film, show=options.show),
    )
    terminal.say("Reading ...")
    try:
        await check.read()
    except NothingSuitable as error:
        raise Refusal(
            f"{error} is not there, or could not be put back as it is now"
        ) from error
    left: Mapping[str, Stored] = {}
    writes = not options.read_only and _agreed(check, user, options, terminal)
    if writes:
        terminal.say("Trying; this takes about a minute ...")
        left = await check.write(notes)
        _say_left(left, check.titles, terminal)
    words = FindingsTable(_english())
    rows = words.rows(check.findings)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    terminal.say()
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        terminal.say("  ".join(cells).rstrip())
    terminal.say()
    if options.report:
        text = report(check, user.info.version, words, is_put_back=not left)
        options.report.write_text(text, encoding="utf-8")
        terminal.say(f"The report is in {options.report}.")
    if left:
        return LEFT
    verdicts = {one.verdict for one in check.findings}
    return DIFFERS if FactVerdict.DIFFERS in verdicts else SAME


def _agreed(
    check: Check, user: SignedIn, options: argparse.Namespace, terminal: Terminal
) -> bool:
    """Say what would be written, and ask whether to go on."""
    names = [one.full_title for one in (check.film, check.show) if one is not None]
    if not names:
        terminal.say("No film and no show was found that could be put back as it is.")
        return False
    terminal.say(
        f"This marks and un-marks {' and all of '.join(names)} for "
        f"{user.info.user_name or 'this user'} several times, sets positions and "
        "reports that the film plays. Then everything is put back as it is now. "
        f"{_TRACES[user.direct.product]}"
    )
    return bool(options.yes) or terminal.ask("Go on? [y/N] ").lower() == "y"


def _say_left(
    left: Mapping[str, Stored], titles: Mapping[str, str], terminal: Terminal
) -> None:
    """Say exactly what is not as it was."""
    for key, one in left.items():
        was = "never touched" if one.is_blank else json.dumps(dict(one.members))
        terminal.say(f"not put back: {titles.get(key, key)} was {was}")


def report(
    check: Check, version: str, words: FindingsTable, *, is_put_back: bool
) -> str:
    """Return the findings for others: a table, and the same for a program.

    Nothing in it is anybody's own: no address, name, title, token or id.
    """
    manifest = json.loads((_COMPONENT / "manifest.json").read_text(encoding="utf-8"))
    summary = {
        "watched_sync": manifest["version"],
        "product": check.product.value,
        "version": version,
        "day": datetime.now(UTC).date().isoformat(),
        "put_back": is_put_back,
        "facts": [one.as_json() for one in check.findings],
    }
    table = words.table(check.findings)
    return (
        f"# {check.product.value.title()} {version}\n\n{table}\n\n"
        f"```json\n{json.dumps(summary, indent=1)}\n```\n"
    )


def _english() -> dict[str, str]:
    """Read what everything is called, from the words of the integration."""
    path = _COMPONENT / "translations" / "en.json"
    selectors = json.loads(path.read_text(encoding="utf-8"))["selector"]
    return {
        f"{kind}.{key}": text
        for kind in (FACT_TEXTS, WORD_TEXTS)
        for key, text in selectors[kind]["options"].items()
    }
