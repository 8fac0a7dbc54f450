"""The answer of `action`: what happens in a clip, and which of its frames were looked at.

Actions ─▶ rows: label, label_id, score · frames (N,) · count
"""

# ruff: noqa: RUF009  (column() and value() are field())

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from pixwise.answers.result import Result, column, value

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Actions"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Actions(Result):
    """What happens in a clip, best first. `image` is its first frame."""

    rows_key: ClassVar[str] = "actions"
    values_key: ClassVar[str] = "clip"

    labels: tuple[str, ...] = column("label", str, doc="name of the class")
    label_ids: Ints = column("label_id", np.int64, doc="number of the class in the model's vocabulary")
    scores: Floats = column("score", np.float32, doc="0 to 1")
    frames: Ints = value(
        np.int64,
        "which frames the model saw, from 0; where there are too few, one is there twice",
        shape=("T",),
    )
    count: int = value(int, "number of frames of the clip")

    def draw(self, picture: Any) -> Image.Image:
        """Draw the answer into the first frame, with all frames that were looked at in rows below it.

        Args:
            picture: the clip that was asked about; anything `Clip.open` takes.

        Raises:
            ShapeError: its first frame is of another size, or it has fewer frames.
        """
        from pixwise.clip import Clip
        from pixwise.draw.contact import with_frames

        clip = Clip.open(picture)
        drawn = super().draw(clip.first)
        seen = np.unique(self.frames[self.frames < clip.count]).tolist()
        return with_frames(drawn, clip.frames_at(seen), len(seen)) if len(seen) > 1 else drawn
