"""What `scripts/frontend` made, which writes this as well."""

from typing import Final

#: Of the files in `frontend/`: their address changes with it.
FILES: Final = "69b7667aeaec5d4b"

#: Of all that they were made from.
SOURCES: Final = "d8ca222599a14d87"
