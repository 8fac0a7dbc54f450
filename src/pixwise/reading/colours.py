"""From whatever a file holds to what a person expects to see: sRGB, eight bits, nothing transparent.

16-bit, 32-bit, float ─▶ bytes ─┐
palette, grey, CMYK, LAB … ─────┴▶ through the embedded profile ─▶ RGB ─▶ laid on the background
"""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from pixwise.pixels import Pixels

__all__ = ["alpha_of", "eight_bits", "lab_from_rgb", "to_rgb"]

_XYZ_FROM_RGB = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_ROWS = 256  # a piece of the picture, so that wide numbers are not all turned to float64 at once


def to_rgb(
    image: Image.Image, *, has_alpha: bool, icc: bytes = b"", background: tuple[int, int, int] = (255, 255, 255)
) -> Image.Image:
    """Convert to sRGB, eight bits, transparent parts laid on the background.

    Args:
        image: of any Pillow mode.
        has_alpha: parts may be transparent.
        icc: colour profile of the pixels; a damaged or unfitting one is ignored, as viewers do.
        background: RGB.

    Returns:
        Pillow RGB image; may be `image` itself.
    """
    image = _straight(image)
    alpha = alpha_of(image) if has_alpha else None
    image = _opaque(image)
    if icc:
        image = _to_srgb(image, icc)
    image = image if image.mode == "RGB" else image.convert("RGB")
    if alpha is None:
        return image
    canvas = Image.new("RGB", image.size, background)
    canvas.paste(image, (0, 0), alpha)
    return canvas


def alpha_of(image: Image.Image) -> Image.Image:
    """The L image that says how opaque each pixel is."""
    if image.mode.startswith("I"):  # grey of more than eight bits, one value of which means "transparent"
        opaque = np.asarray(image) != image.info.get("transparency", -1)
        return Image.fromarray(opaque.astype(np.uint8) * 255)
    image = _straight(image)
    return (image if image.mode == "RGBA" else image.convert("RGBA")).getchannel("A")


def _straight(image: Image.Image) -> Image.Image:
    """Colours that are not multiplied by alpha; Pillow converts these modes to nothing else."""
    return image.convert({"RGBa": "RGBA", "La": "LA"}[image.mode]) if image.mode in ("RGBa", "La") else image


def _opaque(image: Image.Image) -> Image.Image:
    """Eight bits, without alpha and palette, in the colour space that the file's profile speaks of."""
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(eight_bits(np.asarray(image)))
    if image.mode in ("1", "LA"):
        return image.convert("L")
    return image.convert("RGB") if image.mode in ("P", "PA", "RGBA", "RGBX") else image


def eight_bits(values: npt.NDArray) -> Pixels:
    """Scale wide numbers to bytes.

    Args:
        values: (H, W) numbers. 16-bit ones by their full range, floats in [0, 1] by that, numbers in [0, 255] or
            [0, 65535] by these, all others by their own extremes.

    Returns:
        (H, W) uint8; NaN becomes black.
    """
    low, high = _range_of(values)
    out = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), _ROWS):
        rows = values[top : top + _ROWS].astype(np.float64)  # (<= 256, W)
        shares = (np.nan_to_num(rows, nan=low, posinf=high, neginf=low) - low) / max(high - low, 1e-300)
        out[top : top + _ROWS] = np.rint(np.clip(shares, 0, 1) * 255)
    return out


def _range_of(values: npt.NDArray) -> tuple[float, float]:
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return 0.0, 65535.0
    finite = np.isfinite(values)
    if not finite.any():
        return 0.0, 1.0
    low = float(
        np.min(values, where=finite, initial=np.inf if values.dtype.kind == "f" else np.iinfo(values.dtype).max)
    )
    high = float(
        np.max(values, where=finite, initial=-np.inf if values.dtype.kind == "f" else np.iinfo(values.dtype).min)
    )
    for limit in (1.0, 255.0, 65535.0) if values.dtype.kind == "f" else (255.0, 65535.0):
        if low >= 0 and high <= limit:
            return 0.0, limit
    return low, high


def _to_srgb(image: Image.Image, icc: bytes) -> Image.Image:
    try:
        transform = _transform(icc, image.mode)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    return transform.apply(image) if transform else image


@lru_cache(maxsize=8)
def _transform(icc: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """To sRGB; None when there is nothing to do. Raises for a profile of other colours than the mode has."""
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    if mode == "RGB" and "sRGB" in (profile.profile.profile_description or ""):
        return None
    return ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")


def lab_from_rgb(rgb: np.ndarray) -> np.ndarray:
    """(N, 3) uint8 sRGB → (N, 3) float64 CIE L*a*b*, white D65 (CIE 15:2004; matrix of IEC 61966-2-1)."""
    share = rgb / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _XYZ_FROM_RGB.T / _XYZ_FROM_RGB.sum(axis=1)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)
