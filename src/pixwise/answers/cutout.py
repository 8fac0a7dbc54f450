"""Pictures made with a matte: the subject alone, or before another ground. Pure functions.

    picture, alpha ─▶ foreground: what the subject's colours were before the background mixed in ─▶ cut · over

Along an edge a pixel shows I = αF + (1 - α)B. Laid on another ground as it is, it brings the old one with it: a halo.
`foreground` finds F.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixwise.answers.alpha import Alpha
from pixwise.errors import OptionError, check_range, check_shape
from pixwise.picture import Picture
from pixwise.pixels import Pixels, resize

__all__ = ["colour_from", "cut", "foreground", "over"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Box = tuple[int, int, int, int]

_SMOOTH, _EDGE = 1e-5, 1.0  # ε_r and ω of Germer et al. (2020), their section III
_WHOLE = 2**16  # pixels: smaller levels are solved everywhere, larger ones where alpha is mixed
_PIECE = 2**15  # pixels that are solved at once: what they need stays in the cache
_CLEAR, _SOLID = 4, 250  # of 255: below nothing is seen of the subject, above nothing of the background
_BLUR, _SHADOW, _DROP = 0.03, 0.015, 0.012  # of the longer side: deviations of the blurs, and how far a shadow falls
_COARSE_SIDE = 320  # what is blurred is computed at this size


def cut(picture: Picture, alpha: Alpha, box: Box | None = None, *, clean: bool = True) -> Image.Image:
    """The subject alone.

    Args:
        picture: of the size of the alpha.
        alpha: its matte.
        box: xyxy, pixels: only this part; None for all of it.
        clean: take the background out of mixed colours.

    Returns:
        Pillow RGBA image; black where alpha is 0, so that nothing of the background is passed on unseen.
    """
    x1, y1, x2, y2 = box or (0, 0, picture.width, picture.height)
    pixels, opacity = picture.pixels()[y1:y2, x1:x2], _opacity(picture, alpha)[y1:y2, x1:x2]
    colours = foreground(pixels, opacity) if clean else pixels
    visible = Image.fromarray(opacity)
    out = Image.new("RGB", visible.size)
    out.paste(Image.fromarray(np.ascontiguousarray(colours)), mask=visible.point(lambda value: 255 if value else 0))
    out.putalpha(visible)
    return out


def over(picture: Picture, alpha: Alpha, ground: Any, *, shadow: float = 0.0, clean: bool = True) -> Image.Image:
    """The subject before another background.

    Args:
        picture: of the size of the alpha.
        alpha: its matte.
        ground: a colour as (r, g, b) or `#rrggbb`, `blur`, or a picture.
        shadow: how dark a shadow the subject throws on it, 0 to 1.
        clean: take the background out of mixed colours.

    Returns:
        Pillow RGB image.

    Raises:
        OptionError: a colour that is none, or a shadow out of range.
    """
    check_range("shadow", shadow, 0, 1)
    pixels, opacity = picture.pixels(), _opacity(picture, alpha)
    behind = _ground(ground, pixels, opacity)
    if shadow:
        behind = Image.composite(Image.new("RGB", behind.size), behind, _shadow(opacity, shadow))
    colours = foreground(pixels, opacity) if clean else pixels
    return Image.composite(Image.fromarray(colours), behind, Image.fromarray(opacity))


def foreground(pixels: Pixels, alpha: Pixels) -> Pixels:
    """Colours of the foreground where it is mixed with the background (Germer et al. 2020, arXiv:2006.14970).

    Finds smooth F and B with αF + (1 - α)B = I: from one pixel up to the full size, each level twice as large as the
    one before and begun with its answer, by solving the two unknowns of a pixel while its neighbours stand still.

    Args:
        pixels: (H, W, 3) uint8, I.
        alpha: (H, W) uint8.

    Returns:
        (H, W, 3) uint8, F; I itself where nothing is mixed.
    """
    check_shape("alpha", alpha, pixels.shape[:2])
    mixed = np.flatnonzero(_mixed(alpha))
    if not len(mixed):
        return pixels
    layers = np.zeros((1, 1, 2, 4), np.uint8)
    for size, needed in reversed(_levels(alpha)):
        seen, opacity = _nearest(pixels, size), _nearest(alpha, size)
        layers = _begun(layers, seen, opacity, needed)
        where = needed if len(needed) == opacity.size else needed[_mixed(opacity).reshape(-1)[needed]]
        for _ in range(10 if max(size) <= 32 else 2):
            _relax_into(layers, seen, opacity, where)
    fore = pixels.copy()
    fore.reshape(-1, 3)[mixed] = layers.reshape(-1, 2, 4)[mixed, 0, :3]
    return fore


def _mixed(alpha: Pixels) -> npt.NDArray[np.bool_]:
    return (alpha >= _CLEAR) & (alpha < _SOLID)


def _levels(alpha: Pixels) -> list[tuple[tuple[int, int], Ints]]:
    """Sizes from the full one down to one pixel, each with the flat indices of the pixels that must be known there:
    what is mixed, its neighbours, and what a larger level begins with; all of a small level."""
    import cv2

    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    size, levels = alpha.shape, []
    needed = np.flatnonzero(cv2.dilate(_mixed(alpha).view(np.uint8), cross))
    while True:
        levels.append((size, needed))
        if max(size) == 1:
            return levels
        smaller = (-(-size[0] // 2), -(-size[1] // 2))
        known = cv2.dilate(_mixed(_nearest(alpha, smaller)).view(np.uint8), cross)
        known.reshape(-1)[_source(needed, size, smaller)] = 1
        size, needed = smaller, np.flatnonzero(known | (smaller[0] * smaller[1] <= _WHOLE))


def _begun(coarse: Pixels, seen: Pixels, alpha: Pixels, needed: Ints) -> Pixels:
    """A level with the answer of the one below; surely foreground is F, surely background is B."""
    layers = np.zeros((*alpha.shape, 2, 4), np.uint8)  # pages that nobody needs are never touched
    flat, opacity, colours = layers.reshape(-1, 2, 4), alpha.reshape(-1)[needed], seen.reshape(-1, 3)
    flat[needed] = coarse.reshape(-1, 2, 4)[_source(needed, alpha.shape, coarse.shape[:2])]
    for layer, sure in ((0, needed[opacity >= _SOLID]), (1, needed[opacity < _CLEAR])):
        flat[sure, layer, :3] = colours[sure]
    return layers


def _source(where: Ints, size_hw: tuple[int, int], coarse_hw: tuple[int, int]) -> Ints:
    """Flat indices of the nearest pixels of a smaller level."""
    row, column = where // size_hw[1], where % size_hw[1]
    return row * coarse_hw[0] // size_hw[0] * coarse_hw[1] + column * coarse_hw[1] // size_hw[1]


def _nearest(plane: npt.NDArray, size_hw: tuple[int, int]) -> npt.NDArray:
    """(H, W, …) smaller, without mixing: a mean of pixels would have no α of its own."""
    if plane.shape[:2] == tuple(size_hw):
        return plane
    rows, columns = ((np.arange(want) * have) // want for have, want in zip(plane.shape, size_hw, strict=False))
    return plane[rows][:, columns]


def _relax_into(layers: Pixels, seen: Pixels, alpha: Pixels, where: Ints) -> None:
    """One step on some pixels of F and B, a piece after the other: a piece sees what became of those before it.

    Args:
        layers: (h, w, 2, 4) F and B, changed in place; a fourth byte, of nothing, lets both be read as one number.
        seen: (h, w, 3) I.
        alpha: (h, w).
        where: (N,) flat indices.
    """
    flat, both = layers.reshape(-1, 2, 4), layers.reshape(-1, 8).view(np.uint64)[:, 0]
    opacity, colours = alpha.reshape(-1), seen.reshape(-1, 3)
    for start in range(0, len(where), _PIECE):
        piece = where[start : start + _PIECE]
        around = _neighbours(piece, *alpha.shape)  # (4, N)
        share = opacity[piece] / np.float32(255)  # (N,) α
        weights = _SMOOTH + _EDGE * np.abs(opacity[around] / np.float32(255) - share)  # (4, N)
        right = np.zeros((len(piece), 2, 4), np.float32)  # b of the two equations
        for index, weight in zip(around, weights, strict=True):
            right += both[index].view(np.uint8).reshape(-1, 2, 4) * weight[:, None, None]
        right[:, 0, :3] += share[:, None] * colours[piece]
        right[:, 1, :3] += (1 - share)[:, None] * colours[piece]
        flat[piece] = _solved(share, weights.sum(axis=0), right)


def _solved(share: Floats, total: Floats, right: Floats) -> Pixels:
    """F and B of pixels whose neighbours stand still: two equations each, (N, 2, 4)."""
    a00, a01, a11 = share**2 + total, share * (1 - share), (1 - share) ** 2 + total
    inverse = np.stack([a11, a01, a00]) / (a00 * a11 - a01**2)  # (3, N)
    of_fore, cross, of_back = inverse[:, :, None]
    out = np.empty_like(right)
    out[:, 0] = of_fore * right[:, 0] - cross * right[:, 1]
    out[:, 1] = of_back * right[:, 1] - cross * right[:, 0]
    return _bytes(out)


def _neighbours(where: Ints, height: int, width: int) -> Ints:
    """(4, N) above, below, left and right; a pixel is its own neighbour where the picture ends."""
    row, column = where // width, where % width
    sides = -width * (row > 0), width * (row < height - 1), -1 * (column > 0), 1 * (column < width - 1)
    return where + np.stack(sides)


def _bytes(values: Floats) -> Pixels:
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)


def _opacity(picture: Picture, alpha: Alpha) -> Pixels:
    """(H, W) uint8; what was transparent stays so. An answer without a matte shows nothing."""
    opacity = alpha.open() if alpha.held.size else np.zeros(picture.size_hw, np.uint8)
    return np.minimum(opacity, picture.alpha()) if picture.has_alpha else opacity


def colour_from(given: Any) -> tuple[int, int, int] | None:
    """`#rrggbb`, `#rgb` or (r, g, b) as three bytes; None for what is no colour by its form.

    Raises:
        OptionError: it has the form of a colour and is none.
    """
    if isinstance(given, str):
        if not given.startswith("#"):
            return None
        digits = given[1:] if len(given) != 4 else "".join(2 * digit for digit in given[1:])
        if not re.fullmatch("[0-9a-fA-F]{6}", digits):
            raise OptionError(
                f"colour must be like '#0080ff', got {given!r}; mend it, or write ./ before a file's name"
            )
        return tuple(bytes.fromhex(digits))  # type: ignore[return-value]
    if not isinstance(given, tuple | list):
        return None
    if len(given) != 3 or not all(isinstance(part, int | np.integer) and 0 <= part <= 255 for part in given):
        raise OptionError(f"colour must be three whole numbers from 0 to 255 (RGB), got {given!r}")
    return tuple(map(int, given))  # type: ignore[return-value]


def _ground(ground: Any, pixels: Pixels, alpha: Pixels) -> Image.Image:
    """The RGB image that is laid behind, of the size of `pixels`."""
    height, width = alpha.shape
    colour = colour_from(ground)
    if colour is not None:
        return Image.new("RGB", (width, height), colour)
    if isinstance(ground, str) and ground == "blur":
        return _blurred(pixels, alpha)
    image = Picture.open(ground).image()
    scale = max(width / image.width, height / image.height)  # fills all of it, the centre is kept
    left, top = (image.width - width / scale) / 2, (image.height - height / scale) / 2
    return image.resize((width, height), Image.Resampling.BICUBIC, (left, top, image.width - left, image.height - top))


def _blurred(pixels: Pixels, alpha: Pixels) -> Image.Image:
    """The background without the subject, blurred: colours count by how much of them is background."""
    import cv2

    small_hw, sigma = _coarse(alpha.shape, _BLUR)
    share = 1 - resize(alpha, small_hw, "box") / np.float32(255)  # (h, w)
    weighted = resize(pixels, small_hw, "box") * share[..., None]
    # deep inside a large subject the blur sees no background: there its mean stands in
    usual = weighted.sum(axis=(0, 1)) / max(float(share.sum()), 1e-6)
    near, weight = (cv2.GaussianBlur(plane, (0, 0), sigma) for plane in (weighted, share))
    colours = (near + 1e-3 * usual) / (weight[..., None] + 1e-3)
    return Image.fromarray(resize(_bytes(colours), alpha.shape, "bilinear"))


def _shadow(alpha: Pixels, darkness: float) -> Image.Image:
    """L image: how dark the shadow is that falls down and a little to the right."""
    import cv2

    small_hw, sigma = _coarse(alpha.shape, _SHADOW)
    drop = max(small_hw) * _DROP
    moved = cv2.warpAffine(resize(alpha, small_hw, "box"), np.float32([[1, 0, drop / 2], [0, 1, drop]]), small_hw[::-1])
    soft = cv2.GaussianBlur(moved, (0, 0), sigma) * np.float32(darkness)
    return Image.fromarray(resize(_bytes(soft), alpha.shape, "bilinear"))


def _coarse(size_hw: tuple[int, int], share: float) -> tuple[tuple[int, int], float]:
    """The size at which something is blurred, and the deviation there for a share of the longer side."""
    scale = min(1.0, _COARSE_SIDE / max(size_hw))
    small_hw = tuple(max(1, round(side * scale)) for side in size_hw)
    return small_hw, max(0.3, share * max(small_hw))  # type: ignore[return-value]
