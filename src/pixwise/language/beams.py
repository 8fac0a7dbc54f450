"""Beam search: several sentences per row, side by side; the best that ended wins.

logits (n K, V) ─▶ log probabilities + what each beam has ─▶ the best candidates ─┬▶ ended: kept if among the K best
                                                                                  └▶ open: the K beams of the next step

Rows are searched independently: one that is done leaves the batch. Numbers are float32, as in the reference, whose
answers this gives token for token.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pixwise.language.penalties import forced, log_softmax, penalised
from pixwise.language.sentence import Decoding, Floats, Ints, Sentence, Steps, stop_of

__all__ = ["search"]

_NEVER = np.float32(-1e9)  # the score of a beam that does not count yet


def search(steps: Steps, prompt: Ints, settings: Decoding) -> list[Sentence]:
    """The best sentence for each row.

    Args:
        steps: gives logits.
        prompt: (B, T) what every sentence starts with.
        settings: `beams`, `length_penalty` and the rules.
    """
    rows = [_Row(tokens, settings) for tokens in prompt]
    count = settings.beams
    logits = steps.logits(prompt, np.arange(len(rows))).repeat(count, axis=0)  # all beams of a row start alike
    came_from = np.arange(len(rows)).repeat(count)  # (n K,) the row of the last call that each beam continues
    open_rows = rows
    while True:
        plain = log_softmax(logits).reshape(len(open_rows), count, -1)  # (n, K, V)
        for row, mine in zip(open_rows, plain, strict=True):
            row.extend(mine)
        still = [place for place, row in enumerate(open_rows) if not row.done]
        if not still:
            return [row.best() for row in rows]
        came_from = came_from.reshape(len(open_rows), count)
        origin = np.concatenate([came_from[place][open_rows[place].origin] for place in still])
        open_rows = [open_rows[place] for place in still]
        logits = steps.logits(np.concatenate([row.told[:, -1:] for row in open_rows]), origin)
        came_from = np.arange(len(origin))


class _Ended(NamedTuple):
    score: np.float32
    tokens: Ints  # (T,) new ones
    log_probs: Floats


class _Row:
    """The search of one row.

    Attributes:
        told: (K, L) tokens of the open beams, best first.
        origin: (K,) the beam of the step before that each continues.
        done: no further step can change the answer.
    """

    def __init__(self, prompt: Ints, settings: Decoding):
        count = settings.beams
        self.settings, self.start = settings, len(prompt)
        self.told = np.repeat(prompt[None], count, axis=0)
        self.origin = np.arange(count)
        self.done = False
        self._scores = np.where(np.arange(count) == 0, np.float32(0), _NEVER)  # (K,) else all beams would say the same
        self._log_probs = np.zeros((count, 0), np.float32)  # (K, t)
        self._ended: list[_Ended] = []  # best first

    def extend(self, plain: Floats) -> None:
        """One step.

        Args:
            plain: (K, V) the model's log probabilities of what follows each beam.
        """
        count, size = plain.shape
        must = forced(self.told, self.start, self.settings)
        totals = penalised(plain, self.told, self.start, self.settings) + self._scores[:, None]  # (K, V)
        # As many as leave K open ones even if each beam's best tokens all end its sentence.
        best = _highest(totals.reshape(-1), count * max(2, 1 + len(self.settings.end_ids)))
        scores, beam, token = totals.reshape(-1)[best], best // size, best % size  # (C,) each
        told = np.concatenate([self.told[beam], token[:, None]], axis=1)  # (C, L + 1)
        own = np.where(token == must, np.float32(0), plain[beam, token])
        log_probs = np.concatenate([self._log_probs[beam], own[:, None]], axis=1)
        length = told.shape[1] - self.start
        ends = np.isin(token, self.settings.end_ids) | (length >= self.settings.max_tokens)
        self._keep_ended(np.flatnonzero(ends[:count]), scores, told, log_probs)
        kept = _highest(scores + np.where(ends, _NEVER, np.float32(0)), count)
        self.told, self._log_probs, self.origin = told[kept], log_probs[kept], beam[kept]
        self._scores = scores[kept] + np.where(ends[kept], _NEVER, np.float32(0))
        self.done = length >= self.settings.max_tokens or not self._may_improve(length)

    def _keep_ended(self, which: Ints, scores: Floats, told: Ints, log_probs: Floats) -> None:
        """Of the sentences that ended so far and those of this step, the K best."""
        length = told.shape[1] - self.start
        fresh = [
            _Ended(scores[i] / length**self.settings.length_penalty, told[i, self.start :], log_probs[i]) for i in which
        ]
        self._ended = sorted([*self._ended, *fresh], key=lambda ended: -ended.score)[: self.settings.beams]

    def _may_improve(self, length: int) -> bool:
        """Could an open beam still beat the worst of K that ended? Judged by the length that it has now."""
        if len(self._ended) < self.settings.beams:
            return True
        hope = self._scores[0] / length**self.settings.length_penalty
        return bool(not self.settings.early_stopping and hope > self._ended[-1].score)

    def best(self) -> Sentence:
        score, tokens, log_probs = self._ended[0]
        return Sentence(tokens, log_probs, stop_of(tokens, self.settings), float(score))


def _highest(values: Floats, count: int) -> Ints:
    """(min(count, N),) places of the highest of (N,), highest first; equal ones in their order."""
    count = min(count, len(values))
    some = np.sort(np.argpartition(-values, count - 1)[:count])
    return some[np.argsort(-values[some], kind="stable")]
