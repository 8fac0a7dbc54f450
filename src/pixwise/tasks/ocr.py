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

from pixwise.pixels import Fit
from pixwise.results import TextLines
from pixwise.task import Task, check_range

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


def reading_order(quads: np.ndarray) -> list[int]:
    """Rows from top to bottom, each from left to right; columns of running text one after the other.

    All of it as the reader sees it: on a page that lies on its side "down" is down the page. Two blocks count as columns
    when an empty strip parts them and both are as broad as running text is; so the prices of a receipt stay beside its items.

    Args:
        quads: (N, 4, 2), from the text's own top left.

    Returns:
        N indices.
    """
    if len(quads) == 0:
        return []
    angle = _page_angle(quads[:, 1] - quads[:, 0])
    cos, sin = np.cos(angle), np.sin(angle)
    upright = quads @ np.array([[cos, -sin], [sin, cos]])  # turned by -angle
    boxes = np.concatenate([upright.min(axis=1), upright.max(axis=1)], axis=1)  # (N, 4)
    return _order(list(range(len(quads))), boxes)


def _page_angle(along: np.ndarray) -> float:
    """The direction (N, 2) → radians that is nearest to all, longer lines counting more."""
    angles = np.arctan2(along[:, 1], along[:, 0])
    apart = np.abs((angles[:, None] - angles + np.pi) % (2 * np.pi) - np.pi)  # (N, N)
    return float(angles[(apart @ np.linalg.norm(along, axis=1)).argmin()])


def _order(lines: list[int], boxes: np.ndarray) -> list[int]:
    columns = _columns(lines, boxes)
    if not columns:
        return _rows(lines, boxes)
    return [line for block in columns for line in _order(block, boxes)]


def _rows(lines: list[int], boxes: np.ndarray) -> list[int]:
    """Row by row: a line is in the row whose first line's middle is within half a line of its own."""
    middle, height = (boxes[:, 1] + boxes[:, 3]) / 2, boxes[:, 3] - boxes[:, 1]
    rows: list[list[int]] = []
    for line in sorted(lines, key=lambda i: middle[i]):
        first = rows[-1][0] if rows else line
        if rows and abs(middle[line] - middle[first]) < 0.5 * min(height[line], height[first]):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda i: boxes[i, 0])]


def _columns(lines: list[int], boxes: np.ndarray) -> list[list[int]]:
    """The largest pair of columns: what is above, left, right, below; empty when there is none."""
    mine, middle = boxes[lines], (boxes[lines, 1] + boxes[lines, 3]) / 2
    best: tuple[int, list[np.ndarray]] = (0, [])
    for x in np.unique(mine[:, 0]):
        left, right = mine[:, 2] <= x, mine[:, 0] >= x
        crossing = np.sort(middle[~left & ~right])
        edges = np.concatenate([[-np.inf], crossing, [np.inf]])
        for top, bottom in zip(edges, edges[1:], strict=False):
            inside = (middle > top) & (middle < bottom)
            size = int((inside & left).sum() + (inside & right).sum())
            if size > best[0] and _are_columns(mine[inside & left], mine[inside & right]):
                best = size, [middle <= top, inside & left, inside & right, middle >= bottom]
    return [[lines[i] for i in np.flatnonzero(block)] for block in best[1] if block.any()]


def _are_columns(left: np.ndarray, right: np.ndarray) -> bool:
    """Two blocks (K, 4) side by side, of three lines or more, six times as long as high and more."""
    if min(len(left), len(right)) < 3:
        return False
    beside = min(left[:, 3].max(), right[:, 3].max()) - max(left[:, 1].min(), right[:, 1].min())
    lowest = min(np.ptp(left[:, [1, 3]]), np.ptp(right[:, [1, 3]]))
    broad = all(np.median((block[:, 2] - block[:, 0]) / (block[:, 3] - block[:, 1])) >= 6 for block in (left, right))
    return bool(broad and beside > 0.5 * lowest)


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
        order = reading_order(quads)
        boxes = np.concatenate([quads.min(axis=1), quads.max(axis=1)], axis=1)
        return TextLines(texts=texts[order], scores=scores[order], quads=quads[order], boxes=boxes[order])
