"""The answer of `generate`: pictures that were made, each with the seed of its noise.

Pictures ─▶ row.picture (Raster) · .images() Pillow · .grid() one Pillow image of all · .save(folder) a PNG each
"""

# ruff: noqa: RUF009  (column() and value() are field())

from __future__ import annotations

import io
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixwise.answers.raster import Raster
from pixwise.answers.result import Result, column, value
from pixwise.errors import OptionError, ShapeError
from pixwise.whole_file import WholeFile, said

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

    @classmethod
    def joined(cls, batches: Sequence[Pictures]) -> Pictures:
        """One answer of several that were made in the same way, one or more; their times are added."""
        spent = {step: sum(one.timings_ms.get(step, 0.0) for one in batches) for step in batches[0].timings_ms}
        seeds = np.concatenate([one.seeds for one in batches])
        pictures = tuple(picture for one in batches for picture in one.pictures)
        return replace(batches[0], seeds=seeds, pictures=pictures, timings_ms=spent)

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

    def save(self, folder: str | os.PathLike[str], *, ending: str = "") -> list[Path]:
        """Write a PNG each, named after its seed (after its place where the noise was given); the paths come back.

        Each file is there whole or not at all; one of its name is replaced.

        Args:
            folder: made where it is not there.
            ending: of the names, before `.png`.

        Raises:
            OutputError: the folder, or a file, cannot be written.
        """
        folder = Path(folder)
        with said(folder):
            folder.mkdir(parents=True, exist_ok=True)
        names = [f"{seed if seed >= 0 else number}{ending}.png" for number, seed in enumerate(self.seeds.tolist())]
        for name, image in zip(names, self.images(), strict=True):
            data = io.BytesIO()
            image.save(data, "PNG")
            with WholeFile(folder / name) as file:
                file.write(data.getvalue())
        return [folder / name for name in names]
