"""Larger pictures: factors, tiles, limits, transparency, and what a model may not give."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import pixwise as px
from pixwise import registry
from pixwise.errors import CardError, LimitError, OptionError, ShapeError
from pixwise.loading import load_model
from pixwise.picture import Picture
from pixwise.samples import photo_like
from pixwise.session import FakeSession, Tensor
from pixwise.tasks.upscale import Upscaler

CARD = registry.card("swin2sr-lightweight-x2")
LANCZOS = registry.card("lanczos")


def blocks(feeds):
    return {"reconstruction": feeds["pixel_values"].repeat(2, axis=2).repeat(2, axis=3)}


def network(answer=blocks, shape=(-1, 3, -1, -1), **options):
    session = FakeSession(answer, (Tensor("pixel_values", shape, "float"),))
    return Upscaler(card=CARD, session=session, **options)


def built_in(**options):
    return Upscaler(card=LANCZOS, session=load_model(LANCZOS), **options)


@pytest.mark.parametrize("tile", [0, 64])
@pytest.mark.parametrize("size", [(33, 57), (150, 90), (1, 1)], ids=str)
def test_tiles_come_back_in_their_places(size, tile):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    made = network(tile=tile)(pixels)
    np.testing.assert_array_equal(made.pixels(), pixels.repeat(2, axis=0).repeat(2, axis=1))
    assert (made.scale, made.width, made.height) == (2, 2 * size[1], 2 * size[0])


def test_a_network_of_one_size_is_fed_tiles_of_it():
    pixels, seen = photo_like(30, 100), []

    def answer(feeds):
        seen.append(feeds["pixel_values"].shape[2:])
        return blocks(feeds)

    made = network(answer, (1, 3, 64, 64))(pixels)
    assert set(seen) == {(64, 64)}
    np.testing.assert_array_equal(made.pixels(), pixels.repeat(2, axis=0).repeat(2, axis=1))


def test_progress_is_told_tile_by_tile():
    told = []
    network(tile=64, progress=lambda done, total: told.append((done, total)))(photo_like(100, 120))
    assert told[-1][0] == told[-1][1] > 1
    assert [done for done, _ in told] == sorted(done for done, _ in told)


@pytest.mark.parametrize("factor", [0, 2, 3, 4])
def test_the_built_in_is_pillows_filter(factor):
    pixels = photo_like(31, 47)
    size = (47 * (factor or 2), 31 * (factor or 2))
    wanted = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
    np.testing.assert_array_equal(built_in(factor=factor)(pixels).pixels(), wanted)


def test_one_line_needs_no_fetch_with_the_built_in():
    assert px.upscale(photo_like(20, 30), "lanczos", factor=3).pixels().shape == (60, 90, 3)


def test_a_factor_that_the_model_does_not_have_is_told():
    with pytest.raises(
        OptionError, match=r"factor must be 2 for model 'swin2sr-lightweight-x2', got 4; choose another"
    ):
        network(factor=4)


@pytest.mark.parametrize(
    ("name", "wrong"), [("factor", 17), ("tile", 5000), ("overlap", -1), ("max_output", 0), ("factor", 1.5)]
)
def test_options_out_of_range_are_told(name, wrong):
    with pytest.raises(OptionError, match=f"{name} must be"):
        built_in(**{name: wrong})


@pytest.mark.parametrize("made", [network, built_in])
def test_too_large_a_picture_is_refused_before_anything_runs(made):
    with pytest.raises(LimitError, match="must have at most 1,000 pixels, got 60 x 40 = 2,400"):
        made(max_output=1000)(photo_like(20, 30))


def test_a_card_that_does_not_say_how_much_larger_is_told():
    card = replace(CARD, options={})
    with pytest.raises(CardError, match=r"options\.scale must be said, got none"):
        Upscaler(card=card, session=FakeSession({}))


def test_a_model_of_another_scale_is_told():
    with pytest.raises(ShapeError, match=r"must be pixels \(3, 80, 128\) for each tile, got \(3, 40, 64\); mend scale"):
        network(lambda feeds: {"reconstruction": feeds["pixel_values"]})(photo_like(33, 57))


def test_what_is_not_finite_is_told():
    with pytest.raises(ShapeError, match="must be finite, got NaN or infinity"):
        network(lambda feeds: {"reconstruction": blocks(feeds)["reconstruction"] * np.nan})(photo_like(33, 57))


def test_one_bad_picture_harms_no_other():
    good, bad = photo_like(20, 30), photo_like(60, 70)
    answers = built_in(max_output=5_000)([good, bad, good], on_error="return")
    assert [type(answer).__name__ for answer in answers] == ["Rendering", "LimitError", "Rendering"]


def test_transparency_grows_with_the_picture():
    source = np.dstack([photo_like(20, 30), np.full((20, 30), 255, np.uint8)])
    source[:10, :, 3] = 0
    image = network()(Picture.open(source)).to_image()
    assert (image.mode, image.size) == ("RGBA", (60, 40))
    assert np.asarray(image)[:18, :, 3].max() == 0


def test_a_network_of_half_precision_is_fed_half_precision():
    seen = []

    def answer(feeds):
        seen.append(feeds["pixel_values"].dtype)
        return blocks(feeds)

    session = FakeSession(answer, (Tensor("pixel_values", (-1, 3, -1, -1), "float16"),))
    Upscaler(card=CARD, session=session)(photo_like(20, 30))
    assert seen == [np.float16]
