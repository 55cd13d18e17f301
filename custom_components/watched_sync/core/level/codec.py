"""Levellings as JSON, to be stored while they are carried out, and to be taken back.

A row is as short as can be: there may be as many as a library has films. What is
damaged costs the whole of it: to go on with half a plan is worse than to plan anew.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from .. import members
from ..codec import (
    Json,
    decode_change,
    decode_state,
    encode_change,
    encode_state,
)
from .levelling import Asked, End, Ended, Levelling, Part
from .plan import Step


def encode_levelling(levelling: Levelling) -> Json:
    """Return a levelling as JSON."""
    return {
        "batch_id": levelling.batch_id,
        "plan_id": levelling.plan_id,
        "asked_at": levelling.asked_at.isoformat(),
        "asked": encode_asked(levelling.asked),
        "undo_batch_id": levelling.undo_batch_id,
        "ended_at": levelling.ended_at and levelling.ended_at.isoformat(),
        "parts": [encode_part(part) for part in levelling.parts.values()],
    }


def decode_levelling(data: object) -> Levelling:
    """Return a levelling from JSON. Raises one of `DAMAGE`."""
    data = members.mapping(data)
    parts = [decode_part(part) for part in members.rows(data["parts"])]
    return Levelling(
        batch_id=members.own_id(data["batch_id"]),
        plan_id=members.own_id(data["plan_id"]),
        asked_at=members.moment(data["asked_at"]),
        asked=decode_asked(data["asked"]),
        parts={part.target_id: part for part in parts},
        undo_batch_id=_optional_id(data["undo_batch_id"]),
        ended_at=_optional_moment(data["ended_at"]),
    )


def encode_asked(asked: Asked) -> Json:
    """Return what a levelling was asked for as JSON."""
    return {
        "what": asked.what,
        "sides": list(asked.side_ids),
        "sources": list(asked.source_ids),
        "since": asked.since and asked.since.isoformat(),
        "title": asked.title,
    }


def decode_asked(data: object) -> Asked:
    """Return what a levelling was asked for from JSON. Raises one of `DAMAGE`."""
    data = members.mapping(data)
    title = data["title"]
    return Asked(
        members.text(data["what"]),
        tuple(members.texts(data["sides"])),
        tuple(members.texts(data["sources"])),
        _optional_moment(data["since"]),
        None if title is None else members.text(title),
    )


def encode_part(part: Part) -> Json:
    """Return what a levelling does on one lane as JSON."""
    return {
        "target_id": part.target_id,
        "is_stopped": part.is_stopped,
        "steps": [encode_step(step) for step in part.steps],
        "ends": [[number, *_encode_ended(one)] for number, one in part.ends.items()],
        "takes_back": part.takes_back,
        "back": [[number, end.value] for number, end in part.back.items()],
    }


def decode_part(data: object) -> Part:
    """Return what a levelling does on one lane from JSON. Raises one of `DAMAGE`."""
    data = members.mapping(data)
    steps = [decode_step(step) for step in members.rows(data["steps"])]
    return Part(
        members.own_id(data["target_id"]),
        steps,
        {
            _number(number, steps): _decode_ended(ended)
            for number, *ended in map(members.rows, members.rows(data["ends"]))
        },
        members.flag(data["takes_back"]),
        {
            _number(number, steps): End(end)
            for number, end in map(members.rows, members.rows(data["back"]))
        },
        members.flag(data["is_stopped"]),
    )


def encode_step(step: Step) -> list[Any]:
    """Return a step as a row of JSON."""
    return [
        step.item_id,
        encode_change(step.change),
        encode_state(step.shown),
        step.source_id,
        step.source_item_id,
        step.fingerprint,
        step.probable,
    ]


def decode_step(row: object) -> Step:
    """Return a step from a row of JSON. Raises one of `DAMAGE`."""
    item_id, change, shown, source_id, source_item_id, print_, probable = members.rows(
        row
    )
    return Step(
        members.own_id(item_id),
        decode_change(change),
        decode_state(shown),
        members.own_id(source_id),
        members.own_id(source_item_id),
        int(members.number(print_)),
        members.flag(probable),
    )


def _encode_ended(ended: Ended) -> list[Any]:
    return [
        ended.end.value,
        ended.before and encode_state(ended.before),
        ended.at and ended.at.isoformat(),
        ended.item_id,
    ]


def _decode_ended(row: Sequence[Any]) -> Ended:
    end, before, at, item_id = row
    return Ended(
        End(end),
        None if before is None else decode_state(before),
        _optional_moment(at),
        _optional_id(item_id),
    )


def _number(value: object, steps: Sequence[Step]) -> int:
    number = members.count(value)
    if not 0 < number <= len(steps):
        raise members.DamagedRow("no such step")
    return number


def _optional_moment(value: object) -> datetime | None:
    return None if value is None else members.moment(value)


def _optional_id(value: object) -> str | None:
    return None if value is None else members.own_id(value)
