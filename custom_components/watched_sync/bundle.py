"""What `scripts/frontend` made, which writes this as well."""

from typing import Final

#: Of the files in `frontend/`: their address changes with it.
FILES: Final = "39e51b2834b5e610"

#: Of all that they were made from.
SOURCES: Final = "d057775df25a2e1f"
