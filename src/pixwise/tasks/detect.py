"""Where things are: boxes with labels.

    picture → stretch or letterbox → (1, 3, S, S) → model → decode_* → (queries, scores, boxes) → Detections

Heads:
    detr_sigmoid   RT-DETR, D-FINE, RF-DETR: sigmoid, the best (query, class) pairs, no suppression
    detr_softmax   DETR: softmax with a last "no object" class, the best class per query
    yolox          grid of anchors, objectness x class, suppression per class
    boxes          boxes and scores as they are (OpenCV's HOG people)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from pixwise.boxes import clip, nms_per_class, xyxy_from_cxcywh
from pixwise.errors import OptionError, nearest
from pixwise.pixels import Fit
from pixwise.results import Detections
from pixwise.task import Task, check_range

__all__ = ["Detector"]

Raw = Mapping[str, np.ndarray]
Candidates = tuple[np.ndarray, np.ndarray, np.ndarray]  # boxes (K, 4) xyxy tensor pixels, scores (K,), label ids (K,)


def decode_detr_sigmoid(raw: Raw, fit: Fit, top: int) -> Candidates:
    """The best (query, class) pairs by sigmoid (RT-DETR, Zhao et al. 2023, as its reference post-processing does).

    Args:
        raw: `logits` (1, Q, C), `pred_boxes` (1, Q, 4) cxcywh as shares of the content.
        fit: for the size of the content.
        top: how many pairs; the reference takes as many as there are queries.
    """
    logits, boxes = raw["logits"][0].astype(np.float32), raw["pred_boxes"][0].astype(np.float32)
    scores = sigmoid(logits).reshape(-1)  # (Q * C,)
    best = np.argsort(-scores, kind="stable")[: top or len(logits)]
    queries, label_ids = np.divmod(best, logits.shape[1])
    return _from_shares(boxes[queries], fit), scores[best], label_ids


def decode_detr_softmax(raw: Raw, fit: Fit, top: int) -> Candidates:
    """The best class of each query by softmax; the last class is "no object" (DETR, Carion et al. 2020).

    Args:
        raw: `logits` (1, Q, C + 1), `pred_boxes` (1, Q, 4) cxcywh as shares of the content.
        fit: for the size of the content.
        top: how many queries; 0 for all.
    """
    logits, boxes = raw["logits"][0].astype(np.float32), raw["pred_boxes"][0].astype(np.float32)
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares = (shares / shares.sum(axis=-1, keepdims=True))[:, :-1]  # (Q, C)
    label_ids, scores = shares.argmax(axis=-1), shares.max(axis=-1)
    best = np.argsort(-scores, kind="stable")[: top or len(scores)]
    return _from_shares(boxes[best], fit), scores[best], label_ids[best]


def decode_yolox(raw: Raw, fit: Fit, top: int) -> Candidates:
    """Boxes from the three grids, score = objectness x best class (YOLOX, Ge et al. 2021).

    Args:
        raw: one output (1, A, 5 + C): x, y, w, h before the grid, objectness, classes; strides 8, 16, 32 in this order.
        fit: for the size of the tensor.
        top: unused; suppression decides.
    """
    rows = next(iter(raw.values()))[0].astype(np.float32)  # (A, 5 + C)
    cells, strides = yolox_grid(fit.tensor_hw)
    centres = (rows[:, :2] + cells) * strides
    sizes = np.exp(rows[:, 2:4]) * strides
    label_ids = rows[:, 5:].argmax(axis=-1)
    scores = rows[:, 4] * rows[np.arange(len(rows)), 5 + label_ids]
    return xyxy_from_cxcywh(np.concatenate([centres, sizes], axis=-1)), scores, label_ids


def yolox_grid(tensor_hw: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """(A, 2) xy of every cell and (A, 1) its stride, for strides 8, 16, 32."""
    cells, strides = [], []
    for stride in (8, 16, 32):
        rows, columns = tensor_hw[0] // stride, tensor_hw[1] // stride
        y, x = np.mgrid[:rows, :columns].reshape(2, -1)
        cells.append(np.stack([x, y], axis=-1))
        strides.append(np.full((rows * columns, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)


def decode_boxes(raw: Raw, fit: Fit, top: int) -> Candidates:
    """Boxes, scores and labels as the session gives them.

    Args:
        raw: `boxes` (1, K, 4) xyxy tensor pixels, `scores` (1, K).
        fit: unused.
        top: unused.
    """
    scores = raw["scores"][0]
    return raw["boxes"][0].reshape(-1, 4), scores, np.zeros(len(scores), np.int64)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1, small) / (1 + small)


def _from_shares(boxes: np.ndarray, fit: Fit) -> np.ndarray:
    height, width = fit.content_hw
    return xyxy_from_cxcywh(boxes) * np.float32([width, height, width, height])


@dataclass(frozen=True, kw_only=True)
class Detector(Task):
    """Find objects.

    Attributes:
        min_score: lower ones are dropped.
        max_overlap: IoU above which the weaker of two boxes of a class is dropped, for heads that need suppression.
        labels: keep only these classes; empty keeps all.
        top: keep the best so many; 0 keeps all.
    """

    name: ClassVar[str] = "detect"
    result_type: ClassVar[type] = Detections
    heads: ClassVar[Mapping[str, Any]] = {
        "detr_sigmoid": decode_detr_sigmoid,
        "detr_softmax": decode_detr_softmax,
        "yolox": decode_yolox,
        "boxes": decode_boxes,
    }

    min_score: float = 0.4
    max_overlap: float = 0.45
    labels: tuple[str, ...] = field(default=())
    top: int = 0

    def check_options(self) -> None:
        check_range("min_score", self.min_score, 0, 1)
        check_range("max_overlap", self.max_overlap, 0, 1)
        check_range("top", self.top, 0, 1_000_000)
        object.__setattr__(self, "labels", (self.labels,) if isinstance(self.labels, str) else tuple(self.labels))
        for label in self.labels:
            if self.card.names and label not in self.card.names:
                known = [name for name in self.card.names if name]
                raise OptionError(
                    f"label must be one of the model's {len(known)} classes, got {label!r}; {nearest(label, known)}"
                )

    def postprocess(self, raw: Raw, fit: Fit) -> Detections:
        boxes, scores, label_ids = self.heads[self.card.head](raw, fit, 0)
        keep = scores >= self.min_score
        keep &= np.array([bool(self._label(i)) for i in label_ids], bool)  # slots of a vocabulary that are no class
        if self.labels:
            keep &= np.array([self._label(i) in self.labels for i in label_ids], bool)
        boxes, scores, label_ids = boxes[keep], scores[keep], label_ids[keep]
        boxes = fit.boxes_to_picture(boxes)
        if self.card.options.get("suppress"):
            order = nms_per_class(boxes, scores, label_ids, self.max_overlap)
        else:
            order = np.argsort(-scores, kind="stable")
        order = order[: self.top or len(order)]
        boxes = clip(boxes[order], fit.picture_hw)
        names = tuple(self._label(i) for i in label_ids[order])
        return Detections(labels=names, label_ids=label_ids[order], scores=scores[order], boxes=boxes)

    def _label(self, index: int) -> str:
        return self.card.names[index] if index < len(self.card.names) else f"class {index}"
