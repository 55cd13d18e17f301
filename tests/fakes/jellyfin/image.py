"""Posters: small pictures drawn from an item's id."""

import hashlib
import struct
import zlib

_WIDTH, _HEIGHT = 40, 60


def poster(item_id: str) -> bytes:
    """Draw a PNG of two colours that are the item's own."""
    seed = hashlib.blake2b(item_id.encode(), digest_size=6).digest()
    top, bottom = seed[:3], seed[3:6]
    rows = b"".join(
        b"\0" + (top if line < _HEIGHT // 2 else bottom) * _WIDTH
        for line in range(_HEIGHT)
    )
    header = struct.pack(">IIBBBBB", _WIDTH, _HEIGHT, 8, 2, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", zlib.compress(rows)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)
