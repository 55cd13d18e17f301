"""What `scripts/frontend` made, which writes this as well."""

from typing import Final

#: Of the files in `frontend/`: their address changes with it.
FILES: Final = "3c335986e7873a12"

#: Of all that they were made from.
SOURCES: Final = "451b84bf691d3416"
