"""What `scripts/frontend` made, which writes this as well."""

from typing import Final

#: Of the files in `frontend/`: their address changes with it.
FILES: Final = "f06fe96cbd2737ef"

#: Of all that they were made from.
SOURCES: Final = "85bf8e3af6d9e2df"
