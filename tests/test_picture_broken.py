"""Damaged and hostile files: a picture that decodes or one clear error, in bounded time and memory; nothing else."""

import io
import resource
import struct
import time
import warnings
import zlib

import pillow_heif
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from pixwise.errors import LimitError, PictureError, PixwiseError
from pixwise.picture import Limits, Picture
from pixwise.samples import photo_like

SMALL = Limits(max_bytes=2**22, max_pixels=2**22, max_frames=100)


def exif():
    made = Image.Exif()
    made[0x0112], made[0x010E], made[0x011A] = 6, "words", 72.0
    made.get_ifd(0x8769)[0x9286] = b"comment"
    return made


def files():
    """One small file of every format and of the kinds within that take another way through the decoders."""
    photo = Image.fromarray(photo_like(48, 64))
    alpha = photo.convert("RGBA")
    alpha.putalpha(Image.linear_gradient("L").resize(photo.size))
    more = {"save_all": True, "append_images": [photo.rotate(90 * i) for i in (1, 2)]}
    made = {
        "jpeg": (photo, "JPEG", {"exif": exif(), "icc_profile": icc()}),
        "jpeg progressive": (photo, "JPEG", {"progressive": True}),
        "jpeg cmyk": (photo.convert("CMYK"), "JPEG", {}),
        "png": (alpha, "PNG", {"exif": exif(), "icc_profile": icc()}),
        "png palette": (photo.convert("P"), "PNG", {"transparency": 3}),
        "png animated": (photo, "PNG", more),
        "png 16 bit": (photo.convert("I;16"), "PNG", {}),
        "webp": (photo, "WEBP", {"exif": exif(), "icc_profile": icc()}),
        "webp lossless": (alpha, "WEBP", {"lossless": True}),
        "webp animated": (photo, "WEBP", more),
        "avif": (photo, "AVIF", {"exif": exif(), "icc_profile": icc()}),
        "gif": (photo, "GIF", more),
        "bmp": (photo, "BMP", {}),
        "tiff": (photo, "TIFF", {"exif": exif()}),
        "tiff lzw": (photo, "TIFF", {"compression": "tiff_lzw"}),
        "tiff jpeg": (photo, "TIFF", {"compression": "jpeg"}),
        "tiff float": (photo.convert("F"), "TIFF", {}),
        "tiff pages": (photo, "TIFF", more),
        "big tiff": (photo, "TIFF", {"big_tiff": True}),
    }
    out = {name: encoded(*recipe) for name, recipe in made.items()}
    return out | {"heic": heic(photo)}


def heic(image):
    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file)
    return file.getvalue()


def icc():
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def encoded(image, kind, options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


FILES = files()


@st.composite
def damaged(draw):
    """A file with bytes flipped, cut, moved, doubled, or with lengths replaced by extreme numbers."""
    data = bytearray(FILES[draw(st.sampled_from(sorted(FILES)))])
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, min(len(data), 400)) | st.integers(0, len(data)))
        kind = draw(st.sampled_from(["flip", "cut", "splice", "double", "length", "zero"]))
        if kind == "flip":
            flipped = draw(st.integers(1, 255))
            data[place : place + 1] = bytes(byte ^ flipped for byte in data[place : place + 1])
        elif kind == "cut":
            del data[max(1, place) :]
        elif kind == "splice":
            other = FILES[draw(st.sampled_from(sorted(FILES)))]
            data[place : place + draw(st.integers(0, 64))] = other[: draw(st.integers(0, 400))]
        elif kind == "double":
            data[place:place] = data[place : place + draw(st.integers(1, 200))]
        elif kind == "length":
            number = draw(st.sampled_from([0, 1, 255, 65535, 2**31 - 1, 2**31, 2**32 - 1]))
            data[place : place + 4] = struct.pack(draw(st.sampled_from("<>")) + "I", number)
        else:
            data[place : place + draw(st.integers(1, 64))] = bytes(draw(st.integers(1, 64)))
    return with_right_sums(bytes(data)) if draw(st.booleans()) else bytes(data)


def with_right_sums(data):
    """A PNG's checksums made right again, so that damage gets past them; other files as they are."""
    out, position = data[:8], 8
    while data.startswith(b"\x89PNG") and position + 12 <= len(data):
        end = position + 8 + int.from_bytes(data[position : position + 4], "big")
        body = data[position + 4 : end]
        out += data[position : position + 4] + body + struct.pack(">I", zlib.crc32(body))
        position = end + 4
    return out + data[position:]


