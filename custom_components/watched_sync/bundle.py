"""What `scripts/frontend` made, which writes this as well."""

from typing import Final

#: Of the files in `frontend/`: their address changes with it.
FILES: Final = "d60e713edc5fc691"

#: Of all that they were made from.
SOURCES: Final = "544c3b5fad1ae39f"
