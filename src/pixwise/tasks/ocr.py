"""What a picture says: lines of printed text.

    picture → (H, W, 3) → PP-OCR → quads, texts, scores → reading order → TextLines

Heads:
    lines   quads, texts and scores as the session gives them
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pixwise.boxes import clip
from pixwise.pixels import Fit
from pixwise.points import box_from_quad
from pixwise.results import TextLines
from pixwise.task import Task, check_range
from pixwise.text import reading_order

__all__ = ["TextReader"]

Raw = Mapping[str, np.ndarray]


def decode_lines(raw: Raw) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The lines that are there.

    Args:
        raw: `quads` (1, K, 4, 2), `texts` (1, K), `scores` (1, K), -1 for rows that are not there.

    Returns:
        (N, 4, 2) quads in tensor pixels, (N,) texts, (N,) scores.
    """
    there = (raw["scores"][0] >= 0) & (np.char.strip(raw["texts"][0]) != "")
    return raw["quads"][0][there].reshape(-1, 4, 2), raw["texts"][0][there], raw["scores"][0][there]


@dataclass(frozen=True, kw_only=True)
class TextReader(Task):
    """Read printed text.

    Attributes:
        min_score: lines that were read with less certainty are dropped.
    """

    name: ClassVar[str] = "ocr"
    result_type: ClassVar[type] = TextLines
    heads: ClassVar[Mapping[str, Any]] = {"lines": decode_lines}

    min_score: float = 0.5

    def check_options(self) -> None:
        check_range("min_score", self.min_score, 0, 1)

    def postprocess(self, raw: Raw, fit: Fit) -> TextLines:
        quads, texts, scores = self.heads[self.card.head](raw)
        sure = scores >= self.min_score
        quads, texts, scores = quads[sure], texts[sure], scores[sure]
        quads = fit.points_to_picture(quads)
        boxes = clip(box_from_quad(quads), fit.picture_hw)
        order = reading_order(quads)
        return TextLines(texts=texts[order], scores=scores[order], quads=quads[order], boxes=boxes[order])
