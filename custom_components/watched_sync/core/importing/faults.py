"""Why an export cannot be read as a whole."""

from collections.abc import Collection


class ExportError(Exception):
    """An export that cannot be read; the class says why, `file` which part of it."""

    file: str = ""


class UnknownFormat(ExportError):
    """It is of no kind that is known; `found` names its columns or members."""

    def __init__(self, found: Collection[str]) -> None:
        """Remember what was found in the place of what is known."""
        super().__init__("an unknown format")
        self.found = tuple(found)


class DamagedExport(ExportError):
    """It is no text, no JSON or no table, from line `line` on if that is known."""

    def __init__(self, message: str, line: int | None = None) -> None:
        """Remember where the damage is."""
        super().__init__(message)
        self.line = line


class OnlyListed(ExportError):
    """It lists titles and does not say that they were watched.

    Lists of what somebody means to watch look the same.
    """


class WhoseRows(ExportError):
    """It has rows of several `users`, or none of the one who was `asked` for."""

    def __init__(self, users: Collection[str], asked: str | None) -> None:
        """Remember who there is, and who was asked for."""
        super().__init__("rows of other users")
        self.users = tuple(sorted(users))
        self.asked = asked


class NotAllowed(ExportError):
    """It is in no folder that may be read."""


class NotThere(ExportError):
    """There is no such file, or it cannot be opened."""


class TooLarge(ExportError):
    """There is more of it than is read."""
