"""Sources, limits, alpha, scaled decoding, threads."""

import base64
import gc
import io
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from pixwise.errors import LimitError, OptionError, PictureError, ShapeError
from pixwise.picture import Limits, Picture
from pixwise.pixels import Recipe, prepare, resize
from pixwise.reading.headers import Header
from pixwise.samples import photo_like


def encoded(image, kind="PNG", **options):
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def large():
    """A photo-like JPEG of twelve megapixels."""
    return encoded(photo_like(3000, 4000), "JPEG", quality=90)


@pytest.fixture(scope="module")
def data(photo):
    return encoded(photo[:90, :120])


@pytest.fixture
def path(tmp_path, data):
    path = tmp_path / "Überraschung am Straßenrand, Bild 1.png"
    path.write_bytes(data)
    return path


# Sources


def test_every_source_gives_the_same_picture(path, data, photo):
    uri = "data:image/png;base64," + base64.b64encode(data).decode()
    image = Image.open(io.BytesIO(data))
    sources = [str(path), path, data, bytearray(data), memoryview(data), io.BytesIO(data), uri, image, photo[:90, :120]]
    for source in sources:
        assert np.array_equal(Picture.open(source).pixels(), photo[:90, :120])


def test_a_picture_comes_back_as_it_is(data):
    picture = Picture.open(data)
    assert Picture.open(picture) is picture


def test_content_decides_not_the_name(tmp_path, data):
    path = tmp_path / "x.jpg"
    path.write_bytes(data)
    assert Picture.open(path).format == "PNG"


def test_the_hash_is_of_the_file(path):
    import hashlib

    assert Picture.open(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert Picture.open(np.zeros((2, 2, 3), np.uint8)).sha256 == ""


def test_arrays_of_grey_colour_and_alpha():
    grey = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert np.array_equal(Picture.open(grey).pixels(), np.dstack([grey] * 3))
    rgba = np.dstack([grey, grey, grey, np.zeros_like(grey)])
    assert (Picture.open(rgba).pixels() == 255).all()
    assert not Picture.open(rgba).alpha().any()


@pytest.mark.parametrize("view", [np.s_[::-1], np.s_[:, ::2], np.s_[..., ::-1]])
def test_views_and_read_only_arrays_are_taken(photo, view):
    array = photo[:20, :30][view]
    array.setflags(write=False)
    assert np.array_equal(Picture.open(array).pixels(), array)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_an_array_changed_later_does_not_change_the_picture(channels):
    array = np.zeros((4, 4, channels), np.uint8)[..., 0 if channels == 1 else slice(None)]
    picture = Picture.open(array, background=(0, 0, 0))
    array[:] = 255
    assert not picture.pixels().any()


def test_a_pillow_image_changed_or_closed_later_does_not_change_the_picture(path, photo):
    with Image.open(path) as image:
        picture = Picture.open(image)
        image.paste("black", (0, 0, 50, 50))
    assert np.array_equal(picture.pixels(), photo[:90, :120])


def turned(data):
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(Image.open(io.BytesIO(data)), exif=exif)


def test_a_pillow_image_from_a_turned_file_comes_upright(data):
    file = turned(data)
    image = Image.open(io.BytesIO(file))
    assert np.array_equal(Picture.open(image).pixels(), Picture.open(file).pixels())
    image.load()
    assert Picture.open(image).size_hw == (120, 90)


def test_a_pillow_image_made_from_another_is_taken_as_it_is(data):
    image = Image.open(io.BytesIO(turned(data)))
    for made in (image.copy(), image.crop((0, 0, 50, 40)), image.convert("L")):
        assert Picture.open(made).size_hw == made.size[::-1]  # whoever made it may have turned it already


def test_pixels_are_a_fresh_array_each_time(data):
    picture = Picture.open(data)
    first = picture.pixels()
    first[:] = 0
    assert picture.pixels().any()


def test_opaque_pictures_have_full_alpha(data):
    assert (Picture.open(data).alpha() == 255).all()


def test_alpha_is_turned_with_the_picture():
    image = Image.new("RGBA", (3, 2))
    image.putpixel((0, 0), (0, 0, 0, 255))
    exif = Image.Exif()
    exif[0x0112] = 6
    assert Picture.open(encoded(image, exif=exif)).alpha().tolist() == [[0, 255], [0, 0], [0, 0]]


def test_it_shows_what_it_is(data):
    assert repr(Picture.open(data)) == "<Picture <bytes> PNG 120x90>"


@pytest.mark.parametrize("background", ["white", (1, 2), (0, 0, 256), (0.0, 0, 0), None])
def test_a_background_that_is_no_colour_is_an_error(data, background):
    with pytest.raises(OptionError, match="background must be three whole numbers"):
        Picture.open(data, background=background)


@pytest.mark.parametrize("size", [(1, 1), (20_000, 10), (10, 20_000)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_extreme_shapes(size, kind):
    picture = Picture.open(encoded(Image.new("RGB", size, "red"), kind))
    assert picture.pixels().shape == (size[1], size[0], 3)
    assert picture.at_least((1, 1)).size[0] >= min(2, size[0])


# What cannot be a picture


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.full((2, 2, 3), np.nan), "got float64 with NaN or infinity"),
        (np.zeros((2, 2, 3)), "must be uint8, got float64; scale it"),
        (np.zeros((2, 2, 3), np.uint16), "must be uint8, got uint16"),
        (np.zeros((2, 2), bool), "must be uint8, got bool"),
        (np.zeros((2, 2), object), "must be uint8, got object"),
        (np.zeros((3, 2, 2), np.uint8), r"must have shape .* got \(3, 2, 2\)"),
        (np.zeros((1, 2, 2, 3), np.uint8), r"got \(1, 2, 2, 3\)"),
        (np.zeros(3, np.uint8), r"got \(3,\)"),
        (np.zeros((2, 2, 1), np.uint8), r"got \(2, 2, 1\)"),
        (np.zeros((0, 2, 3), np.uint8), "at least one pixel"),
    ],
)
def test_arrays_that_are_no_picture_are_refused(array, words):
    with pytest.raises(ShapeError, match=words):
        Picture.open(array)


