"""What codes say: QR and bar codes.

    picture → (H, W, 3) → OpenCV → decode → Codes

Heads:
    codes   quads, kinds, texts as the session gives them
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pixwise.boxes import clip
from pixwise.pixels import Fit
from pixwise.points import box_from_quad
from pixwise.results import Codes
from pixwise.task import Task

__all__ = ["CodeReader"]

Raw = Mapping[str, np.ndarray]


def decode_codes(raw: Raw) -> tuple[np.ndarray, list[str], list[str]]:
    """Each code once: of the readings at one place, what most of them say, and the first of those.

    Args:
        raw: `quads` (1, K, 4, 2), `kinds` (1, K), `texts` (1, K), `scores` (1, K), -1 for rows that are not there.

    Returns:
        (N, 4, 2) quads in tensor pixels, N kinds, N texts; top to bottom, then left to right.
    """
    there = raw["scores"][0] >= 0
    quads = raw["quads"][0][there].reshape(-1, 4, 2)
    said = list(zip(raw["kinds"][0][there].tolist(), raw["texts"][0][there].tolist(), strict=True))
    chosen = []
    for members in _places(quads):
        best = max(members, key=lambda i: sum(said[i] == said[j] for j in members))
        chosen.append(best)
    chosen.sort(key=lambda i: (float(quads[i][:, 1].min()), float(quads[i][:, 0].min()), i))
    return quads[chosen].reshape(-1, 4, 2), [said[i][0] for i in chosen], [said[i][1] for i in chosen]


def _places(quads: np.ndarray) -> list[list[int]]:
    """Indices grouped: a reading whose centre lies in the box of the group's first is of the same code."""
    places: list[list[int]] = []
    for i, centre in enumerate(quads.mean(axis=1)):
        for members in places:
            first = quads[members[0]]
            if (first.min(axis=0) <= centre).all() and (centre <= first.max(axis=0)).all():
                members.append(i)
                break
        else:
            places.append([i])
    return places


@dataclass(frozen=True, kw_only=True)
class CodeReader(Task):
    """Read QR and bar codes. A code that is seen but cannot be read is not in the answer."""

    name: ClassVar[str] = "codes"
    result_type: ClassVar[type] = Codes
    heads: ClassVar[Mapping[str, Any]] = {"codes": decode_codes}

    def postprocess(self, raw: Raw, fit: Fit) -> Codes:
        quads, kinds, texts = self.heads[self.card.head](raw)
        quads = fit.points_to_picture(quads)
        boxes = clip(box_from_quad(quads), fit.picture_hw)
        return Codes(kinds=kinds, texts=texts, quads=quads, boxes=boxes)
