"""For whom a change is meant: the one rule for every way in.

1. The persons who were named. Entries that were named need no rule.
2. Else the person whose user calls.
3. Else, where a player was named, those to whom it belongs.
4. Else the only person there is.
5. Else it must be said.

What the household shares takes part for everybody. An entry of which nobody has said
yet whose it is counts as shared as well, but not where persons are named, nor beside
those of the person who calls: it may be somebody else's.
"""

from collections.abc import Collection, Sequence
from typing import Final

from ..const import CONF_USER_NAME, PERSON_SHARED, PERSON_SOMEBODY_ELSE
from ..preferences import is_person_chosen, person_of
from ..runtime import WatchedSyncConfigEntry

#: Named instead of persons.
EVERYONE: Final = "everyone"


class PersonWithoutLane(Exception):
    """Somebody is meant to whom no lane belongs."""

    def __init__(self, person: str) -> None:
        """Remember the entity id of the person."""
        super().__init__(person)
        self.person = person


class SeveralPersons(Exception):
    """It was not said which one of several persons is meant."""


def lanes_for(
    lanes: Sequence[WatchedSyncConfigEntry],
    *,
    persons: Collection[str] | None = None,
    caller: str | None = None,
    belonging: Collection[WatchedSyncConfigEntry] = (),
) -> list[WatchedSyncConfigEntry]:
    """Return those of *lanes* that a change is meant for, in their order.

    *persons* are those who were named, *caller* is the person whose user calls, and
    *belonging* are the lanes to which a player belongs that was named. Persons are
    entity ids. Raises PersonWithoutLane and SeveralPersons.
    """
    if persons is not None:
        return _lanes_of(lanes, persons)
    if caller is not None:
        return _lanes_of_caller(lanes, caller)
    if belonging:
        return [entry for entry in lanes if entry in belonging or is_shared(entry)]
    if len(one_of_each(lanes)) > 1:
        raise SeveralPersons
    return list(lanes)


def _lanes_of(
    lanes: Sequence[WatchedSyncConfigEntry], persons: Collection[str]
) -> list[WatchedSyncConfigEntry]:
    if EVERYONE in persons:
        return list(lanes)
    owners = {person_of(entry) for entry in lanes}
    shared = [entry for entry in lanes if is_shared(entry)]
    for person in persons:
        if person not in owners and not shared:
            raise PersonWithoutLane(person)
    return [entry for entry in lanes if entry in shared or person_of(entry) in persons]


def _lanes_of_caller(
    lanes: Sequence[WatchedSyncConfigEntry], caller: str
) -> list[WatchedSyncConfigEntry]:
    if owns_one(lanes, caller):
        return _lanes_of(lanes, [caller])
    common = [entry for entry in lanes if person_of(entry) == PERSON_SHARED]
    if not common:
        raise PersonWithoutLane(caller)
    return common


def owns_one(lanes: Collection[WatchedSyncConfigEntry], person: str) -> bool:
    """Whether one of *lanes* belongs to a person alone."""
    return any(person_of(entry) == person for entry in lanes)


def is_shared(entry: WatchedSyncConfigEntry) -> bool:
    """Whether somebody said that the household shares a lane."""
    return person_of(entry) == PERSON_SHARED and is_person_chosen(entry)


def one_of_each(
    lanes: Sequence[WatchedSyncConfigEntry],
) -> list[WatchedSyncConfigEntry]:
    """Return one lane of each person to whom one or more of *lanes* belong alone."""
    found: dict[str, WatchedSyncConfigEntry] = {}
    for entry in lanes:
        if person_of(entry) != PERSON_SHARED:
            found.setdefault(counted_for(entry), entry)
    return list(found.values())


def counted_for(entry: WatchedSyncConfigEntry) -> str:
    """Return whom a change of a lane counts for, as a key.

    All lanes of a person have the same, and all that the household shares. Whose the
    others are is only known by the name that a user has on the server.
    """
    person = person_of(entry)
    if person == PERSON_SOMEBODY_ELSE or not is_person_chosen(entry):
        name: str = entry.data[CONF_USER_NAME]
        return f"user {name.casefold()}"
    return person