def take(data):
    """A picture whose pixels are as its header says, or the error."""
    try:
        picture = Picture.open(data, limits=SMALL)
        pixels, alpha = picture.pixels(), picture.alpha()
        picture.at_least((4, 4))
    except PixwiseError as error:
        return error
    assert (pixels.shape, alpha.shape) == ((*picture.size_hw, 3), picture.size_hw)
    return picture


@pytest.mark.parametrize("name", FILES)
def test_the_files_are_whole_before_they_are_damaged(name):
    assert isinstance(take(FILES[name]), Picture)


@settings(max_examples=1500, deadline=3000, suppress_health_check=list(HealthCheck))
@given(damaged())
def test_damaged_files_give_a_picture_or_one_of_our_errors(data):
    assert str(take(data)).isprintable()


@settings(max_examples=500, deadline=3000, suppress_health_check=list(HealthCheck))
@given(damaged())
def test_damaged_files_do_so_too_where_warnings_are_only_shown(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        take(data)


@settings(max_examples=300, deadline=1000)
@given(st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0", b"MM\0+", b"BM"]), st.binary())
@example(b"RIFF\0\0\0\0WEBPVP8X", b"")
@example(b"\0\0\0\x20ftypavif", b"\0" * 40)
@example(b"\0\0\0\x20ftypheic", b"\0" * 40)
def test_junk_behind_a_magic_number_is_one_of_our_errors(magic, junk):
    take(magic + junk)


def test_a_thousand_damaged_files_leave_no_memory_behind():
    def run():
        for name in FILES:
            for place in range(20, len(FILES[name]), max(1, len(FILES[name]) // 25)):
                data = bytearray(FILES[name])
                data[place] ^= 255
                take(bytes(data))

    run()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run(), run()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # kB


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_cut_short_says_that_it_is_damaged(name, share):
    outcome = take(FILES[name][: int(len(FILES[name]) * share)])
    if not isinstance(outcome, Picture):  # the first frame of an animation, or the header of a TIFF, may be whole
        assert "expected a whole" in str(outcome)
        assert "fetch or export it again" in str(outcome)


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "bmp", "tiff lzw", "heic", "avif"])
def test_half_a_picture_is_never_taken_for_whole(name):
    assert isinstance(take(FILES[name][: len(FILES[name]) // 2]), PictureError)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "expected a picture, got no bytes; check how it was written"),
        (b"just some words\n", "got text; convert it"),
        ("Grüße".encode(), "got text; convert it"),
        (b"%PDF-1.7\n", "got a PDF"),
        (b"<!DOCTYPE html><html>", "got markup"),
        (b'<?xml version="1.0"?><svg xmlns="">', "got an SVG drawing"),
        (b"\x00\x01\x02\x03", r"got unknown bytes \(00 01 02 03 …\)"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "got unknown bytes"),
    ],
)
def test_what_is_no_picture_is_told_what_it_is(data, words):
    with pytest.raises(PictureError, match=words):
        Picture.open(data)


def test_text_called_jpg_is_refused_by_name(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_text("not a photo")
    with pytest.raises(PictureError, match=r"photo\.jpg: expected a JPEG, PNG, .* picture, got text; convert it"):
        Picture.open(path)


def test_an_empty_file_is_refused_by_name(tmp_path):
    path = tmp_path / "empty.png"
    path.touch()
    with pytest.raises(PictureError, match=r"empty\.png: expected a picture, got no bytes"):
        Picture.open(path)


@pytest.mark.parametrize("place", range(2, 100, 3))
def test_damaged_exif_does_not_make_the_pixels_worthless(place):
    head, mark, tail = FILES["jpeg"].partition(b"Exif\0\0")
    assert isinstance(take(head + mark + tail[: place - 2] + b"\xff" * 2 + tail[place:]), Picture)


def test_damaged_exif_opens_where_warnings_are_errors_and_still_turns():
    """Pillow warns of this block: it announces twenty entries and holds one."""
    block = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHII", 20, 0x0112, 3, 1, 6)
    data = encoded(Image.new("RGB", (3, 2)), "JPEG", {"exif": block})
    with pytest.warns(UserWarning, match="Corrupt EXIF"):
        Image.open(io.BytesIO(data)).getexif()
    assert Picture.open(data).pixels().shape == (3, 2, 3)


# Bombs


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*extra, size=(1, 1)):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"\0\0"))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + body + chunk(b"IEND", b"")


ZEROS = zlib.compress(bytes(50_000_000))
WIDE = FILES["tiff"].replace(struct.pack("<HHII", 256, 4, 1, 64), struct.pack("<HHII", 256, 4, 1, 60_000))
BOMBS = {
    "png": png(size=(2**31 - 1, 2**31 - 1)),
    "png text": png(*[chunk(b"zTXt", b"Comment\0\0" + ZEROS)] * 3),
    "png international text": png(*[chunk(b"iTXt", b"Comment\0\1\0\0\0" + ZEROS)] * 3),
    "png profile": png(chunk(b"iCCP", b"x\0\0" + ZEROS)),
    "png chunks": png(chunk(b"tEXt", b"") * 250_000),
    "png frames": png(chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))),
    "jpeg": FILES["jpeg"].replace(struct.pack(">HH", 48, 64), b"\xff\xff\xff\xff"),
    "jpeg segments": b"\xff\xd8" + b"\xff\xfe\0\2" * 2_000_000 + FILES["jpeg"][2:],
    "jpeg padding": b"\xff\xd8" + b"\xff" * 3_000_000 + FILES["jpeg"][2:],
    "jpeg junk": b"\xff\xd8\xff\xfe\0\2" + b"\0" * 3_000_000 + FILES["jpeg"][2:],
    "jpeg scans": FILES["jpeg progressive"][:-2] + b"\xff\xda\0\x08\1\1\0\1\x3f\0" * 30_000,
    "gif": b"GIF89a" + b"\xff\xff\xff\xff\0\0\0" + b",\0\0\0\0\xff\xff\xff\xff\0\x02\0;",
    "gif frame larger than its screen": b"GIF89a" + b"\1\0\1\0\0\0\0" + b",\0\0\0\0\xff\xff\xff\xff\0\x02\0;",
    "gif frames": b"GIF89a" + b"\1\0\1\0\0\0\0" + b",\0\0\0\0\1\0\1\0\0\2\0" * 200_000 + b";",
    "gif comments": b"GIF89a" + b"\1\0\1\0\0\0\0" + b"!\xfe\0" * 2_500_000,
    "gif unknown blocks": b"GIF89a" + b"\1\0\1\0\0\0\0" + b"\x01" * 3_000_000,
    "avif": FILES["avif"].replace(struct.pack(">II", 64, 48), struct.pack(">II", 60_000, 60_000)),
    "heic": heic(Image.new("RGB", (64, 64))).replace(
        b"ispe" + bytes(4) + struct.pack(">II", 64, 64), b"ispe" + bytes(4) + b"\0\1\0\0" * 2
    ),
    "webp": b"RIFF\xff\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0" + b"\xff" * 6 + bytes(20),
    "bmp": b"BM" + bytes(12) + struct.pack("<IiiHHI", 40, 2**31 - 1, 2**31 - 1, 1, 24, 0) + bytes(40),
    "tiff": WIDE.replace(struct.pack("<HHII", 257, 4, 1, 48), struct.pack("<HHII", 257, 4, 1, 60_000)),
    "tiff pages": b"II*\0\x08\0\0\0" + b"".join(b"\0\0" + struct.pack("<I", 14 + 6 * i) for i in range(210_000)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_quickly_and_without_much_memory(name):
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(PictureError) as caught:
        Picture.open(BOMBS[name]).pixels()
    assert time.process_time() - started < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["png", "png frames", "jpeg", "gif", "gif frames", "webp", "tiff", "bmp"])
def test_bombs_of_size_name_the_limit(name):
    with pytest.raises(LimitError, match=r"must be at most .*pass limits=Limits\("):
        Picture.open(BOMBS[name])


@pytest.mark.parametrize("kind", ["GIF", "TIFF"])
def test_frames_are_counted_as_pillow_counts_them(kind):
    photo = Image.fromarray(photo_like(48, 64))
    options = {"save_all": True, "append_images": [photo.rotate(i) for i in range(1, 30)]}
    data = encoded(photo, kind, options)
    assert Picture.open(data).frames == Image.open(io.BytesIO(data)).n_frames == 30
