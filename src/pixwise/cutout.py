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

from pixwise.alpha import Alpha
from pixwise.errors import OptionError, check_range, check_shape
from pixwise.picture import Picture
from pixwise.pixels import Pixels, resize

__all__ = ["colour_from", "cut", "foreground", "over"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Box = tuple[float, float, float, float]

_SMOOTH, _EDGE = 1e-5, 1.0  # ε_r and ω of Germer et al. (2020), their section III
_WHOLE = 2**16  # pixels: smaller levels are solved everywhere, larger ones where alpha is mixed
_CLEAR, _SOLID = 4, 250  # of 255: below nothing is seen of the subject, above nothing of the background
_BLUR, _SHADOW, _DROP = 0.03, 0.015, 0.012  # of the longer side: deviations of the blurs, and how far a shadow falls
_COARSE_SIDE = 640  # what is blurred is computed at this size


def cut(picture: Picture, alpha: Alpha, box: Box | None = None, *, clean: bool = True) -> Image.Image:
    """The subject alone.

    Args:
        picture: of the size of the alpha.
        alpha: its matte.
        box: xyxy, pixels: only this part, rounded outwards; None for all of it.
        clean: take the background out of mixed colours.

    Returns:
        Pillow RGBA image; black where alpha is 0, so that nothing of the background is passed on unseen.
    """
    y, x = _slices(box, picture.size_hw)
    pixels, opacity = picture.pixels()[y, x], _opacity(picture, alpha)[y, x]
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
    if not ((alpha >= _CLEAR) & (alpha < _SOLID)).any():
        return pixels
    sizes, size = [alpha.shape], alpha.shape
    while max(size) > 1:
        size = (-(-size[0] // 2), -(-size[1] // 2))
        sizes.append(size)
    fore = back = np.zeros((1, 1, 3), np.uint8)
    for size in reversed(sizes):
        seen, opacity = _nearest(pixels, size), _nearest(alpha, size)
        fore, back = _nearest(fore, size).copy(), _nearest(back, size).copy()
        if size[0] * size[1] > _WHOLE:
            solid, clear = opacity >= _SOLID, opacity < _CLEAR
            fore[solid], back[clear] = seen[solid], seen[clear]
            where = np.flatnonzero(~(solid | clear))
        else:
            where = np.arange(opacity.size)
        _relax_into(fore, back, seen, opacity, where, rounds=10 if max(size) <= 32 else 3)
    fore[alpha >= _SOLID] = pixels[alpha >= _SOLID]
    return fore


def _nearest(plane: npt.NDArray, size_hw: tuple[int, int]) -> npt.NDArray:
    """(H, W, …) at another size, without mixing: a mixed pixel would have no α of its own."""
    if plane.shape[:2] == tuple(size_hw):
        return plane
    rows, columns = ((np.arange(want) * have) // want for have, want in zip(plane.shape, size_hw, strict=False))
    return plane[rows][:, columns]


def _relax_into(fore: Pixels, back: Pixels, seen: Pixels, alpha: Pixels, where: Ints, rounds: int) -> None:
    """Jacobi steps on some pixels of F and B, which are changed in place.

    Args:
        fore, back, seen: (h, w, 3) F, B and I.
        alpha: (h, w).
        where: (N,) flat indices.
        rounds: how many steps.
    """
    height, width = alpha.shape
    fore, back, opacity = fore.reshape(-1, 3), back.reshape(-1, 3), alpha.reshape(-1)
    around = _neighbours(where, height, width)  # (4, N)
    share = opacity[where] / np.float32(255)  # (N,) α
    weights = _SMOOTH + _EDGE * np.abs(opacity[around].astype(np.float32) / 255 - share)  # (4, N)
    total = weights.sum(axis=0)
    a00, a01, a11 = share**2 + total, share * (1 - share), (1 - share) ** 2 + total
    scale = (1 / (a00 * a11 - a01**2))[:, None]
    colour = seen.reshape(-1, 3)[where].astype(np.float32)
    given_fore, given_back = share[:, None] * colour, (1 - share)[:, None] * colour
    for _ in range(rounds):
        b0 = given_fore + _weighted(fore, around, weights)
        b1 = given_back + _weighted(back, around, weights)
        fore[where] = _bytes((a11[:, None] * b0 - a01[:, None] * b1) * scale)
        back[where] = _bytes((a00[:, None] * b1 - a01[:, None] * b0) * scale)


def _neighbours(where: Ints, height: int, width: int) -> Ints:
    """(4, N) above, below, left and right; a pixel is its own neighbour where the picture ends."""
    row, column = where // width, where % width
    return np.stack(
        [
            where - width * (row > 0),
            where + width * (row < height - 1),
            where - (column > 0),
            where + (column < width - 1),
        ]
    )


def _weighted(plane: Pixels, around: Ints, weights: Floats) -> Floats:
    """(N, 3) sum of the neighbours' colours, each by its weight."""
    out = plane[around[0]] * weights[0][:, None]
    for index, weight in zip(around[1:], weights[1:], strict=True):
        out += plane[index] * weight[:, None]
    return out


def _bytes(values: Floats) -> Pixels:
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)


def _slices(box: Box | None, size_hw: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of a box, rounded outwards."""
    x1, y1, x2, y2 = box or (0, 0, size_hw[1], size_hw[0])
    return slice(int(y1), int(np.ceil(y2))), slice(int(x1), int(np.ceil(x2)))


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
    near, far = (
        (cv2.GaussianBlur(weighted, (0, 0), s), cv2.GaussianBlur(share, (0, 0), s)) for s in (sigma, 8 * sigma)
    )
    # deep inside a large subject the near blur sees no background
    colours = (near[0] + 1e-3 * far[0]) / np.maximum(near[1] + 1e-3 * far[1], 1e-6)[..., None]
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
