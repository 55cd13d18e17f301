"""A real Jellyfin or Emby, as its administrator sees it."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
import secrets
from typing import Final, Self

from custom_components.watched_sync.core.identity import MediaKind
from custom_components.watched_sync.servers.jellyfin.dialect import (
    EMBY,
    JELLYFIN,
    Dialect,
)
from scripts.lib.checking import Refusal
from tests.fakes.library import MOVIES_LIBRARY

from .asking import Answer, Json, ask, expect
from .shelf import LIBRARIES, Row, Shelf

#: Whoever is called so was made by us, and is taken away.
_OURS: Final = "watched-sync-test-"
_ADMIN_DEVICE: Final = f"{_OURS}admin"

#: What the three may see; None is every one of `LIBRARIES`.
PEOPLE: Final[Mapping[str, frozenset[str] | None]] = {
    "alex": None,
    "kim": None,
    "sam": frozenset({MOVIES_LIBRARY}),
}

_KINDS: Final = {
    "Movie": MediaKind.MOVIE,
    "Series": MediaKind.SHOW,
    "Season": MediaKind.SEASON,
    "Episode": MediaKind.EPISODE,
}
_LEAVES: Final = "Movie,Episode"


def dialect_at(url: str) -> Dialect | None:
    """Return how a server is spoken to; None if it is neither Jellyfin nor Emby."""
    answer = ask(url, "GET", "/System/Info/Public", headers={})
    try:
        product = answer.json()["ProductName"]
    except ValueError, TypeError:
        return None
    except KeyError:
        product = None
    return next((one for one in (JELLYFIN, EMBY) if product in one.products), None)


@dataclass(slots=True)
class Person:
    """A user made for tests; *tokens* are all that are still good."""

    name: str
    user_id: str
    password: str
    device: str
    token: str = ""
    tokens: list[tuple[str, str]] = field(default_factory=list)
    libraries: frozenset[str] = frozenset()


class RealJellyfin:
    """A server, signed in to as its administrator."""

    def __init__(self, url: str, dialect: Dialect, token: str, user_id: str) -> None:
        """Take what `sign_in` found out."""
        self.url = url
        self.dialect = dialect
        self.people: dict[str, Person] = {}
        self.sees = dict(PEOPLE)
        self.token = token
        self.user_id = user_id
        self.folders = {
            one["Name"]: one for one in self.admin("GET", dialect.views)["Items"]
        }
        for library in LIBRARIES:
            if library not in self.folders:
                raise Refusal(
                    f"there is no library {library}: make its files with "
                    "scripts/make-library, and add their folders to the server"
                )
        self.shelf = Shelf(
            [_row(name, one) for name in LIBRARIES for one in self.rows(name)]
        )

    @classmethod
    def sign_in(cls, url: str, dialect: Dialect, name: str, password: str) -> Self:
        """Sign in. Raises `Refusal`, also for who is no administrator."""
        body = {"Username": name, "Pw": password}
        answer = ask(
            url,
            "POST",
            "/Users/AuthenticateByName",
            headers=dialect.headers(_ADMIN_DEVICE, None),
            body=body,
        )
        got = expect(answer, "the sign-in")
        if not got["User"]["Policy"]["IsAdministrator"]:
            raise Refusal(f"{name} is no administrator there")
        return cls(url, dialect, got["AccessToken"], got["User"]["Id"])

    # -- asking --------------------------------------------------------------

    def admin(
        self, method: str, path: str, body: Json = None, **query: str | int | bool
    ) -> Json:
        """Ask as the administrator, about themselves unless `userId` is given."""
        answer = self.ask(
            self.token, _ADMIN_DEVICE, self.user_id, method, path, body, **query
        )
        return expect(answer, f"{method} {path}")

    def person(
        self,
        name: str,
        method: str,
        path: str,
        body: Json = None,
        **query: str | int | bool,
    ) -> Json:
        """Ask as one of the people, with the token they have now."""
        person = self.people[name]
        answer = self.ask(
            person.token, person.device, person.user_id, method, path, body, **query
        )
        return expect(answer, f"{method} {path}")

    def ask(
        self,
        token: str,
        device: str,
        user_id: str,
        method: str,
        path: str,
        body: Json = None,
        **query: str | int | bool,
    ) -> Answer:
        """Send one request; `{user}` of a path and `userId` are the user's id."""
        user_id = str(query.get("userId", user_id))
        asked = {"userId": user_id, **query}
        return ask(
            self.url,
            method,
            path.replace("{user}", user_id),
            headers=self.dialect.headers(device, token),
            query={
                name: str(value).lower() if isinstance(value, bool) else str(value)
                for name, value in asked.items()
            },
            body=body,
        )

    # -- people --------------------------------------------------------------

    def make_people(self) -> None:
        """Make them, after those that an earlier run may have left."""
        self.remove_people()
        for short in PEOPLE:
            name, password = f"{_OURS}{short}", secrets.token_urlsafe(12)
            self.people[short] = Person(name, "", password, name)
            body = {"Name": name, "Password": password}
            user_id = self.admin("POST", "/Users/New", body)["Id"]
            self.people[short].user_id = user_id
            if self.dialect is EMBY:
                # It takes the password of a new user only afterwards.
                body = {"Id": user_id, "NewPw": password}
                self.admin("POST", f"/Users/{user_id}/Password", body)

    def remove_people(self) -> None:
        """Take away whoever was made for tests, by this run or an earlier one."""
        self.people.clear()
        for user in self.admin("GET", "/Users"):
            if user["Name"].startswith(_OURS):
                self.admin("DELETE", f"/Users/{user['Id']}")

    def sign_out(self) -> None:
        """End the administrator's own sign-in."""
        self.admin("POST", "/Sessions/Logout")

    def begin(self) -> None:
        """Have the people be as new: nothing played or watched, and just signed in."""
        for short, libraries in self.sees.items():
            self.people[short].token = self.new_token(short)
            self.allow(short, libraries or frozenset(LIBRARIES))
        self._silence()
        for short in PEOPLE:
            self.forget(short)

    def end(self) -> None:
        """Sign all of them out, which ends what they play."""
        for person in self.people.values():
            for token, device in person.tokens:
                # One that was signed out already is refused.
                self.ask(token, device, person.user_id, "POST", "/Sessions/Logout")
            person.tokens.clear()

    def new_token(self, short: str, device: str | None = None) -> str:
        """Sign a person in, on a device of their own."""
        person = self.people[short]
        device = device or person.device
        answer = ask(
            self.url,
            "POST",
            "/Users/AuthenticateByName",
            headers=self.dialect.headers(device, None),
            body={"Username": person.name, "Pw": person.password},
        )
        token = str(expect(answer, f"the sign-in of {person.name}")["AccessToken"])
        person.tokens.append((token, device))
        return token

    def allow(self, short: str, libraries: Collection[str]) -> None:
        """Have a person see these libraries and no others."""
        person = self.people[short]
        if person.libraries == frozenset(libraries):
            return
        folders = [self.folders[one] for one in libraries]
        self.set_policy(
            short,
            # Of a server with nothing else on it this is what everybody begins with.
            EnableAllFolders=self.folders.keys() <= set(libraries),
            # Emby names them by another id of theirs.
            EnabledFolders=[one.get("Guid", one["Id"]) for one in folders],
        )
        person.libraries = frozenset(libraries)

    def set_policy(self, short: str, **changes: Json) -> None:
        """Say what a person may do, beside what they may do already."""
        path = f"/Users/{self.people[short].user_id}"
        policy = self.admin("GET", path)["Policy"]
        self.admin("POST", f"{path}/Policy", {**policy, **changes})

    def _silence(self) -> None:
        """Stop what somebody plays: it would go on for minutes without its player."""
        for one in self.sessions():
            person = self.people[one["UserName"]]
            stop = {"ItemId": one["NowPlayingItem"]["Id"], "PositionTicks": 0}
            self.ask(
                person.token,
                one["DeviceId"],
                person.user_id,
                "POST",
                "/Sessions/Playing/Stopped",
                stop,
            )

    def forget(self, short: str) -> None:
        """Take back whatever a person has watched."""
        user_id = self.people[short].user_id
        members = ("Played", "PlayCount", "PlaybackPositionTicks", "LastPlayedDate")
        for one in self.leaves(short):
            if any(one["UserData"].get(name) for name in members):
                path = self.dialect.played.format(user=user_id, item=one["Id"])
                self.admin("DELETE", path, userId=user_id)

    # -- items ---------------------------------------------------------------

    def user_data(self, short: str, item_id: str) -> Json:
        """Return what is stored of an item for a person.

        Read in a list: asked for alone, 12.0 shows an item as it was before a mark of
        its season.
        """
        rows = self.person(
            short, "GET", self.dialect.items, ids=item_id, fields=self.dialect.fields
        )["Items"]
        return rows[0]["UserData"]

    def leaves(self, short: str) -> list[Json]:
        """List all films and episodes, with what is stored of them for a person."""
        rows: list[Json] = self.admin(
            "GET",
            self.dialect.items,
            userId=self.people[short].user_id,
            recursive=True,
            includeItemTypes=_LEAVES,
            fields=self.dialect.fields,
            enableImages=False,
        )["Items"]
        return rows

    def sessions(self) -> list[Json]:
        """Return what people play."""
        names = {one.name: short for short, one in self.people.items()}
        return [
            {**one, "UserName": names[one["UserName"]]}
            for one in self.admin("GET", "/Sessions")
            if one.get("NowPlayingItem") and one.get("UserName") in names
        ]

    def rows(self, library: str) -> list[Json]:
        """List the films, or the shows, seasons and episodes, of a library."""
        return [
            one
            for kind in _KINDS
            for one in self.admin(
                "GET",
                self.dialect.items,
                parentId=self.folders[library]["Id"],
                recursive=True,
                includeItemTypes=kind,
                fields=self.dialect.fields,
                enableUserData=False,
                enableImages=False,
            )["Items"]
        ]


def _row(library: str, row: Json) -> Row:
    kind = _KINDS[row["Type"]]
    number = row.get("IndexNumber")
    if kind is MediaKind.EPISODE:
        season, first = row.get("ParentIndexNumber"), number or 0
        episodes = range(first, (row.get("IndexNumberEnd") or first) + 1)
    else:
        season, episodes = number, range(0)
    below = kind in {MediaKind.SEASON, MediaKind.EPISODE}
    return Row(
        row["Id"],
        kind,
        library,
        row["SeriesName"] if below else row["Name"],
        row.get("ProductionYear"),
        season,
        episodes,
    )


def taken_away(real: RealJellyfin) -> None:
    """Take away what a run made, whatever has happened to the server since."""
    with suppress(Refusal):
        real.end()
    real.remove_people()
    with suppress(Refusal):
        real.sign_out()
