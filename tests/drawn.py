"""Picture files and colour profiles, made here byte by byte or by Pillow."""

import io
import struct
import zlib

import numpy as np
import pillow_heif
from PIL import Image, ImageCms

from pixwise.picture import Picture

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def scene(mode="RGB", size=(60, 40)):
    """Red, with a blue patch at the top left and a green one at the bottom right: no two turns look alike."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (0, 0, size[0] // 3, size[1] // 4))
    image.paste((0, 255, 0), (size[0] // 2, size[1] // 2, *size))
    return image.convert(mode)


def saved(image, kind, **options):
    if kind == "HEIC":
        return saved_heic(image, **options)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def saved_heic(image, exif=None):
    file = pillow_heif.from_pillow(image)
    if exif:
        file[0].info["exif"] = exif.tobytes()
    out = io.BytesIO()
    file.save(out, quality=-1, chroma="444")
    return out.getvalue()


def exif_with(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def pixels(data, **options):
    return Picture.open(data, **options).pixels()


def near(actual, expected, tolerance=6):
    return np.abs(actual.astype(int) - np.asarray(expected).astype(int)).max() <= tolerance


LOSSLESS = {
    "JPEG": {"quality": 100, "subsampling": 0},
    "PNG": {},
    "WEBP": {"lossless": True, "exact": True},
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
    "GIF": {},
    "BMP": {},
    "TIFF": {},
    "HEIC": {},
}


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(rows, depth, colour, *extra, size_wh=None):
    """A PNG by hand: `rows` are the packed bytes of each line."""
    width, height = size_wh
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + body + chunk(b"IEND", b"")


def tiff(width, height, samples, bits, body, *, form=1, tile=0):
    """A little-endian TIFF by hand: one strip, or one tile of the given side."""
    tags = {
        256: (3, [width]), 257: (3, [height]), 258: (3, [bits] * samples), 259: (3, [1]),
        262: (3, [2 if samples == 3 else 1]), 277: (3, [samples]), 339: (3, [form] * samples),
    }  # fmt: skip
    if tile:
        tags |= {322: (3, [tile]), 323: (3, [tile]), 324: (4, [8]), 325: (4, [len(body)])}
    else:
        tags |= {273: (4, [8]), 278: (3, [height]), 279: (4, [len(body)])}
    start = 8 + len(body)
    values_at, entries, values = start + 2 + 12 * len(tags) + 4, b"", b""
    for tag, (kind, numbers) in sorted(tags.items()):
        packed = struct.pack(f"<{len(numbers)}{'H' if kind == 3 else 'I'}", *numbers)
        if len(packed) > 4:
            packed, values = struct.pack("<I", values_at + len(values)), values + packed
        entries += struct.pack("<HHI", tag, kind, len(numbers)) + packed.ljust(4, b"\0")
    return b"II*\0" + struct.pack("<I", start) + body + struct.pack("<H", len(tags)) + entries + b"\0" * 4 + values


def s15(value):
    return struct.pack(">i", round(value * 65536))


def matrix_profile(red, green, blue, gamma=2.2):
    """An RGB profile by hand from the XYZ (D50) of its primaries, with one gamma."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    tags = {name: b"XYZ " + bytes(4) + b"".join(map(s15, xyz)) for name, xyz in
            ((b"rXYZ", red), (b"gXYZ", green), (b"bXYZ", blue), (b"wtpt", (0.9642, 1.0, 0.8249)))}  # fmt: skip
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve) | {b"desc": description("made by hand")}
    return profile(b"RGB ", tags)


def description(text):
    return b"desc" + bytes(4) + struct.pack(">I", len(text) + 1) + text.encode() + b"\0" + bytes(78)


def profile(space, tags, kind=b"mntr", connection=b"XYZ "):
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", 132 + 12 * len(tags) + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I", 128 + len(table) + len(body)) + bytes(4) + struct.pack(">I", 0x02400000) + kind + space
    head += connection + bytes(12) + b"acsp" + bytes(28) + b"".join(map(s15, (0.9642, 1.0, 0.8249)))
    return head.ljust(128, b"\0") + table + body


P3 = matrix_profile((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))


WHITE_POINT = b"XYZ " + bytes(4) + s15(0.9642) + s15(1) + s15(0.8249)


GREY_LINEAR = profile(b"GRAY", {b"kTRC": b"curv" + bytes(8), b"wtpt": WHITE_POINT, b"desc": description("linear grey")})


def cmyk_profile():
    """A CMYK profile by hand: two grid points per ink, inks as pale as 200 of 255."""
    corners = []
    for c, m, y, k in np.ndindex(2, 2, 2, 2):
        rgb = np.array([255 - 200 * max(ink, k) for ink in (c, m, y)], np.uint8)
        to_lab = ImageCms.buildTransform(
            ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB", renderingIntent=1
        )
        lab = np.asarray(to_lab.apply(Image.fromarray(rgb[None, None])))[0, 0].astype(np.int8)
        corners += [lab[0].astype(np.uint8), *(lab[1:].astype(int) + 128)]
    identity = bytes(range(256))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + b"".join(map(s15, (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    table += identity * 4 + bytes(int(v) for v in corners) + identity * 3
    return profile(b"CMYK", {b"A2B0": table, b"desc": description("plain inks")}, b"prtr", b"Lab ")
