"""Write the folder of a Home Assistant that is set up already.

Nobody is asked anything at the first start, and nothing calls out to the world. Run
with the Python of the environment whose Home Assistant will be started:
``python -m scripts.lib.demo.home FOLDER`` takes a JSON object on stdin, the keyword
arguments of `furnish`, and prints who may enter as JSON. The file formats are those
of Home Assistant 2026.10 and 2026.11.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
import json
from pathlib import Path
import secrets
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
    entries: Sequence[Mapping[str, Any]] = (),
) -> Access:
    """Write everything a first start needs into an empty folder.

    *entries* are config entries as `config_entry` makes them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "configuration.yaml").write_text(
        _CONFIGURATION.format(name=name, domain=DOMAIN), encoding="utf-8"
    )
    for file, content in (
        ("automations.yaml", "[]\n"),
        ("scenes.yaml", "[]\n"),
        ("scripts.yaml", "{}\n"),
    ):
        (folder / file).write_text(content, encoding="utf-8")
    components = folder / "custom_components"
    components.mkdir()
    (components / DOMAIN).symlink_to(ROOT / "custom_components" / DOMAIN)
    access = _let_in(folder, port, user, password)
    put(folder, "person", _person(access), version=2)
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


def _let_in(folder: Path, port: int, user: str, password: str) -> Access:
    user_id, credential_id, token_id = (uuid.uuid4().hex for _ in range(3))
    key = secrets.token_hex(64)
    put(
        folder,
        "auth",
        {
            "users": [
                {
                    "id": user_id,
                    "group_ids": ["system-admin"],
                    "is_owner": True,
                    "is_active": True,
                    "name": user.capitalize(),
                    "system_generated": False,
                    "local_only": False,
                }
            ],
            "groups": [
                {"id": "system-admin", "name": "Administrators"},
                {"id": "system-users", "name": "Users"},
                {"id": "system-read-only", "name": "Read Only"},
            ],
            "credentials": [
                {
                    "id": credential_id,
                    "user_id": user_id,
                    "auth_provider_type": "homeassistant",
                    "auth_provider_id": None,
                    "data": {"username": user},
                }
            ],
            "refresh_tokens": [
                {
                    "id": token_id,
                    "user_id": user_id,
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
                    "credential_id": credential_id,
                    "version": None,
                }
            ],
        },
    )
    # Few rounds: signing in is quick, and the password is printed anyway.
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4))
    put(
        folder,
        "auth_provider.homeassistant",
        {"users": [{"username": user, "password": base64.b64encode(hashed).decode()}]},
    )
    now = round(time.time())
    token = jwt.encode(
        {"iss": token_id, "iat": now - 5, "exp": now + _TEN_YEARS},
        key,
        algorithm="HS256",
    )
    return Access(f"http://{HOST}:{port}", user, password, user_id, token)


def _person(access: Access) -> Json:
    return {
        "items": [
            {
                "id": access.user,
                "name": access.user.capitalize(),
                "user_id": access.user_id,
                "device_trackers": [],
            }
        ]
    }


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


if __name__ == "__main__":
    made = furnish(Path(sys.argv[1]), **json.load(sys.stdin))
    sys.stdout.write(json.dumps(asdict(made)))
