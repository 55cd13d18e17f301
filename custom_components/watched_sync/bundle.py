"""What `scripts/frontend` made, which writes this as well."""

from typing import Final

#: Of the files in `frontend/`: their address changes with it.
FILES: Final = "381475daad362ecc"

#: Of all that they were made from.
SOURCES: Final = "61b5fa5f0b1b5cab"
