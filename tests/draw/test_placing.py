from hypothesis import given
from hypothesis import strategies as st

from pixwise.draw.placing import place_label, place_legend

HW = (100, 200)
side = st.integers(-50, 250)


def test_a_label_stands_on_its_box():
    assert place_label((30, 10), (50, 40, 90, 80), HW) == ((50, 30, 80, 40), 0)


def test_a_label_of_a_box_at_the_top_goes_inside():
    assert place_label((30, 10), (50, 0, 90, 80), HW)[0] == (50, 0, 80, 10)


def test_a_label_moves_off_another():
    place, covered = place_label((30, 10), (50, 40, 90, 80), HW, [(50, 30, 80, 40)])
    assert covered == 0
    assert place[1] != 30 or place[0] >= 80


@given(box=st.tuples(side, side, side, side), wide=st.integers(1, 200), high=st.integers(1, 100))
def test_a_label_never_leaves_the_picture(box, wide, high):
    x1, y1, x2, y2 = place_label((wide, high), box, HW)[0]
    assert 0 <= x1 < x2 <= 200
    assert 0 <= y1 < y2 <= 100


def test_forty_labels_of_one_place_do_not_cover_one_another():
    taken = []
    for _ in range(40):
        place, covered = place_label((20, 5), (80, 40, 100, 60), HW, taken)
        taken.append(place)
        assert covered == 0


def test_what_is_covered_is_counted_in_pixels():
    assert place_label((200, 100), (0, 0, 1, 1), HW, [(10, 10, 20, 30), (0, 0, 5, 5)])[1] == 225


def test_a_legend_keeps_a_margin_only_where_there_is_room():
    assert place_legend((50, 20), HW, 8) == (8, 8, 58, 28)
    assert place_legend((196, 100), HW, 8) == (4, 0, 200, 100)


def test_a_legend_goes_where_least_is_to_be_seen():
    busy = [(0, 0, 130, 100), (170, 0, 200, 70)]
    assert place_legend((50, 20), HW, 5, busy) == (145, 75, 195, 95)


def test_a_label_would_rather_cover_a_read_text_than_another_label():
    text = [(0, 0, 200, 100)]
    assert place_label((30, 10), (50, 40, 90, 80), HW, [(50, 30, 80, 40)], text)[1] == 0


def test_a_label_keeps_off_a_read_text_where_it_can():
    assert place_label((30, 10), (50, 40, 90, 80), HW, [], [(40, 20, 70, 40)])[0] == (50, 40, 80, 50)
