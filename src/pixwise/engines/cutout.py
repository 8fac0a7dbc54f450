"""Engine that finds what stands out from the ground of a picture: border colours, then GrabCut.

SalientCut   alpha (H, W) uint8

    picture ─▶ colours of the border ─▶ how far each pixel is from all of them ─▶ seeds ─▶ GrabCut ─▶ alpha

Good for a thing on a plain ground: products, scans, portraits before a wall. Where the border shows what the subject
shows too, or many things at once, it is not. Distances are in CIE L*a*b* and thresholds fixed: a picture in which
nothing stands out gives an empty answer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pixwise.engines.engine import Pixels, opencv
from pixwise.reading.colours import lab_from_rgb

__all__ = ["SalientCut", "border_distance", "grab_cut"]

Floats = npt.NDArray[np.float32]

_BINS = 12  # of L*a*b* / 12 a cell is about as wide as colours that look alike
_GROUNDS = 8  # colours of the border at most
_LEAST_SHARE = 0.03  # of the border: what is rarer there may be the subject, cut off by the edge of the picture
_SURE, _NEAR = 11.0, 5.0  # L*a*b*: above is surely something else than the ground, below surely the ground
_SOFT = 1.5  # L* per pixel: the edge of a shadow is not steeper
_SAME, _DEEPEST = 8.0, 45.0  # how far a shadow may differ in a* b*, and how much darker it may be in L*
_LEAST_SUBJECT = 0.004  # of the picture: less is dirt


class SalientCut:
    """What differs from the border of the picture, cut out by GrabCut (Rother et al. 2004)."""

    rounds = 4  # of GrabCut

    def __init__(self, threads: int = 0):
        self._cv2 = opencv()

    def __call__(self, pixels: Pixels) -> dict[str, np.ndarray]:
        """(H, W, 3) → alpha (H, W) uint8."""
        distance, shadow = border_distance(self._cv2, pixels)
        seeds = self._seeds(np.where(shadow, 0, distance))
        seeds = self._seeds(distance) if seeds is None else seeds
        if seeds is None:
            return {"alpha": np.zeros(pixels.shape[:2], np.uint8)}
        subject = self._clean(grab_cut(self._cv2, pixels, seeds, self.rounds))
        return {"alpha": self._soft(subject)}

    def _seeds(self, distance: Floats) -> Pixels | None:
        """GrabCut's four labels for each pixel; None where nothing stands out."""
        cv2 = self._cv2
        subject = self._clean(distance > _SURE)
        if subject.mean() < _LEAST_SUBJECT or subject.all():
            return None
        seeds = np.where(distance > (_SURE + _NEAR) / 2, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
        seeds[distance < _NEAR] = cv2.GC_PR_BGD
        seeds[self._inner(subject)] = cv2.GC_FGD
        far = cv2.dilate(subject.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=max(2, len(subject) // 20))
        seeds[(far == 0) & (distance < _SURE)] = cv2.GC_BGD
        return seeds

    def _inner(self, subject: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """What lies a few pixels inside: at the rim colours mix."""
        return self._cv2.erode(subject.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=2, borderValue=1) > 0

    def _clean(self, subject: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Without specks, and with pinholes filled."""
        cv2, wide = self._cv2, np.ones((3, 3), np.uint8)
        opened = cv2.morphologyEx(subject.astype(np.uint8), cv2.MORPH_OPEN, wide)
        _, labels, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=8)
        large = stats[:, cv2.CC_STAT_AREA] >= max(4, _LEAST_SUBJECT / 4 * subject.size)
        large[0] = False
        kept = large[labels]
        _, labels, stats, _ = cv2.connectedComponentsWithStats((~kept).astype(np.uint8), connectivity=4)
        hole = stats[:, cv2.CC_STAT_AREA] < max(4, _LEAST_SUBJECT / 8 * subject.size)
        hole[0] = False
        return kept | hole[labels]

    def _soft(self, subject: npt.NDArray[np.bool_]) -> Pixels:
        """An edge two pixels wide in the place of stairs."""
        return self._cv2.GaussianBlur(subject.astype(np.uint8) * 255, (0, 0), 0.7)


def border_distance(cv2: Any, pixels: Pixels) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """How far the colour of each pixel is from the colours of the border, and what is only their shadow.

    A shadow is darker than the ground, of its colour, and begins softly: no sharp edge lies between the two.

    Args:
        cv2: OpenCV.
        pixels: (H, W, 3) uint8.

    Returns:
        (H, W) float32, distance in CIE L*a*b* less their usual spread, 0 where a pixel looks like the border; (H, W)
        bool, shadows.
    """
    smooth = cv2.GaussianBlur(pixels, (0, 0), 1.0)
    lab = lab_from_rgb(smooth.reshape(-1, 3)).reshape(*pixels.shape).astype(np.float32)
    nearest, shaded = np.full(pixels.shape[:2], np.inf, np.float32), np.zeros(pixels.shape[:2], bool)
    for centre, spread in _grounds(lab):
        away = lab - centre
        nearest = np.minimum(nearest, np.maximum(np.linalg.norm(away, axis=2) - spread, 0))
        darker = (away[..., 0] < 0) & (away[..., 0] > -_DEEPEST)
        shaded |= darker & (np.hypot(away[..., 1], away[..., 2]) < _SAME + spread)
    ground = nearest < _NEAR
    steps = np.hypot(*(cv2.Sobel(lab[..., 0], cv2.CV_32F, *way) / 8 for way in ((1, 0), (0, 1))))  # L* per pixel
    _, parts = cv2.connectedComponents(((steps < _SOFT) & (shaded | ground)).astype(np.uint8), connectivity=4)
    reached = np.zeros(parts.max() + 1, bool)
    reached[parts[ground & (parts > 0)]] = True
    return nearest, reached[parts] & ~ground


def _grounds(lab: Floats) -> list[tuple[Floats, float]]:
    """The colours of the border, (3,) each, with the distance within which nine tenths of their pixels lie.

    One that is seen at one side only may be a subject that the edge of the picture cuts off.
    """
    wide = max(1, round(0.03 * min(lab.shape[:2])))
    strips = [lab[:wide], lab[-wide:], lab[:, :wide], lab[:, -wide:]]
    border = np.concatenate([strip.reshape(-1, 3) for strip in strips])  # (N, 3)
    side = np.repeat(np.arange(4), [strip.size // 3 for strip in strips])
    mine, apart = _groups(border)
    sizes = np.bincount(mine)
    shares = np.stack([np.bincount(mine[side == k], minlength=len(sizes)) / (side == k).sum() for k in range(4)])
    kept = (shares >= _LEAST_SHARE).sum(axis=0) >= 2
    kept[sizes.argmax()] = True
    groups = [mine == k for k in np.flatnonzero(kept)]
    return [(border[group].mean(axis=0), float(np.quantile(apart[group], 0.9))) for group in groups]


def _groups(colours: Floats) -> tuple[npt.NDArray[np.int64], Floats]:
    """K-means of (N, 3) colours, seeded by the fullest cells of a grid: group and distance to its mean, (N,) each."""
    cells, cell = np.unique(np.round(colours / _BINS).astype(np.int32), axis=0, return_inverse=True)
    full = np.bincount(cell.reshape(-1), minlength=len(cells))
    centres = cells[np.argsort(-full, kind="stable")[:_GROUNDS]].astype(np.float32) * _BINS
    for _ in range(5):
        apart = np.linalg.norm(colours[:, None] - centres, axis=2)  # (N, K)
        mine = np.unique(apart.argmin(axis=1), return_inverse=True)[1].reshape(-1)
        centres = np.stack([colours[mine == k].mean(axis=0) for k in range(mine.max() + 1)])
    return mine, np.linalg.norm(colours - centres[mine], axis=1)


def grab_cut(cv2: Any, pixels: Pixels, seeds: Pixels, rounds: int) -> npt.NDArray[np.bool_]:
    """GrabCut from labels of its own (GC_BGD, GC_FGD, GC_PR_BGD, GC_PR_FGD), the same answer every time.

    Args:
        cv2: OpenCV.
        pixels: (H, W, 3) uint8 RGB.
        seeds: (H, W) uint8; left as it is.
        rounds: of fitting colours and cutting.

    Returns:
        (H, W) bool.
    """
    labels, models = seeds.copy(), (np.zeros((1, 65)), np.zeros((1, 65)))
    cv2.setRNGSeed(0)  # of this thread: its colour models begin with random centres
    cv2.grabCut(np.ascontiguousarray(pixels[..., ::-1]), labels, None, *models, rounds, cv2.GC_INIT_WITH_MASK)
    return (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
