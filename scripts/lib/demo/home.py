"""Write the folder of a Home Assistant that is set up already.

Nobody is asked anything at the first start, and nothing calls out to the world. Run
with the Python of the environment whose Home Assistant will be started:
``python -m scripts.lib.demo.home`` takes a line of JSON on stdin for each folder,
``["FOLDER", {...}]`` with the keyword arguments of `furnish`, and answers with a line
that says who may enter. The file formats are those of Home Assistant 2026.10 and
2026.11.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
import json
from pathlib import Path
import secrets
import shutil
import sys
import time
from typing import Any
import uuid

import bcrypt
from homeassistant.components.http import config as http_config
from homeassistant.util.ulid import ulid_now
import jwt
from PIL import Image

type Json = dict[str, Any]

HOST = "127.0.0.1"
ROOT = Path(__file__).parents[3]
DOMAIN = "watched_sync"

_NOW = "2026-01-01T00:00:00.000000+00:00"
_TEN_YEARS = 10 * 365 * 86400

_CONFIGURATION = """\
# Written by scripts/demo. The port is not here but in .storage/http: Home Assistant
# takes an "http:" of this file for a trial and goes back on it after five minutes.
homeassistant:
  name: {name}
  latitude: 52.37
  longitude: 4.89
  elevation: 2
  unit_system: metric
  currency: EUR
  country: NL
  time_zone: Europe/Amsterdam

frontend:
history:
logbook:
conversation:

automation: !include automations.yaml
script: !include scripts.yaml
scene: !include scenes.yaml

logger:
  default: warning
  logs:
    custom_components.{domain}: debug
    # Programs that nothing here needs.
    haffmpeg: fatal
    homeassistant.components.camera.img_util: fatal

recorder:
  commit_interval: 1
"""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may enter a home: a user with a password, and a token of that user."""

    url: str
    user: str
    password: str
    user_id: str
    token: str

    @property
    def browser_tokens(self) -> Json:
        """What the frontend keeps in localStorage under `hassTokens`."""
        return {
            "access_token": self.token,
            "token_type": "Bearer",
            "expires_in": _TEN_YEARS,
            "hassUrl": self.url,
            "clientId": f"{self.url}/",
            "refresh_token": "",
            "expires": round(time.time() + _TEN_YEARS) * 1000,
        }


