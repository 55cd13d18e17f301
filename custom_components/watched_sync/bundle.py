"""What `scripts/frontend` made, which writes this as well."""

from typing import Final

#: Of the files in `frontend/`: their address changes with it.
FILES: Final = "0d342c4248216328"

#: Of all that they were made from.
SOURCES: Final = "4763e47cc916ea5d"
