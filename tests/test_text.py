"""Reading order, quads and bytes of codes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixwise.text import clean_line, lay_down, prefer_large, reading_order, short_line, split_line, text_of_bytes


def line(left, top, width, height=20):
    return [[left, top], [left + width, top], [left + width, top + height], [left, top + height]]


def turned(quads, angle):
    """Quads turned clockwise by radians about the origin."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array(quads, np.float32) @ np.array([[cos, sin], [-sin, cos]])


RECEIPT = [line(0, 0, 300), *[line(x, 40 * row, 200 - x // 4) for row in (1, 2, 3, 4) for x in (0, 500)]]
PAGE = [
    line(200, 0, 400),
    *[line(0, 40 * row, 350) for row in range(1, 5)],
    *[line(400, 40 * row, 350) for row in range(1, 5)],
    line(0, 400, 700),
]


def narrow(quads):
    """Prices: the right-hand lines are short."""
    return [line(q[0][0], q[0][1], 60) if q[0][0] == 500 else q for q in quads]


@pytest.mark.parametrize("angle", [0, 0.1, -0.1, np.pi / 2, np.pi, -np.pi / 2, 0.7])
@pytest.mark.parametrize("quads", [PAGE, narrow(RECEIPT)], ids=["page", "receipt"])
def test_order_survives_shuffling_and_turning_of_the_page(quads, angle):
    shuffled = np.random.default_rng(0).permutation(len(quads))
    order = reading_order(turned(np.array(quads, np.float32)[shuffled], angle))
    assert shuffled[order].tolist() == list(range(len(quads)))


def test_rows_with_a_little_jitter_stay_rows():
    quads = np.array([line(200, 4, 50), line(0, 0, 50), line(100, -3, 50), line(0, 30, 50)], np.float32)
    assert reading_order(quads) == [1, 2, 0, 3]


def test_one_stamp_at_an_angle_does_not_turn_the_page():
    quads = np.array([*narrow(RECEIPT), turned([line(150, 240, 200)], 0.3)[0]], np.float32)
    assert reading_order(quads) == list(range(10))


def test_three_columns_are_read_one_after_the_other():
    columns = [line(x, 30 * row, 250) for x in (0, 300, 600) for row in range(5)]
    shuffled = np.random.default_rng(1).permutation(15)
    assert shuffled[reading_order(np.array(columns, np.float32)[shuffled])].tolist() == list(range(15))


@pytest.mark.parametrize("count", [0, 1])
def test_few_lines_have_an_order(count):
    assert reading_order(np.array([line(0, 0, 9)] * count, np.float32).reshape(-1, 4, 2)) == list(range(count))


def test_lines_without_extent_have_an_order():
    assert sorted(reading_order(np.zeros((3, 4, 2), np.float32))) == [0, 1, 2]


def test_standing_text_starts_at_its_top_right():
    standing = np.float32(line(0, 0, 10, 40))
    assert lay_down(standing)[0].tolist() == [10, 0]
    assert lay_down(np.float32(line(0, 0, 40, 10)))[0].tolist() == [0, 0]


def test_a_line_that_is_too_long_is_cut_into_equal_pieces():
    pieces = split_line(np.float32(line(0, 0, 100, 2)), longest=20)
    assert [piece[0, 0] for piece in pieces] == pytest.approx([0, 100 / 3, 200 / 3])
    assert [piece[1, 0] for piece in pieces] == pytest.approx([100 / 3, 200 / 3, 100])
    assert len(split_line(np.float32(line(0, 0, 40, 2)), longest=20)) == 1


@pytest.mark.parametrize(("payload", "text"), [(b"a", "a"), ("Köln".encode(), "Köln"), (b"K\xf6ln", "Köln"), (b"", "")])
def test_bytes_are_utf_8_or_else_latin_1(payload, text):
    assert text_of_bytes(payload) == text


LARGE = np.float32([line(0, 0, 400, 100)])


@pytest.mark.parametrize(
    ("fine", "kept"),
    [
        ([], 1),
        ([line(0, 10, 180, 90), line(200, 10, 180, 90)], 1),  # two parts of it
        ([line(5, 5, 390, 90)], 1),  # the same line: the fine one stays
        ([line(0, 10, 380, 30), line(0, 60, 380, 30)], 2),  # a block of small lines
        ([line(0, 200, 100, 90), line(0, 400, 100, 90)], 3),  # elsewhere
    ],
)
@pytest.mark.parametrize("angle", [0, 0.5])
def test_a_coarse_look_counts_for_large_letters_only(fine, kept, angle):
    fine = np.array(fine, np.float32).reshape(-1, 4, 2)
    assert len(prefer_large(turned(fine, angle), turned(LARGE, angle), least=50)) == kept
    assert len(prefer_large(turned(fine, angle), turned(LARGE, angle), least=150)) == len(fine)


def test_a_line_is_cleaned_of_what_is_no_letter():
    assert clean_line(" a\tdog \x00\x1b[0m\n in\u00a0Cafe\u0301 \ufffd ") == "a dog [0m in Café"


def test_joined_emoji_stay_whole():
    assert clean_line("👩‍🚒 🐕‍🦺") == "👩‍🚒 🐕‍🦺"


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("a picture of a dog on the beach", "A dog on the beach"),
        ("an image of two cats", "Two cats"),
        ("there is a photograph of the moon", "The moon"),
        ("a photo of", "A photo of"),
        ("a photographer of birds", "A photographer of birds"),
        ("Ein Hund am Strand.", "Ein Hund am Strand."),
        ("ßig", "ßig"),
        ("", ""),
    ],
)
def test_alternative_text_says_what_is_there(text, short):
    assert short_line(text) == short


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("One dog sits. Two cats run over the hill", "One dog sits."),
        ("a dog on a hill, a cat in the tall tree", "A dog on a hill"),
        ("a dog and a cat on the top of a hill", "A dog and a cat on the top"),
        ("x" * 60, "X" + "x" * 29),
    ],
)
def test_what_is_too_long_ends_where_it_can_stand_alone(text, short):
    assert short_line(text, 30) == short


@pytest.mark.parametrize(
    ("text", "short"),
    [("a dog with a", "A dog"), ("A dog sits. A cat", "A dog sits."), ("a dog in the sun,", "A dog in the sun")],
)
def test_a_sentence_that_was_cut_loses_its_loose_end(text, short):
    assert short_line(text, whole=False) == short


@pytest.mark.parametrize(("length", "kept"), [(124, 124), (125, 125), (126, 1)])
def test_a_word_that_goes_beyond_the_limit_is_left_out(length, kept):
    assert len(short_line(f"X {'x' * (length - 2)} zebra yak")) == kept


@given(st.text(max_size=300), st.booleans())
def test_alternative_text_is_one_short_printable_line(text, whole):
    short = short_line(text, whole=whole)
    assert len(short) <= 125
    assert "\n" not in short
    assert short == short.strip()
