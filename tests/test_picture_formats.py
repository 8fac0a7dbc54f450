"""Every format and kind of pixels becomes upright sRGB as a person would expect."""

import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from drawn import BLUE, LOSSLESS, RED, WHITE, chunk, exif_with, near, pixels, png, saved, scene, tiff
from PIL import Image, ImageCms, ImageOps

from pixwise.errors import PictureError
from pixwise.picture import Picture


@pytest.mark.parametrize("kind", LOSSLESS)
def test_each_format_is_told_by_its_content_and_read(kind):
    picture = Picture.open(saved(scene(), kind, **LOSSLESS[kind]))
    assert (picture.format, picture.size_hw, picture.frames) == (kind, (40, 60), 1)
    assert near(picture.pixels(), scene())


def test_a_heic_picture_without_its_package_says_what_to_install(tmp_path):
    (tmp_path / "x.heic").write_bytes(saved(scene(), "HEIC"))
    code = (
        "import sys; sys.modules['pillow_heif'] = None; from pixwise.picture import Picture; Picture.open(sys.argv[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "x.heic"], capture_output=True, text=True, check=False
    )
    assert (
        "SetupError: HEIC pictures need the package pillow-heif, got none; run: pip install 'pixwise[heic]'"
        in done.stderr
    )


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIC"])
def test_exif_orientation_is_applied_once(kind, orientation):
    stored = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    # how a camera held this way stores the scene; HEIC's writer turns it the other way: it stores what it is given
    image = scene().transpose(stored[orientation]) if orientation > 1 else scene()
    picture = Picture.open(saved(image, kind, exif=exif_with(orientation), **LOSSLESS[kind]))
    assert picture.orientation == orientation
    assert picture.size_hw == (40, 60)
    assert near(picture.pixels(), scene(), 8)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_that_only_xmp_knows_is_applied(kind):
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6"/></x:xmpmeta>'
    picture = Picture.open(saved(scene().rotate(90, expand=True), kind, **with_xmp(kind, xmp), **LOSSLESS[kind]))
    assert picture.size_hw == (40, 60)
    assert near(picture.pixels(), scene())


def with_xmp(kind, xmp):
    if kind == "TIFF":
        return {"tiffinfo": {700: xmp}}
    if kind == "PNG":
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp.decode())
        return {"pnginfo": info}
    return {"xmp": xmp}


def test_orientation_behind_the_pixels_of_a_png_is_found_without_decoding():
    data = saved(scene().rotate(90, expand=True), "PNG")
    body = exif_with(6).tobytes().removeprefix(b"Exif\0\0")
    data = data[:-12] + chunk(b"eXIf", body) + data[-12:]
    assert Picture.open(data).size_hw == (40, 60)
    assert near(pixels(data), scene())


def test_orientation_of_tiff_kinds_that_need_libtiff():
    data = saved(scene().rotate(90, expand=True), "TIFF", compression="tiff_lzw", exif=exif_with(6))
    assert near(pixels(data), scene())


def test_impossible_orientation_is_ignored():
    assert Picture.open(saved(scene(), "JPEG", exif=exif_with(9))).orientation == 1


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_kinds(mode, progressive):
    data = saved(scene(mode), "JPEG", quality=100, subsampling=0, progressive=progressive)
    assert near(pixels(data), scene(mode).convert("RGB"), 8)


def test_jpeg_in_ycck_is_read():
    cv_like = saved(scene("CMYK"), "JPEG", quality=100, subsampling=0)
    assert b"Adobe" in cv_like  # CMYK, stored inverted, as Photoshop does
    assert near(pixels(cv_like), scene(), 8)


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_png_grey_of_every_depth_spans_black_to_white(depth):
    top = 2**depth - 1
    row = {1: b"\x40", 2: b"\x30", 4: b"\x0f", 8: b"\0\xff", 16: b"\0\0\xff\xff"}[depth]
    grey = pixels(png([row], depth, 0, size_wh=(2, 1)))
    assert grey.tolist() == [[[0] * 3, [255] * 3]], f"0 and {top}"


