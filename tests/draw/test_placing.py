import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pixwise.draw.placing import Place, detail_of, place_label, place_legend

HW = (100, 200)
FLAT = detail_of(Image.new("RGB", (200, 100)))
side = st.integers(-50, 250)


def detail_within(x1, y1, x2, y2):
    """Of a picture that is flat but for one chequered part."""
    picture = np.zeros((*HW, 3), np.uint8)
    picture[y1:y2, x1:x2] = 255 * (np.indices((y2 - y1, x2 - x1)).sum(axis=0) % 2)[..., None]
    return detail_of(Image.fromarray(picture))


def test_a_label_stands_on_its_box():
    assert place_label((30, 10), (50, 40, 90, 80), HW) == Place((50, 30, 80, 40), hidden=0, gap_px=0)


def test_a_label_of_a_box_at_the_top_goes_inside():
    assert place_label((30, 10), (50, 0, 90, 80), HW).box == (50, 0, 80, 10)


def test_a_label_moves_off_another():
    place = place_label((30, 10), (50, 40, 90, 80), HW, [(50, 30, 80, 40)])
    assert place.hidden == 0
    assert place.box[1] != 30 or place.box[0] >= 80


@given(box=st.tuples(side, side, side, side), wide=st.integers(1, 200), high=st.integers(1, 100))
def test_a_label_never_leaves_the_picture(box, wide, high):
    for detail in (None, FLAT):
        x1, y1, x2, y2 = place_label((wide, high), box, HW, detail=detail).box
        assert 0 <= x1 < x2 <= 200
        assert 0 <= y1 < y2 <= 100


def test_forty_labels_of_one_place_do_not_cover_one_another():
    taken = []
    for _ in range(40):
        place = place_label((20, 5), (80, 40, 100, 60), HW, taken)
        taken.append(place.box)
        assert place.hidden == 0


def test_what_is_hidden_is_counted_in_pixels():
    assert place_label((200, 100), (0, 0, 1, 1), HW, [(10, 10, 20, 30), (0, 0, 5, 5)]).hidden == 225


def test_a_label_that_moved_away_tells_how_far():
    assert place_label((30, 10), (50, 40, 90, 80), HW, [(0, 25, 200, 95)]).gap_px == 15


def test_a_label_that_moved_away_lies_in_no_other_box():
    taken = [(0, 25, 200, 95)]
    assert place_label((30, 10), (50, 40, 90, 80), HW, taken).hidden == 0
    assert place_label((30, 10), (50, 40, 90, 80), HW, taken, others=[(0, 0, 200, 100)]).hidden > 0


def test_a_label_of_what_is_read_goes_beside_it_where_there_is_no_room_above():
    box = (50, 4, 90, 14)
    assert place_label((30, 10), box, HW, [box], detail=FLAT).box == (90, 4, 120, 14)


def test_a_label_of_what_is_read_keeps_off_detail():
    box = (50, 40, 90, 80)
    assert place_label((30, 10), box, HW, [box], detail=detail_within(0, 28, 100, 100)).box[3] <= 30


def test_detail_is_counted_in_pixels_of_the_picture():
    low, all_of_it = np.array([[0, 0], [100, 0]]), (100, 100)
    assert np.allclose(detail_within(0, 0, 100, 100).inside(low, all_of_it), [10_000, 0], atol=250)


def test_a_legend_keeps_a_margin_only_where_there_is_room():
    assert place_legend((50, 20), HW, 8)[0] == (8, 8, 58, 28)
    assert place_legend((196, 100), HW, 8)[0] == (4, 0, 200, 100)


def test_a_legend_goes_where_least_is_to_be_seen():
    busy = [(0, 0, 130, 100), (170, 0, 200, 70)]
    assert place_legend((50, 20), HW, 5, busy) == ((145, 75, 195, 95), 0)


def test_a_legend_goes_to_the_corner_of_least_detail():
    assert place_legend((50, 20), HW, 5, detail=detail_within(0, 0, 120, 100))[0] == (145, 5, 195, 25)


def test_a_legend_would_rather_lie_at_an_edge_than_inside():
    corners = [(x, y, x + 20, y + 20) for x in (0, 180) for y in (0, 80)]
    x1, y1, x2, y2 = place_legend((50, 20), HW, 5, corners)[0]
    assert 5 in (x1, y1, 200 - x2, 100 - y2)


def test_a_label_would_rather_cover_what_is_busy_than_another_label():
    assert place_label((30, 10), (50, 40, 90, 80), HW, [(50, 30, 80, 40)], [(0, 0, 200, 100)]).hidden == 0


def test_a_label_keeps_off_what_is_busy_where_it_can():
    assert place_label((30, 10), (50, 40, 90, 80), HW, [], [(40, 20, 70, 40)]).box == (50, 40, 80, 50)