def test_a_closed_pillow_image_is_refused(path):
    image = Image.open(path)
    image.close()
    with pytest.raises(PictureError, match="<image>"):
        Picture.open(image)


# Limits


@pytest.mark.parametrize(
    ("name", "limit"), [("max_bytes", 100), ("max_pixels", 1000), ("max_side", 100), ("max_frames", 2)]
)
def test_each_limit_names_itself_and_how_to_raise_it(name, limit, photo):
    others = [Image.new("L", (120, 90), value) for value in (0, 100, 200)]
    data = encoded(photo[:90, :120], "GIF", save_all=True, append_images=others)
    with pytest.raises(LimitError, match=rf"must be at most {limit:,}, got .*Limits\({name}=\d+\).*--max-") as caught:
        Picture.open(data, limits=Limits(**{name: limit}))
    raised = int(str(caught.value).rpartition(" ")[2].rstrip(")"))
    assert Picture.open(data, limits=Limits(**{name: raised})).size_hw == (90, 120)


def test_limits_count_for_every_source(path, data, photo):
    few = Limits(max_bytes=100)
    uri = "data:;base64," + base64.b64encode(data).decode()
    for source in (path, data, memoryview(data), io.BytesIO(data), uri):
        with pytest.raises(LimitError, match="bytes must be at most 100"):
            Picture.open(source, limits=few)
    for source in (photo, Image.fromarray(photo)):
        with pytest.raises(LimitError, match="side must be at most 100"):
            Picture.open(source, limits=Limits(max_side=100))


# Scaled decoding


@pytest.mark.parametrize(
    ("side", "resample"), [(224, "bicubic"), (256, "bicubic"), (375, "bicubic"), (640, "bilinear")]
)
def test_scaled_decoding_stays_within_its_bound(large, side, resample):
    picture = Picture.open(large)
    scaled = picture.at_least((side, side))
    assert scaled.height < picture.height
    difference = np.abs(
        resize(scaled, (side, side), resample).astype(int) - resize(picture.image(), (side, side), resample)
    )
    assert difference.mean() < 0.5
    assert np.percentile(difference, 99.9) <= 3


def test_scaled_decoding_never_goes_below_twice_the_asked_size(large):
    picture = Picture.open(large)
    for size_hw in [
        (1, 1),
        (187, 250),
        (188, 250),
        (224, 224),
        (375, 500),
        (376, 500),
        (750, 1000),
        (750, 1001),
        (3000, 1),
    ]:
        image = picture.at_least(size_hw)
        whole = image.size == (4000, 3000)
        assert whole or (image.height >= 2 * size_hw[0] and image.width >= 2 * size_hw[1])
    assert picture.at_least((187, 250)).size == (500, 375)
    assert picture.at_least((751, 10)).size == (4000, 3000)


@pytest.mark.parametrize(("told_wh", "scale_to"), [((121, 90), 90), ((120, 89), 90), ((136, 90), 20)])
def test_a_decoder_that_gives_another_size_than_the_header_is_told(photo, told_wh, scale_to):
    data = encoded(photo[:90, :120], "JPEG")
    picture = Picture("x.jpg", data, None, Header("JPEG", told_wh), (255, 255, 255))
    with pytest.raises(
        PictureError, match=r"x.jpg: decoded size must be \d+ x \d+ as the header says, got \d+ x \d+; exp"
    ):
        picture.at_least((scale_to, scale_to))


