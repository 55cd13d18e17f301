"""What `scripts/frontend` made, which writes this as well."""

from typing import Final

#: Of the files in `frontend/`: their address changes with it.
FILES: Final = "7a6281cb40455ef9"

#: Of all that they were made from.
SOURCES: Final = "85bf8e3af6d9e2df"
