"""What decoding takes and gives: how to choose tokens, where their logits come from, and what was said."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from pixwise.errors import OptionError, check_range

__all__ = ["Decoding", "Sentence", "Steps", "stop_of"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
_MOST = 100_000
_COLDEST = 1e-6  # colder, 32-bit scores divided by it are infinite


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How tokens are chosen; with all defaults the most probable one, each time.

    Attributes:
        max_tokens: most new tokens; the one that ends the sentence counts.
        min_tokens: so many come before one that ends.
        beams: sentences followed side by side (beam search); 1 follows one.
        length_penalty: the score of a sentence is its log probability / its tokens ** this: above 0 favours long ones.
        early_stopping: a search ends as soon as `beams` sentences ended, else when no better one is to be expected.
        repetition_penalty: a token that was said before is this much less likely; 1 is none.
        no_repeat_ngram: so many tokens in a row never come twice; 0 is no such rule.
        temperature: 0 takes the most probable token; else tokens are drawn, the bolder the higher.
        top_k: draw from so many most probable tokens; 0 from all.
        top_p: draw from the most probable tokens that have this share together.
        seed: of the drawing; each sentence of a batch draws with the same seed, so that none depends on the others.
        end_ids: tokens that end a sentence.
        suppressed_ids: tokens that are never said.
        first_id, last_id: what must be said first (when nothing but the start was given), and last when `max_tokens`
            are reached; -1 is no such rule.
    """

    max_tokens: int = 30
    min_tokens: int = 0
    beams: int = 1
    length_penalty: float = 1.0
    early_stopping: bool = False
    repetition_penalty: float = 1.0
    no_repeat_ngram: int = 0
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0
    end_ids: tuple[int, ...] = ()
    suppressed_ids: tuple[int, ...] = ()
    first_id: int = -1
    last_id: int = -1

    def __post_init__(self) -> None:
        self._check_whole_numbers()
        check_range("max_tokens", self.max_tokens, 1, _MOST)
        check_range("min_tokens", self.min_tokens, 0, _MOST)
        check_range("beams", self.beams, 1, 64)
        check_range("length_penalty", self.length_penalty, -10, 10)
        check_range("repetition_penalty", self.repetition_penalty, 0.01, 100)
        check_range("no_repeat_ngram", self.no_repeat_ngram, 0, _MOST)
        check_range("temperature", self.temperature, 0, 100)
        check_range("top_k", self.top_k, 0, 10_000_000)
        check_range("top_p", self.top_p, 1e-6, 1)
        check_range("seed", self.seed, 0, 2**63 - 1)
        if self.min_tokens > self.max_tokens:
            raise OptionError(
                f"min_tokens must be at most max_tokens ({self.max_tokens}), got {self.min_tokens}; raise max_tokens"
            )
        if 0 < self.temperature < _COLDEST:
            raise OptionError(
                f"temperature must be 0, or at least {_COLDEST:g}, got {self.temperature:g}; "
                "0 takes the most probable token"
            )
        if self.temperature and self.beams > 1:
            raise OptionError(
                f"temperature must be 0 with {self.beams} beams, got {self.temperature:g}; "
                "draw with beams=1, or search with temperature=0"
            )
        if not self.temperature and (self.top_k or self.top_p < 1):
            raise OptionError(
                f"top_k and top_p must come with a temperature above 0, got top_k={self.top_k}, top_p={self.top_p:g}; "
                "set temperature=1"
            )

    def _check_whole_numbers(self) -> None:
        for spec in fields(self):
            given = getattr(self, spec.name)
            if type(spec.default) is int and (isinstance(given, bool) or not isinstance(given, int)):
                raise OptionError(f"{spec.name} must be a whole number, got {given!r}; round it")


@dataclass(frozen=True, eq=False)
class Sentence:
    """What was said of one row.

    Attributes:
        tokens: (T,) new tokens, the one that ended it included.
        log_probs: (T,) the logarithm of the model's own probability of each, before penalties and temperature; 0 for
            tokens that were forced.
        stop: `end` when it said so itself, `length` when it was cut at `max_tokens`.
        beam_score: the score that the search compared (sum of penalised log probabilities / T ** length_penalty);
            without a search the mean of `log_probs`.
    """

    tokens: Ints
    log_probs: Floats
    stop: Literal["end", "length"]
    beam_score: float

    @property
    def score(self) -> float:
        """0 to 1: the geometric mean of the tokens' probabilities, so that long sentences compare with short ones."""
        return float(np.exp(self.log_probs.mean()))


def stop_of(tokens: Ints, settings: Decoding) -> Literal["end", "length"]:
    """Why a sentence of these tokens (T,) ended; an end that was forced at `max_tokens` is a cut."""
    forced = settings.last_id >= 0 and len(tokens) >= settings.max_tokens
    return "end" if tokens[-1] in settings.end_ids and not forced else "length"


class Steps(Protocol):
    """Something that says how likely each token is next, step by step."""

    def logits(self, tokens: Ints, rows: Ints) -> Floats:
        """Logits of what follows.

        Args:
            tokens: (R, T) what comes next in each row; in the first call the start and the prompt.
            rows: (R,) which row of the call before each of them continues; in the first call 0, 1, …, R - 1. A row may
                be continued many times, or not at all.

        Returns:
            (R, V) float32, after the last token.
        """
        ...
