"""What `scripts/frontend` made, which writes this as well."""

from typing import Final

#: Of the files in `frontend/`: their address changes with it.
FILES: Final = "6810dc16e532b6b5"

#: Of all that they were made from.
SOURCES: Final = "c2870d533c3662ef"
