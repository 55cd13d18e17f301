"""Posters: cards drawn from a title, the same ones every time and on every server."""

from functools import lru_cache
import hashlib
import struct
import unicodedata
import zlib

#: Pixels of a poster as it is stored; it is two thirds as wide as it is high.
STORED_WIDTH = 240
_LEAST, _MOST = 24, 600

_COLUMNS, _LINES = 5, 7
#: Five by seven dots for each character, a line for each two hexadecimal digits.
_FONT = {
    "A": "0E11111F111111",
    "B": "1E11111E11111E",
    "C": "0E11101010110E",
    "D": "1E11111111111E",
    "E": "1F10101E10101F",
    "F": "1F10101E101010",
    "G": "0E11101711110F",
    "H": "1111111F111111",
    "I": "0E04040404040E",
    "J": "0702020202120C",
    "K": "11121418141211",
    "L": "1010101010101F",
    "M": "111B1515111111",
    "N": "11111915131111",
    "O": "0E11111111110E",
    "P": "1E11111E101010",
    "Q": "0E11111115120D",
    "R": "1E11111E141211",
    "S": "0F10100E01011E",
    "T": "1F040404040404",
    "U": "1111111111110E",
    "V": "11111111110A04",
    "W": "1111111515150A",
    "X": "11110A040A1111",
    "Y": "1111110A040404",
    "Z": "1F01020408101F",
    "0": "0E11131519110E",
    "1": "040C040404040E",
    "2": "0E11010204081F",
    "3": "1F02040201110E",
    "4": "02060A121F0202",
    "5": "1F101E0101110E",
    "6": "0608101E11110E",
    "7": "1F010204080808",
    "8": "0E11110E11110E",
    "9": "0E11110F01020C",
    "&": "0C12140815120D",
    "-": "00000E00000000",
    ":": "00040000000400",
    "'": "04040000000000",
}

type Colour = tuple[int, int, int]


@lru_cache(maxsize=512)
def poster(title: str, below: str = "", width: int = STORED_WIDTH) -> bytes:
    """Draw a PNG: a card in the title's own colours, its initials, and the title.

    *below* is written under the title, such as the number of an episode.
    """
    width = min(max(width, _LEAST), _MOST)
    picture = _Picture(width, width * 3 // 2, title)
    words = _drawable(title).split()
    picture.write(
        "".join(word[0] for word in words if word[0].isalnum())[:3],
        size=max(width // 24, 1),
        line=width // 3,
    )
    size = max(width // 120, 1)
    room = max(width * 9 // 10 // (size * (_COLUMNS + 1)), 1)
    lines = [*_wrapped(words, room)[:3], *([_drawable(below)] if below else [])]
    for number, text in enumerate(lines):
        picture.write(text, size=size, line=width + number * size * (_LINES + 3))
    return picture.png()


class _Picture:
    """Rows of pixels, three bytes each."""

    def __init__(self, width: int, height: int, seed: str) -> None:
        """Begin with a gradient in two colours that follow from *seed*."""
        digest = hashlib.blake2b(seed.encode(), digest_size=2).digest()
        hue = digest[0] / 256
        top, bottom = _colour(hue, 0.62), _colour(hue + 0.08 + digest[1] / 2048, 0.16)
        self._width = width
        self._rows = [
            bytearray(bytes(_between(top, bottom, line / height)) * width)
            for line in range(height)
        ]

    def write(self, text: str, *, size: int, line: int) -> None:
        """Write *text* in the middle, from *line* on, with dots of *size* pixels."""
        step = size * (_COLUMNS + 1)
        left = max((self._width - len(text) * step + size) // 2, 0)
        for place, character in enumerate(text):
            dots = bytes.fromhex(_FONT.get(character, "00" * _LINES))
            for number, row in enumerate(dots):
                for column in range(_COLUMNS):
                    if row >> (_COLUMNS - 1 - column) & 1:
                        start = left + place * step + column * size
                        self._dot(start, line + number * size, size)

    def _dot(self, left: int, top: int, size: int) -> None:
        right = min(left + size, self._width)
        for row in self._rows[top : top + size]:
            if left < right:
                row[left * 3 : right * 3] = b"\xf4" * ((right - left) * 3)

    def png(self) -> bytes:
        """Pack it."""
        header = struct.pack(">IIBBBBB", self._width, len(self._rows), 8, 2, 0, 0, 0)
        pixels = b"".join(b"\0" + row for row in self._rows)
        return b"".join(
            (
                b"\x89PNG\r\n\x1a\n",
                _chunk(b"IHDR", header),
                _chunk(b"IDAT", zlib.compress(pixels, 6)),
                _chunk(b"IEND", b""),
            )
        )


def size_of(png: bytes) -> tuple[int, int]:
    """Return width and height of a PNG."""
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def _drawable(text: str) -> str:
    """Reduce *text* to what the font has."""
    plain = unicodedata.normalize("NFKD", text).upper().replace("…", " ")
    return "".join(
        one if one in _FONT else " " for one in plain if not unicodedata.combining(one)
    )


def _wrapped(words: list[str], room: int) -> list[str]:
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word[:room])
    return lines


def _colour(hue: float, light: float) -> Colour:
    """Return a strong colour; *hue* goes once around from 0 to 1."""

    def part(offset: float) -> int:
        distance = abs((hue + offset) % 1 * 6 - 3) - 1
        return int(255 * light * (0.35 + 0.65 * min(max(distance, 0.0), 1.0)))

    return part(0.0), part(2 / 3), part(1 / 3)


def _between(top: Colour, bottom: Colour, share: float) -> Colour:
    red, green, blue = (
        int(first + (last - first) * share)
        for first, last in zip(top, bottom, strict=True)
    )
    return red, green, blue


def _chunk(name: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)
