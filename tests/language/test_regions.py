"""What is read of a text with places: whole boxes and lines, whatever stands around them."""

import numpy as np
import pytest

from pixwise.language.regions import boxes_in, certainty, quads_in

BOX = "<loc_0><loc_100><loc_499><loc_999>"
QUAD = "<loc_1><loc_2><loc_3><loc_4><loc_5><loc_6><loc_7><loc_8>"


def test_a_place_is_the_middle_of_its_bin():
    found = boxes_in(f"cat{BOX}")
    assert found.words == ("cat",)
    np.testing.assert_allclose(found.points, [[[0.0005, 0.1005], [0.4995, 0.9995]]])


def test_a_phrase_may_have_several_boxes():
    assert boxes_in(f"cat{BOX}{BOX}a dog{BOX}").words == ("cat", "cat", "a dog")


def test_corners_in_the_wrong_order_are_put_right():
    points = boxes_in("cat<loc_9><loc_2><loc_1><loc_8>").points
    np.testing.assert_allclose(points, [[[0.0015, 0.0025], [0.0095, 0.0085]]])


@pytest.mark.parametrize(
    "text",
    ["", "cat", BOX, "cat<loc_1><loc_2><loc_3>", "<loc_>" * 4, "cat<sep>" + BOX, f"{BOX}<loc_7>", " \n" + BOX, "</s>"],
)
def test_what_is_no_phrase_with_a_box_is_nothing(text):
    found = boxes_in(text)
    assert (found.words, found.points.shape, found.spans.shape) == ((), (0, 2, 2), (0, 2, 2))


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        (f"cat{BOX}<loc_1><loc_2>", ("cat",)),  # too many
        (f"cat<loc_1><loc_2><loc_3>dog{BOX}", ("dog",)),  # too few, then a whole one
        (f"here it is: cat{BOX}", ("here it is: cat",)),
        (f"cat{BOX}dog<loc_1><loc_2", ("cat",)),  # cut in the middle
        (f"Katze im Gemüse{BOX}猫{BOX}🐈{BOX}", ("Katze im Gemüse", "猫", "🐈")),
        (f"a < b{BOX}", ("b",)),
        (f"a\nb{BOX}", ("a b",)),
    ],
)
def test_what_is_whole_is_read(text, phrases):
    assert boxes_in(text).words == phrases


def test_a_number_beyond_the_picture_stays_at_its_edge():
    assert boxes_in("cat<loc_0><loc_0><loc_1000><loc_99999>").points.max() < 1


def test_lines_come_with_four_corners():
    found = quads_in(f"EXIT{QUAD}way out, 5 < 6{QUAD}")
    assert found.words == ("EXIT", "way out, 5 < 6")
    np.testing.assert_allclose(found.points[0] * 1000, np.arange(1.5, 9).reshape(4, 2), rtol=1e-6)


@pytest.mark.parametrize("text", ["", "EXIT", QUAD, "EXIT" + BOX, " " + QUAD, "EXIT<loc_1>"])
def test_a_line_without_four_corners_is_nothing(text):
    found = quads_in(text)
    assert (found.words, found.points.shape) == ((), (0, 4, 2))


def test_places_too_many_are_no_text():
    assert quads_in(f"EXIT{QUAD}<loc_9><loc_9>DOOR{QUAD}").words == ("EXIT", "DOOR")


def test_certainty_is_of_the_words_and_of_their_own_box():
    text = "cat<loc_1><loc_2><loc_3><loc_4><loc_5><loc_6><loc_7><loc_8>"
    raw = {
        "token_ends": np.array([[2, 3, *range(10, 60, 7), 59, 59]]),  # ca, t, eight places, two that fill up
        "log_probs": np.log([[0.5, 0.5, *[0.5] * 4, *[0.25] * 4, 1e-9, 1e-9]]),
    }
    np.testing.assert_allclose(certainty(raw, boxes_in(text).spans), [0.5, 2 ** (-10 / 6)], rtol=1e-6)
    assert certainty(raw, boxes_in("").spans).shape == (0,)
