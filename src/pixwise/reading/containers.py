"""What can be learned from a file by walking its pieces: frames, late metadata, sizes. Nothing is decoded.

Pillow walks chunks, segments and blocks one by one in Python, and counts the frames of a GIF or TIFF by parsing all of
them. A file of some megabytes can hold millions of empty pieces and keep it busy for minutes; here they are counted
first, cheaply.
"""

from __future__ import annotations

import re
import struct

__all__ = [
    "check_jpeg", "exif_of_png", "frames_of_gif", "frames_of_tiff", "orientation_of_exif", "orientation_of_xmp",
    "size_of_webp",
]  # fmt: skip

_MAX_SEGMENTS = 10_000  # JPEG; 255 carry the largest colour profile
_MAX_JUNK = 65_536  # bytes between the segments of a JPEG
_MAX_SCANS = 100  # JPEG; a picture has about ten, and each goes over all of its pixels, however few bytes it has
_MAX_CHUNKS = 200_000  # PNG; 256 MB in chunks of 8 kB are 32 768
_MAX_PAGES = 200_000  # TIFF
_MAX_BLOCKS = 2_000_000  # GIF; 256 MB in blocks of 255 bytes are a million


def _too_many(pieces: str, most: int) -> ValueError:
    return ValueError(f"more than {most:,} {pieces}")


def check_jpeg(data: bytes) -> None:
    """Raise `ValueError` for a JPEG made of so many segments or scans that reading it would take minutes."""
    position, progressive = 2, False
    for _ in range(_MAX_SEGMENTS):
        start = data.find(b"\xff", position)
        if start < 0 or start + 4 > len(data):
            return
        if start - position > _MAX_JUNK:
            raise ValueError(f"{start - position:,} bytes of something else between its segments")
        marker = data[start + 1]
        if marker == 0xDA:
            if progressive and data.count(b"\xff\xda", start) > _MAX_SCANS:
                raise _too_many("scans", _MAX_SCANS)
            return
        progressive |= marker in (0xC2, 0xC6, 0xCA, 0xCE)
        if marker == 0xFF:
            position = start + 1
        elif marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD9:  # these stand alone
            position = start + 2
        else:
            position = start + 2 + max(2, int.from_bytes(data[start + 2 : start + 4], "big"))
    raise _too_many("segments", _MAX_SEGMENTS)


def exif_of_png(data: bytes) -> bytes:
    """The eXIf chunk, which may stand behind the pixels, where Pillow finds it only by decoding them."""
    position, exif = 8, b""
    for _ in range(_MAX_CHUNKS):
        if position + 8 > len(data):
            return exif
        length = int.from_bytes(data[position : position + 4], "big")
        if data[position + 4 : position + 8] == b"eXIf":
            exif = data[position + 8 : position + 8 + length]
        position += 12 + length
    raise _too_many("chunks", _MAX_CHUNKS)


def frames_of_gif(data: bytes) -> int:
    """Number of frames."""
    position = 13 + _table_of_gif(data[10:11])
    frames = blocks = 0
    while position < len(data):
        if blocks > _MAX_BLOCKS:
            raise _too_many("blocks", _MAX_BLOCKS)
        kind = data[position]
        if kind == 0x3B:
            break
        position += 1
        if kind == 0x2C:
            frames += 1
            position += 10 + _table_of_gif(data[position + 8 : position + 9])
        elif kind == 0x21:
            position += 1
        else:  # Pillow skips unknown bytes one by one
            blocks += 1
            continue
        while position < len(data) and (length := data[position]):
            position += 1 + length
            blocks += 1
        position += 1
        blocks += 1
    return max(1, frames)


def _table_of_gif(flags: bytes) -> int:
    """Length of the colour table that these flags announce."""
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def frames_of_tiff(data: bytes) -> int:
    """Number of pages; those that form a circle count once."""
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    count_form, entry_length, offset_form = ("Q", 20, "Q") if big else ("H", 12, "I")
    offset_at, seen = (8 if big else 4), set()
    while len(seen) <= _MAX_PAGES:
        try:
            (offset,) = struct.unpack_from(order + offset_form, data, offset_at)
            if not offset or offset in seen:
                return max(1, len(seen))
            (entries,) = struct.unpack_from(order + count_form, data, offset)
        except struct.error:  # points behind the end
            return max(1, len(seen))
        seen.add(offset)
        offset_at = offset + struct.calcsize(count_form) + entries * entry_length
    raise _too_many("pages", _MAX_PAGES)


def size_of_webp(data: bytes) -> tuple[int, int]:
    """(width, height); (0, 0) when the header cannot be read. Pillow takes the memory of the canvas on opening."""
    kind, head = data[12:16], data[:30]
    if len(head) < 30:
        return 0, 0
    if kind == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF
    return 0, 0


def orientation_of_exif(exif: bytes) -> int:
    """EXIF orientation, 1 to 8; 0 when there is none, or the block is damaged.

    Read by hand because Pillow's reader warns about damage elsewhere in the block, and a warning is an error for some.
    """
    block = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(block[:2], "")
    if not order:
        return 0
    try:
        (start,) = struct.unpack_from(order + "I", block, 4)
        (entries,) = struct.unpack_from(order + "H", block, start)
        for at in range(start + 2, start + 2 + 12 * entries, 12):
            tag, kind = struct.unpack_from(order + "HH", block, at)
            if tag == 0x0112:
                (value,) = struct.unpack_from(order + ("I" if kind == 4 else "H"), block, at + 8)
                return value if 1 <= value <= 8 else 1
    except struct.error:
        return 0
    return 0


def orientation_of_xmp(xmp: bytes) -> int:
    """Orientation as XMP has it, 1 to 8; 0 when there is none."""
    found = re.search(rb'tiff:Orientation(?:="|>)([1-8])', xmp)
    return int(found[1]) if found else 0
