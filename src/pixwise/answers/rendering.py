"""The answer of `upscale`, `restyle` and `inpaint`: a picture that was made of a picture.

Rendering ─▶ .pixels() (H, W, 3) uint8 · .to_image() Pillow · .save("large.png")
"""

# ruff: noqa: RUF009  (value() is field())

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from pixwise.answers.alpha import Alpha
from pixwise.answers.raster import Raster
from pixwise.answers.result import Result, value
from pixwise.errors import OutputError
from pixwise.whole_file import WholeFile

if TYPE_CHECKING:
    from PIL import Image

    from pixwise.picture import Picture

__all__ = ["Rendering"]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Rendering(Result):
    """A picture that was made of a picture."""

    values_key: ClassVar[str] = "rendering"

    width: int = value(int, "of the picture that was made, pixels")
    height: int = value(int, "of the picture that was made, pixels")
    scale: float = value(float, "how many times wider and higher it is than the picture that was asked about")
    changed: float = value(
        float,
        "share of its pixels that are not the picture's: those that differ, or the part that was filled; 1 if larger",
    )
    raster: Raster = value(
        Raster, "the picture that was made: an RGB PNG as a data address; empty where there is no picture"
    )
    alpha: Alpha = value(
        Alpha,
        "how opaque it is where the picture was transparent: a grey PNG of its size as a data address; empty where all "
        "of it is opaque",
    )

    @classmethod
    def of(cls, pixels: npt.ArrayLike, picture: Picture | None = None, *, changed: float = 1.0) -> Rendering:
        """The answer that pixels are.

        Args:
            pixels: (H, W, 3) uint8.
            picture: of which they were made; what is transparent in it stays so.
            changed: share of the pixels that are not the picture's, 0 to 1.
        """
        raster = Raster.read(pixels)
        height, width = raster.size_hw
        scale, alpha = 1.0, Alpha()
        if picture is not None:
            scale = width / picture.width
            if picture.has_alpha:
                alpha = Alpha(raster.size_hw, picture.alpha(), "bilinear")  # others ring
        return cls(width=width, height=height, scale=scale, changed=changed, raster=raster, alpha=alpha)

    def pixels(self) -> npt.NDArray[np.uint8]:
        """(H, W, 3) uint8 sRGB, read-only; what is transparent lies on the picture's background colour."""
        return self.raster.open()

    def to_image(self) -> Image.Image:
        """Pillow RGB image; RGBA where the picture was transparent, its colours without the background."""
        if not self.alpha.held.size:
            return self.raster.image()
        from PIL import Image

        from pixwise.answers.cutout import foreground

        opacity = self.alpha.open()
        made = Image.fromarray(foreground(self.pixels(), opacity))
        made.putalpha(Image.fromarray(opacity))
        return made

    def produced(self, picture: Picture | Any) -> Image.Image:
        """The picture that this answer is: `to_image()`."""
        return self.to_image()

    def save(self, path: str | os.PathLike[str], **settings: Any) -> None:
        """Write the picture, whole or not at all.

        Args:
            path: its suffix says the form: .png, .jpg, .webp, .tif …
            **settings: of Pillow: `quality=95`.

        Raises:
            OutputError: the suffix is not known, or the file cannot be written.
        """
        from PIL import Image

        path = Path(path)
        form = Image.registered_extensions().get(path.suffix.lower())
        if form not in Image.SAVE:
            raise OutputError(f"{path}: expected a suffix like .png, .jpg or .webp, got {path.suffix!r}; change it")
        image, data = self.to_image(), io.BytesIO()
        (image.convert("RGB") if form in ("JPEG", "BMP") else image).save(data, form, **settings)
        with WholeFile(path) as file:
            file.write(data.getvalue())

    def _repr_png_(self) -> bytes | None:
        """For notebooks: the picture itself."""
        if not self.raster.pixels.size:
            return None
        data = io.BytesIO()
        self.to_image().save(data, "PNG", compress_level=1)
        return data.getvalue()
