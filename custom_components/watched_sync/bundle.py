"""What `scripts/frontend` made, which writes this as well."""

from typing import Final

#: Of the files in `frontend/`: their address changes with it.
FILES: Final = "017824836b3ee5ba"

#: Of all that they were made from.
SOURCES: Final = "25c0d73b40008314"
