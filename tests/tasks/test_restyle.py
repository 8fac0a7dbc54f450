"""Another manner: the whole resized or in tiles, strength, colours kept, the built-in; candy.onnx on real pictures."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pixwise import registry
from pixwise.errors import CardError, OptionError, ShapeError
from pixwise.loading import load_model
from pixwise.samples import photo_like
from pixwise.session import FakeSession, Tensor
from pixwise.tasks.restyle import Restyler

CARD = registry.card("udnie")
PICTURE = photo_like(120, 180)
INPUTS = (Tensor("input1", (1, 3, 64, 64), "float"),)


def same(feeds):
    return {"output1": feeds["input1"]}


def network(answer=same, inputs=INPUTS, **options):
    return Restyler(card=CARD, session=FakeSession(answer, inputs), **options)


def built_in(**options):
    card = registry.card("denoise")
    return Restyler(card=card, session=load_model(card), **options)


def test_the_share_that_changed_is_that_of_the_pixels_that_differ():
    flat = np.full((40, 60, 3), 90, np.uint8)
    assert built_in()(flat).changed == 0
    made = network(lambda feeds: {"output1": 255 - feeds["input1"]})(PICTURE)
    assert made.changed == pytest.approx((made.pixels() != PICTURE).any(axis=2).mean())
    assert made.changed > 0.9


def test_the_network_sees_the_whole_picture_resized_with_its_aspect():
    seen = []

    def answer(feeds):
        seen.append(feeds["input1"])
        return same(feeds)

    made = network(answer, inputs=(Tensor("input1", (-1, 3, -1, -1), "float"),))(PICTURE)
    wanted = np.asarray(Image.fromarray(PICTURE).resize((224, 149), Image.Resampling.BICUBIC))
    assert made.pixels().shape == PICTURE.shape
    np.testing.assert_array_equal(seen[0][0].transpose(1, 2, 0), wanted)


def test_a_network_of_one_size_is_fed_it_and_the_aspect_is_kept():
    shapes = []

    def answer(feeds):
        shapes.append(feeds["input1"].shape)
        return same(feeds)

    card = replace(CARD, recipe=replace(CARD.recipe, size_hw=(64, 64)))
    made = Restyler(card=card, session=FakeSession(answer, INPUTS))(PICTURE).pixels()
    assert shapes == [(1, 3, 64, 64)]
    blurred = np.asarray(Image.fromarray(PICTURE).resize((64, 43), 3).resize((180, 120), 3))
    assert np.abs(made.astype(int) - blurred).mean() < 1


@pytest.mark.parametrize("size", [(120, 180), (1, 1), (30, 200), (64, 64)], ids=str)
def test_in_tiles_a_network_that_changes_nothing_changes_nothing(size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    np.testing.assert_array_equal(network(tiled=True)(pixels).pixels(), pixels)


def test_strength_mixes_with_the_picture():
    inverted = network(lambda feeds: {"y": 255 - feeds["input1"]}, tiled=True, strength=0.25)(PICTURE).pixels()
    wanted = 0.75 * PICTURE + 0.25 * (255 - PICTURE.astype(float))
    assert np.abs(inverted - wanted).max() <= 1


def test_no_strength_leaves_the_picture():
    made = network(lambda feeds: {"y": 255 - feeds["input1"]}, strength=0.0)(PICTURE)
    np.testing.assert_array_equal(made.pixels(), PICTURE)


def test_colours_are_kept_and_light_is_not():
    inverted = network(lambda feeds: {"y": 0.3 * feeds["input1"]}, tiled=True, keep_colour=True)(PICTURE).pixels()
    before, after = (np.asarray(Image.fromarray(pixels).convert("YCbCr")).astype(int) for pixels in (PICTURE, inverted))
    assert np.abs(after[..., 1:] - before[..., 1:]).mean() < 3
    assert abs(after[..., 0].mean() - 0.3 * before[..., 0].mean()) < 3


def test_the_built_in_takes_noise_away_and_leaves_what_has_none():
    clean = np.asarray(Image.fromarray(photo_like(20, 30)).resize((240, 160), Image.Resampling.BICUBIC))
    noisy = np.clip(clean + np.random.default_rng(0).normal(0, 12, clean.shape), 0, 255).astype(np.uint8)
    left = np.abs(built_in()(noisy).pixels().astype(int) - clean).mean()
    assert left < 0.5 * np.abs(noisy.astype(int) - clean).mean()
    flat = np.full((30, 40, 3), 120, np.uint8)
    np.testing.assert_array_equal(built_in()(flat).pixels(), flat)


def test_a_card_that_stretches_or_crops_is_told():
    card = replace(CARD, recipe=replace(CARD.recipe, resize="stretch"))
    with pytest.raises(CardError, match=r"input\.resize must be 'longest' without a crop, got 'stretch'"):
        Restyler(card=card, session=FakeSession({}))


@pytest.mark.parametrize(("name", "wrong"), [("strength", 1.5), ("overlap", -1), ("progress", "yes")])
def test_options_out_of_range_are_told(name, wrong):
    with pytest.raises(OptionError, match=f"{name} must be"):
        network(**{name: wrong})


def test_what_is_not_finite_is_told():
    with pytest.raises(ShapeError, match="must be finite"):
        network(lambda feeds: {"y": feeds["input1"] * np.nan})(PICTURE)


CANDY = """
id = "candy"
task = "restyle"
head = "rgb_bytes"
[input]
name = "inputImage"
size_hw = [720, 720]
resize = "longest"
resample = "bicubic"
scale = 1.0
"""


@pytest.mark.assets
def test_a_real_network_of_one_size_repaints_a_real_picture(tmp_path, assets):
    (tmp_path / "candy.onnx").symlink_to((assets / "models" / "candy.onnx").resolve())
    (tmp_path / "card.toml").write_text(CANDY)
    picture = next(iter(sorted((assets / "data" / "pets").rglob("*.jpg"))))
    before = np.asarray(Image.open(picture).convert("RGB"))
    made = Restyler.load(str(tmp_path), threads=1, exact=True)(picture).pixels()
    assert made.shape == before.shape
    greys = [np.asarray(Image.fromarray(each).convert("L").resize((24, 24))).ravel() for each in (before, made)]
    assert np.corrcoef(*greys)[0, 1] > 0.6  # the same scene …
    assert np.abs(made.astype(int) - before).mean() > 20  # … in other colours
