"""What `scripts/frontend` made, which writes this as well."""

from typing import Final

#: Of the files in `frontend/`: their address changes with it.
FILES: Final = "4b4bfaa434147a5e"

#: Of all that they were made from.
SOURCES: Final = "715851a4a1f5801a"
