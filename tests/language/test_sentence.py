"""Settings of decoding, and what was said."""

import math

import numpy as np
import pytest

from pixwise.errors import OptionError
from pixwise.language.sentence import Decoding, Sentence


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"max_tokens": 0}, "max_tokens must be a number from 1 to 100000, got 0"),
        ({"max_tokens": 3, "min_tokens": 4}, r"min_tokens must be at most max_tokens \(3\), got 4; raise max_tokens"),
        ({"beams": 0}, "beams must be a number from 1 to 64, got 0"),
        ({"beams": 2.5}, "beams must be a whole number, got 2.5; round it"),
        ({"temperature": 0.7, "beams": 4}, "temperature must be 0 with 4 beams, got 0.7; draw with beams=1, or search"),
        ({"temperature": -1}, "temperature must be a number from 0 to 100, got -1"),
        ({"temperature": 1e-45}, "temperature must be 0, or at least 1e-06, got 1e-45; 0 takes"),
        ({"top_k": 5}, "top_k and top_p must come with a temperature above 0, got top_k=5, top_p=1; set temperature=1"),
        ({"temperature": 1, "top_p": 0}, "top_p must be a number from 1e-06 to 1, got 0"),
        ({"repetition_penalty": 0}, "repetition_penalty must be a number from 0.01 to 100, got 0"),
        ({"seed": -1}, "seed must be a number from 0 to"),
        ({"length_penalty": math.nan}, "length_penalty must be a number from -10 to 10, got nan"),
    ],
)
def test_settings_that_cannot_be_are_refused_with_words(settings, words):
    with pytest.raises(OptionError, match=words):
        Decoding(**settings)


def test_the_score_is_the_geometric_mean_of_the_probabilities():
    said = Sentence(np.array([3, 4]), np.log(np.array([0.5, 0.125], np.float32)), "end", 0.0)
    assert said.score == pytest.approx(0.25)
