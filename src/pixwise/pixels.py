"""Pure functions on pixels: resize, place, normalise, and the way back.

    picture (H, W, 3) uint8 ─▶ resize ─▶ crop or pad ─▶ normalise ─▶ (3, h, w) float32
                                  └────────── Fit ──────────┘ undoes it for boxes and points

Resampling is Pillow's, because Pillow's is what the reference image processors use: half-pixel centres, antialiased
when shrinking, eight bits between the passes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixwise.errors import CardError, ShapeError
from pixwise.planning import margins, plan
from pixwise.recipe import SAMPLED, Recipe, Resample

__all__ = [
    "Fit",
    "Recipe",
    "centre_crop",
    "check_pixels",
    "crop",
    "margins",
    "mirrored",
    "normalise",
    "pad",
    "plan",
    "prepare",
    "resize",
]

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Fit:
    """Where a picture went inside a tensor, and the way back.

    Convention:
        x_tensor = x_picture * scale_xy[0] + offset_xy[0]; both count from the outer edge of the first pixel, so that
        pixel i covers [i, i + 1) and its centre lies at i + 0.5.

    Attributes:
        picture_hw: the upright full-size picture.
        tensor_hw: what the model sees.
        content_hw: the part of the tensor that is picture (before padding).
        scale_xy, offset_xy: tensor pixels from picture pixels.
    """

    picture_hw: tuple[int, int]
    tensor_hw: tuple[int, int]
    content_hw: tuple[int, int]
    scale_xy: tuple[float, float]
    offset_xy: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def identity(cls, picture_hw: tuple[int, int]) -> Fit:
        """The fit of a model that sees the picture as it is."""
        return cls(picture_hw, picture_hw, picture_hw, (1.0, 1.0))

    def content_of(self, map_hw: npt.NDArray) -> npt.NDArray:
        """The part of a map over the tensor that is picture and not padding.

        Args:
            map_hw: (..., h, w), which may be smaller than the tensor.

        Returns:
            (..., h', w'), at least one of each; a view.
        """
        scales = [have / tensor for have, tensor in zip(map_hw.shape[-2:], self.tensor_hw, strict=True)]
        lows = [round(offset * scale) for offset, scale in zip(self.offset_xy[::-1], scales, strict=True)]
        highs = [
            round((offset + content) * scale)
            for offset, content, scale in zip(self.offset_xy[::-1], self.content_hw, scales, strict=True)
        ]
        rows, columns = (slice(low, max(low + 1, high)) for low, high in zip(lows, highs, strict=True))
        return map_hw[..., rows, columns]

    def points_to_picture(self, points_xy: npt.ArrayLike) -> Floats:
        """Move points from tensor pixels to picture pixels.

        Args:
            points_xy: (..., 2) tensor pixels.

        Returns:
            (..., 2) float32 picture pixels, not clipped.
        """
        points = np.asarray(points_xy, np.float64)
        return ((points - self.offset_xy) / self.scale_xy).astype(np.float32)

    def boxes_to_picture(self, boxes_xyxy: npt.ArrayLike) -> Floats:
        """Move boxes from tensor pixels to picture pixels, clipped to the picture.

        Args:
            boxes_xyxy: (N, 4) tensor pixels.

        Returns:
            (N, 4) float32 picture pixels.
        """
        corners = self.points_to_picture(np.asarray(boxes_xyxy, np.float64).reshape(-1, 2, 2))
        height, width = self.picture_hw
        return np.clip(corners, 0, np.float32([width, height])).reshape(-1, 4)


def resize(
    pixels: Pixels | Image.Image,
    size_hw: tuple[int, int],
    resample: Resample = "bilinear",
    seen_xy: tuple[float, float] | None = None,
) -> Pixels:
    """Resize with Pillow's antialiased filters, or OpenCV's `linear` for models that were trained with it.

    Args:
        pixels: (H, W, 3) or (H, W) uint8, or a Pillow image.
        size_hw: the size that comes back; both sides >= 1.
        resample: filter.
        seen_xy: where what is resized ends, may be inside a pixel; all of it when None. Not for `linear`.

    Returns:
        (h, w, 3) or (h, w) uint8.
    """
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(np.ascontiguousarray(pixels))
    if image.size != (size_hw[1], size_hw[0]) and resample == "linear":
        import cv2

        return cv2.resize(np.asarray(image), (size_hw[1], size_hw[0]), interpolation=cv2.INTER_LINEAR)
    if seen_xy is not None or image.size != (size_hw[1], size_hw[0]):
        box = None if seen_xy is None else (0, 0, *seen_xy)
        image = image.resize((size_hw[1], size_hw[0]), getattr(Image.Resampling, resample.upper()), box)
    return np.asarray(image)


def crop(pixels: npt.NDArray, box_xyxy: tuple[float, float, float, float]) -> npt.NDArray:
    """Cut a box out, clipped to the picture; at least one pixel comes back.

    Args:
        pixels: (H, W, ...) array.
        box_xyxy: pixels; edges are rounded outwards.

    Returns:
        (h, w, ...) view of `pixels`.

    Raises:
        ShapeError: the box lies outside the picture, is inverted, or is not finite.
    """
    height, width = pixels.shape[:2]
    x1, y1, x2, y2 = (float(edge) for edge in box_xyxy)
    if not all(map(math.isfinite, (x1, y1, x2, y2))) or x2 < x1 or y2 < y1:
        raise ShapeError(f"box must be finite with x1 <= x2 and y1 <= y2, got {(x1, y1, x2, y2)}; its form is xyxy")
    if x1 >= width or y1 >= height or x2 <= 0 > x1 or y2 <= 0 > y1:
        raise ShapeError(f"box must overlap the {width} x {height} picture, got {(x1, y1, x2, y2)}; clip it first")
    left, top = max(0, math.floor(x1)), max(0, math.floor(y1))
    right, bottom = min(width, max(left + 1, math.ceil(x2))), min(height, max(top + 1, math.ceil(y2)))
    return pixels[top:bottom, left:right]


def centre_crop(pixels: Pixels, size_hw: tuple[int, int]) -> Pixels:
    """Cut the centre out; where the picture is smaller than the crop, black is added around it.

    Args:
        pixels: (H, W, 3) uint8.
        size_hw: the size that comes back.

    Returns:
        (h, w, 3) uint8.
    """
    top, left = _centre_crop_corner(pixels.shape[:2], size_hw)
    out = np.zeros((*size_hw, *pixels.shape[2:]), pixels.dtype)
    height, width = pixels.shape[:2]
    y1, x1 = max(0, top), max(0, left)
    y2, x2 = min(height, top + size_hw[0]), min(width, left + size_hw[1])
    out[y1 - top : y2 - top, x1 - left : x2 - left] = pixels[y1:y2, x1:x2]
    return out


def _centre_crop_corner(picture_hw: tuple[int, ...], size_hw: tuple[int, int]) -> tuple[int, int]:
    """Top left corner of the centre crop, negative where black is added, rounded as the reference processors do."""
    top, left = ((have - want) // 2 for have, want in zip(picture_hw, size_hw, strict=False))
    return top, left


def pad(
    pixels: npt.NDArray, size_hw: tuple[int, int], corner_yx: tuple[int, int] = (0, 0), value: float = 0
) -> npt.NDArray:
    """Put an array into a larger one that is filled with `value`.

    Args:
        pixels: (H, W, ...) array.
        size_hw: the size that comes back; not smaller than the array.
        corner_yx: where the array's first pixel goes.
        value: written around it.

    Returns:
        (h, w, ...) array of the same type.
    """
    out = np.full((*size_hw, *pixels.shape[2:]), value, pixels.dtype)
    out[corner_yx[0] : corner_yx[0] + pixels.shape[0], corner_yx[1] : corner_yx[1] + pixels.shape[1]] = pixels
    return out


def mirrored(pixels: npt.NDArray, size_hw: tuple[int, int]) -> npt.NDArray:
    """Go on at the right and below with the mirror image, its edge twice, as often as is needed.

    Args:
        pixels: (H, W, ...) array.
        size_hw: the size that comes back; not smaller than the array.

    Returns:
        (h, w, ...) array; `pixels` itself where nothing is missing.
    """
    below, beside = (want - have for want, have in zip(size_hw, pixels.shape[:2], strict=True))
    if not (below or beside):
        return pixels
    return np.pad(pixels, [(0, below), (0, beside), *[(0, 0)] * (pixels.ndim - 2)], mode="symmetric")


def normalise(pixels: Pixels, recipe: Recipe) -> npt.NDArray:
    """Turn bytes into the numbers of the tensor, by a table of 256 entries per channel.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        recipe: order of channels, scale, offset, mean, std, layout, type.

    Returns:
        (3, H, W) or (H, W, 3), of the recipe's type; `pixels` itself where nothing is to be done.
    """
    if _stays_bytes(recipe):
        return pixels
    order = (0, 1, 2) if recipe.channels == "RGB" else (2, 1, 0)
    dtype = np.dtype(recipe.dtype)
    # In float32, step by step, as the reference does: the same sums in another order differ in the last bit.
    scaled = (np.arange(256, dtype=np.float64) * recipe.scale).astype(np.float32) + np.float32(recipe.offset)
    out = np.empty((3, *pixels.shape[:2]), dtype)
    for plane, channel in enumerate(order):
        table = (scaled - np.float32(recipe.mean[plane])) / np.float32(recipe.std[plane])
        np.take(table.astype(dtype), pixels[..., channel], out=out[plane], mode="clip")
    return out if recipe.layout == "CHW" else np.ascontiguousarray(out.transpose(1, 2, 0))


def _stays_bytes(recipe: Recipe) -> bool:
    same = (recipe.dtype, recipe.layout, recipe.channels) == ("uint8", "HWC", "RGB")
    numbers = (recipe.scale, recipe.offset, tuple(recipe.mean), tuple(recipe.std))
    return same and numbers == (1.0, 0.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def prepare(image: Image.Image, picture_hw: tuple[int, int], recipe: Recipe) -> tuple[npt.NDArray, Fit]:
    """Carry out a recipe on a decoded picture.

    Args:
        image: RGB, upright; may be a scaled decode of the picture.
        picture_hw: the upright full size, to which `Fit` leads back.
        recipe: what to do.

    Returns:
        (3, h, w) or (h, w, 3) of the recipe's type, and the fit.
    """
    if recipe.resize == "square":
        from pixwise.squares import square

        tensor, side = square(image, recipe, _seen_xy(image, picture_hw)), max(picture_hw)
        return tensor, Fit(
            picture_hw, recipe.size_hw, plan(picture_hw, recipe), (recipe.size_hw[1] / side, recipe.size_hw[0] / side)
        )
    if recipe.resample in SAMPLED:
        return _sampled(image, picture_hw, recipe)
    pixels = resize(image, plan(picture_hw, recipe), recipe.resample, _seen_xy(image, picture_hw))  # (h, w, 3)
    scale_xy = (pixels.shape[1] / picture_hw[1], pixels.shape[0] / picture_hw[0])
    top = left = 0
    if min(recipe.crop_hw) > 0:
        top, left = _centre_crop_corner(pixels.shape[:2], recipe.crop_hw)
        pixels = centre_crop(pixels, recipe.crop_hw)
    content_hw = pixels.shape[:2]
    tensor = normalise(pixels, recipe)
    corner_yx, tensor_hw = (0, 0), content_hw
    if recipe.pad != "none":
        step, least = recipe.pad_multiple, recipe.pad_least
        grown_hw = tuple(-(-(side + least) // step) * step for side in content_hw)
        tensor_hw = recipe.pad_hw if min(recipe.pad_hw) > 0 else grown_hw
        if tensor_hw[0] < content_hw[0] or tensor_hw[1] < content_hw[1]:
            raise CardError(f"input.pad_hw must hold {content_hw} pixels, got {recipe.pad_hw}; mend the card")
        if recipe.pad == "centre":
            corner_yx = tuple((want - have) // 2 for want, have in zip(tensor_hw, content_hw, strict=True))
        if recipe.pad_with == "mirror":
            tensor = normalise(mirrored(pixels, tensor_hw), recipe)
        else:
            tensor = _pad_tensor(tensor, tensor_hw, corner_yx, recipe)
    fit = Fit(picture_hw, tensor_hw, content_hw, scale_xy, (float(corner_yx[1] - left), float(corner_yx[0] - top)))
    return tensor, fit


def _sampled(image: Image.Image, picture_hw: tuple[int, int], recipe: Recipe) -> tuple[npt.NDArray, Fit]:
    from pixwise.sampling import sample

    size_hw, margin_hw = plan(picture_hw, recipe), margins(picture_hw, recipe)
    tensor = sample(np.asarray(image), size_hw, margin_hw, recipe)
    y, x = (new / (side + 2 * m) for new, side, m in zip(size_hw, picture_hw, margin_hw, strict=True))
    content_hw = (round(picture_hw[0] * y), round(picture_hw[1] * x))
    return tensor, Fit(picture_hw, size_hw, content_hw, (x, y), (margin_hw[1] * x, margin_hw[0] * y))


def _seen_xy(image: Image.Image, picture_hw: tuple[int, int]) -> tuple[float, float] | None:
    """Where the picture ends in a scaled decode; None where it fills the image.

    Decoders round the scaled size up, so the last column may stand for less than a column: taken as a whole one, it
    would stretch the picture, and boxes would lie up to seven pixels off.
    """
    for scale in (2, 4, 8):
        scaled_hw = tuple(-(-side // scale) for side in picture_hw)
        if (image.height, image.width) == scaled_hw != picture_hw and any(side % scale for side in picture_hw):
            return picture_hw[1] / scale, picture_hw[0] / scale
    return None


def _pad_tensor(
    tensor: npt.NDArray, size_hw: tuple[int, int], corner_yx: tuple[int, int], recipe: Recipe
) -> npt.NDArray:
    if recipe.layout == "HWC":
        return pad(tensor, size_hw, corner_yx, recipe.pad_value)
    out = np.full((3, *size_hw), recipe.pad_value, tensor.dtype)
    out[:, corner_yx[0] : corner_yx[0] + tensor.shape[1], corner_yx[1] : corner_yx[1] + tensor.shape[2]] = tensor
    return out


def check_pixels(array: npt.NDArray) -> Pixels:
    """Refuse what is not a uint8 picture array.

    Args:
        array: (H, W), (H, W, 3) or (H, W, 4) uint8.

    Raises:
        ShapeError: another shape or type, or a side of length 0.
    """
    if array.dtype != np.uint8:
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ShapeError(
                f"picture array must be uint8, got {array.dtype} with NaN or infinity; clean and scale it to 0..255"
            )
        raise ShapeError(
            f"picture array must be uint8, got {array.dtype}; scale it to 0..255 and use .astype(np.uint8)"
        )
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise ShapeError(
            f"picture array must have shape (H, W), (H, W, 3) or (H, W, 4), got {array.shape}; reorder its axes"
        )
    if 0 in array.shape:
        raise ShapeError(f"picture array must have at least one pixel, got {array.shape}; check the crop that made it")
    return array
