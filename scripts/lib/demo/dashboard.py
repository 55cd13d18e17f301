"""The demo's dashboard: the one to copy, and what to try."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

from homeassistant.util import slugify
import yaml

from .home import put

type Json = dict[str, Any]

#: The dashboard that people are offered to copy.
READY_MADE: Final = Path(__file__).parents[3] / "dashboards" / "watched_sync.yaml"

URL_PATH: Final = "watched-sync"
_TITLE: Final = "Watched Sync"

#: Switches that a lane has for what is up next, as long as nobody chooses otherwise.
_SLOTS: Final = 10


@dataclass(frozen=True, slots=True)
class LaneCards:
    """One lane on the dashboard.

    `device` is the name of its device, `product` what its server is, and `icon` stands
    beside its name.
    """

    device: str
    product: str
    icon: str

    def entity(self, domain: str, name: str) -> str:
        """Return the id of an entity of the lane's device."""
        return f"{domain}.{slugify(f'{self.device} {name}')}"


def write_dashboard(
    folder: Path, user_id: str, lanes: Sequence[LaneCards], control: str
) -> None:
    """Store the dashboard and make it what is shown first."""
    put(
        folder,
        "lovelace_dashboards",
        {
            "items": [
                {
                    "id": "watched_sync",
                    "icon": "mdi:eye-check",
                    "mode": "storage",
                    "require_admin": False,
                    "show_in_sidebar": True,
                    "title": _TITLE,
                    "url_path": URL_PATH,
                }
            ]
        },
    )
    put(folder, "lovelace.watched_sync", {"config": dashboard(lanes, control)})
    put(folder, "frontend.system_data", {"core": {"default_panel": URL_PATH}})
    put(folder, f"frontend.user_data_{user_id}", {"core": {"default_panel": URL_PATH}})


def dashboard(lanes: Sequence[LaneCards], control: str) -> Json:
    """Return the whole dashboard; *control* is the address of the servers' page.

    What people copy comes first, and then all lanes side by side.
    """
    return {
        "views": [
            *yaml.safe_load(READY_MADE.read_text(encoding="utf-8"))["views"],
            {
                "title": "What to try",
                "path": "home",
                "type": "sections",
                "max_columns": 4,
                "sections": [
                    _common_section(lanes, control),
                    *(_lane_section(lane) for lane in lanes),
                ],
            },
        ]
    }


def _lane_section(lane: LaneCards) -> Json:
    pending = lane.entity("sensor", "Pending changes")
    return _section(
        _heading(
            f"{lane.device} · {lane.product}",
            lane.icon,
            badges=[
                {
                    "type": "entity",
                    "entity": pending,
                    "icon": "mdi:tray-full",
                    "color": "orange",
                    "visibility": [
                        {"condition": "numeric_state", "entity": pending, "above": 0}
                    ],
                },
                {
                    "type": "button",
                    "text": "Sync now",
                    "icon": "mdi:sync",
                    "tap_action": _press(lane.entity("button", "Sync now")),
                },
            ],
        ),
        *_status_tiles(lane),
        _heading("Up next", "mdi:play-circle-outline", small=True),
        *_up_next(lane),
        _heading("Played last", "mdi:history", small=True),
        _watched_tile(
            lane.entity("switch", "Last played"), "Last played", "sync_state", "title"
        ),
    )


def _status_tiles(lane: LaneCards) -> Iterator[Json]:
    """Yield the status in its colour; a bad one says why, a good one since when."""
    status = lane.entity("sensor", "Sync status")
    for color, states, content in (
        ("green", ["synced"], ["state"]),
        ("amber", ["pending", "syncing"], ["state"]),
        ("red", ["offline", "auth_required", "failed"], ["state", "last_error"]),
    ):
        yield {
            "type": "tile",
            "entity": status,
            "name": "Sync status",
            "color": color,
            "state_content": content,
            "visibility": [{"condition": "state", "entity": status, "state": states}],
            "grid_options": {"columns": 12 if color == "red" else 6},
        }
    yield {
        "type": "tile",
        "entity": lane.entity("sensor", "Last synced"),
        "name": "Last synced",
        "color": "blue",
        "visibility": [
            {
                "condition": "state",
                "entity": status,
                "state": ["synced", "pending", "syncing"],
            }
        ],
        "grid_options": {"columns": 6},
    }


