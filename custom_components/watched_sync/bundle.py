"""What `scripts/frontend` made, which writes this as well."""

from typing import Final

#: Of the files in `frontend/`: their address changes with it.
FILES: Final = "1a66fb2bac2f11d6"

#: Of all that they were made from.
SOURCES: Final = "71e26a2c99b3e1bb"
