"""What `scripts/frontend` made, which writes this as well."""

from typing import Final

#: Of the files in `frontend/`: their address changes with it.
FILES: Final = "b3d87dc72dab69a8"

#: Of all that they were made from.
SOURCES: Final = "241a472cfe0a0045"
