"""What `scripts/frontend` made, which writes this as well."""

from typing import Final

#: Of the files in `frontend/`: their address changes with it.
FILES: Final = "060b448421415c6a"

#: Of all that they were made from.
SOURCES: Final = "e3899e9843ee3552"
