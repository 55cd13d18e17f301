"""What `scripts/frontend` made, which writes this as well."""

from typing import Final

#: Of the files in `frontend/`: their address changes with it.
FILES: Final = "6920fb8097b02293"

#: Of all that they were made from.
SOURCES: Final = "d0639d3ccafc9f74"
