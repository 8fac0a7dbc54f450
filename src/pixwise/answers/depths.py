"""How far each pixel is: kept as small as the model saw it, opened on demand.

    a model's map (h, w) ─▶ Depths ─▶ .open() (H, W) float32 · .at(x, y) · .ends · .to_uri()

In JSON it is a grey PNG of 16 bits, as large as the model's map, which tells in words of its own how it is read back.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar, get_args

import numpy as np
import numpy.typing as npt

from pixwise.answers.grey_png import SCHEMA, grey_from_uri, texts_of_uri, uri_from_grey
from pixwise.errors import OptionError, ShapeError, check_shape
from pixwise.lazy import kept
from pixwise.maps import Filter, magnify

__all__ = ["MOST", "Depths", "grey_of"]

Floats = npt.NDArray[np.float32]

MOST = 65_535  # the highest number of a 16-bit PNG
_KEYWORD = "pixwise:depths"  # of the text in a PNG
_NEAR, _FAR = 1e-4, 1e4  # reciprocals are kept inside these, as DepthPro's own way back does
_REACH = 4  # places of the map around a point; a cubic filter looks at two to each side


@dataclass(frozen=True, eq=False)
class Depths:
    """How far each pixel is.

    Attributes:
        held: (h, w) float32, read-only: what the model said.
        size_hw: of the picture.
        margin_hw: how far the map reaches beyond the picture, above and below, left and right; pixels of the picture.
        filter: by which it is brought to the picture's size.
        inverse: what is held are reciprocals: one over the depth.
    """

    schema: ClassVar[dict[str, Any]] = SCHEMA

    held: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    size_hw: tuple[int, int] = (0, 0)
    margin_hw: tuple[int, int] = (0, 0)
    filter: Filter = "bicubic"
    inverse: bool = False

    def __post_init__(self) -> None:
        stored = np.array(self.held, np.float32)
        check_shape("depths", stored, ("H", "W"), finite=True)
        if min(self.size_hw) < 0 or (min(self.size_hw) == 0) != (stored.size == 0):
            raise ShapeError(f"depths of a picture {self.size_hw} must have pixels like it, got shape {stored.shape}")
        if self.filter not in get_args(Filter):
            raise ShapeError(f"filter of depths must be one of {get_args(Filter)}, got {self.filter!r}; mend it")
        stored.setflags(write=False)
        object.__setattr__(self, "held", stored)
        for name in ("size_hw", "margin_hw"):
            object.__setattr__(self, name, tuple(map(int, getattr(self, name))))

    @classmethod
    def read(cls, given: Any) -> Depths:
        """A `Depths` as it is, an (H, W) array of numbers, or what `to_uri` gave.

        Raises:
            ShapeError: none of these.
        """
        if isinstance(given, Depths):
            return given
        if isinstance(given, str):
            return cls._from_uri(given) if given else cls()
        held = np.asarray(given)
        if held.dtype.kind not in "iuf":
            raise ShapeError(f"depths must be numbers, got {held.dtype}; convert them before")
        return cls(held, held.shape)

    @classmethod
    def _from_uri(cls, text: str) -> Depths:
        grey = grey_from_uri(text, "depths", ("I;16", "I"))
        told = texts_of_uri(text, "depths").get(_KEYWORD, "")
        try:
            facts = json.loads(told)
            low, high = facts.pop("held")
            return cls(_between(low, high, grey), **facts)
        except (TypeError, ValueError) as error:
            raise ShapeError(
                f"depths must be a PNG that tells its range, got {told[:40]!r}; give what to_uri() gave"
            ) from error

    def __eq__(self, other: object) -> bool:
        """Equal where JSON would be the same."""
        return self._told == other._told if isinstance(other, Depths) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # like the array it holds

    def __str__(self) -> str:
        return f"{self.size_hw[1]} x {self.size_hw[0]} px"

    def open(self) -> Floats:
        """(H, W) of the picture's size."""
        if not self.held.size:
            return self.held
        (top, left), (height, width) = self.margin_hw, self.size_hw
        whole = magnify(self.held, (height + 2 * top, width + 2 * left), self.filter)
        return self._forth(whole[top : top + height, left : left + width])

    def at(self, x: float, y: float) -> float:
        """The depth of the pixel at a point, without opening all of them.

        Raises:
            OptionError: the point is not inside the picture.
        """
        height, width = self.size_hw
        if not (0 <= x < width and 0 <= y < height):
            raise OptionError(f"point must be inside the {width} x {height} picture, got ({x:g}, {y:g}); it is (x, y)")
        rows, columns = (
            _taps(int(place), side, margin, length, self.filter)
            for place, side, margin, length in zip((y, x), self.size_hw, self.margin_hw, self.held.shape, strict=True)
        )
        seen = rows[1] @ self.held[np.ix_(rows[0], columns[0])].astype(np.float64) @ columns[1]
        return float(self._forth(np.float32([[seen]]))[0, 0])

    def _forth(self, held: Floats) -> Floats:
        """From what is held to depths; a new array."""
        if not self.inverse:
            return np.ascontiguousarray(held)
        kept = np.clip(held, _NEAR, _FAR)
        return np.divide(np.float32(1), kept, out=kept)

    @kept
    def ends(self) -> Floats:
        """(2,) the depths that 0 and 65535 of the PNG stand for: where the model's map is lowest and highest."""
        if not self.held.size:
            return np.zeros(2, np.float32)
        return self._forth(np.float32([[self.held.min(), self.held.max()]]))[0]

    def to_uri(self) -> str:
        """`data:image/png;base64,…`: a grey PNG of 16 bits, as large as the model's map; empty for no picture."""
        return self._told

    told = to_uri

    @kept
    def _told(self) -> str:
        if not self.held.size:
            return ""
        low, high = float(self.held.min()), float(self.held.max())
        facts = {name: getattr(self, name) for name in ("size_hw", "margin_hw", "filter", "inverse")}
        return uri_from_grey(grey_of(self.held, low, high), {_KEYWORD: json.dumps({"held": [low, high], **facts})})


def grey_of(values: Floats, low: float, high: float) -> npt.NDArray[np.uint16]:
    """Numbers from `low` to `high` as 0 to 65535; what lies beyond is cut off."""
    scale = MOST / (high - low) if high > low else 0.0
    return np.rint(np.clip((values - np.float64(low)) * scale, 0, MOST)).astype(np.uint16)


def _between(low: float, high: float, grey: npt.NDArray) -> Floats:
    """The way back."""
    return (low + (high - low) * (grey.astype(np.float64) / MOST)).astype(np.float32)


def _taps(pixel: int, side: int, margin: int, length: int, filter: Filter) -> tuple[npt.NDArray, npt.NDArray]:
    """(4,) places of the map between which a pixel lies, and how much each of them counts."""
    at = (pixel + margin + 0.5) * length / (side + 2 * margin) - 0.5
    low = int(np.floor(at))
    places, share = np.arange(low - 1, low - 1 + _REACH), at - low
    far = np.abs(places - low - share)  # of each place
    if filter == "bicubic":  # Keys 1981, with a = -0.75
        near = (1.25 * far - 2.25) * far * far + 1
        weights = np.where(far <= 1, near, ((-0.75 * far + 3.75) * far - 6) * far + 3)
    else:
        weights = np.clip(1 - far, 0, None)
    return np.clip(places, 0, length - 1), weights
