"""What `scripts/frontend` made, which writes this as well."""

from typing import Final

#: Of the files in `frontend/`: their address changes with it.
FILES: Final = "20478c6f36aadd00"

#: Of all that they were made from.
SOURCES: Final = "b6a9bfa346e47ae3"
