"""Where faces are, with five landmarks.

    picture → letterbox → (1, 3, h, w) BGR → YuNet → decode_yunet → suppression → Faces

Heads:
    yunet   grids of strides 8, 16, 32: class, objectness, box, five landmarks
    boxes   boxes and scores as they are (OpenCV's Haar cascade); landmarks are NaN
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from pixwise.boxes import clip, nms, xyxy_from_cxcywh
from pixwise.errors import OptionError
from pixwise.pixels import Fit
from pixwise.results import Faces
from pixwise.task import Task, check_range

__all__ = ["FaceDetector"]

Raw = Mapping[str, np.ndarray]
Candidates = tuple[np.ndarray, np.ndarray, np.ndarray]  # boxes (K, 4), scores (K,), landmarks (K, 5, 2); tensor pixels


def decode_yunet(raw: Raw, fit: Fit) -> Candidates:
    """Boxes, scores and landmarks of every cell (Wu, Peng and Yu 2023).

    Args:
        raw: for each stride s of 8, 16, 32 `cls_s`, `obj_s` (1, A, 1), `bbox_s` (1, A, 4) as dx, dy, log w, log h and
            `kps_s` (1, A, 10) in units of the stride; A = cells of the grid, row by row.
        fit: for the size of the tensor.
    """
    levels = [_decode_level(raw, fit.tensor_hw, stride) for stride in (8, 16, 32)]
    boxes, scores, landmarks = (np.concatenate(arrays) for arrays in zip(*levels, strict=True))
    return boxes, scores, landmarks


def _decode_level(raw: Raw, tensor_hw: tuple[int, int], stride: int) -> Candidates:
    rows, columns = tensor_hw[0] // stride, tensor_hw[1] // stride
    y, x = np.mgrid[:rows, :columns].reshape(2, -1)
    cells = np.stack([x, y], axis=-1).astype(np.float32)  # (A, 2) xy
    certain, objects = (np.clip(raw[f"{name}_{stride}"][0].reshape(-1), 0, 1) for name in ("cls", "obj"))
    deltas = raw[f"bbox_{stride}"][0].reshape(-1, 4)
    centres, sizes = (cells + deltas[:, :2]) * stride, np.exp(deltas[:, 2:]) * stride
    landmarks = (cells[:, None] + raw[f"kps_{stride}"][0].reshape(-1, 5, 2)) * stride
    return xyxy_from_cxcywh(np.concatenate([centres, sizes], axis=1)), np.sqrt(certain * objects), landmarks


def decode_boxes(raw: Raw, fit: Fit) -> Candidates:
    """Boxes and scores as the session gives them.

    Args:
        raw: `boxes` (1, K, 4) xyxy tensor pixels, `scores` (1, K).
        fit: unused.
    """
    scores = raw["scores"][0].reshape(-1)
    return raw["boxes"][0].reshape(-1, 4), scores, np.full((len(scores), 5, 2), np.nan, np.float32)


@dataclass(frozen=True, kw_only=True)
class FaceDetector(Task):
    """Find faces.

    Attributes:
        min_score: lower ones are dropped.
        max_overlap: IoU above which the weaker of two faces is dropped.
        min_size: faces whose longer side is below this many pixels of the picture are dropped.
        top: keep the best so many; 0 keeps all.
        shrink_to: pictures are scaled down until their longer side is this, for models that take any size; smaller is
            quicker, larger finds smaller faces. 0 is what the card says.
    """

    name: ClassVar[str] = "faces"
    result_type: ClassVar[type] = Faces
    heads: ClassVar[Mapping[str, Any]] = {"yunet": decode_yunet, "boxes": decode_boxes}

    min_score: float = 0.7
    max_overlap: float = 0.3
    min_size: float = 0.0
    top: int = 0
    shrink_to: int = 0

    def check_options(self) -> None:
        check_range("min_score", self.min_score, 0, 1)
        check_range("max_overlap", self.max_overlap, 0, 1)
        check_range("min_size", self.min_size, 0, 1_000_000)
        check_range("top", self.top, 0, 1_000_000)
        check_range("shrink_to", self.shrink_to, 0, 16_384)
        recipe = self.card.recipe
        if self.shrink_to and (min(recipe.pad_hw) > 0 or recipe.resize != "longest"):
            raise OptionError(
                f"shrink_to must be 0 for model {self.card.id!r}, whose input has one size, got {self.shrink_to}; "
                "leave it out, or choose a model that takes any size"
            )
        if self.shrink_to:
            side = (self.shrink_to, self.shrink_to)
            object.__setattr__(self, "card", replace(self.card, recipe=replace(recipe, size_hw=side)))

    def postprocess(self, raw: Raw, fit: Fit) -> Faces:
        boxes, scores, landmarks = self.heads[self.card.head](raw, fit)
        sure = scores >= self.min_score
        boxes, scores, landmarks = boxes[sure], scores[sure], landmarks[sure]
        kept = nms(boxes, scores, self.max_overlap)
        boxes = clip(fit.boxes_to_picture(boxes[kept]), fit.picture_hw)
        large = (boxes[:, 2:] - boxes[:, :2]).max(axis=1) >= self.min_size
        kept = kept[large][: self.top or None]
        boxes = boxes[large][: self.top or None]
        return Faces(scores=scores[kept], boxes=boxes, landmarks=fit.points_to_picture(landmarks[kept]))
