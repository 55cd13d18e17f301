"""What `scripts/frontend` made, which writes this as well."""

from typing import Final

#: Of the files in `frontend/`: their address changes with it.
FILES: Final = "0bbee4eed2b4e6f5"

#: Of all that they were made from.
SOURCES: Final = "e4a8d61b3595798e"
