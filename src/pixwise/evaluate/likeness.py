"""How like a picture is to another one: PSNR and SSIM.

truth (H, W, 3), found (H, W, 3) uint8 ─▶ psnr, decibels · ssim, -1 to 1

Both are 64-bit arithmetic on the numbers as they are; colours are not weighted.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from pixwise.errors import OptionError, ShapeError, nearest

__all__ = ["Window", "psnr", "ssim", "ssim_map"]

Pixels = npt.NDArray[np.number]
Floats = npt.NDArray[np.float64]
Window = Literal["gaussian", "uniform"]

_SIGMA, _REACH = 1.5, 5  # Wang et al.: 11 x 11, a bell of 1.5 pixels
_UNIFORM = 7


def psnr(truth: Pixels, found: Pixels, value_range: float = 255) -> float:
    """Peak signal to noise ratio, 10 log10(range² / mean squared error), decibels; infinite for equal pictures.

    Args:
        truth, found: (H, W) or (H, W, C).
        value_range: of the numbers: 255 of bytes, 1 of shares.
    """
    a, b = _checked(truth, found, value_range)
    error = float(((a - b) ** 2).mean())
    return 10 * float(np.log10(value_range**2 / error)) if error else float("inf")


def ssim(truth: Pixels, found: Pixels, window: Window = "gaussian", value_range: float = 255) -> float:
    """Structural similarity, the mean of `ssim_map` over pixels and channels."""
    return float(np.mean([each.mean() for each in _ssim_maps(truth, found, window, value_range)]))


def ssim_map(truth: Pixels, found: Pixels, window: Window = "gaussian", value_range: float = 255) -> Floats:
    """Structural similarity around each pixel (Wang et al. 2004, equation 13, with K1 = 0.01 and K2 = 0.03).

    Args:
        truth, found: (H, W) or (H, W, C).
        window: `gaussian` as in the paper: 11 x 11 with a bell of 1.5 pixels, variances of the population; `uniform`:
            7 x 7, all alike, variances of a sample, as scikit-image does it unless told otherwise.
        value_range: of the numbers: 255 of bytes, 1 of shares.

    Returns:
        (H - 10, W - 10) or (H - 6, W - 6), and C: only where the window lies in the picture.

    Raises:
        ShapeError: the pictures are of different sizes, or smaller than the window.
        OptionError: another window.
    """
    maps = _ssim_maps(truth, found, window, value_range)
    return maps[0] if np.ndim(truth) == 2 else np.stack(maps, axis=-1)


def _ssim_maps(truth: Pixels, found: Pixels, window: str, value_range: float) -> list[Floats]:
    a, b = _checked(truth, found, value_range)
    weights = _window(window)
    if min(a.shape[:2]) < len(weights):
        raise ShapeError(
            f"pictures must be of {len(weights)} x {len(weights)} pixels at least for window {window!r}, "
            f"got {a.shape[1]} x {a.shape[0]}; compare them with psnr"
        )
    sample = _UNIFORM**2 / (_UNIFORM**2 - 1) if window == "uniform" else 1.0
    channels = [(a, b)] if a.ndim == 2 else [(a[..., c], b[..., c]) for c in range(a.shape[2])]
    return [_ssim_of(x, y, weights, sample, value_range) for x, y in channels]


def _ssim_of(x: Floats, y: Floats, weights: Floats, sample: float, value_range: float) -> Floats:
    mean_x, mean_y = _smoothed(x, weights), _smoothed(y, weights)
    var_x = sample * (_smoothed(x * x, weights) - mean_x**2)
    var_y = sample * (_smoothed(y * y, weights) - mean_y**2)
    cov = sample * (_smoothed(x * y, weights) - mean_x * mean_y)
    c1, c2 = (0.01 * value_range) ** 2, (0.03 * value_range) ** 2
    return (2 * mean_x * mean_y + c1) * (2 * cov + c2) / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))


def _window(name: str) -> Floats:
    """(n,) weights along each axis that sum to 1."""
    if name not in get_args(Window):
        raise OptionError(f"window must be known, got {name!r}; {nearest(str(name), get_args(Window))}")
    if name == "uniform":
        return np.full(_UNIFORM, 1 / _UNIFORM)
    bell = np.exp(-0.5 * (np.arange(-_REACH, _REACH + 1) / _SIGMA) ** 2)
    return bell / bell.sum()


def _smoothed(values: Floats, weights: Floats) -> Floats:
    """(H, W) → (H - n + 1, W - n + 1): only where the window lies in the picture."""
    import cv2

    edge = len(weights) // 2
    whole = cv2.sepFilter2D(np.ascontiguousarray(values), cv2.CV_64F, weights, weights)
    return whole[edge : len(values) - edge, edge : values.shape[1] - edge]


def _checked(truth: Pixels, found: Pixels, value_range: float) -> tuple[Floats, Floats]:
    a, b = np.asarray(truth, np.float64), np.asarray(found, np.float64)
    if a.ndim not in (2, 3) or not a.size:
        raise ShapeError(f"truth must have shape (H, W) or (H, W, C), got {a.shape}; pass the pixels of a picture")
    if a.shape != b.shape:
        raise ShapeError(
            f"found must be of the size of the truth, {_size(a)}, got {_size(b)}; bring both to one size and form"
        )
    if not value_range > 0:
        raise OptionError(f"value_range must be above 0, got {value_range!r}; 255 for bytes")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ShapeError("pictures must be finite, got NaN or infinity; clean the arrays before passing them")
    return a, b


def _size(pixels: Floats) -> str:
    return " x ".join(map(str, (*pixels.shape[1::-1], *pixels.shape[2:])))
