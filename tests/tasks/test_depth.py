"""Depth: relative or metric by the head, outputs that are no maps, mirrored pictures."""

from dataclasses import replace

import numpy as np
import pytest

from pixwise import registry
from pixwise.errors import CardError, ShapeError
from pixwise.results import DepthMap, MetricDepth, RelativeDepth, result_from_dict
from pixwise.session import FakeSession
from pixwise.tasks.depth import DepthEstimator

CARD = registry.card("depth-anything-v2-small")
PICTURE = np.zeros((60, 80, 3), np.uint8)
SLOPE = np.linspace(1, 5, 14 * 28, dtype=np.float32).reshape(1, 14, 28)


def asked(output=SLOPE, head="relative", name="predicted_depth", more=None, **options):
    raw = {name: output} if isinstance(output, np.ndarray) else output
    return DepthEstimator(card=replace(CARD, head=head, options=more or {}), session=FakeSession(raw), **options)(
        PICTURE
    )


def test_the_type_says_whether_it_is_metres():
    assert type(asked()) is RelativeDepth
    assert type(asked(head="metric")) is MetricDepth
    assert (asked().nearer_is_larger, asked(head="metric").nearer_is_larger) == (True, False)


@pytest.mark.parametrize("head", ["relative", "metric", "inverse"])
def test_it_goes_there_and_back_as_json(head):
    answer = asked(head=head)
    assert result_from_dict(answer.to_dict()) == answer
    assert type(result_from_dict(answer.to_dict())) is type(answer)


def test_the_map_has_the_pictures_size_and_at_is_its_pixel():
    answer = asked()
    assert answer.map().shape == (60, 80)
    assert answer.at(79, 0) == pytest.approx(answer.map()[0, 79], rel=1e-5)
    assert (answer.nearest, answer.farthest) == (5, 1)


def test_a_map_with_an_axis_for_channels_is_the_same():
    assert asked(SLOPE[:, None]) == asked()


def test_one_over_metres_becomes_metres_by_the_field_of_view():
    """A field of 90 degrees is twice as wide as it is far."""
    answer = asked({"predicted_depth": SLOPE, "field_of_view": np.float32([90])}, "inverse")
    assert answer.focal_px == pytest.approx(40)
    assert answer.farthest == pytest.approx(1 / 2)


def test_the_mean_with_the_mirror_image_is_taken():
    both = np.concatenate([SLOPE, SLOPE + 2])
    wanted = (SLOPE[0] + SLOPE[0, :, ::-1] + 2) / 2
    np.testing.assert_allclose(asked(both, mirrored=True).depths.held, wanted, rtol=1e-6)


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (np.zeros((14, 28), np.float32), r"must be \(1, h, w\) or \(1, 1, h, w\), got \(1, 28\)"),
        (np.zeros((1, 2, 14, 28), np.float32), "name another in the options"),
        (np.full((1, 4, 4), np.nan, np.float32), "must be finite, got NaN"),
        (np.zeros((1, 0, 4), np.float32), r"must be \(1, h, w\)"),
        ({"predicted_depth": SLOPE, "field_of_view": np.float32([180])}, "field_of_view must be above 0 and below 180"),
    ],
)
def test_outputs_that_are_no_maps_are_told(output, said):
    with pytest.raises(ShapeError, match=said):
        asked(output, "inverse")


def test_a_card_that_names_no_output_of_the_model_is_told():
    with pytest.raises(CardError, match="must have the output 'depths', got predicted_depth"):
        asked(more={"output": "depths"})


def test_a_card_that_crops_is_refused():
    with pytest.raises(CardError, match="what is cropped away would have no depth"):
        DepthEstimator(
            card=replace(CARD, recipe=replace(CARD.recipe, crop_hw=(9, 9))), session=FakeSession({"depth": SLOPE})
        )


def test_a_long_panorama_is_seen_whole_and_not_too_large():
    """By the reference's rule alone it would be 518 x 25900, which no memory holds."""
    session = FakeSession({"predicted_depth": SLOPE})
    DepthEstimator(card=CARD, session=session)(np.zeros((400, 20_000, 3), np.uint8))
    assert session.fed[0]["pixel_values"].shape == (1, 3, 42, 2072)


def test_another_picture_is_refused_for_drawing():
    with pytest.raises(ShapeError, match="must be 80 x 60"):
        asked().draw(np.zeros((9, 9, 3), np.uint8))


def test_no_depth_is_drawn_as_nothing():
    assert DepthMap.empty().draw(PICTURE).size == (80, 60)
