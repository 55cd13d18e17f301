"""What `scripts/frontend` made, which writes this as well."""

from typing import Final

#: Of the files in `frontend/`: their address changes with it.
FILES: Final = "7a105eb7aa687bf1"

#: Of all that they were made from.
SOURCES: Final = "7eb36ff98fc09176"
