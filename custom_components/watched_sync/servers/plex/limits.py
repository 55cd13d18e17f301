"""Which resume positions a Plex Media Server keeps."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
import math
from typing import Final

from ...core.errors import (
    AuthRejected,
    Forbidden,
    ItemGone,
    Malformed,
    Refused,
    ServerError,
)
from ...core.learnt import Learnt, Trait

#: Seconds for which limits are good: somebody may set others at any time.
LIFETIME: Final = 6 * 3600.0

#: What a server answers with that does not tell this user its preferences: only the
#: owner may read them, and older servers say 401 to others.
_NOT_TOLD: Final = (AuthRejected, Forbidden, ItemGone, Malformed, Refused)

#: A position that was not kept was too near the end from this part of an item on,
#: and too near the beginning before it, up to so many seconds.
_SECOND_HALF: Final = 0.5
_NEAR_THE_BEGINNING: Final = 300.0


@dataclass(frozen=True, slots=True)
class Limits:
    """A position is kept from `min_position` on (seconds), and below `max_progress`.

    That is a fraction of the duration. The defaults are the server's own:
    `minimumProgressTime` 60000 ms and `LibraryVideoPlayedThreshold` 90 %.
    """

    min_position: float = 60.0
    max_progress: float = 0.9


DEFAULTS: Final = Limits()

#: Where limits are from.
_TOLD: Final = "told"
_LEARNT: Final = "learnt"
_ASSUMED: Final = "assumed"


class PositionLimits:
    """The limits of one server: told by its preferences, else learnt, else guessed.

    They are asked for again after hours, and what was learnt is forgotten then.
    """

    def __init__(self, learnt: Learnt, read: Callable[[], Awaitable[Limits]]) -> None:
        """Read the preferences by *read* when somebody needs to know."""
        self._learnt = learnt
        self._read = read

    @property
    def now(self) -> Limits:
        """What is known now.

        Old limits refuse nothing that the defaults do not: whatever passes them is
        looked at again before it is sent, by what the server says then.
        """
        known = self._known
        if self._are_good:
            return known
        return Limits(
            min(known.min_position, DEFAULTS.min_position),
            max(known.max_progress, DEFAULTS.max_progress),
        )

    async def refresh(self) -> None:
        """Ask for the preferences if what is known is old; a failure is no news."""
        if self._are_good:
            return
        try:
            self._note(await self._read(), _TOLD)
        except _NOT_TOLD:
            self._note(DEFAULTS, _ASSUMED)
        except ServerError:
            return  # it is away, or busy: the next one asks

    def learn(self, position: float, duration: float) -> None:
        """Draw the line where a position was not kept, unless the server told it."""
        if self._are_good and self._learnt.word(Trait.POSITION_LIMITS) == _TOLD:
            return
        part, limits = position / duration, self.now
        if part < _SECOND_HALF and position < _NEAR_THE_BEGINNING:
            least = max(limits.min_position, position + 1)
            self._note(Limits(least, limits.max_progress), _LEARNT)
        elif part >= _SECOND_HALF and position >= _NEAR_THE_BEGINNING:
            most = min(limits.max_progress, math.floor(part * 100) / 100)
            self._note(Limits(limits.min_position, most), _LEARNT)
        # Else it was neither near the beginning nor near the end, or near both.

    def _note(self, limits: Limits, source: str) -> None:
        self._learnt.note(Trait.POSITION_LIMITS, source)
        self._learnt.note(Trait.POSITION_FROM, limits.min_position)
        self._learnt.note(Trait.POSITION_BELOW, limits.max_progress)

    @property
    def _known(self) -> Limits:
        least = self._learnt.number(Trait.POSITION_FROM)
        most = self._learnt.number(Trait.POSITION_BELOW)
        return Limits(
            DEFAULTS.min_position if least is None else least,
            DEFAULTS.max_progress if most is None else most,
        )

    @property
    def _are_good(self) -> bool:
        age = self._learnt.age(Trait.POSITION_LIMITS)
        return age is not None and 0 <= age < LIFETIME
