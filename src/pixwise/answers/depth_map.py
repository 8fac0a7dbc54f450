"""The answer of `depth`: how far each pixel is, in metres or only relative to the others; the type says which.

DepthMap ─▶ .map() (H, W) · .at(x, y) · .save_png16 · .save_npy · .coloured()
├── RelativeDepth   larger is nearer; no unit, no zero      .between(near_m, far_m) ─▶ MetricDepth
└── MetricDepth     metres                                  .metres() · .points(picture, fov_deg=…)
"""

# ruff: noqa: RUF009  (value() is field())

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from pixwise.answers.depths import MOST, Depths, grey_of
from pixwise.answers.grey_png import png_from_grey
from pixwise.answers.point_cloud import PointCloud, focal_from_fov, points_from_depth
from pixwise.answers.result import Result, value
from pixwise.errors import OptionError, ShapeError
from pixwise.whole_file import WholeFile

if TYPE_CHECKING:
    from PIL import Image

    from pixwise.picture import Picture

__all__ = ["DepthMap", "MetricDepth", "Png16", "RelativeDepth"]

Floats = npt.NDArray[np.float32]

_MILLIMETRE = 0.001  # what a step of a metric PNG means, unless told otherwise


class Png16(NamedTuple):
    """What the numbers of a 16-bit PNG mean: depth = offset + scale * number."""

    scale: float
    offset: float


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class DepthMap(Result):
    """How far each pixel is: `kind` says whether in metres or only relative to the others."""

    values_key: ClassVar[str] = "depth_map"
    nearer_is_larger: ClassVar[bool] = False
    _kind: ClassVar[str] = ""

    kind: str = value(str, "relative: no unit, larger is nearer; metric: metres, smaller is nearer")
    scale: str = value(
        str, "linear: between 0 and 65535 of the PNG depth goes linearly; inverse: one over the depth does"
    )
    ends: Floats = value(np.float32, "depths that 0 and 65535 of the PNG stand for", shape=(2,))
    focal_px: float = value(
        float, "focal length that the model saw in the picture, pixels of the full size; 0: it says none"
    )
    depths: Depths = value(
        Depths,
        "how far each pixel is: a grey PNG of 16 bits, as large as the model's map, as a data address; it is enlarged "
        "to the picture; empty where there is no picture",
    )

    @classmethod
    def of(cls, depths: Depths | npt.ArrayLike, *, focal_px: float = 0.0, **given: Any) -> Self:
        """The answer that depths are: a `Depths`, or (H, W) numbers."""
        depths = Depths.read(depths)
        told = {"kind": cls._kind, "scale": "inverse" if depths.inverse else "linear", "ends": depths.ends}
        return cls(depths=depths, focal_px=round(focal_px, 4), **told, **given)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self._kind and self.kind != self._kind:
            raise OptionError(f"kind of {type(self).__name__} must be {self._kind!r}, got {self.kind!r}; use DepthMap")

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Read back what `to_dict` gave; the kind decides whether a `RelativeDepth` or a `MetricDepth` comes back."""
        kind = dict(document.get(cls.values_key) or {}).get("kind", "")
        mine = next((each for each in cls.__subclasses__() if each._kind == kind), cls)
        return super(DepthMap, mine).from_dict(document)

    @property
    def nearest(self) -> float:
        """The depth of what is nearest, as the model's map has it."""
        return float(self.ends.max() if self.nearer_is_larger else self.ends.min())

    @property
    def farthest(self) -> float:
        """The depth of what is farthest."""
        return float(self.ends.min() if self.nearer_is_larger else self.ends.max())

    def map(self) -> Floats:
        """(H, W) float32 of the picture's size: metres, or numbers without unit, as `kind` says."""
        return self.depths.open()

    def at(self, x: float, y: float) -> float:
        """The depth of the pixel at a point.

        Raises:
            OptionError: the point is not inside the picture.
        """
        return self.depths.at(x, y)

    def metres(self) -> Floats:
        """(H, W) float32 metres.

        Raises:
            OptionError: this depth is not metric.
        """
        raise OptionError(
            f"depth must be metric for that, got {self.kind or 'no'} depth of {self.model.id or 'a model'}; "
            "say what you know of the scene with .between(near_m, far_m), or ask a model that answers in metres "
            "(docs/depth.md)"
        )

    def points(
        self, picture: Picture | Any, *, focal_px: float = 0.0, fov_deg: float = 0.0, step: int = 1
    ) -> PointCloud:
        """The points in space that the camera saw, with the colours of the picture.

        Args:
            picture: the picture that was asked about.
            focal_px: focal length, pixels of the full-size picture.
            fov_deg: or how many degrees lie between its left and right edge; without both the model's own, if it
                says one.
            step: every so manieth pixel in each direction.

        Returns:
            x to the right, y down, z into the picture; metres.

        Raises:
            OptionError: this depth is not metric, or nobody says how long the focal length is.
            ShapeError: the picture is of another size than the one that was asked about.
        """
        from pixwise.picture import Picture

        if step < 1:
            raise OptionError(f"step must be at least 1, got {step}; 1 takes every pixel")
        focal = self._focal(focal_px, fov_deg)
        depth_m, picture = self.metres(), Picture.open(picture)
        self.check_picture(picture.size_hw)
        return points_from_depth(depth_m, picture.pixels(), focal, step)

    def _focal(self, focal_px: float, fov_deg: float) -> float:
        if focal_px and fov_deg:
            raise OptionError(f"focal_px or fov_deg must be said, got both ({focal_px:g}, {fov_deg:g}); leave one out")
        if focal_px < 0:
            raise OptionError(f"focal_px must be above 0, got {focal_px:g}; it is in pixels of the full-size picture")
        found = focal_from_fov(fov_deg, self.depths.size_hw[1]) if fov_deg else focal_px or self.focal_px
        if not found:
            raise OptionError(
                "focal_px or fov_deg must be said, got none, and this model does not tell; phones see about 65 degrees"
            )
        return found

    def save_npy(self, path: str | Path) -> None:
        """Write `map()` as a NumPy file; raises `OutputError` where it cannot be written."""
        data = io.BytesIO()
        np.save(data, self.map())
        with WholeFile(Path(path)) as file:
            file.write(data.getvalue())

    def save_png16(self, path: str | Path, *, scale: float = 0.0) -> Png16:
        """Write `map()` as a grey PNG of 16 bits.

        Args:
            path: where to.
            scale: what a step of one means, from 0 up; 0 chooses: a millimetre for metres where 65 of them are enough,
                else the whole range in 65 535 steps.

        Returns:
            What its numbers mean; the file tells it too, as `scale` and `offset`. What is farther than it can say has
            the highest number.

        Raises:
            OutputError: the file cannot be written.
            OptionError: a scale below 0.
        """
        if not scale >= 0:
            raise OptionError(f"scale must be at least 0, got {scale:g}; 0 chooses one")
        full = self.map()
        low, high = (float(full.min()), float(full.max())) if full.size else (0.0, 0.0)
        if self.kind == "metric" and not scale and low >= 0 and high <= MOST * _MILLIMETRE:
            scale = _MILLIMETRE
        offset = 0.0 if scale and low >= 0 else low
        scale = scale or (high - low) / MOST or 1.0
        texts = {"kind": self.kind, "scale": repr(scale), "offset": repr(offset)}
        with WholeFile(Path(path)) as file:
            file.write(png_from_grey(grey_of(full, offset, offset + MOST * scale), texts))
        return Png16(scale, offset)

    def coloured(self) -> Image.Image:
        """Pillow RGB image of the picture's size: near is red, far is blue, whichever number is the larger.

        Colours go with what the model said: with depth, or with one over it where `scale` is inverse, so that a far
        horizon leaves colours for what is near. Drawn pictures have a scale beside it.
        """
        from PIL import Image

        shown = replace(self.depths, inverse=False).open()  # (H, W) as the model said it
        low, high = (float(self.depths.held.min()), float(self.depths.held.max())) if shown.size else (0.0, 1.0)
        scale = 255 / (high - low) if high > low else 0.0
        greys = np.clip((shown - low) * np.float32(scale), 0, 255).astype(np.uint8)
        return Image.fromarray(_turbo(greys if self._high_is_near else 255 - greys))

    def legend(self) -> tuple[list[tuple[int, int, int]], list[str]]:
        """What stands beside the coloured map: its colours from near to far, and the depths at both ends and between.

        Returns:
            256 colours as (r, g, b), and texts at even distances.
        """
        near, far = (float(end) for end in (self.ends[::-1] if self._high_is_near else self.ends))
        middle = 2 / (1 / near + 1 / far) if self.depths.inverse else (near + far) / 2
        unit = " m" if self.kind == "metric" else ""
        texts = [f"{depth:.{_digits(depth)}f}{unit}" for depth in (near, middle, far)]
        colours = _turbo(np.arange(255, -1, -1, dtype=np.uint8)[None])[0]
        return [tuple(colour) for colour in colours.tolist()], [f"near {texts[0]}", texts[1], f"far {texts[2]}"]

    @property
    def _high_is_near(self) -> bool:
        """Of what the model said, the larger is the nearer."""
        return self.nearer_is_larger or self.depths.inverse

    def check_picture(self, size_hw: tuple[int, int]) -> None:
        super().check_picture(size_hw)
        if self.depths.held.size and self.depths.size_hw != tuple(size_hw):
            raise ShapeError(
                f"picture must be {self.depths} like the depth map, got {size_hw[1]} x {size_hw[0]}; "
                "give the picture that was asked about"
            )


