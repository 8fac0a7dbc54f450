"""From what the model says of the next token to what may be chosen: pure functions on (R, V) scores.

scores ─▶ penalised: repetitions, forbidden and forced tokens ─▶ narrowed: temperature, top k, top p (drawing only)

The order is that of `transformers`. Penalties act on logits where one sentence is followed, and on log probabilities in
a beam search, again as there.
"""

from __future__ import annotations

import numpy as np

from pixwise.language.sentence import Decoding, Floats, Ints
from pixwise.scores import softmax

__all__ = ["draw", "forced", "log_softmax", "narrowed", "penalised"]


def log_softmax(logits: Floats) -> Floats:
    """(..., V) → (..., V) log probabilities, without overflow."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def forced(told: Ints, start: int, settings: Decoding) -> int:
    """The token that must come next, or -1.

    Args:
        told: (R, L) all tokens so far.
        start: how many of them were given.
        settings: rules.
    """
    if settings.last_id >= 0 and told.shape[1] == start + settings.max_tokens - 1:
        return settings.last_id
    return settings.first_id if told.shape[1] == 1 else -1


def penalised(scores: Floats, told: Ints, start: int, settings: Decoding) -> Floats:
    """Scores after all rules; what may not be said has -inf.

    Args:
        scores: (R, V) logits or log probabilities.
        told: (R, L) all tokens so far, those that were given included: a prompt counts as said.
        start: how many of them were given.
        settings: rules.
    """
    kept = scores.astype(np.float32)  # (R, V), a copy
    size = kept.shape[1]
    if settings.repetition_penalty != 1:
        _weaken_into(kept, told, settings.repetition_penalty)
    if settings.no_repeat_ngram:
        for row, tokens in enumerate(told):
            kept[row, _inside(_completing(tokens, settings.no_repeat_ngram), size)] = -np.inf
    if told.shape[1] - start < settings.min_tokens:
        kept[:, _inside(settings.end_ids, size)] = -np.inf
    must = forced(told, start, settings)
    if must >= 0:
        kept[:] = -np.inf
        kept[:, must] = 0
    kept[:, _inside(settings.suppressed_ids, size)] = -np.inf
    return kept


def narrowed(scores: Floats, settings: Decoding) -> Floats:
    """(R, V) → (R, V) scores for drawing: heated, and -inf outside the top k and the top p."""
    kept = scores / np.float32(settings.temperature)
    if 0 < settings.top_k < kept.shape[1]:
        least = np.partition(kept, -settings.top_k, axis=1)[:, -settings.top_k, None]  # (R, 1)
        kept = np.where(kept < least, -np.inf, kept)
    if settings.top_p < 1:
        order = np.argsort(kept, axis=1, kind="stable")  # least probable first
        below = softmax(np.take_along_axis(kept, order, axis=1)).cumsum(axis=1) <= 1 - settings.top_p
        below[:, -1] = False  # one is always left
        outside = np.zeros_like(below)
        np.put_along_axis(outside, order, below, axis=1)
        kept = np.where(outside, -np.inf, kept)
    return kept.astype(np.float32)


def draw(scores: Floats, random: np.random.Generator) -> int:
    """A token, each as often as its share of softmax (V,) says; one random number is used up."""
    upto = softmax(scores.astype(np.float64)).cumsum()
    return int(np.searchsorted(upto, random.random() * upto[-1], side="right"))


def _weaken_into(scores: Floats, told: Ints, penalty: float) -> None:
    """Make the tokens of (R, L) less likely in (R, V): positive scores are divided, negative ones multiplied."""
    known = np.minimum(told, scores.shape[1] - 1)
    before = np.take_along_axis(scores, known, axis=1)
    after = np.where(before < 0, before * np.float32(penalty), before / np.float32(penalty))
    np.put_along_axis(scores, known, np.where(told < scores.shape[1], after, before), axis=1)


def _completing(tokens: Ints, length: int) -> Ints:
    """Tokens that would complete a run of `length` tokens that is in (L,) already."""
    if len(tokens) < length:
        return tokens[:0]
    runs = np.lib.stride_tricks.sliding_window_view(tokens, length)  # (L - length + 1, length)
    tail = tokens[len(tokens) - length + 1 :]  # the last length - 1
    return runs[(runs[:, :-1] == tail).all(axis=1), -1]


def _inside(ids: Ints | tuple[int, ...], size: int) -> list[int]:
    """Those that the model has a score for."""
    return [int(each) for each in ids if 0 <= each < size]
