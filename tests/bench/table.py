"""The table that is printed."""

from dataclasses import dataclass, field
from statistics import median, quantiles


@dataclass(frozen=True, slots=True)
class Result:
    """One number as shown, and whether it reaches its aim (None: it has none)."""

    text: str
    good: bool | None = None


@dataclass
class Table:
    """Rows in the order of their first result, one column for each kind of server."""

    columns: tuple[str, ...]
    rows: dict[str, tuple[str, dict[str, Result]]] = field(default_factory=dict)

    def add(self, row: str, aim: str, column: str, result: Result) -> None:
        """Fill one cell."""
        self.rows.setdefault(row, (aim, {}))[1][column] = result

    def __str__(self) -> str:
        """Return the table as text."""
        lines = [("", "aim", *self.columns)]
        for row, (aim, results) in self.rows.items():
            cells = []
            for column in self.columns:
                result = results.get(column, Result("-"))
                cells.append(result.text + ("  MISSED" if result.good is False else ""))
            lines.append((row, aim, *cells))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        printed = [
            "  ".join(
                cell.ljust(width) for cell, width in zip(line, widths, strict=True)
            )
            for line in lines
        ]
        printed.insert(1, "-" * len(printed[0]))
        return "\n".join(line.rstrip() for line in printed)


def milliseconds(seconds: list[float], aim: float | None = None) -> Result:
    """Show the median and the 95th percentile; *aim*, in ms, is for the median."""
    middle = median(seconds) * 1000
    high = quantiles(seconds, n=20, method="inclusive")[-1] * 1000
    good = None if aim is None else middle <= aim
    return Result(f"p50 {middle:.1f} ms, p95 {high:.1f} ms", good)


def at_most(seconds: list[float], aim: float) -> Result:
    """Show the median and the longest; *aim*, in seconds, is for the longest."""
    longest = max(seconds)
    return Result(f"p50 {median(seconds):.2f} s, max {longest:.2f} s", longest <= aim)
