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

from pixwise.pixels import Fit
from pixwise.results import Codes
from pixwise.task import Task

__all__ = ["CodeReader"]

Raw = Mapping[str, np.ndarray]


def decode_codes(raw: Raw) -> tuple[np.ndarray, list[str], list[str]]:
    """Rows that are there, without repetitions.

    Args:
        raw: `quads` (1, K, 4, 2), `kinds` (1, K), `texts` (1, K), `scores` (1, K), -1 for rows that are not there.

    Returns:
        (N, 4, 2) quads in tensor pixels, N kinds, N texts.
    """
    there = np.flatnonzero(raw["scores"][0] >= 0)
    quads = raw["quads"][0][there].reshape(-1, 4, 2)
    return quads, [str(raw["kinds"][0][i]) for i in there], [str(raw["texts"][0][i]) for i in there]


@dataclass(frozen=True, kw_only=True)
class CodeReader(Task):
    """Read QR and bar codes. A code that is seen but cannot be read is not in the answer."""

    name: ClassVar[str] = "codes"
    result_type: ClassVar[type] = Codes
    heads: ClassVar[Mapping[str, Any]] = {"codes": decode_codes}

    def postprocess(self, raw: Raw, fit: Fit) -> Codes:
        quads, kinds, texts = self.heads[self.card.head](raw)
        quads = fit.points_to_picture(quads)
        boxes = np.concatenate([quads.min(axis=1), quads.max(axis=1)], axis=1)
        return Codes(kinds=kinds, texts=texts, quads=quads, boxes=boxes)