def furnish(
    folder: Path,
    *,
    port: int,
    user: str,
    password: str,
    name: str = "Demo home",
    owner: str | None = None,
    others: Sequence[str] = (),
    configuration: str = "",
    entries: Sequence[Mapping[str, Any]] = (),
) -> Access:
    """Write everything a first start needs into an empty folder.

    *owner* is the name of the person who signs in with *user* and *password*. Each of
    *others* is a person as well, but no administrator, and signs in with the name in
    lower case, which is the password too. *configuration* is YAML for the end of
    configuration.yaml, and *entries* are config entries as `config_entry` makes them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "configuration.yaml").write_text(
        f"{_CONFIGURATION.format(name=name, domain=DOMAIN)}\n{configuration}",
        encoding="utf-8",
    )
    for file, content in (
        ("automations.yaml", "[]\n"),
        ("scenes.yaml", "[]\n"),
        ("scripts.yaml", "{}\n"),
    ):
        (folder / file).write_text(content, encoding="utf-8")
    link_component(folder, ROOT / "custom_components" / DOMAIN)
    residents = [
        _Resident(owner or user.capitalize(), user, password, is_owner=True),
        *(_Resident(name, name.lower(), name.lower()) for name in others),
    ]
    access = _let_in(folder, port, residents)
    put(folder, "person", {"items": [one.person for one in residents]}, version=2)
    put(
        folder,
        "onboarding",
        {"done": ["user", "core_config", "analytics", "integration"]},
        version=4,
    )
    put(
        folder,
        "core.analytics",
        {
            "onboarded": True,
            "preferences": {},
            "uuid": None,
            "submission_identifier": None,
            "snapshot_submission_time": None,
        },
    )
    set_port(folder, port)
    put(
        folder,
        "core.config_entries",
        {"entries": [*_silenced(), *entries]},
        minor_version=5,
    )
    _draw_placeholders(folder)
    return access


def link_component(folder: Path, component: Path) -> None:
    """Have the home use a custom integration from where it is."""
    (folder / "custom_components").mkdir(exist_ok=True)
    (folder / "custom_components" / component.name).symlink_to(component)


def copy_texts(
    folder: Path, *, languages: Sequence[str] = (), blueprints: bool = True
) -> None:
    """Copy sentences of these languages and blueprints, as a person does by hand.

    What was copied before is replaced.
    """
    copied = [Path("custom_sentences", language) for language in languages]
    if blueprints:
        copied.append(Path("blueprints", "automation", DOMAIN))
    for path in copied:
        shutil.copytree(ROOT / path, folder / path, dirs_exist_ok=True)


def config_entry(
    *,
    title: str,
    unique_id: str,
    data: Mapping[str, Any],
    subentries: Sequence[Mapping[str, Any]] = (),
    entry_id: str | None = None,
    options: Mapping[str, Any] | None = None,
    minor_version: int = 1,
    domain: str = DOMAIN,
    source: str = "user",
    disabled_by: str | None = None,
) -> Json:
    """Return a config entry as it is stored."""
    return {
        "created_at": _NOW,
        "modified_at": _NOW,
        "data": dict(data),
        "disabled_by": disabled_by,
        "discovery_keys": {},
        "domain": domain,
        "entry_id": entry_id or ulid_now(),
        "minor_version": minor_version,
        "options": dict(options or {}),
        "pref_disable_new_entities": False,
        "pref_disable_polling": False,
        "source": source,
        "subentries": [{"subentry_id": ulid_now(), **one} for one in subentries],
        "title": title,
        "unique_id": unique_id,
        "version": 1,
    }


def put(
    folder: Path, key: str, data: Any, *, version: int = 1, minor_version: int = 1
) -> None:
    """Write a storage file; only for a Home Assistant that does not run."""
    file = folder / ".storage" / key
    file.parent.mkdir(exist_ok=True)
    content = {
        "version": version,
        "minor_version": minor_version,
        "key": key,
        "data": data,
    }
    file.write_text(json.dumps(content, indent=2), encoding="utf-8")
    file.chmod(0o600)


def get(folder: Path, key: str) -> Any:
    """Return the whole content of a storage file, with its versions."""
    return json.loads((folder / ".storage" / key).read_text(encoding="utf-8"))


def set_port(folder: Path, port: int) -> None:
    """Let Home Assistant listen on *port* of this machine only."""
    # A version that the installed release does not know yet stops its start.
    settings = http_config.HTTP_STORAGE_SCHEMA(
        {"server_host": [HOST], "server_port": port, "ip_ban_enabled": False}
    )
    put(
        folder,
        "http",
        {
            "stable": {
                **json.loads(json.dumps(settings)),
                "created_at": _NOW,
                "error": None,
                "error_message": None,
            },
            "pending": None,
            "yaml_migration_done": True,
        },
        version=http_config.STORAGE_VERSION,
        minor_version=http_config.STORAGE_MINOR_VERSION,
    )


@dataclass(frozen=True, slots=True)
class _Resident:
    """Somebody who lives there: a person, and the user they sign in with."""

    name: str
    user: str
    password: str
    is_owner: bool = False
    user_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    credential_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def person(self) -> Json:
        return {
            "id": self.user,
            "name": self.name,
            "user_id": self.user_id,
            "device_trackers": [],
        }

    @property
    def account(self) -> Json:
        return {
            "id": self.user_id,
            "group_ids": ["system-admin" if self.is_owner else "system-users"],
            "is_owner": self.is_owner,
            "is_active": True,
            "name": self.name,
            "system_generated": False,
            "local_only": False,
        }

    @property
    def credential(self) -> Json:
        return {
            "id": self.credential_id,
            "user_id": self.user_id,
            "auth_provider_type": "homeassistant",
            "auth_provider_id": None,
            "data": {"username": self.user},
        }

    @property
    def login(self) -> Json:
        # Few rounds: signing in is quick, and the password is printed anyway.
        hashed = bcrypt.hashpw(self.password.encode(), bcrypt.gensalt(4))
        return {
            "username": self.user,
            "password": base64.b64encode(hashed).decode(),
        }


def _let_in(folder: Path, port: int, residents: Sequence[_Resident]) -> Access:
    """Let everybody sign in, and return how the first of them does."""
    first = residents[0]
    token_id = uuid.uuid4().hex
    key = secrets.token_hex(64)
    put(
        folder,
        "auth",
        {
            "users": [one.account for one in residents],
            "groups": [
                {"id": "system-admin", "name": "Administrators"},
                {"id": "system-users", "name": "Users"},
                {"id": "system-read-only", "name": "Read Only"},
            ],
            "credentials": [one.credential for one in residents],
            "refresh_tokens": [
                {
                    "id": token_id,
                    "user_id": first.user_id,
                    "client_id": None,
                    "client_name": "scripts/demo",
                    "client_icon": None,
                    "token_type": "long_lived_access_token",
                    "created_at": _NOW,
                    "access_token_expiration": float(_TEN_YEARS),
                    "token": secrets.token_hex(64),
                    "jwt_key": key,
                    "last_used_at": None,
                    "last_used_ip": None,
                    "expire_at": None,
                    "credential_id": first.credential_id,
                    "version": None,
                }
            ],
        },
    )
    put(
        folder,
        "auth_provider.homeassistant",
        {"users": [one.login for one in residents]},
    )
    now = round(time.time())
    token = jwt.encode(
        {"iss": token_id, "iat": now - 5, "exp": now + _TEN_YEARS},
        key,
        algorithm="HS256",
    )
    return Access(
        f"http://{HOST}:{port}", first.user, first.password, first.user_id, token
    )


def _silenced() -> list[Json]:
    """Return entries of integrations that would call out at every start."""
    if find_spec("homeassistant.components.marketplace") is None:
        return []
    entry = config_entry(
        title="",
        unique_id="",
        data={},
        domain="marketplace",
        source="system",
        disabled_by="user",
    )
    return [entry | {"unique_id": None}]


def _draw_placeholders(folder: Path) -> None:
    """Draw what stands for the brand pictures that would come from the network."""
    brands = folder / ".cache" / "brands" / "integrations" / "_placeholder"
    brands.mkdir(parents=True)
    picture = Image.new("RGBA", (64, 64), (158, 158, 158, 255))
    for theme in ("", "dark_"):
        for kind in ("icon", "logo"):
            for size in ("", "@2x"):
                picture.save(brands / f"{theme}{kind}{size}.png")


def main() -> None:
    """Furnish a folder for each line that comes."""
    for line in sys.stdin:
        folder, wanted = json.loads(line)
        print(json.dumps(asdict(furnish(Path(folder), **wanted))), flush=True)


if __name__ == "__main__":
    main()