def _common_section(lanes: Sequence[LaneCards], control: str) -> Json:
    pending = [lane.entity("sensor", "Pending changes") for lane in lanes]
    return _section(
        _heading("What to try", "mdi:flask-outline"),
        {
            "type": "markdown",
            "content": _HELP.format(control=control),
            "grid_options": {"columns": 12},
        },
        _heading("Waiting to be sent", "mdi:tray-full"),
        {
            "type": "markdown",
            "content": _queue_template(lanes),
            "grid_options": {"columns": 12},
        },
        {
            "type": "history-graph",
            "entities": [
                {"entity": entity, "name": lane.device}
                for entity, lane in zip(pending, lanes, strict=True)
            ],
            "hours_to_show": 0.1,
            "grid_options": {"columns": 12, "rows": 3},
        },
        _heading("Tracked", "mdi:bookmark-check-outline"),
        *_tracked_show("Severance"),
        _watched_tile("switch.arrival_2016_watched", "Arrival (2016)", "sync_state"),
    )


def _tracked_show(title: str) -> Iterator[Json]:
    slug = slugify(title)
    yield _watched_tile(f"switch.{slug}_watched", f"{title}, all of it", "sync_state")
    yield {
        "type": "tile",
        "entity": f"sensor.{slug}_next_episode",
        "name": "Next episode",
        "color": "deep-purple",
        "state_content": ["state", "title"],
        "grid_options": {"columns": 12},
    }
    yield {
        "type": "tile",
        "entity": f"sensor.{slug}_unwatched_episodes",
        "name": "Left to watch",
        "color": "deep-purple",
        "grid_options": {"columns": 6},
    }
    yield {
        "type": "tile",
        "entity": f"button.{slug}_mark_next_episode_watched",
        "name": "Mark next",
        "hide_state": True,
        "color": "indigo",
        "tap_action": _press(f"button.{slug}_mark_next_episode_watched"),
        "grid_options": {"columns": 6},
    }


def _press(entity_id: str) -> Json:
    return {
        "action": "perform-action",
        "perform_action": "button.press",
        "target": {"entity_id": entity_id},
    }


def _watched_tile(entity_id: str, name: str | Json, *content: str) -> Json:
    """Return a tile with a switch; it is seen while that stands for something."""
    return {
        "type": "tile",
        "entity": entity_id,
        "name": name,
        "color": "green",
        "show_entity_picture": True,
        "state_content": list(content),
        "features": [{"type": "toggle"}],
        "features_position": "inline",
        "visibility": [
            {
                "condition": "state",
                "entity": entity_id,
                "state_not": ["unavailable", "unknown"],
            }
        ],
        "grid_options": {"columns": 12},
    }


def _up_next(lane: LaneCards) -> Iterator[Json]:
    """Yield a tile for each slot, with the name of what is in it."""
    for number in range(1, _SLOTS + 1):
        entity_id = lane.entity("switch", f"Up next {number}")
        yield _watched_tile(entity_id, {"type": "entity"}, "title", "sync_state")


def _queue_template(lanes: Sequence[LaneCards]) -> str:
    """Return a template that lists what waits, in the words of the entities."""
    changes = {
        "mark_watched": "watched",
        "mark_unwatched": "not watched",
        "set_progress": "a new position",
    }
    rows = "".join(
        f"""\
{{%- set sensor = '{lane.entity("sensor", "Sync status")}' %}}
{{%- for row in state_attr(sensor, 'queue') or [] %}}
{{%- set ns.any = true %}}
- **{{{{ row.title }}}}** → {{{{ words[row.change] }}}}, on {lane.device}
{{%- if row.status == 'failed' %}} (**failed**: it waits for you under *Repairs*)
{{%- endif %}}
{{%- endfor %}}
"""
        for lane in lanes
    )
    silent = "".join(
        f"""\
{{%- set sensor = '{lane.entity("sensor", "Sync status")}' %}}
{{%- if is_state(sensor, 'offline') %}}

{lane.device} does not answer; it is asked again before long.
{{%- endif %}}
"""
        for lane in lanes
    )
    return (
        f"{{% set words = {changes!r} %}}"
        "{% set ns = namespace(any=false) %}\n"
        f"{rows}{silent}"
        "{%- if not ns.any %}Nothing: the servers know everything.{% endif %}\n"
    )


_HELP: Final = """\
1. Turn a switch on and look at [the servers' own page]({control}).
2. Take a server away there, or with `scripts/demo outage plex on`; turn more switches.
3. Restart Home Assistant: what waits is still there.
4. Bring the server back and watch the queue drain.
5. Press *Refuse changes* there and turn a switch: *Repairs* asks what is to be done.
6. Watch television: `scripts/demo play "Severance S02E05" --to 95%`.
7. Say to Assist: "I finished Chernobyl", then "undo that".
8. Connect Sam's Jellyfin with Quick Connect and let it in on the servers' page.
"""


def _section(*cards: Json) -> Json:
    return {"type": "grid", "cards": list(chain(cards))}


def _heading(
    text: str, icon: str, *, small: bool = False, badges: Sequence[Json] = ()
) -> Json:
    return {
        "type": "heading",
        "heading": text,
        "heading_style": "subtitle" if small else "title",
        "icon": icon,
        "badges": list(badges),
    }
