"""Learning from what is asked and written anyway how this server does things."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic
from typing import Final

from ..core.errors import Unanswered
from ..core.identity import Item, MediaKind
from ..core.learnt import Learnt, Trait
from ..core.play_state import PlayState, Reading

#: Items that were written to and have not been read since, at most.
_MOST_WRITTEN: Final = 100

PAGE_TIMES: Final = {
    MediaKind.MOVIE: Trait.FILM_PAGE_TIME,
    MediaKind.SHOW: Trait.SHOW_PAGE_TIME,
    MediaKind.EPISODE: Trait.EPISODE_PAGE_TIME,
}


def nothing_learnt() -> Learnt:
    """Begin anew, with what nobody keeps."""
    return Learnt(_utc_now)


@contextmanager
def timed(learnt: Learnt, trait: Trait) -> Iterator[None]:
    """Note how long an answer took, or was waited for in vain."""
    began = monotonic()
    try:
        yield
    except Unanswered:
        learnt.note_longest(trait, monotonic() - began)
        raise
    learnt.note_longest(trait, monotonic() - began)


class AfterMarks:
    """Notes what becomes of marks: the count that is read next, and being told of."""

    def __init__(self, learnt: Learnt) -> None:
        """Begin with none."""
        self._learnt = learnt
        #: What the next reading of an item shows, by its id.
        self._counts: dict[str, Trait] = {}
        #: Those that may be told of over the socket.
        self._untold: dict[str, None] = {}

    def marked(self, item: Item, state: PlayState, *, watched: bool) -> None:
        """Take note of a mark that was taken by an item showing *state* until then."""
        item_id = item.item_id
        self._counts.pop(item_id, None)
        if item.kind.is_container or state.watched is watched:
            return
        _put(self._untold, item_id, None)
        if watched and state.play_count == 0:
            _put(self._counts, item_id, Trait.MARK_COUNT)
        elif not watched and state.play_count > 0:
            _put(self._counts, item_id, Trait.UNMARK_COUNT)

    def read(self, readings: Iterable[Reading]) -> None:
        """Look at what is shown now; where the mark does not show it tells nothing."""
        if not self._counts:
            return
        for one in readings:
            trait = self._counts.pop(one.item.item_id, None)
            if trait is not None and one.state.watched is (trait is Trait.MARK_COUNT):
                self._learnt.note(trait, one.state.play_count)

    def told(self, item_ids: Iterable[str]) -> None:
        """Look at what the socket tells of."""
        for item_id in item_ids if self._untold else ():
            if item_id in self._untold:
                del self._untold[item_id]
                self._learnt.note(Trait.MARK_TOLD, value=True)


def _put[T](kept: dict[str, T], key: str, value: T) -> None:
    kept[key] = value
    if len(kept) > _MOST_WRITTEN:
        del kept[next(iter(kept))]


def _utc_now() -> datetime:
    return datetime.now(UTC)
