"""How good a picture is technically, and its colours: arithmetic on pixels, no weights.

    picture → at most 512 px, and two tiny grey ones → measures → Quality

Heads:
    measures   the pixels themselves
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from pixwise.picture import Picture
from pixwise.pixels import Fit, prepare
from pixwise.reading.colours import lab_from_rgb
from pixwise.results import Quality
from pixwise.task import Task, check_range

__all__ = ["QualityMeter"]

Raw = Mapping[str, np.ndarray]
_TINY_WH = {"dhash": (9, 8), "phash": (32, 32)}
_NEAR = 14.0  # colours closer than this in L*a*b* are shades of one


def decode_measures(raw: Raw, colours: int) -> dict[str, Any]:
    """Everything that is measured, by the names of `Quality`.

    Args:
        raw: `image` (1, h, w, 3), `dhash` (1, 8, 9), `phash` (1, 32, 32), all uint8.
        colours: how many at most.
    """
    pixels = raw["image"][0]
    luma = pixels @ np.float32([0.299, 0.587, 0.114])  # (h, w) 0 to 255
    palette, shares = dominant_colours(pixels, colours)
    return {
        "sharpness": sharpness(luma),
        "exposure": float(luma.mean() / 255),
        "contrast": float(luma.std() / 255),
        "noise": noise(luma),
        "underexposed": float((luma < 5).mean()),
        "overexposed": float((luma > 250).mean()),
        "dhash": difference_hash(raw["dhash"][0]),
        "phash": perceptual_hash(raw["phash"][0]),
        "colours": palette,
        "shares": shares,
        "hexes": ["#" + bytes(colour.tolist()).hex() for colour in palette],
    }


def sharpness(luma: np.ndarray) -> float:
    """Variance of the Laplacian (four neighbours, edges repeated) of an (h, w) picture (Pech-Pacheco et al. 2000)."""
    wide = np.pad(luma, 1, mode="edge")
    around = wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:]
    return float((around - 4 * luma).var())


def noise(luma: np.ndarray) -> float:
    """Standard deviation of the noise in an (h, w) picture, in its units (Immerkær 1996); 0 below 3 x 3.

    The mask [[1, -2, 1], [-2, 4, -2], [1, -2, 1]] is blind to flat parts, slopes and straight edges; of white noise
    with deviation s it leaves 6 s, whose mean absolute value is 6 s sqrt(2 / pi).
    """
    if min(luma.shape) < 3:
        return 0.0
    rows = luma[:-2] - 2 * luma[1:-1] + luma[2:]
    left = rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]
    return float(np.abs(left).mean() * np.sqrt(np.pi / 2) / 6)


def difference_hash(grey: np.ndarray) -> str:
    """Is each pixel brighter than its left neighbour? 64 bits, row by row, as `imagehash.dhash`.

    Args:
        grey: (8, 9) uint8.

    Returns:
        16 hex digits.
    """
    return _hex(grey[:, 1:] > grey[:, :-1])


def perceptual_hash(grey: np.ndarray) -> str:
    """Is each of the 8 x 8 lowest frequencies above their median? 64 bits, row by row, as `imagehash.phash`.

    Args:
        grey: (32, 32) uint8.

    Returns:
        16 hex digits.
    """
    low = _cosine_transform(_cosine_transform(grey.astype(np.float64)).T).T[:8, :8]
    low[np.abs(low) < 1e-6] = 0  # of flat pictures, where rounding would decide
    return _hex(low > np.median(low))


def _cosine_transform(columns: np.ndarray) -> np.ndarray:
    """DCT-II, not orthonormal, of the columns of (32, K)."""
    n = np.arange(32)
    return 2 * np.cos(np.pi * np.outer(n, 2 * n + 1) / 64) @ columns


def _hex(bits: np.ndarray) -> str:
    return np.packbits(bits.reshape(-1)).tobytes().hex()


def dominant_colours(pixels: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """The colours that cover most of a picture, by k-means in CIE L*a*b*, where distance is how different colours look.

    Seeds are the fullest cells of a coarse grid of colours, so that equal pictures always give equal answers.

    Args:
        pixels: (h, w, 3) uint8.
        most: how many come back at most.

    Returns:
        (K, 3) sRGB, the median of each group, largest first; (K,) shares of the picture.
    """
    step = max(1, round((pixels.shape[0] * pixels.shape[1] / 6_000) ** 0.5))
    rgb = pixels[::step, ::step].reshape(-1, 3)  # (N, 3), about 6 000
    lab = lab_from_rgb(rgb)
    centres = _seeds(rgb, lab)
    for _ in range(8):
        group = ((lab[:, None] - centres) ** 2).sum(axis=-1).argmin(axis=1)  # (N,)
        centres = np.stack([lab[group == k].mean(axis=0) for k in np.unique(group)])
    group = _merge(centres, np.bincount(group, minlength=len(centres)))[group]
    sizes = np.bincount(group)
    largest = np.argsort(-sizes, kind="stable")[: min(most, np.count_nonzero(sizes))]
    palette = np.stack([np.median(rgb[group == k], axis=0) for k in largest]).astype(np.uint8)
    return palette, sizes[largest] / len(rgb)


def _seeds(rgb: np.ndarray, lab: np.ndarray) -> np.ndarray:
    """(K, 3) means of the fullest of 16 x 16 x 16 cells that are not close to a fuller one; 16 at most."""
    cells = (rgb >> 4).astype(np.int64) @ np.array([256, 16, 1])
    full = np.bincount(cells, minlength=4096)
    seeds: list[np.ndarray] = []
    for cell in np.argsort(-full, kind="stable")[: min(64, np.count_nonzero(full))]:
        mean = lab[cells == cell].mean(axis=0)
        if len(seeds) < 16 and all(np.linalg.norm(mean - seed) >= _NEAR for seed in seeds):
            seeds.append(mean)
    return np.stack(seeds)


def _merge(centres: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """(K,) for each centre the largest one that looks nearly the same."""
    into = np.arange(len(centres))
    for k in np.argsort(-sizes, kind="stable")[::-1]:
        near = np.linalg.norm(centres - centres[k], axis=1) < _NEAR
        into[into == k] = max(np.flatnonzero(near), key=lambda other: (sizes[other], -other))
    return into


@dataclass(frozen=True, kw_only=True)
class QualityMeter(Task):
    """Measure a picture.

    Attributes:
        colours: how many dominant colours at most.
    """

    name: ClassVar[str] = "quality"
    result_type: ClassVar[type] = Quality
    heads: ClassVar[Mapping[str, Any]] = {"measures": decode_measures}

    colours: int = 5

    def check_options(self) -> None:
        check_range("colours", self.colours, 1, 16)

    def preprocess(self, picture: Picture) -> tuple[dict[str, np.ndarray], Fit]:
        """`image` as the card says; `dhash` and `phash`: grey and tiny, as the hashes want them."""
        image = self.decoded(picture)
        tensor, fit = prepare(image, picture.size_hw, self.card.recipe)
        grey = image.convert("L")
        tiny = {name: grey.resize(size_wh, Image.Resampling.LANCZOS) for name, size_wh in _TINY_WH.items()}
        return {"image": tensor[None], **{name: np.asarray(view)[None] for name, view in tiny.items()}}, fit

    def postprocess(self, raw: Raw, fit: Fit) -> Quality:
        return Quality(**self.heads[self.card.head](raw, self.colours))
