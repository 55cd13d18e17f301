"""What is told of plans and of levellings: plain JSON, as scripts read it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Final

from homeassistant.core import HomeAssistant
from homeassistant.util.json import JsonObjectType, JsonValueType

from ..core.codec import encode_change
from ..core.level.levelling import Levelling
from ..core.level.plan import Counts, LeftOut, Plan, Probable, Step
from ..core.operation import MarkWatched, SetProgress
from ..core.play_state import Reading
from .planning import PlanSide

#: Rows of each kind that an answer shows of one lane; the counts are whole.
MOST_SHOWN: Final = 50


class _Titles:
    """The titles of items of several sides, read with one question to each."""

    def __init__(self, sides: Sequence[PlanSide]) -> None:
        """Know nothing yet."""
        self._sides = {one.side.side_id: one for one in sides}
        self._wanted: dict[str, set[str]] = {}
        self._found: dict[str, Mapping[str, Reading]] = {}

    def want(self, side_id: str, item_id: str) -> None:
        """Have the title of an item read."""
        self._wanted.setdefault(side_id, set()).add(item_id)

    async def async_read(self) -> None:
        """Read what is wanted."""
        for side_id, item_ids in self._wanted.items():
            self._found[side_id] = await self._sides[side_id].readings(item_ids)

    def of(self, side_id: str, item_id: str) -> str | None:
        """Return a title, None where it is not known any more."""
        found = self._found.get(side_id, {}).get(item_id)
        return None if found is None else found.item.full_title

    def of_side(self, side_id: str) -> str:
        """Return what a side is called."""
        return self._sides[side_id].title


async def async_plan_rows(plan: Plan, sides: Sequence[PlanSide]) -> JsonObjectType:
    """Return what a plan comes to, lane by lane, with its first rows of each kind."""
    titles = _Titles(sides)
    steps = {one: _first(rows) for one, rows in plan.steps.items()}
    left_out = {one: _first_of_each(rows) for one, rows in plan.left_out.items()}
    probable = {one: _first(rows) for one, rows in plan.probable.items()}
    for target_id, rows in steps.items():
        for step in rows:
            titles.want(target_id, step.item_id)
    for of_target in left_out.values():
        for one in of_target:
            titles.want(one.source_id, one.source_item_id)
    for target_id, likely in probable.items():
        for pair in likely:
            titles.want(target_id, pair.item_id)
            titles.want(pair.source_id, pair.source_item_id)
    await titles.async_read()
    lanes: list[JsonValueType] = [
        {
            "config_entry_id": target_id,
            "lane": titles.of_side(target_id),
            **_counts(counts),
            "rows": [
                _step_row(step, target_id, titles) for step in steps.get(target_id, ())
            ],
            "left_out_rows": [
                _left_out_row(one, titles) for one in left_out.get(target_id, ())
            ],
            "probable_rows": [
                _probable_row(one, target_id, titles)
                for one in probable.get(target_id, ())
            ],
        }
        for target_id, counts in plan.counts.items()
    ]
    return {"plan_id": plan.plan_id, "total": plan.total, "lanes": lanes}


def _first[T](rows: Iterable[T]) -> list[T]:
    return [*islice(rows, MOST_SHOWN)]


def _first_of_each(rows: Iterable[LeftOut]) -> list[LeftOut]:
    """Return the first rows of each reason, so that none is hidden by another."""
    rows = list(rows)
    reasons = list(dict.fromkeys(one.reason for one in rows))
    share = MOST_SHOWN // max(len(reasons), 1)
    return [
        one
        for reason in reasons
        for one in islice((row for row in rows if row.reason is reason), share)
    ]


def _counts(counts: Counts) -> dict[str, JsonValueType]:
    return {
        "total": counts.total,
        "films_to_mark": counts.films_to_mark,
        "episodes_to_mark": counts.episodes_to_mark,
        "films_to_unmark": counts.films_to_unmark,
        "episodes_to_unmark": counts.episodes_to_unmark,
        "film_positions": counts.film_positions,
        "episode_positions": counts.episode_positions,
        "equal": counts.equal,
        "probable": counts.probable,
        "left_out": {reason.value: count for reason, count in counts.left_out.items()},
    }


def _step_row(step: Step, target_id: str, titles: _Titles) -> JsonObjectType:
    change = step.change
    row: JsonObjectType = {
        "item_id": step.item_id,
        "title": titles.of(target_id, step.item_id),
        "change": encode_change(change)["type"],
        "from": titles.of_side(step.source_id),
    }
    if isinstance(change, MarkWatched) and change.at is not None:
        row["watched_at"] = change.at.isoformat()
    if isinstance(change, SetProgress):
        row["position"] = round(change.position)
        row["watched"] = change.watched
    if step.probable:
        row["probable"] = True
    return row


def _left_out_row(one: LeftOut, titles: _Titles) -> JsonObjectType:
    return {
        "reason": one.reason.value,
        "from": titles.of_side(one.source_id),
        "from_item_id": one.source_item_id,
        "title": titles.of(one.source_id, one.source_item_id),
    }


def _probable_row(one: Probable, target_id: str, titles: _Titles) -> JsonObjectType:
    return {
        "item_id": one.item_id,
        "title": titles.of(target_id, one.item_id),
        "from": titles.of_side(one.source_id),
        "from_item_id": one.source_item_id,
        "from_title": titles.of(one.source_id, one.source_item_id),
    }


def progress_row(hass: HomeAssistant, levelling: Levelling) -> JsonObjectType:
    """Return how far a levelling is, as a whole and lane by lane."""
    asked = levelling.asked
    tallies = [part.tally for part in levelling.parts.values()]
    return {
        "batch_id": levelling.batch_id,
        "plan_id": levelling.plan_id,
        "undo_batch_id": levelling.undo_batch_id,
        "state": levelling.state.value,
        "asked_at": levelling.asked_at.isoformat(),
        "what": asked.what,
        "since": None if asked.since is None else asked.since.isoformat(),
        "title": asked.title,
        "sides": [_title(hass, side_id) for side_id in asked.side_ids],
        "sources": [_title(hass, side_id) for side_id in asked.source_ids],
        **_sum(tallies),
        "lanes": [
            {
                "config_entry_id": target_id,
                "lane": _title(hass, target_id),
                "state": part.state.value,
                **part.tally,
            }
            for target_id, part in levelling.parts.items()
        ],
    }


def _sum(tallies: Collection[Mapping[str, int]]) -> dict[str, int]:
    names = dict.fromkeys(name for tally in tallies for name in tally)
    return {name: sum(tally[name] for tally in tallies) for name in names}


def _title(hass: HomeAssistant, entry_id: str) -> str:
    """Return what a lane is called; one that is gone has nothing but its id."""
    entry = hass.config_entries.async_get_entry(entry_id)
    return entry_id if entry is None else entry.title
