"""Every format and kind of pixels becomes upright sRGB as a person would expect."""

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pillow_heif
import pytest
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


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(rows, depth, colour, *extra, size_wh=None):
    """A PNG by hand: `rows` are the packed bytes of each line."""
    width, height = size_wh
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + body + chunk(b"IEND", b"")


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


def test_tiff_of_16_bit_colour():
    body = np.array([[[65535, 0, 0], [0, 0, 65535]]], "<u2").tobytes()
    assert pixels(tiff(2, 1, 3, 16, body)).tolist() == [[list(RED), list(BLUE)]]


def test_tiff_of_16_bit_grey():
    body = np.array([[0, 32768, 65535]], "<u2").tobytes()
    assert pixels(tiff(3, 1, 1, 16, body))[0, :, 0].tolist() == [0, 128, 255]


def test_tiff_in_tiles():
    body = np.arange(256, dtype=np.uint8).tobytes()
    assert pixels(tiff(16, 16, 1, 8, body, tile=16))[..., 0].tobytes() == body


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.0, 255.0], [0, 100, 255]),
        ([0.0, 65535.0, 32768.0], [0, 255, 128]),
        ([-100.0, 0.0, 100.0], [0, 128, 255]),
        ([1e6, 2e6, 3e6], [0, 128, 255]),
        ([np.nan, 0.0, 1.0], [0, 0, 255]),
        ([-np.inf, 1.0, np.inf], [0, 255, 255]),
        ([np.nan, np.nan, np.nan], [0, 0, 0]),
        ([7e6, 7e6, 7e6], [0, 0, 0]),
    ],
)
def test_tiff_of_floats_becomes_bytes_by_its_range(values, expected):
    grey = pixels(tiff(3, 1, 1, 32, np.array(values, "<f4").tobytes(), form=3))
    assert grey[0, :, 0].tolist() == expected


def test_tiff_of_32_bit_integers():
    grey = pixels(tiff(3, 1, 1, 32, np.array([0, 100, 255], "<i4").tobytes(), form=2))
    assert grey[0, :, 0].tolist() == [0, 100, 255]


def test_tiff_above_pillows_own_bomb_limit_warns_of_nothing(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert near(pixels(saved(scene(), "TIFF")), scene(), 0)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "I", "F"])
def test_pillow_images_of_every_mode(mode):
    image = scene().convert("L").convert(mode) if mode in ("I", "F") else scene("RGBA" if mode == "RGBa" else mode)
    expected = image.convert("L").convert("RGB") if mode in ("I", "F") else image.convert("RGB")
    assert near(pixels(image), expected, 3)


@pytest.mark.parametrize("mode", ["RGBa", "La"])
def test_pillow_images_with_multiplied_alpha(mode):
    straight = scene("RGBA" if mode == "RGBa" else "LA")
    straight.putalpha(128)
    assert near(pixels(straight.convert(mode)), pixels(straight), 3)


def test_pillow_images_of_16_bits():
    array = np.array([[0, 32768, 65535]], np.uint16)
    for mode in ("I;16", "I;16B"):
        packed = array.astype("<u2" if mode == "I;16" else ">u2").tobytes()
        assert pixels(Image.frombytes(mode, (3, 1), packed))[0, :, 0].tolist() == [0, 128, 255]


# Colour profiles


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


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_wide_gamut_profile_is_turned_into_srgb(kind):
    image = Image.new("RGB", (16, 16), (200, 100, 50))
    found = pixels(saved(image, kind, icc_profile=P3, **LOSSLESS[kind]))[8, 8].astype(int)
    assert found[0] > 205
    assert found[1] < 100  # more saturated numbers for the same colour
    expected = ImageCms.profileToProfile(
        image, ImageCms.ImageCmsProfile(io.BytesIO(P3)), ImageCms.createProfile("sRGB")
    ).getpixel((8, 8))
    assert near(found, expected, 3)


def test_the_profile_of_a_palette_and_of_alpha_pictures_counts_too():
    straight = pixels(saved(scene(), "PNG", icc_profile=P3))
    assert near(pixels(saved(scene("P"), "PNG", icc_profile=P3)), straight, 3)
    assert near(pixels(saved(scene("RGBA"), "PNG", icc_profile=P3)), straight, 0)


def test_a_grey_profile_counts():
    data = saved(Image.new("L", (4, 4), 55), "PNG", icc_profile=GREY_LINEAR)
    assert near(pixels(data), np.full((4, 4, 3), 128), 3)  # 55 / 255 of the light looks half as bright


def test_a_grey_profile_on_colour_is_ignored():
    assert near(pixels(saved(scene(), "PNG", icc_profile=GREY_LINEAR)), scene(), 0)


def test_a_cmyk_profile_counts():
    image = Image.new("CMYK", (4, 4), (0, 128, 0, 0))
    by_profile, by_arithmetic = pixels(saved(image, "TIFF", icc_profile=cmyk_profile()))[0, 0], pixels(image)[0, 0]
    assert by_arithmetic.tolist() == [255, 127, 255]
    assert by_profile[1] > 135  # the ink of this profile is paler
    assert (by_profile[[0, 2]] > 225).all()


@pytest.mark.parametrize("icc", [b"", b"junk", P3[:200], P3[:128] + bytes(len(P3) - 128), P3.replace(b"acsp", b"nope")])
def test_a_damaged_profile_is_ignored(icc):
    assert near(pixels(saved(scene(), "PNG", icc_profile=icc)), scene(), 0)


def test_the_profile_counts_in_a_scaled_decode_too():
    data = saved(Image.new("RGB", (640, 640), (200, 100, 50)), "JPEG", icc_profile=P3)
    picture = Picture.open(data)
    small = np.asarray(picture.at_least((80, 80)))
    assert small.shape == (160, 160, 3)
    assert near(small[80, 80], picture.pixels()[320, 320], 1)
