"""The answer of `generate`: pictures that were made, each with the seed of its noise.

Pictures ─▶ row.picture (Raster) · .images() Pillow · .grid() one Pillow image of all · .save(folder) a PNG each
"""

# ruff: noqa: RUF009  (column() and value() are field())

from __future__ import annotations

import io
import math
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixwise.answers.raster import Raster
from pixwise.answers.result import Result, column, value
from pixwise.errors import OptionError, OutputError, ShapeError

__all__ = ["Pictures"]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Pictures(Result):
    """Pictures that were made of noise; while they are made, they are what the model foresees at one of its steps."""

    rows_key: ClassVar[str] = "pictures"
    values_key: ClassVar[str] = "generated"

    scheduler: str = value(str, "how the noise was taken away: ddim or ddpm", default="")
    steps: int = value(int, "in how many steps", default=0)
    done: int = value(int, "how many of them were taken: fewer than steps while the pictures are made", default=0)
    eta: float = value(float, "of ddim, how much noise each step added again, 0 to 1", default=0.0)
    seeds: npt.NDArray[np.int64] = column("seed", np.int64, doc="of its noise; -1 where the noise was given")
    pictures: tuple[Raster, ...] = column("picture", Raster, doc="the picture as a data address of a PNG")

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes = {picture.size_hw for picture in self.pictures}
        if len(sizes) > 1:
            raise ShapeError(f"Pictures.pictures must be of one size, got {sorted(sizes)}; make an answer of each size")

    def images(self) -> list[Image.Image]:
        """Each as a Pillow RGB image."""
        return [picture.image() for picture in self.pictures]

    def grid(self, columns: int = 0, *, gap_px: int = 2, ground: tuple[int, int, int] = (255, 255, 255)) -> Image.Image:
        """All of them in one image, line by line.

        Args:
            columns: how many in a line; 0 makes the grid about as wide as high.
            gap_px: between them.
            ground: RGB between them.

        Raises:
            OptionError: a number below 0, or there are no pictures.
        """
        if columns < 0 or gap_px < 0 or not len(self):
            raise OptionError(
                f"grid must have pictures, columns and gap from 0 up, got {len(self)} pictures, {columns} and {gap_px}"
            )
        columns = min(columns or math.ceil(math.sqrt(len(self))), len(self))
        high, wide = self.pictures[0].size_hw
        lines = math.ceil(len(self) / columns)
        size = columns * (wide + gap_px) - gap_px, lines * (high + gap_px) - gap_px
        whole = Image.new("RGB", size, ground)
        for number, image in enumerate(self.images()):
            line, place = divmod(number, columns)
            whole.paste(image, (place * (wide + gap_px), line * (high + gap_px)))
        return whole

    def save(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write a PNG each, named after its seed (after its place where the noise was given); the paths come back.

        Each file is there whole or not at all; one of its name is replaced.

        Raises:
            OutputError: the folder, or a file, cannot be written.
        """
        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{folder}: expected a folder to write to, got {error.strerror}; choose another"
            ) from error
        names = [f"{seed if seed >= 0 else number}.png" for number, seed in enumerate(self.seeds.tolist())]
        for name, image in zip(names, self.images(), strict=True):
            _write(folder / name, image)
        return [folder / name for name in names]


def _write(path: Path, image: Image.Image) -> None:
    """A PNG beside its place, then renamed."""
    data = io.BytesIO()
    image.save(data, "PNG")
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        part.write_bytes(data.getvalue())
        os.replace(part, path)
    except OSError as error:
        raise OutputError(f"{path}: expected to be written, got {error.strerror}; check space and rights") from error
    finally:
        part.unlink(missing_ok=True)
