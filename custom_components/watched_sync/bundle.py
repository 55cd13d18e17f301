"""What `scripts/frontend` made, which writes this as well."""

from typing import Final

#: Of the files in `frontend/`: their address changes with it.
FILES: Final = "6a10e34a31e2f6cd"

#: Of all that they were made from.
SOURCES: Final = "c9622fc2ad7ed00a"
