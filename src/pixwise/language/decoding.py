"""From logits to sentences, in numpy: one sentence at a time (the most probable token, or drawn), or beam search.

(B, T) prompt ─▶ steps.logits ─▶ rules ─▶ choose ─▶ (B,) tokens ─┐     a row that ended leaves the batch
                      ▲──────────────────────────────────────────┘

With the same model and settings this says what `transformers.generate` says, token for token. Drawing has a stream of
its own (numpy's PCG64): the same seed draws the same tokens here, but not those of torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from pixwise.errors import OptionError
from pixwise.language.beams import search
from pixwise.language.penalties import draw, forced, log_softmax, narrowed, penalised
from pixwise.language.sentence import Decoding, Floats, Ints, Sentence, Steps, stop_of

__all__ = ["Decoding", "Sentence", "Steps", "Word", "decode", "stream"]


class Word(NamedTuple):
    """One step: what the rows that have not ended say.

    Attributes:
        rows: (R,) numbers of those rows.
        tokens: (R,) what each says.
        log_probs: (R,) see `Sentence`.
    """

    rows: Ints
    tokens: Ints
    log_probs: Floats


def decode(steps: Steps, prompt: Ints, settings: Decoding) -> list[Sentence]:
    """A sentence for each row.

    Args:
        steps: gives logits, for instance a `Decoder`.
        prompt: (B, T) what every sentence starts with, T at least 1.
        settings: how to choose.
    """
    if settings.beams > 1:
        return search(steps, prompt, settings)
    said: list[list[tuple[int, float]]] = [[] for _ in prompt]
    for word in stream(steps, prompt, settings):
        for row, token, log_prob in zip(*word, strict=True):
            said[row].append((token, log_prob))
    return [_sentence(*zip(*words, strict=True), settings) for words in said]


def stream(steps: Steps, prompt: Ints, settings: Decoding) -> Iterator[Word]:
    """Tokens as they are chosen; arguments as for `decode`.

    Raises:
        OptionError: with beams, nothing is known before all of them have ended.
    """
    if settings.beams > 1:
        raise OptionError(f"tokens can only be told as they come with beams=1, got {settings.beams}; set beams=1")
    return _one_by_one(steps, prompt, settings)


def _one_by_one(steps: Steps, prompt: Ints, settings: Decoding) -> Iterator[Word]:
    told, start = prompt, prompt.shape[1]
    alive = rows = np.arange(len(prompt))
    random = [np.random.default_rng(settings.seed) for _ in prompt]
    fresh = prompt
    for _ in range(settings.max_tokens):
        logits = steps.logits(fresh, rows)  # (R, V)
        scores = penalised(logits, told, start, settings)
        if settings.temperature:
            heated = narrowed(scores, settings)
            tokens = np.array([draw(each, random[row]) for each, row in zip(heated, alive, strict=True)])
        else:
            tokens = scores.argmax(axis=1)
        own = log_softmax(logits)[np.arange(len(tokens)), tokens]
        yield Word(alive, tokens, np.where(tokens == forced(told, start, settings), np.float32(0), own))
        rows = np.flatnonzero(~np.isin(tokens, settings.end_ids))
        if not len(rows):
            return
        alive, fresh = alive[rows], tokens[rows, None]
        told = np.concatenate([told[rows], fresh], axis=1)


def _sentence(tokens: tuple[int, ...], log_probs: tuple[float, ...], settings: Decoding) -> Sentence:
    own = np.array(log_probs, np.float32)
    told = np.array(tokens, np.int64)
    return Sentence(told, own, stop_of(told, settings), float(own.mean()))
