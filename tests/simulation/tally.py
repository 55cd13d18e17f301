"""How much was checked, and what was left out and why."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Self


class Tally:
    """Counts of what each invariant has checked and left out."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.checked: Counter[str] = Counter()
        self.left_out: Counter[tuple[str, str]] = Counter()

    def check(self, invariant: str, count: int = 1) -> None:
        """Count what an invariant has checked."""
        self.checked[invariant] += count

    def leave_out(self, invariant: str, reason: str, count: int = 1) -> None:
        """Count what an invariant has not checked, and why."""
        self.left_out[invariant, reason] += count

    def __iadd__(self, other: Tally) -> Self:
        """Add what was counted elsewhere."""
        self.checked += other.checked
        self.left_out += other.left_out
        return self

    def share(self, invariant: str) -> float:
        """Return which part of all that an invariant is about it has checked."""
        checked = self.checked[invariant]
        left_out = sum(
            count for (name, _), count in self.left_out.items() if name == invariant
        )
        return checked / max(checked + left_out, 1)

    def lines(self) -> Iterator[str]:
        """Yield the counts for people, the invariants by name."""
        for name in sorted({*self.checked, *(one for one, _ in self.left_out)}):
            yield f"{name}: {self.checked[name]} checked ({self.share(name):.1%})"
            for (invariant, reason), count in self.left_out.most_common():
                if invariant == name:
                    yield f"    left out {count}: {reason}"

    def too_little(
        self, floors: Mapping[str, tuple[float, float]], worlds: int
    ) -> Iterator[str]:
        """Yield which invariants have looked away in so many *worlds*.

        *floors* says how much of each has to be checked: in a world, on average, and
        as a part of all it is about.
        """
        for name, (count, share) in floors.items():
            if self.checked[name] < count * worlds or self.share(name) < share:
                yield (
                    f"{name}: {self.checked[name]} checked in {worlds} worlds "
                    f"({self.share(name):.1%}), {count * worlds:.0f} and "
                    f"{share:.0%} is the least"
                )
