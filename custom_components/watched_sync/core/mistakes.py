"""Faults of ours about single items: each costs that item alone, and is logged once."""

from collections.abc import Callable, Iterable, Iterator
import logging

_LOGGER = logging.getLogger(__name__)


class Mistakes:
    """What went wrong unexpectedly so far, by what was being done."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._logged: set[tuple[str, type[Exception]]] = set()

    def each[T, R](
        self, items: Iterable[T], do: Callable[[T], R], doing: str
    ) -> Iterator[tuple[T, R]]:
        """Yield each item with what *do* returns for it; what raises is left out.

        *doing* says in the log what it was, "An item could not be shown". The same
        kind of fault is told of once only: what is shown is put together all the time.
        """
        for item in items:
            try:
                result = do(item)
            except Exception as err:
                key = (doing, type(err))
                if key not in self._logged:
                    self._logged.add(key)
                    _LOGGER.exception("%s", doing)
                continue
            yield item, result