def _turbo(greys: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """(H, W, 3) RGB: 0 is blue, 255 is red (Mikhailov 2019)."""
    import cv2

    return cv2.cvtColor(cv2.applyColorMap(greys, cv2.COLORMAP_TURBO), cv2.COLOR_BGR2RGB)


def _digits(depth: float) -> int:
    """Digits after the point, for three that count."""
    return int(np.clip(2 - np.floor(np.log10(abs(depth) or 1)), 0, 4))


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class RelativeDepth(DepthMap):
    """Which pixel is nearer than which: numbers without unit and zero, the larger the nearer."""

    nearer_is_larger: ClassVar[bool] = True
    _kind: ClassVar[str] = "relative"

    def between(self, near_m: float, far_m: float) -> MetricDepth:
        """Metres, by what you know of the scene.

        These models say one over the depth, but for a factor and an offset: two distances give both.

        Args:
            near_m: how far away what is nearest is.
            far_m: how far away what is farthest is.

        Raises:
            OptionError: not 0 < near_m < far_m.
        """
        if not 0 < near_m < far_m < float("inf"):
            raise OptionError(f"near_m must be above 0 and below far_m, got {near_m:g} and {far_m:g}; both are metres")
        held = self.depths.held
        low, high = (held.min(), held.max()) if held.size else (0, 0)
        share = (held - low) / np.float32(high - low or 1)
        known = np.float32(1 / far_m) + np.float32(1 / near_m - 1 / far_m) * share
        given = {name: getattr(self, name) for name in ("image", "model", "timings_ms", "focal_px")}
        return MetricDepth.of(replace(self.depths, held=known, inverse=True), **given)


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class MetricDepth(DepthMap):
    """How many metres away each pixel is."""

    _kind: ClassVar[str] = "metric"

    def metres(self) -> Floats:
        """(H, W) float32 metres: the same as `map()`."""
        return self.map()
