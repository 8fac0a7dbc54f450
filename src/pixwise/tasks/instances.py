"""Which things there are, and the pixels of each: boxes, masks, labels.

    picture → resize → (1, 3, h, w) → model → decode_* → things with masks in pixels of the picture → Instances

Heads:
    mask_queries    MaskFormer, Mask2Former: the best pairs of query and class, masks may overlap
    detr_masks      DETR with masks: each pixel belongs to one thing
    sigmoid_masks   RF-DETR and its like: RT-DETR's logits and boxes, and a mask per query
    mask_rcnn       torchvision's Mask R-CNN: boxes, labels, scores, and a mask inside of each box or of the tensor
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pixwise.answers.label_map import LabelMap
from pixwise.boxes import xyxy_from_cxcywh
from pixwise.errors import ShapeError, checked_labels
from pixwise.maps import mask_above
from pixwise.masks import Mask
from pixwise.pasting import pasted
from pixwise.pixels import Fit
from pixwise.queries import (
    QUERY_HEADS,
    QUERY_OPTIONS,
    Instance,
    check_classes,
    cut_at,
    instances_of,
    named,
    segments_of,
    stuff_of,
)
from pixwise.results import Instances
from pixwise.scores import best_pairs, check_numbers, output, sigmoid
from pixwise.task import Task, check_range

__all__ = ["InstanceSegmenter"]

Raw = Mapping[str, np.ndarray]
Found = Sequence[tuple[Instance, np.ndarray]]  # a thing and its box, (4,) xyxy pixels of the picture

_KEPT = 0.8  # of its own mask a thing keeps, where each pixel belongs to one thing: as the reference has it


def decode_mask_queries(raw: Raw, fit: Fit, asked: InstanceSegmenter) -> Found:
    """The best pairs of query and class (Cheng et al. 2022, arXiv:2112.01527, as its reference does it)."""
    queries = QUERY_HEADS["mask_queries"](raw, fit, asked.card.options)
    check_classes(asked.card.names, queries.classes, asked.card.id)
    found = instances_of(queries, fit.picture_hw, min_score=asked.min_score, min_mask=asked.min_mask)
    return [(each, np.float32(each.mask.box)) for each in found]


def decode_detr_masks(raw: Raw, fit: Fit, asked: InstanceSegmenter) -> Found:
    """The segments of `panoptic`, none of them fused (DETR, Carion et al. 2020, section 4.4)."""
    queries = QUERY_HEADS["detr_masks"](raw, fit, asked.card.options)
    check_classes(asked.card.names, queries.classes, asked.card.id)
    ids, segments = segments_of(
        queries, fit.picture_hw, min_score=asked.min_score, min_mask=asked.min_mask, min_kept=_KEPT
    )
    map_ = LabelMap(ids)
    found = [Instance(each.label_id, each.score, map_.mask(each.id)) for each in segments]
    return [(each, np.float32(each.mask.box)) for each in found]


def decode_sigmoid_masks(raw: Raw, fit: Fit, asked: InstanceSegmenter) -> Found:
    """The best pairs of query and class by sigmoid, with the query's box and mask.

    Args:
        raw: `logits` (1, Q, C), `pred_boxes` (1, Q, 4) cxcywh as shares of the content, `pred_masks` (1, Q, h, w).
        fit: for the size of the content.
        asked: the task.
    """
    scores, masks = sigmoid(output(raw, "logits")), fit.content_of(output(raw, "pred_masks"))
    check_numbers(scores)
    check_classes(asked.card.names, scores.shape[1], asked.card.id)
    shares = xyxy_from_cxcywh(output(raw, "pred_boxes")) * np.float32(fit.content_hw[::-1] * 2)
    boxes = fit.boxes_to_picture(shares)
    found = []
    for query, label in zip(*best_pairs(scores, len(scores)), strict=True):
        if scores[query, label] <= asked.min_score:
            break
        check_numbers(masks[query])
        mask = Mask.from_array(mask_above(masks[query], fit.picture_hw, cut_at(asked.min_mask)))
        found.append((Instance(int(label), float(scores[query, label]), mask), boxes[query]))
    return found


def decode_mask_rcnn(raw: Raw, fit: Fit, asked: InstanceSegmenter) -> Found:
    """Things as torchvision's detectors give them, with masks inside of boxes (N, 1, 28, 28) or as large as the tensor.

    Args:
        raw: `boxes` (1, N, 4) xyxy tensor pixels, `labels`, `scores` (1, N), `masks` (1, N, 1, m, m).
        fit: leads back to the picture.
        asked: the task.
    """
    scores, labels, masks = output(raw, "scores"), raw["labels"][0].astype(np.int64), output(raw, "masks")
    check_numbers(scores)
    if masks.shape[:2] != (len(scores), 1) or masks.ndim != 4:
        raise ShapeError(
            f"masks of the model must have shape {(len(scores), 1, 'm', 'm')}, got {masks.shape}; see head"
        )
    boxes = fit.boxes_to_picture(output(raw, "boxes"))
    kept = np.flatnonzero((scores >= asked.min_score) & np.isfinite(boxes).all(axis=-1))
    found = []
    for row in kept[np.argsort(-scores[kept], kind="stable")]:
        check_numbers(masks[row])
        if masks.shape[2:] == fit.tensor_hw:
            whole = fit.content_of(masks[row, 0])
            mask = Mask.from_array(mask_above(whole, fit.picture_hw, asked.min_mask))
        else:
            mask = pasted(masks[row, 0], boxes[row], fit.picture_hw, asked.min_mask)
        found.append((Instance(int(labels[row]), float(scores[row]), mask), boxes[row]))
    return found


@dataclass(frozen=True, kw_only=True)
class InstanceSegmenter(Task):
    """Find things and cut each one out: boxes, masks, labels.

    Attributes:
        min_score: lower ones are dropped.
        min_mask: where the model is at least so sure, a pixel belongs to a thing.
        labels: keep only these classes; empty keeps all.
        top: keep the best so many; 0 keeps all.
    """

    name: ClassVar[str] = "instances"
    result_type: ClassVar[type] = Instances
    heads: ClassVar[Mapping[str, Any]] = {
        "mask_queries": decode_mask_queries,
        "detr_masks": decode_detr_masks,
        "sigmoid_masks": decode_sigmoid_masks,
        "mask_rcnn": decode_mask_rcnn,
    }
    card_options: ClassVar[Mapping[str, str]] = QUERY_OPTIONS

    min_score: float = 0.5
    min_mask: float = 0.5
    labels: tuple[str, ...] = ()
    top: int = 0

    def check_options(self) -> None:
        for name in ("min_score", "min_mask"):
            check_range(name, getattr(self, name), 0, 1)
        check_range("top", self.top, 0, 1_000_000)
        object.__setattr__(self, "labels", checked_labels(self.labels, self.card.names))

    def run(self, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return self.session.run(feeds) if self.card.head != "mask_rcnn" else self._one_by_one(feeds)

    def _one_by_one(self, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Torchvision's models take one picture, some without an axis for it, and give as many rows as they found."""
        bare = any(each.name == self.input_name and len(each.shape) == 3 for each in self.session.inputs())
        tensors = feeds[self.input_name]
        raws = [self.session.run({self.input_name: row if bare else row[None]}) for row in tensors]
        most = max(len(raw["scores"]) for raw in raws)
        for raw in raws:
            missing = most - len(raw["scores"])
            for name in raw:
                filler = -1 if name == "scores" else 0
                ends = ((0, missing), *[(0, 0)] * (raw[name].ndim - 1))
                raw[name] = np.pad(raw[name], ends, constant_values=filler)
        return {name: np.stack([raw[name] for raw in raws]) for name in raws[0]}

    def postprocess(self, raw: Raw, fit: Fit) -> Instances:
        stuff = stuff_of(self.card.options)
        found = [
            (thing, box, named(self.card.names, thing.label_id))
            for thing, box in self.heads[self.card.head](raw, fit, self)
            if thing.mask.area and thing.label_id not in stuff and thing.score >= self.min_score
        ]
        found = [each for each in found if not self.labels or each[2] in self.labels]
        found = sorted(found, key=lambda each: -each[0].score)[: self.top or len(found)]
        things = [thing for thing, _, _ in found]
        return Instances(
            labels=[label for _, _, label in found],
            label_ids=[thing.label_id for thing in things],
            scores=np.clip([thing.score for thing in things], 0, 1),
            areas=[thing.mask.area for thing in things],
            boxes=[box for _, box, _ in found],
            masks=[thing.mask for thing in things],
        )
