"""Choosing tokens where every word of the vocabulary has its turn."""

import numpy as np
import pytest

from pixwise.language.decoding import decode
from pixwise.language.sentence import Decoding

WORDS = 6


class Favours:
    """At every step one token is by far the most probable."""

    def __init__(self, token):
        self.scores = np.where(np.arange(WORDS) == token, 9.0, 0.0).astype(np.float32)

    def logits(self, tokens, rows):
        return np.tile(self.scores, (len(rows), 1))


@pytest.mark.parametrize("token", range(WORDS))
@pytest.mark.parametrize("beams", [1, 3])
def test_every_word_of_the_vocabulary_can_be_said(token, beams):
    said = decode(Favours(token), np.array([[0]]), Decoding(beams=beams, max_tokens=2))[0]
    assert said.tokens.tolist() == [token, token]
