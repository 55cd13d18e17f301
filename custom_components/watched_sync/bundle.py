"""What `scripts/frontend` made, which writes this as well."""

from typing import Final

#: Of the files in `frontend/`: their address changes with it.
FILES: Final = "4e90928684a2efb4"

#: Of all that they were made from.
SOURCES: Final = "d7f662935452d1df"
