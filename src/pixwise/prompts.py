"""What a user points at: points, labels and boxes in any plain form, checked, and as arrays.

    (340, 220) · "340,220" · [(x, y), …] · [[(x, y), …], …] ─▶ one tuple of points per object ─▶ Prompts (N, P, 2)

A list of points is about one object; a list of such lists about several. Each box is an object of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pixwise.errors import OptionError
from pixwise.masks import Mask
from pixwise.pixels import Fit, resize

__all__ = [
    "PADDING", "Box", "Point", "Prompts",
    "as_boxes", "as_labels", "as_masks", "as_points", "grid_points", "mask_logits", "prompts_for",
]  # fmt: skip

Point = tuple[float, float]
Box = tuple[float, float, float, float]
Points = tuple[tuple[Point, ...], ...]
Labels = tuple[tuple[int, ...], ...]

PADDING = -10  # label of a point that is not there, for objects with fewer points than others
_MOST_OBJECTS = 1000  # the masks of more would take gigabytes before they are compressed
_MOST_POINTS = 1000


@dataclass(frozen=True, eq=False)
class Prompts:
    """Prompts for the N objects of one picture.

    Attributes:
        points: (N, P, 2) xy, pixels.
        labels: (N, P) int64: 1 in the object, 0 not in it, `PADDING` no point.
        boxes: (N, 4) xyxy, pixels.

    Points or boxes that nobody gave have N = 0.
    """

    points: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    boxes: npt.NDArray[np.float32]


def as_points(given: Any, *, apart: bool = False) -> Points:
    """One tuple of points per object; none for nothing.

    Args:
        given: a point, a list of points, or a list of lists; a point is two numbers, or a text of them.
        apart: each point of a list is an object of its own.

    Raises:
        OptionError: something else, or more than there may be.
    """
    if _is_nothing(given):
        return ()
    if _is_one(given, 2):
        return ((_numbers(given, 2, "point", "x,y"),),)
    listed = list(_items(given, "points"))
    if all(not _is_one(each, 2) and isinstance(each, Sequence | np.ndarray) for each in listed):
        objects = [tuple(_numbers(one, 2, "point", "x,y") for one in _items(each, "points")) for each in listed]
    else:
        flat = [_numbers(each, 2, "point", "x,y") for each in listed]
        objects = [(each,) for each in flat] if apart else [tuple(flat)]
    _check_many("points of an object", max(map(len, objects)), _MOST_POINTS)
    _check_many("objects", len(objects), _MOST_OBJECTS)
    if not all(objects):
        raise OptionError("each object must have a point, got an empty list; leave it out")
    return tuple(objects)


def as_labels(given: Any, points: Points) -> Labels:
    """A label for each point: 1 in the object, 0 not in it; 1 for all where none is given.

    Raises:
        OptionError: other labels, or not as many as points.
    """
    counts = [len(each) for each in points]
    if _is_nothing(given):
        return tuple((1,) * count for count in counts)
    flat = [_label(each) for each in _flattened(given)]
    if len(flat) != sum(counts):
        raise OptionError(f"labels must be one for each point, got {len(flat)} for {sum(counts)}; 1 is in it, 0 is not")
    ends = np.cumsum(counts).tolist()
    return tuple(tuple(flat[end - count : end]) for end, count in zip(ends, counts, strict=True))


def as_boxes(given: Any) -> tuple[Box, ...]:
    """Boxes `x1, y1, x2, y2`, an object each.

    Args:
        given: a box, or a list of boxes; a box is four numbers, or a text of them.

    Raises:
        OptionError: something else, or a box that is empty or inverted.
    """
    if _is_nothing(given):
        return ()
    listed = [given] if _is_one(given, 4) else list(_items(given, "box"))
    boxes = tuple(_numbers(each, 4, "box", "x1,y1,x2,y2") for each in listed)
    for x1, y1, x2, y2 in boxes:
        if x2 <= x1 or y2 <= y1:
            raise OptionError(
                f"box must have x1 < x2 and y1 < y2, got {_told((x1, y1, x2, y2))}; "
                "its form is left, top, right, bottom, in pixels"
            )
    _check_many("boxes", len(boxes), _MOST_OBJECTS)
    return boxes


def as_masks(given: Any) -> tuple[Mask | npt.NDArray[np.float32], ...]:
    """Masks, an object each.

    Args:
        given: a mask, or a list of masks: a `Mask`, its run lengths, (H, W) bool, or logits, (h, w) floats.

    Raises:
        OptionError: something else.
    """
    if given is None or (isinstance(given, Sequence) and len(given) == 0):
        return ()
    many = isinstance(given, list | tuple) or (isinstance(given, np.ndarray) and given.ndim == 3)
    masks = tuple(map(_as_mask, given if many else [given]))
    _check_many("masks", len(masks), _MOST_OBJECTS)
    return masks


def _as_mask(given: Any) -> Mask | npt.NDArray[np.float32]:
    if isinstance(given, Mapping):
        return Mask.from_rle(given)
    array = isinstance(given, np.ndarray) and given.ndim == 2 and given.dtype.kind in "biuf"
    if not (array or isinstance(given, Mask)):
        raise OptionError(f"mask must be a Mask, or an (H, W) array, got {type(given).__name__}; an answer has .masks")
    if isinstance(given, Mask):
        return given
    if given.dtype.kind != "f":
        return Mask.from_array(given > 0)
    if not np.isfinite(given).all():
        raise OptionError("mask must be finite logits, got NaN or infinity; give True and False instead")
    return given.astype(np.float32)


def mask_logits(
    masks: tuple[Mask | npt.NDArray[np.float32], ...], fit: Fit, mask_hw: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """Masks as a decoder takes them: 10 in the object, -10 elsewhere, between the two where a cell holds both.

    Args:
        masks: of the picture, or logits of the decoder's own size.
        fit: where the picture went.
        mask_hw: the decoder's size, which stands for the whole tensor.

    Returns:
        (N, h, w).

    Raises:
        OptionError: a mask is of another size.
    """
    out = np.full((len(masks), *mask_hw), -10, np.float32)
    inner = [max(1, round(m * c / t)) for m, c, t in zip(mask_hw, fit.content_hw, fit.tensor_hw, strict=True)]
    for row, mask in zip(out, masks, strict=True):
        size, wanted = (mask.size_hw, fit.picture_hw) if isinstance(mask, Mask) else (mask.shape, mask_hw)
        if tuple(size) != tuple(wanted):
            what = "picture" if isinstance(mask, Mask) else "model's logits"
            raise OptionError(
                f"mask must be of the size of the {what}, {wanted[1]} x {wanted[0]}, got {size[1]} x {size[0]}; "
                "give one of this picture"
            )
        if isinstance(mask, Mask):
            row[: inner[0], : inner[1]] = resize(mask.open() * np.uint8(255), (inner[0], inner[1]), "box") / 12.75 - 10
        else:
            row[:] = mask
    return out


def grid_points(side: int, size_hw: tuple[int, int]) -> tuple[Points, Labels]:
    """An object for each point of a grid, in the middles of `side` x `side` cells of the picture."""
    middles = (np.arange(side) + 0.5) / side
    points = tuple(((x, y),) for y in (middles * size_hw[0]).tolist() for x in (middles * size_hw[1]).tolist())
    return points, ((1,),) * len(points)


def prompts_for(
    points: Points, labels: Labels, boxes: tuple[Box, ...], size_hw: tuple[int, int], *, masks: int = 0
) -> Prompts:
    """Arrays of what is asked of a picture; nothing asks for what is in its centre.

    Args:
        points, labels, boxes: from `as_points` and the like.
        size_hw: of the picture; boxes are clipped to it.
        masks: how many are given, too.

    Raises:
        OptionError: a point or a box lies outside, or points and boxes are of different numbers of objects.
    """
    height, width = size_hw
    if not points and not boxes and not masks:
        points, labels = (((width / 2, height / 2),),), ((1,),)
    counts = {"points": len(points), "boxes": len(boxes), "masks": masks}
    if len(set(counts.values()) - {0}) > 1:
        told = ", ".join(f"{name} of {count}" for name, count in counts.items() if count)
        raise OptionError(f"prompts must be of as many objects each, got {told}; give a list of points for each box")
    for x, y in (each for one in points for each in one):
        if not (0 <= x <= width and 0 <= y <= height):
            raise OptionError(f"point must lie in the {width} x {height} picture, got {_told((x, y))}; it is x,y")
    clipped = np.clip(np.array(boxes, np.float32).reshape(-1, 4), 0, np.float32([width, height, width, height]))
    for given, (x1, y1, x2, y2) in zip(boxes, clipped, strict=True):
        if x2 <= x1 or y2 <= y1:
            raise OptionError(
                f"box must overlap the {width} x {height} picture, got {_told(given)}; it is x1,y1,x2,y2 in pixels"
            )
    longest = max(map(len, points), default=0)
    places = np.zeros((len(points), longest, 2), np.float32)
    signs = np.full((len(points), longest), PADDING, np.int64)
    for row, (mine, marks) in enumerate(zip(points, labels, strict=True)):
        places[row, : len(mine)], signs[row, : len(mine)] = mine, marks
    return Prompts(places, signs, clipped)


def _is_nothing(given: Any) -> bool:
    return given is None or (isinstance(given, Sequence | np.ndarray) and len(given) == 0)


def _is_one(given: Any, count: int) -> bool:
    """A point or a box itself: a text, or numbers."""
    if isinstance(given, str):
        return True
    flat = isinstance(given, Sequence | np.ndarray) and all(_is_number(each) for each in given)
    return flat and len(given) == count


def _is_number(thing: Any) -> bool:
    return isinstance(thing, int | float | np.number) and not isinstance(thing, bool)


def _items(given: Any, what: str) -> Iterable[Any]:
    if not isinstance(given, Sequence | np.ndarray) or isinstance(given, str):
        raise OptionError(f"{what} must be a list, got {type(given).__name__}; write [(340, 220), (10, 20)]")
    return given


def _numbers(given: Any, count: int, what: str, form: str) -> tuple[float, ...]:
    parts = given.split(",") if isinstance(given, str) else given
    try:
        found = tuple(float(part) for part in parts)
    except (TypeError, ValueError):
        found = ()
    if len(found) != count or not all(map(math.isfinite, found)):
        raise OptionError(f"{what} must be {count} numbers {form}, got {given!r}; pixels of the upright picture")
    return found


def _label(given: Any) -> int:
    if str(given) not in ("0", "1", "True", "False"):
        raise OptionError(f"label must be 1 (in the object) or 0 (not in it), got {given!r}")
    return int(str(given) in ("1", "True"))


def _flattened(given: Any) -> list[Any]:
    if isinstance(given, Sequence | np.ndarray) and not isinstance(given, str):
        return [one for each in given for one in _flattened(each)]
    return [given]


def _check_many(what: str, number: int, most: int) -> None:
    if number > most:
        raise OptionError(f"{what} must be at most {most}, got {number}; ask for them in several calls")


def _told(numbers: Iterable[float]) -> str:
    return ",".join(f"{number:g}" for number in numbers)
