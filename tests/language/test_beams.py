"""Beam search where the reference's own numbers rarely lead."""

import numpy as np

from pixwise.language.beams import search
from pixwise.language.sentence import Decoding

NEXT = {  # what was said → probabilities of the five tokens that may follow; 1 and 2 end a sentence
    (): [0, 0, 0, 0.5, 0.5],
    (3,): [0.02, 0.45, 0.06, 0.44, 0.03],
    (4,): [0.298, 0.4, 0.3, 0.001, 0.001],
    (3, 3): [0.2, 0.2, 0.2, 0.2, 0.2],
    (4, 0): [0.0025, 0.99, 0.0025, 0.0025, 0.0025],
}


class Known:
    def __init__(self):
        self.told = np.zeros((1, 0), int)

    def logits(self, tokens, rows):
        self.told = np.concatenate([self.told[rows], tokens], axis=1)
        return np.log(np.array([NEXT.get(tuple(row[1:]), NEXT[3, 3]) for row in self.told], np.float32) + 1e-9)


def test_a_beam_stays_open_when_the_best_that_follow_it_all_end():
    settings = Decoding(beams=2, max_tokens=3, length_penalty=3.0, end_ids=(1, 2))
    assert search(Known(), np.array([[0]]), settings)[0].tokens.tolist() == [4, 0, 1]
