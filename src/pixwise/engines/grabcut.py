"""Engine that cuts out what is pointed at, by its colours: OpenCV's GrabCut (Rother, Kolmogorov and Blake 2004).

    encoder   the picture, scaled down, as it is
    decoder   picture, points, boxes, masks ─▶ seeds ─▶ GrabCut ─▶ pred_masks (1, N, C, h, w), iou_scores (1, N, C)

It knows colours, not things: what has the colours of its surroundings is lost, what is of two colours is cut in two.
A box tells it far more than a point, from which it makes three candidates. How good it is: docs/segment.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from pixwise.engines.cutout import grab_cut
from pixwise.engines.engine import Pixels, opencv, shrink
from pixwise.session import Tensor

__all__ = ["GrabCutSession"]

Arrays = Mapping[str, np.ndarray]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]

_CORE = 0.05  # of a box, as squared radius of an ellipse: its middle surely belongs to what it is drawn around
_DOT = 0.02  # radius of a point, as share of the picture's diagonal
_REACHES = (0.15, 0.25)  # how far around a point its object may begin, as share of the diagonal: a candidate each
_FOR_POINTS = 256  # px: much of the picture is open then, and cutting it costs a second at 400, for no better answer
_ALIKE = (0.04, 9.0, 0.35)  # radius of what a colour is learnt from, its squared spread, how far it is looked for
_ROUGH = 0.2  # of the side of a square of its area: how far off a mask may be
_LEAST_PART = 0.1  # of the largest part: smaller ones are dirt
_ROUND = 25  # px around an object, with whose colours its own are compared
_BINS = 8  # of a colour's channel
_CUT_OFF = 0.3  # what it costs to lie along the picture's whole border: such a thing is mostly the ground


class GrabCutSession:
    """GrabCut in the form of a model with an encoder and a decoder."""

    device, bytes, files = "cpu", 0, MappingProxyType({})
    rounds = 4  # of fitting colours and cutting

    def __init__(self, threads: int = 0):
        self._cv2 = opencv()

    def inputs(self, part: str = "model") -> tuple[Tensor, ...]:
        return (Tensor("image", (-1, -1, -1, 3), "uint8"),) if part == "encoder" else ()

    def of(self, part: str) -> GrabCutSession:
        return self

    def run(self, feeds: Arrays, part: str = "model") -> dict[str, np.ndarray]:
        if part == "encoder":
            return dict(feeds)
        pixels = np.ascontiguousarray(feeds["image"][0])
        points, labels, boxes, masks = (feeds[f"input_{name}"][0] for name in ("points", "labels", "boxes", "masks"))
        found = []
        for row in range(max(map(len, (points, boxes, masks)))):
            mine = points[row : row + 1].reshape(-1, 2), labels[row : row + 1].reshape(-1)
            found.append(self._candidates(pixels, *mine, boxes[row : row + 1], masks[row : row + 1]))
        logits = np.stack([[self._soft(cut) for cut in cuts] for cuts in found])  # (N, C, h, w)
        scores = np.float32([[self._apart(pixels, cut) for cut in cuts] for cuts in found])  # (N, C)
        return {"pred_masks": logits[None], "iou_scores": scores[None]}

    def _candidates(
        self, pixels: Pixels, points: Floats, labels: npt.NDArray[np.int64], boxes: Floats, masks: Floats
    ) -> list[Bools]:
        """Cuts of one object, (h, w) each: one where a box or a mask tells its size, else three."""
        if not len(boxes) and not len(masks) and max(pixels.shape[:2]) > _FOR_POINTS:
            small, scale = shrink(pixels, _FOR_POINTS)
            cuts = self._candidates(small, points * np.float32(scale), labels, boxes, masks)
            size_wh = pixels.shape[1::-1]
            return [self._cv2.resize(cut.astype(np.float32), size_wh) > 0.5 for cut in cuts]
        cv2, size_hw = self._cv2, pixels.shape[:2]
        wanted, unwanted = points[labels == 1], points[labels == 0]
        if len(masks):
            seeds = [self._from_mask(masks[0] > 0)]
        elif len(boxes):
            seeds = [self._from_box(size_hw, boxes[0], core=not len(wanted))]
        else:
            seeds = [*(self._from_points(size_hw, wanted, reach) for reach in _REACHES), self._alike(pixels, wanted)]
        y, x = np.mgrid[: size_hw[0], : size_hw[1]] + 0.5
        for each in seeds:
            for x1, y1, x2, y2 in boxes:
                each[(x < x1) | (x > x2) | (y < y1) | (y > y2)] = cv2.GC_BGD
            for places, label in ((wanted, cv2.GC_FGD), (unwanted, cv2.GC_BGD)):
                each[_away(size_hw, places) <= max(_DOT, 1 / np.hypot(*size_hw))] = label
        return [self._cut(pixels, each, wanted) for each in seeds]

    def _from_box(self, size_hw: tuple[int, int], box: Floats, *, core: bool) -> Pixels:
        x1, y1, x2, y2 = box
        y, x = np.mgrid[: size_hw[0], : size_hw[1]] + 0.5
        radius = ((2 * x - x1 - x2) / (x2 - x1)) ** 2 + ((2 * y - y1 - y2) / (y2 - y1)) ** 2
        middle = self._cv2.GC_FGD if core else self._cv2.GC_PR_FGD
        return np.where(radius < _CORE, middle, self._cv2.GC_PR_FGD).astype(np.uint8)

    def _from_mask(self, inside: Bools) -> Pixels:
        """Sure well within a mask and far from it, open along its edge."""
        cv2 = self._cv2
        wide = _ROUGH * np.sqrt(inside.sum())
        within, beyond = (cv2.distanceTransform(part.astype(np.uint8), cv2.DIST_L2, 5) for part in (inside, ~inside))
        seeds = np.where(inside, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
        seeds[within > wide] = cv2.GC_FGD
        seeds[beyond > 2 * wide] = cv2.GC_BGD
        return seeds

    def _from_points(self, size_hw: tuple[int, int], wanted: Floats, reach: float) -> Pixels:
        away = _away(size_hw, wanted)
        seeds = np.where(away < reach, self._cv2.GC_PR_FGD, self._cv2.GC_PR_BGD).astype(np.uint8)
        seeds[away > 2 * reach] = self._cv2.GC_BGD
        return seeds

    def _alike(self, pixels: Pixels, wanted: Floats) -> Pixels:
        """Seeds where colours are like those around the points (CIE L*a*b*, 8 bits)."""
        near, spread, far = _ALIKE
        away = _away(pixels.shape[:2], wanted)
        lab = self._cv2.cvtColor(pixels, self._cv2.COLOR_RGB2LAB).astype(np.float32)
        seen = lab[away <= max(near, float(away.min()))]  # (K, 3)
        apart = lab - seen.mean(axis=0)
        scatter = (seen - seen.mean(axis=0)).T @ (seen - seen.mean(axis=0)) / len(seen) + 20 * np.eye(3)
        like = np.einsum("hwi,ij,hwj->hw", apart, np.linalg.inv(scatter), apart) < spread
        return np.where(like & (away < far), self._cv2.GC_PR_FGD, self._cv2.GC_PR_BGD).astype(np.uint8)

    def _cut(self, pixels: Pixels, seeds: Pixels, wanted: Floats) -> Bools:
        """GrabCut without dirt; where points were given, the parts that they touch."""
        cv2 = self._cv2
        inside = (seeds == cv2.GC_FGD) | (seeds == cv2.GC_PR_FGD)
        if (pixels == pixels[:1, :1]).all():  # one colour: there is nothing to tell apart
            return np.zeros_like(inside)
        cut = inside if inside.all() or not inside.any() else grab_cut(cv2, pixels, seeds, self.rounds)
        _, parts, stats, _ = cv2.connectedComponentsWithStats(cut.astype(np.uint8), connectivity=8)
        area = stats[1:, cv2.CC_STAT_AREA]
        kept = np.concatenate([[False], area >= _LEAST_PART * area.max(initial=0)])
        if len(wanted):
            column, row = np.minimum(wanted.astype(int), (cut.shape[1] - 1, cut.shape[0] - 1)).T
            kept &= np.isin(np.arange(len(kept)), parts[row, column])
        return kept[parts]

    def _soft(self, cut: Bools) -> Floats:
        """-4 to 4 with a slope at the edge, so that the enlarged mask has no stairs."""
        return 8 * self._cv2.GaussianBlur(cut.astype(np.float32), (0, 0), 0.8) - 4

    def _apart(self, pixels: Pixels, cut: Bools) -> float:
        """How far an object's colours differ from those around it, 0 to 1: 1 - shared part of the histograms.

        Less for what lies along the border of the picture.
        """
        ball = self._cv2.getStructuringElement(self._cv2.MORPH_ELLIPSE, (2 * _ROUND + 1, 2 * _ROUND + 1))
        rest = (self._cv2.dilate(cut.astype(np.uint8), ball) > 0) & ~cut
        if not rest.any() or not cut.any():
            return 0.0
        cells = (pixels // (256 // _BINS)) @ np.array([_BINS * _BINS, _BINS, 1])  # (h, w)
        mine, other = (np.bincount(cells[part], minlength=_BINS**3) / part.sum() for part in (cut, rest))
        along = (cut[[0, -1]].mean() + cut[:, [0, -1]].mean()) / 2
        return max(0.0, float(1 - np.minimum(mine, other).sum() - 2 * _CUT_OFF * along))


def _away(size_hw: tuple[int, int], points: Floats) -> npt.NDArray[Any]:
    """How far each pixel is from the nearest point, as share of the diagonal; infinitely far from none."""
    y, x = np.mgrid[: size_hw[0], : size_hw[1]] + 0.5
    away = np.full(size_hw, np.inf)
    for px, py in points:
        away = np.minimum(away, np.hypot(x - px, y - py) / np.hypot(*size_hw))
    return away
