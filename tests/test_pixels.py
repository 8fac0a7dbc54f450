"""Resizing, placing, normalising, and the way back."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pixwise.errors import CardError, ShapeError
from pixwise.pixels import Fit, Recipe, centre_crop, crop, normalise, pad, plan, prepare, resize

SIDES = st.integers(1, 3000)
SIZES = st.tuples(SIDES, SIDES)
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def image_of(pixels):
    return Image.fromarray(pixels)


# Resize


@pytest.mark.parametrize("resample", ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"])
def test_resize_is_pillows_own(photo, resample):
    expected = image_of(photo).resize((101, 57), getattr(Image.Resampling, resample.upper()))
    assert np.array_equal(resize(photo, (57, 101), resample), expected)


def test_linear_is_opencvs_own(photo):
    expected = cv2.resize(photo, (101, 57), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(resize(photo, (57, 101), "linear"), expected)
    assert not np.array_equal(resize(photo, (57, 101), "bilinear"), expected)  # that one is antialiased


def test_resize_takes_grey_views_and_pillow_images(photo):
    assert resize(photo[..., 0], (20, 30)).shape == (20, 30)
    assert resize(photo[::2, ::-1], (20, 30)).shape == (20, 30, 3)
    assert np.array_equal(resize(image_of(photo), (20, 30)), resize(photo, (20, 30)))


def test_resize_to_the_same_size_changes_nothing(photo):
    assert np.array_equal(resize(photo, photo.shape[:2], "lanczos"), photo)


def test_resize_keeps_the_centre_where_it_is():
    """Half-pixel centres: a mirrored picture gives the mirrored answer."""
    ramp = np.tile(np.arange(0, 250, 10, dtype=np.uint8)[None, :, None], (4, 1, 3))
    assert np.array_equal(resize(ramp[:, ::-1], (4, 10)), resize(ramp, (4, 10))[:, ::-1])


# Plan: against the reference implementation


@pytest.fixture(scope="module")
def reference():
    return pytest.importorskip("transformers.image_transforms", reason="the reference implementation")


ODD_SIZES = [
    (480, 640),
    (640, 480),
    (333, 500),
    (1, 1),
    (10, 20_000),
    (20_000, 10),
    (799, 1333),
    (427, 640),
    (375, 1242),
]


@pytest.mark.parametrize("size_hw", ODD_SIZES)
@pytest.mark.parametrize("target", [224, 256, 800])
def test_the_shortest_edge_is_the_references(reference, size_hw, target):
    array = np.broadcast_to(np.uint8(0), (3, *size_hw))
    expected = reference.get_resize_output_image_size(
        array, target, default_to_square=False, input_data_format="channels_first"
    )
    assert plan(size_hw, Recipe(size_hw=(target, target), resize="shortest")) == expected


@given(SIZES)
def test_the_shortest_edge_with_a_longest_one_is_the_references(reference, size_hw):
    for target, longest in ((800, 1333), (480, 640), (100, 101)):
        expected = reference.get_size_with_aspect_ratio(size_hw, target, longest)
        recipe = Recipe(size_hw=(target, target), resize="shortest", max_side=longest)
        assert plan(size_hw, recipe) == tuple(max(1, side) for side in expected)


@given(SIZES)
def test_the_longest_edge_is_the_references(size_hw):
    utilities = pytest.importorskip("transformers.image_utils")
    expected = utilities.get_image_size_for_max_height_width(size_hw, 800, 1333)
    planned = plan(size_hw, Recipe(size_hw=(800, 1333), resize="longest"))
    assert planned == tuple(max(1, side) for side in expected)


@given(
    SIZES, SIZES, st.sampled_from(["none", "stretch", "shortest", "longest", "closest"]), st.sampled_from([1, 14, 32])
)
def test_every_planned_size_has_pixels_and_fits_its_multiple(size_hw, target_hw, kind, step):
    planned = plan(size_hw, Recipe(size_hw=target_hw, resize=kind, multiple_of=step))
    assert min(planned) >= 1
    assert all(side % step == 0 for side in planned)


@given(SIZES, SIZES)
def test_longest_stays_inside_and_touches(size_hw, target_hw):
    planned = plan(size_hw, Recipe(size_hw=target_hw, resize="longest"))
    assert all(side <= target for side, target in zip(planned, target_hw, strict=True))
    assert any(side >= target - 1 for side, target in zip(planned, target_hw, strict=True))


def test_an_unknown_kind_of_resize_names_the_known_ones():
    with pytest.raises(CardError, match=r"input\.resize must be one of .*got 'shortst'; did you mean 'shortest'"):
        Recipe(size_hw=(1, 1), resize="shortst")
    with pytest.raises(CardError, match=r"input\.resample must be one of"):
        Recipe(size_hw=(1, 1), resample="cubic")
    with pytest.raises(CardError, match="size_hw must be two positive numbers"):
        Recipe()


# Crop and pad


@pytest.mark.parametrize("size_hw", [(5, 7), (8, 8), (3, 20), (224, 224)])
@pytest.mark.parametrize("to", [(4, 4), (7, 5), (8, 9), (10, 3)])
def test_the_centre_crop_is_the_references(reference, size_hw, to):
    pixels = np.random.default_rng(0).integers(1, 255, (*size_hw, 3), dtype=np.uint8)
    expected = reference.center_crop(pixels, to, input_data_format="channels_last")
    assert np.array_equal(centre_crop(pixels, to), expected)


def test_a_crop_is_a_view_with_edges_rounded_outwards(photo):
    part = crop(photo, (10.2, 20.9, 29.5, 40.1))
    assert part.shape == (21, 20, 3)
    assert np.shares_memory(part, photo)
    assert np.array_equal(part, photo[20:41, 10:30])


def test_a_crop_is_clipped_to_the_picture_and_never_empty(photo):
    assert crop(photo, (-50, -50, 10, 10)).shape == (10, 10, 3)
    assert crop(photo, (630, 470, 999, 999)).shape == (10, 10, 3)
    assert crop(photo, (5, 5, 5, 5)).shape == (1, 1, 3)


@pytest.mark.parametrize(
    "box", [(0, 0, np.nan, 5), (0, 0, np.inf, 5), (5, 0, 2, 9), (0, 9, 5, 1), (700, 0, 800, 9), (-9, -9, -1, -1)]
)
def test_a_crop_that_cannot_be_is_an_error(photo, box):
    with pytest.raises(ShapeError, match="box must"):
        crop(photo, box)


@given(st.tuples(st.integers(1, 40), st.integers(1, 40)), st.tuples(st.integers(0, 9), st.integers(0, 9)))
def test_what_is_padded_can_be_cropped_back(size_hw, corner_yx):
    pixels = np.random.default_rng(0).integers(0, 255, (*size_hw, 3), dtype=np.uint8)
    top, left = corner_yx
    out = pad(pixels, (size_hw[0] + 10, size_hw[1] + 10), corner_yx, value=7)
    assert np.array_equal(crop(out, (left, top, left + size_hw[1], top + size_hw[0])), pixels)
    assert (out == 7).sum() >= out.size - pixels.size


# Normalise


def step_by_step(reference, pixels, scale=1 / 255, offset=0.0, mean=(0, 0, 0), std=(1, 1, 1)):
    """As the reference does: rescale in float64, round to float32, subtract, divide."""
    scaled = reference.rescale(pixels, scale, input_data_format="channels_last") + np.float32(offset)
    return reference.normalize(scaled, mean, std, input_data_format="channels_last").transpose(2, 0, 1)


BYTE_STATISTICS = {"scale": 1.0, "mean": (123.675, 116.28, 103.53), "std": (58.4, 57.1, 57.4)}


@pytest.mark.parametrize("options", [{}, IMAGENET, BYTE_STATISTICS, {"scale": 1 / 127.5, "offset": -1.0}])
def test_normalised_numbers_are_the_references_to_the_last_bit(reference, photo, options):
    assert np.array_equal(
        normalise(photo, Recipe(size_hw=(1, 1), **options)), step_by_step(reference, photo, **options)
    )


def test_channels_may_be_turned_round(photo):
    recipe = Recipe(size_hw=(1, 1), channels="BGR", scale=1.0, mean=(1, 2, 3))
    out = normalise(photo, recipe)
    assert np.array_equal(out[0], photo[..., 2] - np.float32(1))
    assert np.array_equal(out[2], photo[..., 0] - np.float32(3))


@pytest.mark.parametrize("channels", ["RGB", "BGR"])
def test_channels_last_holds_the_same_numbers(photo, channels):
    first, last = (
        normalise(photo, Recipe(size_hw=(1, 1), layout=layout, channels=channels)) for layout in ("CHW", "HWC")
    )
    assert last.flags.c_contiguous
    assert np.array_equal(first.transpose(1, 2, 0), last)


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
def test_the_tensor_has_the_wanted_type(photo, dtype):
    assert normalise(photo, Recipe(size_hw=(1, 1), dtype=dtype, scale=1.0)).dtype == dtype


def test_bytes_that_stay_bytes_are_not_copied(photo):
    recipe = Recipe(resize="none", scale=1.0, dtype="uint8", layout="HWC")
    assert normalise(photo, recipe) is photo


# Prepare and the way back

RECIPES = st.builds(
    Recipe,
    size_hw=st.tuples(st.integers(8, 64), st.integers(8, 64)),
    resize=st.sampled_from(["none", "stretch", "shortest", "longest", "closest"]),
    max_side=st.sampled_from([0, 90]),
    multiple_of=st.sampled_from([1, 8]),
    crop_hw=st.sampled_from([(0, 0), (16, 16), (50, 31)]),
    pad=st.sampled_from(["none", "corner", "centre"]),
    pad_multiple=st.sampled_from([1, 32]),
    layout=st.sampled_from(["CHW", "HWC"]),
)
SMALL = st.tuples(st.integers(1, 80), st.integers(1, 80))


@given(RECIPES, SMALL)
def test_the_fit_describes_the_tensor(recipe, size_hw):
    tensor, fit = prepare(Image.new("RGB", size_hw[::-1]), size_hw, recipe)
    assert fit.tensor_hw == (tensor.shape[1:] if recipe.layout == "CHW" else tensor.shape[:2])
    assert fit.picture_hw == size_hw
    assert all(content <= whole for content, whole in zip(fit.content_hw, fit.tensor_hw, strict=True))


@given(RECIPES, SMALL, st.floats(0, 1), st.floats(0, 1))
def test_points_come_back_to_where_they_were(recipe, size_hw, x, y):
    _, fit = prepare(Image.new("RGB", size_hw[::-1]), size_hw, recipe)
    point = np.array([x * size_hw[1], y * size_hw[0]])
    back = fit.points_to_picture(point * fit.scale_xy + fit.offset_xy)
    assert np.abs(back - point).max() < 1e-3


@given(RECIPES, SMALL)
def test_boxes_come_back_inside_the_picture(recipe, size_hw):
    _, fit = prepare(Image.new("RGB", size_hw[::-1]), size_hw, recipe)
    boxes = fit.boxes_to_picture([[-50, -50, 500, 500], [3, 3, 9, 9]])
    assert boxes.min() >= 0
    assert (boxes <= [size_hw[1], size_hw[0]] * 2).all()


def bright_box(size_hw, box):
    pixels = np.zeros((*size_hw, 3), np.uint8)
    pixels[box[1] : box[3], box[0] : box[2]] = 255
    return Image.fromarray(pixels)


@pytest.mark.parametrize("resize_kind", ["none", "stretch", "shortest", "longest", "closest"])
@pytest.mark.parametrize("pad_kind", ["none", "corner", "centre"])
@pytest.mark.parametrize("crop_hw", [(0, 0), (200, 180)])
def test_what_is_seen_in_the_tensor_lies_where_the_fit_says(resize_kind, pad_kind, crop_hw):
    """Independent of `Fit`: find the bright box in the tensor and bring it back."""
    box, recipe = (150, 90, 250, 190), Recipe((256, 192), resize_kind, pad=pad_kind, pad_multiple=64, crop_hw=crop_hw)
    tensor, fit = prepare(bright_box((300, 400), box), (300, 400), recipe)
    rows, columns = np.nonzero(tensor[0] > 0.5)
    found = fit.boxes_to_picture([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]])
    assert np.abs(found - box).max() <= 2


@pytest.mark.parametrize("size_hw", [(1, 1), (20_000, 10), (10, 20_000)])
@pytest.mark.parametrize("resize_kind", ["stretch", "shortest", "longest"])
def test_extreme_shapes_are_prepared(size_hw, resize_kind):
    recipe = Recipe((32, 32), resize_kind, max_side=1000, crop_hw=(32, 32))
    assert prepare(Image.new("RGB", size_hw[::-1]), size_hw, recipe)[0].shape == (3, 32, 32)


def test_a_pad_that_is_smaller_than_the_picture_is_refused():
    recipe = Recipe((100, 100), "longest", pad="corner", pad_hw=(80, 100))
    with pytest.raises(CardError, match=r"input.pad_hw must hold \(100, 50\) pixels, got \(80, 100\); mend the card"):
        prepare(Image.new("RGB", (30, 60)), (60, 30), recipe)


def test_a_corner_pad_leaves_the_picture_at_the_top_left(photo):
    recipe = Recipe((100, 100), "longest", pad="corner", pad_hw=(100, 100), pad_value=-3.0)
    tensor, fit = prepare(image_of(photo), photo.shape[:2], recipe)
    assert fit.content_hw == (75, 100)
    assert (tensor[:, 75:] == -3).all()
    assert (tensor[:, :75] != -3).all()


def test_a_scaled_decode_has_the_same_fit(photo):
    recipe = Recipe((64, 64), "shortest", crop_hw=(64, 64))
    half = image_of(photo).resize((320, 240))
    assert prepare(half, (480, 640), recipe)[1] == prepare(image_of(photo), (480, 640), recipe)[1]


def test_the_identity_fit_changes_nothing():
    assert Fit.identity((10, 20)).boxes_to_picture([[1, 2, 3, 4]]).tolist() == [[1, 2, 3, 4]]


def test_no_boxes_stay_no_boxes():
    assert Fit.identity((10, 20)).boxes_to_picture(np.zeros((0, 4))).shape == (0, 4)


@pytest.mark.parametrize("shape", [(5,), (2, 3, 2, 2)])
def test_points_keep_their_shape(shape):
    points = np.zeros((*shape, 2))
    assert Fit((9, 9), (3, 3), (3, 3), (0.5, 0.25)).points_to_picture(points).shape == points.shape


# Processors of the reference, whole


def processors():
    transformers = pytest.importorskip("transformers")
    no_max = {"resample": "bicubic", "crop_hw": (224, 224), **IMAGENET}
    return [
        (transformers.ViTImageProcessorPil(), Recipe((224, 224), mean=(0.5,) * 3, std=(0.5,) * 3)),
        (transformers.DetrImageProcessorPil(), Recipe((800, 800), "shortest", max_side=1333, **IMAGENET)),
        (
            transformers.CLIPImageProcessorPil(image_mean=IMAGENET["mean"], image_std=IMAGENET["std"]),
            Recipe((224, 224), "shortest", **no_max),
        ),
    ]


@pytest.mark.oracle
@pytest.mark.parametrize("size_hw", [(333, 500), (501, 334), (97, 800), (1200, 900)])
@pytest.mark.parametrize("number", range(3))
def test_prepared_tensors_are_the_references(photo, number, size_hw):
    processor, recipe = processors()[number]
    image = image_of(resize(photo, size_hw))
    expected = processor(image, return_tensors="np")["pixel_values"][0]
    assert np.array_equal(prepare(image, size_hw, recipe)[0], expected)