def test_png_grey_of_16_bits_is_scaled_not_cut():
    grey = pixels(png([struct.pack(">5H", 0, 257, 32768, 64000, 65535)], 16, 0, size_wh=(5, 1)))
    assert grey[0, :, 0].tolist() == [0, 1, 128, 249, 255]


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_png_palette_of_every_depth(depth):
    row = {1: b"\x40", 2: b"\x10", 4: b"\x01", 8: b"\0\x01"}[depth]
    data = png([row], depth, 3, chunk(b"PLTE", bytes(RED + BLUE)), size_wh=(2, 1))
    assert pixels(data).tolist() == [[list(RED), list(BLUE)]]


def test_png_palette_with_transparency_is_laid_on_the_background():
    extra = chunk(b"PLTE", bytes(RED + BLUE)), chunk(b"tRNS", b"\xff\0")
    data = png([b"\0\x01"], 8, 3, *extra, size_wh=(2, 1))
    assert pixels(data).tolist() == [[list(RED), list(WHITE)]]
    assert pixels(data, background=(1, 2, 3)).tolist() == [[list(RED), [1, 2, 3]]]
    assert Picture.open(data).alpha().tolist() == [[255, 0]]


@pytest.mark.parametrize("depth", [8, 16])
def test_png_one_grey_value_may_mean_transparent(depth):
    wide = struct.pack(">2H", 1000, 0) if depth == 16 else b"\x64\0"
    key = struct.pack(">H", 1000 if depth == 16 else 0x64)
    data = png([wide], depth, 0, chunk(b"tRNS", key), size_wh=(2, 1))
    assert pixels(data).tolist() == [[[255] * 3, [0] * 3]]
    assert Picture.open(data).alpha().tolist() == [[0, 255]]


@pytest.mark.parametrize("depth", [8, 16])
def test_png_one_colour_may_mean_transparent(depth):
    row = struct.pack(">6H", 256, 512, 768, 0, 0, 0) if depth == 16 else bytes([1, 2, 3, 0, 0, 0])
    key = struct.pack(">3H", *((256, 512, 768) if depth == 16 else (1, 2, 3)))
    assert pixels(png([row], depth, 2, chunk(b"tRNS", key), size_wh=(2, 1))).tolist() == [[[255] * 3, [0] * 3]]


@pytest.mark.parametrize(("depth", "form"), [(8, ">8B"), (16, ">8H")])
def test_png_rgba_is_laid_on_white_and_alpha_is_kept(depth, form):
    top = 2**depth - 1
    picture = Picture.open(png([struct.pack(form, top, 0, 0, top, 0, 0, 0, 0)], depth, 6, size_wh=(2, 1)))
    assert picture.has_alpha
    assert picture.pixels().tolist() == [[list(RED), list(WHITE)]]
    assert picture.alpha().tolist() == [[255, 0]]


@pytest.mark.parametrize(("depth", "form"), [(8, ">4B"), (16, ">4H")])
def test_png_grey_with_alpha(depth, form):
    top = 2**depth - 1
    picture = Picture.open(png([struct.pack(form, 0, top, 0, 0)], depth, 4, size_wh=(2, 1)))
    assert picture.pixels()[0, :, 0].tolist() == [0, 255]
    assert picture.alpha().tolist() == [[255, 0]]


def test_half_transparent_is_mixed_with_the_background():
    data = saved(Image.new("RGBA", (1, 1), (0, 0, 0, 128)), "PNG")
    assert pixels(data)[0, 0].tolist() == [127] * 3


def test_interlaced_png_is_read():
    passes = [b"\0\0", b"\0\xff", b"\0\x80", b"\0\x40"]  # of a 2 x 2 grey picture: the last two passes hold the rest
    body = zlib.compress(passes[0] + passes[1] + b"\0" + bytes([128, 64]))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 1))
    data = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    assert pixels(data)[..., 0].tolist() == [[0, 255], [128, 64]]


