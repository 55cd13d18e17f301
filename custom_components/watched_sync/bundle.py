"""What `scripts/frontend` made, which writes this as well."""

from typing import Final

#: Of the files in `frontend/`: their address changes with it.
FILES: Final = "ff614f449ba7fbde"

#: Of all that they were made from.
SOURCES: Final = "0850f68a2a4914d6"
