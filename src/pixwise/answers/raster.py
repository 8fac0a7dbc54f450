"""Pixels that a task made, as a cell of an answer: kept as they are, told as a PNG.

(H, W, 3) uint8 ─▶ Raster ─▶ .open() (H, W, 3) · .image() Pillow · .to_uri() data:image/png;base64,… ─▶ Raster.read
"""

from __future__ import annotations

import base64
import binascii
import io
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixwise.answers.grey_png import SCHEMA
from pixwise.errors import ShapeError, check_shape

__all__ = ["Raster"]

Pixels = npt.NDArray[np.uint8]

_PREFIX = "data:image/png;base64,"


@dataclass(frozen=True, eq=False)
class Raster:
    """Pixels of a picture that was made.

    Attributes:
        pixels: (H, W, 3) uint8 sRGB, read-only; no pixels stand for no picture.
    """

    schema: ClassVar[dict[str, Any]] = SCHEMA

    pixels: Pixels = field(default_factory=lambda: np.zeros((0, 0, 3), np.uint8))

    def __post_init__(self) -> None:
        stored = self.pixels if _is_ours(self.pixels) else np.array(self.pixels)
        check_shape("pixels", stored, ("H", "W", 3))
        if stored.dtype != np.uint8:
            raise ShapeError(f"pixels must be uint8, 0 to 255, got {stored.dtype}; use Raster.from_shares for 0 to 1")
        stored.setflags(write=False)
        object.__setattr__(self, "pixels", stored)

    @classmethod
    def from_shares(cls, shares: npt.ArrayLike) -> Raster:
        """Pixels of (H, W, 3) numbers from 0 to 1; what lies beyond is cut off, halves go to the even number.

        Raises:
            ShapeError: another shape, or a number that is not finite.
        """
        shares = np.asarray(shares, np.float32)
        check_shape("pixels", shares, ("H", "W", 3), finite=True)
        return cls(np.rint(np.clip(shares, 0, 1) * 255).astype(np.uint8))

    @classmethod
    def read(cls, given: Any) -> Raster:
        """A `Raster` as it is, an (H, W, 3) uint8 array, a Pillow image, or what `to_uri` gave.

        Raises:
            ShapeError: none of these.
        """
        if isinstance(given, Raster):
            return given
        if isinstance(given, str):
            return cls(_opened(given)) if given else cls()
        if isinstance(given, Image.Image):
            given = given.convert("RGB")
        return cls(np.asarray(given))

    def __eq__(self, other: object) -> bool:
        return np.array_equal(self.pixels, other.pixels) if isinstance(other, Raster) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # like the array it holds

    def __str__(self) -> str:
        return f"{self.pixels.shape[1]} x {self.pixels.shape[0]} px"

    @property
    def size_hw(self) -> tuple[int, int]:
        """(height, width), pixels."""
        return self.pixels.shape[:2]

    def open(self) -> Pixels:
        """(H, W, 3) uint8, read-only."""
        return self.pixels

    def image(self) -> Image.Image:
        """Pillow RGB image."""
        return Image.fromarray(self.pixels)

    def to_uri(self) -> str:
        """`data:image/png;base64,…`; empty for no picture."""
        if not self.pixels.size:
            return ""
        data = io.BytesIO()
        self.image().save(data, "PNG", compress_level=1)
        return _PREFIX + base64.b64encode(data.getvalue()).decode()

    told = to_uri


def _is_ours(pixels: Any) -> bool:
    """Nobody can write into it, so it need not be copied: a picture of 200 megapixels takes 600 MB."""
    return isinstance(pixels, np.ndarray) and pixels.flags.owndata and not pixels.flags.writeable


def _opened(text: str) -> Pixels:
    """(H, W, 3) of a data address of a PNG."""
    wanted = f"pixels must be a PNG as {_PREFIX}…"
    if not text.startswith(_PREFIX):
        raise ShapeError(f"{wanted}, got {text[:40]!r}; give what to_uri() gave")
    try:
        data = base64.b64decode(text[len(_PREFIX) :], validate=True)
        return np.asarray(Image.open(io.BytesIO(data), formats=("PNG",)).convert("RGB"))
    except (binascii.Error, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ShapeError(f"{wanted}, got {error}; check where it was cut") from error
