"""The answer of `pose`: where the joints of each person are.

Poses ─▶ rows: score, box, keypoints, keypoint_scores · .point("left_wrist") (N, 2) · .limbs() (N, E, 2, 2)
"""

# ruff: noqa: RUF009  (column() and value() are field())

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from pixwise.answers.result import Result, column, value
from pixwise.answers.skeleton import Skeleton
from pixwise.errors import ShapeError

__all__ = ["Poses"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Poses(Result):
    """People, as they were found, and their keypoints. Left and right are the person's own, not the picture's.

    A keypoint that the model is not sure of is NaN (null in JSON); its score stays. One may lie outside the picture,
    where a limb is cut off.
    """

    rows_key: ClassVar[str] = "poses"
    values_key: ClassVar[str] = "pose"

    skeleton: Skeleton = value(Skeleton, "names of the keypoints, in order, and the pairs that are joined by a line")
    scores: Floats = column("score", np.float32, doc="of the person, 0 to 1; 1 for a box that was given")
    boxes: Floats = column("box", np.float32, 4, doc="xyxy of the person, pixels")
    keypoints: Floats = column(
        "keypoints", np.float32, "K", 2, missing=True, doc="xy of each keypoint, pixels; null: not seen"
    )
    keypoint_scores: Floats = column("keypoint_scores", np.float32, "K", doc="of each keypoint, 0 to about 1")

    def __post_init__(self) -> None:
        super().__post_init__()
        count = len(self.skeleton.names)
        for name in ("keypoints", "keypoint_scores"):
            found = getattr(self, name).shape[1]
            if len(self) and found != count:
                raise ShapeError(f"Poses.{name} must be {count} each, as the skeleton has, got {found}; give its names")

    def point(self, name: str) -> Floats:
        """(N, 2) xy of one keypoint of each person, NaN where it was not seen: `poses.point("left_wrist")`.

        Raises:
            OptionError: the skeleton has none of this name.
        """
        index = self.skeleton.index(name)
        return self.keypoints[:, index] if len(self) else np.zeros((0, 2), np.float32)

    def limbs(self) -> Floats:
        """(N, E, 2, 2): both ends xy of each edge of the skeleton; an edge with an end that was not seen is all NaN."""
        edges = np.array(self.skeleton.edges, np.int64).reshape(-1, 2)
        ends = self.keypoints[:, edges] if len(self) else np.zeros((0, len(edges), 2, 2), np.float32)
        return np.where(np.isfinite(ends).all(axis=(2, 3), keepdims=True), ends, np.float32(np.nan))
