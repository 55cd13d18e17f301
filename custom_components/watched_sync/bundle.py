"""What `scripts/frontend` made, which writes this as well."""

from typing import Final

#: Of the files in `frontend/`: their address changes with it.
FILES: Final = "9b8761c820ca364e"

#: Of all that they were made from.
SOURCES: Final = "7512e464f51323e7"