@pytest.mark.parametrize("size", [(8, 8), (17, 33), (31, 15), (1000, 9), (639, 479)])
def test_odd_sizes_are_scaled_upwards(size):
    picture = Picture.open(encoded(Image.linear_gradient("L").resize(size), "JPEG"))
    for side in (1, 2, 4):
        image = picture.at_least((side, side))
        assert image.size in [(-(-size[0] // scale), -(-size[1] // scale)) for scale in (1, 2, 4, 8)]
        assert min(image.size) >= min(2 * side, *size)


def test_exact_means_all_of_it(large):
    assert Picture.open(large).at_least((10, 10), exact=True).size == (4000, 3000)


def test_formats_without_scaled_decoding_give_all_of_it(data):
    assert Picture.open(data).at_least((1, 1)).size == (120, 90)


def test_what_comes_back_does_not_depend_on_what_was_asked_before(large):
    fresh = resize(Picture.open(large).at_least((224, 224)), (224, 224), "bicubic")
    used = Picture.open(large)
    used.pixels(), used.at_least((10, 10)), used.at_least((640, 640))
    assert np.array_equal(resize(used.at_least((224, 224)), (224, 224), "bicubic"), fresh)


def test_a_turned_picture_scales_by_its_upright_size():
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Picture.open(encoded(Image.new("RGB", (800, 100)), "JPEG", exif=exif))
    assert picture.size_hw == (800, 100)
    assert picture.at_least((100, 25)).size == (50, 400)


def edge_of(picture, exact):
    """Where the tensor has the step that `stepped` draws, x and y, in pixels of the picture."""
    tensor, fit = prepare(picture.at_least((224, 224), exact=exact), picture.size_hw, Recipe(size_hw=(224, 224)))
    shares = (tensor[0] - tensor[0].min()) / np.ptp(tensor[0])
    return fit.points_to_picture([224 - shares[112].sum(), 224 - shares[:, 112].sum()])


def stepped(side, orientation):
    """Black, and white beyond 95 % of either side, seen upright."""
    pixels = np.zeros((side, side, 3), np.uint8)
    pixels[int(0.95 * side) :], pixels[:, int(0.95 * side) :] = 255, 255
    stored = (
        Image.fromarray(pixels).transpose(Image.Transpose.ROTATE_180) if orientation == 3 else Image.fromarray(pixels)
    )
    exif = Image.Exif()
    exif[0x0112] = orientation
    return Picture.open(encoded(stored, "JPEG", quality=95, exif=exif))


@pytest.mark.parametrize("orientation", [1, 3])
@pytest.mark.parametrize("side", [904, 1793, 1797])
def test_full_and_scaled_decodes_show_the_same_place(side, orientation):
    picture = stepped(side, orientation)
    np.testing.assert_allclose(edge_of(picture, exact=False), edge_of(picture, exact=True), atol=0.1)
    np.testing.assert_allclose(edge_of(picture, exact=True), int(0.95 * side), atol=0.5)


# Threads and memory


def test_eight_threads_on_one_picture_see_the_same(photo):
    picture = Picture.open(encoded(photo, "JPEG"))
    asks = [picture.pixels, lambda: np.asarray(picture.at_least((100, 100))), picture.alpha] * 8
    with ThreadPoolExecutor(8) as pool:
        answers = [future.result() for future in [pool.submit(ask) for ask in asks]]
    for position, answer in enumerate(answers):
        assert np.array_equal(answer, answers[position % 3])


def test_eight_threads_decode_once(large):
    picture = Picture.open(large)
    with ThreadPoolExecutor(8) as pool:
        images = list(pool.map(lambda _: picture.image(), range(8)))
    assert len(set(map(id, images))) == 1


def test_a_picture_that_is_let_go_leaves_nothing(data):
    picture = Picture.open(data)
    picture.pixels()
    del picture
    assert not [item for item in gc.get_objects() if type(item) is Picture and item.size_hw == (90, 120)]


BOMB = """
import json, resource, sys, time
from pixwise.picture import Picture
import PIL.PngImagePlugin
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before, started = peak(), time.perf_counter()
try: Picture.open(sys.argv[1])
except ValueError as error: print(json.dumps([1e3 * (time.perf_counter() - started), peak() - before, str(error)]))
"""


def test_a_bomb_of_900_megapixels_is_refused_in_50_ms_and_50_mb(tmp_path):
    path = tmp_path / "bomb.png"
    Image.new("1", (30_000, 30_000)).save(path)
    assert path.stat().st_size < 150_000
    done = subprocess.run([sys.executable, "-c", BOMB, path], capture_output=True, text=True, check=True)
    spent_ms, grown_mb, words = json.loads(done.stdout)
    assert "pixels must be at most 250,000,000, got 900,000,000" in words
    assert spent_ms < 50
    assert grown_mb < 50


PEAK = """
import resource, sys
from pixwise.picture import Picture
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
picture = Picture.open(sys.argv[1])
before = peak()
picture.image()
print((peak() - before) / (picture.width * picture.height))
"""


@pytest.mark.parametrize(
    ("mode", "kind"), [("RGB", "JPEG"), ("RGBA", "PNG"), ("I;16", "PNG"), ("F", "TIFF"), ("P", "GIF")]
)
def test_decoding_takes_a_bounded_number_of_bytes_for_each_pixel(tmp_path, mode, kind):
    path = tmp_path / "x"
    Image.new(mode, (4000, 3000)).save(path, kind)
    done = subprocess.run([sys.executable, "-c", PEAK, path], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 16
