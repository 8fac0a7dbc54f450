"""Holes: what lies outside stays to the bit, what the model sees, built-ins, and what cannot be asked."""

import cv2
import numpy as np
import pytest

import pixwise as px
from pixwise import registry
from pixwise.errors import OptionError, ShapeError
from pixwise.loading import load_model
from pixwise.samples import photo_like
from pixwise.session import FakeSession, Tensor
from pixwise.tasks.inpaint import Inpainter

CARD = registry.card("lama")
PICTURE = photo_like(300, 400)
INPUTS = (Tensor("image", (1, 3, 64, 64), "float"), Tensor("mask", (1, 1, 64, 64), "float"))


def green(feeds):
    """Green where the mask is, red elsewhere: what is red must never be seen."""
    mask = feeds["mask"]
    return {"output": np.concatenate([255 * (1 - mask), 255 * mask, 0 * mask], axis=1)}


def network(answer=green, inputs=INPUTS, **options):
    return Inpainter(card=CARD, session=FakeSession(answer, inputs), **options)


def built_in(name="telea", **options):
    card = registry.card(name)
    return Inpainter(card=card, session=load_model(card), **options)


def masked(*boxes, size=(300, 400)):
    mask = np.zeros(size, bool)
    for x1, y1, x2, y2 in boxes:
        mask[y1:y2, x1:x2] = True
    return mask


@pytest.mark.parametrize(
    "boxes",
    [[(10, 20, 30, 50)], [(0, 0, 5, 5), (380, 280, 400, 300)], [(50, 50, 300, 250)], [(0, 100, 400, 130)]],
    ids=["small", "corners", "large", "across"],
)
@pytest.mark.parametrize("make", [network, built_in])
def test_outside_of_the_hole_the_picture_stays_to_the_bit(make, boxes):
    mask = masked(*boxes)
    made = make(mask=mask)(PICTURE).pixels()
    np.testing.assert_array_equal(made[~mask], PICTURE[~mask])
    assert (made[mask] != PICTURE[mask]).any()


@pytest.mark.parametrize("boxes", [[(10, 20, 30, 50)], [(50, 50, 60, 60), (300, 200, 310, 210)]])
def test_a_hole_at_its_own_size_gets_what_the_model_made_of_it(boxes):
    mask = masked(*boxes)
    made = network(mask=mask)(PICTURE).pixels()
    assert (made[mask] == [0, 255, 0]).all()


def test_the_model_sees_the_surroundings_and_nothing_of_what_is_taken_out():
    seen = []

    def answer(feeds):
        seen.append(feeds)
        return green(feeds)

    mask = masked((100, 100, 120, 110))
    network(answer, mask=mask)(PICTURE)
    [feeds] = seen
    assert (feeds["image"].shape, feeds["mask"].shape) == ((1, 3, 64, 64), (1, 1, 64, 64))
    assert feeds["mask"].sum() == 200
    assert (feeds["image"] * feeds["mask"]).max() == 0
    window = PICTURE[100 + 5 - 32 : 100 + 5 + 32, 110 - 32 : 110 + 32].transpose(2, 0, 1)[None] / np.float32(255)
    np.testing.assert_allclose(feeds["image"], window * (1 - feeds["mask"]), atol=1e-6)


def test_a_picture_smaller_than_the_window_is_mirrored():
    mask = masked((5, 5, 9, 9), size=(20, 30))
    made = network(mask=mask)(PICTURE[:20, :30]).pixels()
    assert (made[mask] == [0, 255, 0]).all()
    np.testing.assert_array_equal(made[~mask], PICTURE[:20, :30][~mask])


def test_a_hole_without_pixels_asks_no_model():
    def answer(feeds):
        raise AssertionError("asked")

    for asked in (network(answer, mask=masked()), built_in(mask=masked())):
        result = asked(PICTURE)
        np.testing.assert_array_equal(result.pixels(), PICTURE)
        assert result.changed == 0


@pytest.mark.parametrize(("name", "flag"), [("telea", cv2.INPAINT_TELEA), ("navier-stokes", cv2.INPAINT_NS)])
def test_the_built_ins_are_opencvs(name, flag):
    mask = masked((30, 30, 40, 50), size=(80, 90))
    picture = np.ascontiguousarray(PICTURE[:80, :90])
    wanted = cv2.inpaint(picture, mask.astype(np.uint8), 5, flag)
    made = built_in(name, mask=mask)(picture).pixels()
    assert np.abs(made.astype(int) - wanted).max() <= 1  # it sees a window, and rounds in another place


def test_a_scratch_over_a_slope_is_gone():
    slope = np.tile(np.linspace(40, 200, 120).astype(np.uint8)[None, :, None], (90, 1, 3))
    scratched = slope.copy()
    scratched[40:43] = 255
    made = built_in(mask=masked((0, 40, 120, 43), size=(90, 120)))(scratched).pixels()
    assert np.abs(made.astype(int) - slope).max() <= 12


def test_one_line_takes_the_mask_by_its_place_a_box_or_a_polygon():
    mask = masked((10, 10, 30, 20))
    by_mask, by_box, by_polygon = (
        px.inpaint(PICTURE, mask, "telea"),
        px.inpaint(PICTURE, model="telea", box=(10, 10, 30, 20)),
        px.inpaint(PICTURE, model="telea", polygon=[(10, 10), (30, 10), (30, 20), (10, 20)]),
    )
    assert by_mask == by_box
    assert by_polygon.changed == pytest.approx(by_mask.changed, rel=0.2)


def test_an_answer_of_segment_is_a_mask():
    masks = px.segment(PICTURE, box=(100, 100, 200, 200), model="grabcut")
    made = px.inpaint(PICTURE, masks, "telea")
    assert made.changed == pytest.approx(masks[0].mask.area / PICTURE[..., 0].size)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, r"what is filled must be said, got no mask, box or polygon; give one of them"),
        ({"mask": masked(size=(30, 40))}, "mask must be of the size of the picture, 400 x 300, got 40 x 30"),
        ({"box": (500, 10, 600, 20)}, "box must overlap the 400 x 300 picture"),
        ({"mask": np.ones((300, 400), bool)}, "mask must leave a part of the picture"),
    ],
)
def test_what_cannot_be_asked_is_told(options, told):
    with pytest.raises(OptionError, match=told):
        built_in(**options)(PICTURE)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"polygon": [(1, 2), (3, 4)]}, "polygon must have three corners or more, got 2"),
        ({"box": (5, 5, 5, 9)}, "box must have x1 < x2 and y1 < y2"),
        ({"grow": -1}, "grow must be"),
    ],
)
def test_options_are_checked_before_a_picture_is_opened(options, told):
    with pytest.raises(OptionError, match=told):
        built_in(**options)


def test_what_is_not_finite_is_told():
    with pytest.raises(ShapeError, match="must be finite, got NaN or infinity"):
        network(lambda feeds: {"output": green(feeds)["output"] * np.nan}, box=(5, 5, 9, 9))(PICTURE)


def test_several_pictures_keep_their_own_holes():
    dark, light = np.zeros((80, 90, 3), np.uint8), np.full((80, 90, 3), 200, np.uint8)
    made = built_in(box=(10, 10, 20, 20), batch=2)([dark, light])
    assert [int(one.pixels().mean()) for one in made] == [0, 200]