@pytest.mark.parametrize("lossless", [False, True])
def test_webp_with_alpha(lossless):
    image = scene("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    picture = Picture.open(saved(image, "WEBP", lossless=lossless, exact=True))
    assert picture.has_alpha
    assert near(picture.alpha(), image.getchannel("A"), 3)


@pytest.mark.parametrize("kind", ["AVIF", "TIFF", "HEIC"])
def test_alpha_of_other_formats(kind):
    image = scene("RGBA")
    image.putalpha(Image.new("L", image.size, 0))
    picture = Picture.open(saved(image, kind, **LOSSLESS[kind]))
    assert picture.has_alpha
    assert near(picture.pixels(), Image.new("RGB", image.size, WHITE), 3)
    assert not picture.alpha().any()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "AVIF", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_is_the_picture_and_the_number_is_told(kind):
    others = [Image.new("RGB", (60, 40), (0, 0, 40 * i)) for i in range(1, 4)]
    data = saved(scene(), kind, save_all=True, append_images=others, **LOSSLESS[kind])
    assert Picture.open(data).frames == 4
    assert near(pixels(data), scene())


def test_transparent_gif_is_laid_on_the_background():
    image = scene("P")
    data = saved(image, "GIF", transparency=image.getpixel((0, 0)))
    picture = Picture.open(data, background=(9, 9, 9))
    assert picture.pixels()[0, 0].tolist() == [9, 9, 9]
    assert picture.alpha()[0, 0] == 0


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
def test_tiff_compressions(compression):
    options = {"quality": 100} if compression == "jpeg" else {}
    assert near(pixels(saved(scene(), "TIFF", compression=compression, **options)), scene(), 12)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr"])
def test_tiff_kinds_of_pixels(mode):
    assert near(pixels(saved(scene(mode), "TIFF")), scene(mode).convert("RGB"), 3)


def test_tiff_in_lab_is_read():
    lab = ImageCms.profileToProfile(
        scene(), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert near(pixels(saved(lab, "TIFF")), scene(), 24)  # eight bits of Lab are coarse at the edge of the gamut


def test_big_tiff_is_read():
    assert near(pixels(saved(scene(), "TIFF", big_tiff=True)), scene(), 0)


def test_tiff_of_16_bit_colour():
    body = np.array([[[65535, 0, 0], [0, 0, 65535]]], "<u2").tobytes()
    assert pixels(tiff(2, 1, 3, 16, body)).tolist() == [[list(RED), list(BLUE)]]


def test_tiff_of_16_bit_grey():
    body = np.array([[0, 32768, 65535]], "<u2").tobytes()
    assert pixels(tiff(3, 1, 1, 16, body))[0, :, 0].tolist() == [0, 128, 255]


def test_tiff_in_tiles():
    body = np.arange(256, dtype=np.uint8).tobytes()
    assert pixels(tiff(16, 16, 1, 8, body, tile=16))[..., 0].tobytes() == body


def test_tiff_of_32_bit_integers():
    grey = pixels(tiff(3, 1, 1, 32, np.array([0, 100, 255], "<i4").tobytes(), form=2))
    assert grey[0, :, 0].tolist() == [0, 100, 255]


def test_a_tiff_of_three_float_channels_is_named_as_what_is_not_read():
    data = tiff(2, 1, 3, 32, np.zeros(6, "<f4").tobytes(), form=3)
    with pytest.raises(
        PictureError, match=r"\(3 channels of 32-bit floats are not read; save 8 or 16 bits per channel"
    ):
        Picture.open(data)


def test_tiff_above_pillows_own_bomb_limit_warns_of_nothing(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert near(pixels(saved(scene(), "TIFF")), scene(), 0)


def test_of_a_jpeg_with_several_views_the_first_is_the_picture():
    views = {"save_all": True, "append_images": [Image.new("RGB", (60, 40))]}
    picture = Picture.open(saved(scene(), "MPO", quality=100, subsampling=0, **views))
    assert (picture.format, picture.frames) == ("JPEG", 1)
    assert near(picture.pixels(), scene())


@pytest.mark.assets
def test_real_pictures_are_read_as_their_headers_say(assets):
    paths = sorted(path for path in (assets / "data").rglob("*") if path.suffix in (".jpg", ".jpeg", ".png"))
    assert len(paths) > 30
    for path in paths:
        picture = Picture.open(path)
        assert picture.pixels().shape == (*picture.size_hw, 3), path


@pytest.mark.assets
def test_real_pictures_are_what_pillow_shows(assets):
    for path in sorted((assets / "data" / "photos").glob("*.jpg")):
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
        if not image.info.get("icc_profile"):
            assert np.array_equal(pixels(path), upright), path
