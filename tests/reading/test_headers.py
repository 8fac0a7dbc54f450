"""Formats told by their content; whatever a decoder raises becomes one of our errors."""

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pixwise.errors import LimitError, PictureError, SetupError
from pixwise.reading.headers import guarded, sniff, turn


def ftyp(major, *compatible):
    brands = b"".join(compatible)
    return (16 + len(brands)).to_bytes(4, "big") + b"ftyp" + major + bytes(4) + brands


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (ftyp(b"avif", b"mif1", b"miaf"), "AVIF"),
        (ftyp(b"mif1", b"miaf", b"avif"), "AVIF"),
        (ftyp(b"avis"), "AVIF"),
        (ftyp(b"heic", b"mif1"), "HEIC"),
        (ftyp(b"mif1", b"heic"), "HEIC"),
        (ftyp(b"isom", b"mp42"), ""),
        (ftyp(b"isom") + b"avif", ""),  # behind the box, not in it
        (b"RIFF\0\0\0\0WAVE", ""),
        (b"II*\0", "TIFF"),
        (b"MM\0+", "TIFF"),
        (b"BM", "BMP"),
        (b"", ""),
    ],
)
def test_the_content_tells_the_format(data, kind):
    assert sniff(data) == kind


@given(st.binary(max_size=64))
def test_any_bytes_can_be_sniffed(data):
    assert sniff(data) in {"", "JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF", "HEIC", "BMP"}


@pytest.mark.parametrize(
    ("raised", "becomes", "words"),
    [
        (
            SyntaxError("bad\x1b[31m chunk"),
            PictureError,
            r"x\.png: expected a whole PNG .*\(bad\[31m chunk\); fetch or",
        ),
        (KeyError(), PictureError, "(KeyError)"),
        (UserWarning("odd tag"), PictureError, "odd tag"),
        (MemoryError(), LimitError, "fits into memory"),
        (Image.DecompressionBombError("big"), LimitError, "MAX_IMAGE_PIXELS"),
        (SetupError("as it is"), SetupError, "^as it is$"),
    ],
)
def test_whatever_a_decoder_raises_becomes_ours(raised, becomes, words):
    with pytest.raises(becomes, match=words), guarded("x.png", "PNG"):
        raise raised


def test_control_c_is_not_taken_for_a_damaged_picture():
    with pytest.raises(KeyboardInterrupt), guarded("x.png", "PNG"):
        raise KeyboardInterrupt


def test_a_guard_changes_no_warning_filters():
    before = list(warnings.filters)
    with guarded("x.png", "PNG"):
        assert warnings.filters == before


def test_an_upright_picture_is_not_copied():
    image = Image.new("RGB", (2, 1))
    assert turn(image, 1) is image
    assert turn(image, 6).size == (1, 2)
