"""Sentences on a strip below the picture."""

import numpy as np
import pytest
from PIL import Image

from pixwise.draw import draw
from pixwise.draw.fonts import font_for
from pixwise.draw.strip import below, wrapped
from pixwise.results import Caption
from pixwise.samples import photo_like

LONG = "a red house on a hill with two small trees beside it and a long road that leads to the old harbour"


def caption(text):
    return Caption(text=text, score=0.5, tokens=3, stop="end")


def test_the_picture_stays_as_it_is_and_the_sentence_stands_below():
    picture = photo_like(120, 200)
    drawn = np.asarray(draw(picture, caption("a dog")))
    np.testing.assert_array_equal(drawn[:120], picture)
    assert drawn[120:].max() == 255


def test_a_longer_sentence_takes_more_lines():
    few, many = (draw(photo_like(120, 200), caption(text)).height for text in ("a dog", LONG))
    assert few < many


def test_lines_are_as_wide_as_there_is_room_and_keep_all_words():
    lines = wrapped(LONG, 14, 180)
    assert " ".join(lines) == LONG
    assert max(font_for(line, 14)[0].getlength(line) for line in lines) <= 180


@pytest.mark.parametrize("text", ["x" * 90, "一只狗坐在草地上旁边有一个红色的球" * 3])
def test_a_word_without_blanks_is_cut(text):
    lines = wrapped(text, 14, 100)
    assert "".join(lines) == text
    assert len(lines) > 2


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (10, 10)])
def test_a_picture_without_room_stays_alone(size):
    assert below(Image.new("RGB", size), ["a dog"], 12).size == size


def test_two_sentences_are_both_told():
    alone, both = (below(Image.new("RGB", (200, 50)), ["a dog"] * count, 12).height for count in (1, 2))
    assert both > alone
