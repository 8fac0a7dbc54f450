"""What a picture says: lines of printed text.

    picture → (1, ...) → model → decode_* → quads, texts, scores → reading order → TextLines

Heads:
    lines      quads, texts and scores as the session gives them (PP-OCR)
    florence   lines and quads that Florence-2 has written
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pixwise.boxes import clip
from pixwise.language.florence import FLORENCE_OPTIONS
from pixwise.language.regions import certainty, quads_in
from pixwise.pixels import Fit
from pixwise.points import box_from_quad
from pixwise.results import TextLines
from pixwise.task import Task, check_range
from pixwise.text import reading_order

__all__ = ["TextReader"]

Raw = Mapping[str, np.ndarray]
Lines = tuple[np.ndarray, np.ndarray, np.ndarray]  # (N, 4, 2) quads in tensor pixels, (N,) texts, (N,) scores


def decode_lines(raw: Raw, fit: Fit) -> Lines:
    """The lines that are there.

    Args:
        raw: `quads` (1, K, 4, 2), `texts` (1, K), `scores` (1, K), -1 for rows that are not there.
        fit: unused.
    """
    there = (raw["scores"][0] >= 0) & (np.char.strip(raw["texts"][0]) != "")
    return raw["quads"][0][there].reshape(-1, 4, 2), raw["texts"][0][there], raw["scores"][0][there]


def decode_florence(raw: Raw, fit: Fit) -> Lines:
    """The lines that a model has written down with their places.

    Args:
        raw: `text` (1,), `token_ends` and `log_probs` (1, T), see language/florence.py.
        fit: for the size of the content.
    """
    words, corners, spans = quads_in(str(raw["text"][0]))
    return corners * np.float32(fit.content_hw[::-1]), np.array(words, str), certainty(raw, spans)


@dataclass(frozen=True, kw_only=True)
class TextReader(Task):
    """Read printed text.

    Attributes:
        min_score: lines that were read with less certainty are dropped; left out, what is usual for the kind of model
            (0.5, and 0 for Florence-2).
    """

    name: ClassVar[str] = "ocr"
    result_type: ClassVar[type] = TextLines
    heads: ClassVar[Mapping[str, Any]] = {"lines": decode_lines, "florence": decode_florence}
    card_options: ClassVar[Mapping[str, str]] = FLORENCE_OPTIONS
    # A language model is less sure of places than of words, and its reference keeps all that was written.
    usual_min_scores: ClassVar[Mapping[str, float]] = {"lines": 0.5, "florence": 0.0}

    min_score: float | None = None

    def check_options(self) -> None:
        if self.min_score is None:
            object.__setattr__(self, "min_score", self.usual_min_scores[self.card.head])
        check_range("min_score", self.min_score, 0, 1)

    def postprocess(self, raw: Raw, fit: Fit) -> TextLines:
        quads, texts, scores = self.heads[self.card.head](raw, fit)
        sure = scores >= self.min_score
        quads, texts, scores = quads[sure], texts[sure], scores[sure]
        quads = fit.points_to_picture(quads)
        boxes = clip(box_from_quad(quads), fit.picture_hw)
        order = reading_order(quads)
        return TextLines(texts=texts[order], scores=scores[order], quads=quads[order], boxes=boxes[order])
