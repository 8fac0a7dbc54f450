"""The answer of `background`: what is foreground, and pictures made with it.

    Matte ─▶ .mask() (H, W) uint8 · .cut(picture) RGBA · .over(picture, ground) RGB · .only_largest() · .feathered(px)

The pixel work is in `cutout.py`.
"""

# ruff: noqa: RUF009  (value() is field())

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from pixwise.answers.alpha import Alpha
from pixwise.answers.result import Result, value
from pixwise.errors import ShapeError

if TYPE_CHECKING:
    from PIL import Image

    from pixwise.picture import Picture

__all__ = ["Matte"]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Matte(Result):
    """What of a picture is foreground: a matte of eight bits, 255 where that is sure."""

    values_key: ClassVar[str] = "matte"

    coverage: float = value(float, "share of the picture that is foreground, 0 to 1; 0 where there is no subject")
    box: npt.NDArray[np.float32] = value(
        np.float32, "xyxy around the subject, pixels; four zeros where there is none", shape=(4,)
    )
    alpha: Alpha = value(
        Alpha,
        "how opaque each pixel is: a grey PNG of the picture's size as a data address; 255 foreground, 0 not, between "
        "is unsure or mixed; empty where there is no picture",
    )

    @classmethod
    def of(cls, alpha: Alpha | npt.ArrayLike, **given: Any) -> Matte:
        """The answer that an alpha is: an `Alpha`, or (H, W) uint8."""
        alpha = Alpha.read(alpha)
        return cls(alpha=alpha, coverage=alpha.coverage, box=alpha.box(), **given)

    def mask(self) -> npt.NDArray[np.uint8]:
        """(H, W) uint8 of the picture's size: 255 foreground, 0 not, between is unsure or mixed."""
        return self.alpha.open()

    def only_largest(self) -> Matte:
        """Of several things the largest."""
        return self._with(self.alpha.only_largest())

    def feathered(self, width_px: float) -> Matte:
        """With a softer edge, so many pixels wide."""
        return self._with(self.alpha.feathered(width_px))

    def _with(self, alpha: Alpha) -> Matte:
        return replace(self, alpha=alpha, coverage=alpha.coverage, box=alpha.box())

    def cut(
        self, picture: Picture | Any, *, crop: bool = False, margin: float = 0.05, clean: bool = True
    ) -> Image.Image:
        """The subject alone.

        Args:
            picture: the picture that was asked about; what is transparent in it stays so.
            crop: cut down to the subject's box.
            margin: around that box, as a share of its longer side; clipped to the picture.
            clean: take the old background out of the colours where the matte is mixed; else they are the picture's.

        Returns:
            Pillow RGBA image of the picture's size, or of the box; black where nothing is left.

        Raises:
            ShapeError: the picture is of another size than the one that was asked about.
        """
        from pixwise.answers.cutout import cut
        from pixwise.picture import Picture

        picture = Picture.open(picture)
        self.check_picture(picture.size_hw)
        return cut(picture, self.alpha, self.part(margin) if crop else None, clean=clean)

    def over(self, picture: Picture | Any, ground: Any, *, shadow: float = 0.0, clean: bool = True) -> Image.Image:
        """The subject before another background.

        Args:
            picture: the picture that was asked about.
            ground: a colour as (r, g, b) or `#rrggbb`; `blur` for the picture's own background, blurred; or a picture,
                as a path or anything else that `Picture.open` takes, which is scaled to fill.
            shadow: how dark the shadow is that the subject throws on it, 0 to 1.
            clean: as for `cut`.

        Returns:
            Pillow RGB image of the picture's size.

        Raises:
            ShapeError: the picture is of another size than the one that was asked about.
            OptionError: a colour that is none.
        """
        from pixwise.answers.cutout import over
        from pixwise.picture import Picture

        picture = Picture.open(picture)
        self.check_picture(picture.size_hw)
        return over(picture, self.alpha, ground, shadow=shadow, clean=clean)

    def produced(self, picture: Picture | Any) -> Image.Image:
        """The picture that this answer is: `cut(picture)`."""
        return self.cut(picture)

    def check_picture(self, size_hw: tuple[int, int]) -> None:
        super().check_picture(size_hw)
        if self.alpha.held.size and self.alpha.size_hw != tuple(size_hw):
            raise ShapeError(
                f"picture must be {self.alpha} like the matte, got {size_hw[1]} x {size_hw[0]}; "
                "give the picture that was asked about"
            )

    def part(self, margin: float = 0.05) -> tuple[int, int, int, int]:
        """xyxy of the subject with a margin, whole pixels inside the picture; all of it where there is no subject.

        Args:
            margin: as a share of the longer side of the subject's box.
        """
        x1, y1, x2, y2 = map(float, self.box)
        height, width = self.alpha.size_hw
        if x1 == x2:
            return 0, 0, width, height
        wide = margin * max(x2 - x1, y2 - y1)
        low = int(max(0, x1 - wide)), int(max(0, y1 - wide))
        return *low, math.ceil(min(width, x2 + wide)), math.ceil(min(height, y2 + wide))
