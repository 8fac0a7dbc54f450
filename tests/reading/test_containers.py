"""Walking the pieces of a file without decoding it."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pixwise.reading.containers import (
    check_jpeg,
    exif_of_png,
    frames_of_gif,
    frames_of_tiff,
    orientation_of_exif,
    orientation_of_xmp,
    size_of_webp,
)

GIF = b"GIF89a" + b"\1\0\1\0\0\0\0"
FRAME = b",\0\0\0\0\1\0\1\0\0\2\0"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xff\xd8" + b"\xff\xfe\0\2" * 10_001, "more than 10,000 segments"),
        (b"\xff\xd8" + b"\xff" * 10_005, "more than 10,000 segments"),
        (b"\xff\xd8\xff\xfe\0\2" + b"\0" * 70_000 + b"\xff\xda\0\2", "70,000 bytes of something else"),
        (b"\xff\xd8\xff\xc2\0\2" + b"\xff\xda\0\2\0\0" * 101, "more than 100 scans"),
    ],
)
def test_a_jpeg_of_too_many_pieces_is_refused(data, words):
    with pytest.raises(ValueError, match=words):
        check_jpeg(data)


def test_a_jpeg_of_ordinary_make_passes():
    file = io.BytesIO()
    Image.linear_gradient("L").save(file, "JPEG", progressive=True, icc_profile=bytes(500_000))
    check_jpeg(file.getvalue())


def test_too_many_chunks_blocks_and_pages_are_refused():
    with pytest.raises(ValueError, match="more than 200,000 chunks"):
        exif_of_png(b"\x89PNG\r\n\x1a\n" + (bytes(4) + b"tEXt" + bytes(4)) * 200_001)
    with pytest.raises(ValueError, match="more than 2,000,000 blocks"):
        frames_of_gif(GIF + b"!\xfe\0" * 2_000_002)
    with pytest.raises(ValueError, match="more than 200,000 pages"):
        frames_of_tiff(b"II*\0\x08\0\0\0" + b"".join(struct.pack("<HI", 0, 14 + 6 * i) for i in range(200_002)))


def test_frames_of_a_gif_are_counted_with_tables_comments_and_a_cut_end():
    with_table = b",\0\0\0\0\1\0\1\0\x80" + b",,,,,," + b"\2\1\x3b\0"
    comment = b"!\xfe\5,,,,,\0"
    assert frames_of_gif(GIF + FRAME + with_table + comment + FRAME + b";" + FRAME) == 3
    assert frames_of_gif(GIF + FRAME * 2 + b",\0\0") == 3
    assert frames_of_gif(GIF) == frames_of_gif(b"GIF89a") == 1


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("big", [False, True])
def test_pages_of_a_tiff_are_counted_in_both_orders_and_sizes(order, big):
    mark = b"II" if order == "<" else b"MM"
    if big:
        data = mark + struct.pack(order + "HHHQ", 43, 8, 0, 16) + struct.pack(order + "QQQQ", 0, 32, 0, 0)
    else:
        data = mark + struct.pack(order + "HI", 42, 8) + struct.pack(order + "HIHI", 0, 14, 0, 0)
    assert frames_of_tiff(data) == 2


def test_pages_of_a_tiff_in_circles_are_counted_once():
    assert frames_of_tiff(b"II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 256, 3, 1, 1, 8)) == 1


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", [3, 4])
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
def test_orientation_is_read_in_every_spelling(order, kind, prefix):
    value = struct.pack(order + ("I" if kind == 4 else "HH"), *((6,) if kind == 4 else (6, 0)))
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HIH", 42, 8, 1)
    assert orientation_of_exif(prefix + head + struct.pack(order + "HHI", 0x0112, kind, 1) + value) == 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_read_as_pillow_writes_it(orientation):
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "words before", orientation
    assert orientation_of_exif(exif.tobytes()) == orientation


@given(st.binary(max_size=64).map(lambda tail: b"II*\0\x08\0\0\0" + tail))
def test_damaged_exif_is_a_number_from_0_to_8(exif):
    assert 0 <= orientation_of_exif(exif) <= 8


def test_orientation_of_xmp_as_attribute_and_as_element():
    assert orientation_of_xmp(b'<a tiff:Orientation="8"/>') == 8
    assert orientation_of_xmp(b"<tiff:Orientation>3</tiff:Orientation>") == 3
    assert orientation_of_xmp(b'<a tiff:Orientation="9"/>') == orientation_of_xmp(b"") == 0


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"}])
def test_the_size_of_a_webp_is_read_from_each_kind_of_header(options):
    file = io.BytesIO()
    Image.new("RGB", (300, 200)).save(file, "WEBP", **options)
    assert size_of_webp(file.getvalue()) == (300, 200)


def test_the_size_of_a_webp_cut_short_is_nothing():
    assert size_of_webp(b"RIFF\0\0\0\0WEBPVP8 ") == (0, 0)
