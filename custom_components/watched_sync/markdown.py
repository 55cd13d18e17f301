"""Texts of others where Home Assistant renders Markdown: repairs and dialogs.

A title may be written as a link to sign in with, or as a picture that tells somebody
who looks at it.
"""

import re
from typing import Final

from .core import gate

#: Characters of one name or title among others.
_SHOWN: Final = 120

#: What makes links, pictures, tags and emphasis. An address is made a link by itself.
_MEANING: Final = re.compile(r"([\\`*_\[\]<>|~$])")
_ADDRESS: Final = re.compile(r"(?i)(https?|ftp|mailto):|\bwww\.|@")


def plain(text: str) -> str:
    """Return a name or title that is rendered as it is written, and not too long."""
    line = gate.line(text, _SHOWN)
    # A sign without width keeps an address from being one, and is not seen.
    line = _ADDRESS.sub(lambda match: f"{match[0]}\N{WORD JOINER}", line)
    return _MEANING.sub(r"\\\1", line)
