"""Engine that cuts out what is pointed at, by its colours: OpenCV's GrabCut (Rother, Kolmogorov and Blake 2004).

    encoder   the picture, scaled down, as it is
    decoder   picture, points, boxes, masks ─▶ seeds ─▶ GrabCut ─▶ pred_masks (1, N, 1, h, w), iou_scores (1, N, 1)

It knows colours, not things: what has the colours of its surroundings is lost, what is of two colours is cut in two.
A box tells it far more than a point. Measured on 53 pets and things (docs/segment.md): mean IoU with a box 0.64, where
the box itself has 0.54.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from pixwise.engine import Pixels, opencv
from pixwise.engine_cutout import grab_cut
from pixwise.session import Tensor

__all__ = ["GrabCutSession"]

Arrays = Mapping[str, np.ndarray]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]

_CORE = 0.05  # of a box, as squared radius of an ellipse: its middle surely belongs to what it is drawn around
_DOT = 0.02  # radius of a point, as share of the picture's diagonal
_REACH = 0.15  # how far around a point its object is looked for first, as share of the diagonal
_ROUGH = 0.2  # of the side of a square of its area: how far off a mask may be
_LEAST_PART = 0.1  # of the largest part: smaller ones are dirt
_BINS = 8  # of a colour's channel


class GrabCutSession:
    """GrabCut in the form of a model with an encoder and a decoder."""

    device, bytes, files = "cpu", 0, MappingProxyType({})
    rounds = 5  # of fitting colours and cutting

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
        cuts = []
        for row in range(max(map(len, (points, boxes, masks)))):
            mine = points[row : row + 1].reshape(-1, 2), labels[row : row + 1].reshape(-1)
            cuts.append(self._cut(pixels, *mine, boxes[row : row + 1], masks[row : row + 1]))
        masks = np.stack([self._soft(cut) for cut in cuts])  # (N, h, w)
        scores = np.float32([_apart(pixels, cut) for cut in cuts])  # (N,)
        return {"pred_masks": masks[None, :, None], "iou_scores": scores[None, :, None]}

    def _cut(
        self, pixels: Pixels, points: Floats, labels: npt.NDArray[np.int64], boxes: Floats, masks: Floats
    ) -> Bools:
        """One object, (h, w)."""
        wanted, unwanted = points[labels == 1], points[labels == 0]
        seeds = self._seeds(pixels.shape[:2], wanted, unwanted, boxes, masks)
        open_or_in = np.isin(seeds, (self._cv2.GC_FGD, self._cv2.GC_PR_FGD))
        if open_or_in.all() or not open_or_in.any():  # GrabCut needs colours of both
            return open_or_in
        if (pixels == pixels[:1, :1]).all():  # one colour: there is nothing to tell apart
            return np.zeros(pixels.shape[:2], bool)
        return self._parts(grab_cut(self._cv2, pixels, seeds, self.rounds), wanted)

    def _seeds(
        self, size_hw: tuple[int, int], wanted: Floats, unwanted: Floats, boxes: Floats, masks: Floats
    ) -> Pixels:
        """GrabCut's four labels for each pixel."""
        cv2 = self._cv2
        y, x = np.mgrid[: size_hw[0], : size_hw[1]] + 0.5
        diagonal = float(np.hypot(*size_hw))
        away = np.min([np.hypot(x - px, y - py) for px, py in wanted] or np.zeros((1, *size_hw)), axis=0) / diagonal
        seeds = np.full(size_hw, cv2.GC_PR_BGD, np.uint8)
        if len(masks):
            self._around(masks[0] > 0, seeds)
        elif len(boxes):
            seeds[:] = cv2.GC_PR_FGD
        else:
            seeds[away < _REACH] = cv2.GC_PR_FGD
            seeds[away > 2 * _REACH] = cv2.GC_BGD
        for x1, y1, x2, y2 in boxes:
            radius = ((2 * x - x1 - x2) / (x2 - x1)) ** 2 + ((2 * y - y1 - y2) / (y2 - y1)) ** 2
            if not len(wanted) and not len(masks):
                seeds[radius < _CORE] = cv2.GC_FGD
            seeds[(x < x1) | (x > x2) | (y < y1) | (y > y2)] = cv2.GC_BGD
        for places, label in ((wanted, cv2.GC_FGD), (unwanted, cv2.GC_BGD)):
            for px, py in places:
                seeds[np.hypot(x - px, y - py) <= max(1.0, _DOT * diagonal)] = label
        return seeds

    def _around(self, inside: Bools, seeds: Pixels) -> None:
        """Seeds from a mask that is roughly right: sure within it and far from it, open along its edge."""
        cv2 = self._cv2
        wide = _ROUGH * np.sqrt(inside.sum())
        within, beyond = (cv2.distanceTransform(part.astype(np.uint8), cv2.DIST_L2, 5) for part in (inside, ~inside))
        seeds[inside] = cv2.GC_PR_FGD
        seeds[within > wide] = cv2.GC_FGD
        seeds[beyond > 2 * wide] = cv2.GC_BGD

    def _parts(self, cut: Bools, wanted: Floats) -> Bools:
        """Without dirt; where points were given, the parts that they touch."""
        _, labels, stats, _ = self._cv2.connectedComponentsWithStats(cut.astype(np.uint8), connectivity=8)
        area = stats[1:, self._cv2.CC_STAT_AREA]
        kept = np.concatenate([[False], area >= _LEAST_PART * area.max(initial=0)])
        if len(wanted):
            column, row = np.minimum(wanted.astype(int), (cut.shape[1] - 1, cut.shape[0] - 1)).T
            kept &= np.isin(np.arange(len(kept)), labels[row, column])
        return kept[labels]

    def _soft(self, cut: Bools) -> Floats:
        """-4 to 4 with a slope at the edge, so that the enlarged mask has no stairs."""
        return 8 * self._cv2.GaussianBlur(cut.astype(np.float32), (0, 0), 0.8) - 4


def _apart(pixels: Pixels, cut: Bools) -> float:
    """How far the colours of an object differ from the rest's: 1 - shared part of their histograms, 0 to 1."""
    if cut.all() or not cut.any():
        return 0.0
    cells = (pixels // (256 // _BINS)) @ np.array([_BINS * _BINS, _BINS, 1])  # (h, w)
    mine, rest = (np.bincount(cells[part], minlength=_BINS**3) / part.sum() for part in (cut, ~cut))
    return float(1 - np.minimum(mine, rest).sum())
