"""Which segment each pixel belongs to: every thing is one, all stuff of a class is one.

    picture → resize → (1, 3, h, w) → model → logits (Q, C + 1), masks (Q, h', w') → for each pixel the query that is
            surest of it → segments that keep most of their own mask → Panoptic

Heads: those of `queries.py`
    mask_queries    MaskFormer, Mask2Former, OneFormer
    detr_masks      DETR with masks
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pixwise.answers.label_map import LabelMap
from pixwise.errors import OptionError
from pixwise.pixels import Fit
from pixwise.queries import QUERY_HEADS, QUERY_OPTIONS, check_classes, named, segments_of, stuff_of
from pixwise.results import Panoptic
from pixwise.task import Task, check_range

__all__ = ["PanopticSegmenter"]


@dataclass(frozen=True, kw_only=True)
class PanopticSegmenter(Task):
    """Divide the picture into things and stuff: every pixel belongs to one segment, or to none.

    Attributes:
        min_score: of the class; segments up to it are dropped.
        min_mask: from this share times score on a pixel counts to a segment's own mask.
        min_kept: segments that lose so much to others that no more than this part of their own mask stays are dropped.
        fuse_stuff: all pixels of a class that the model knows as stuff are one segment.
        label_ids_to_fuse: further classes of which there is one segment at most.
    """

    name: ClassVar[str] = "panoptic"
    result_type: ClassVar[type] = Panoptic
    heads: ClassVar[Mapping[str, Any]] = QUERY_HEADS
    card_options: ClassVar[Mapping[str, str]] = QUERY_OPTIONS

    min_score: float = 0.5
    min_mask: float = 0.5
    min_kept: float = 0.8
    fuse_stuff: bool = True
    label_ids_to_fuse: tuple[int, ...] = ()

    def check_options(self) -> None:
        for name in ("min_score", "min_mask", "min_kept"):
            check_range(name, getattr(self, name), 0, 1)
        given, most = self.label_ids_to_fuse, len(self.card.names) or np.inf
        ids = (given,) if isinstance(given, int) else tuple(given)
        odd = [id for id in ids if not (isinstance(id, int | np.integer) and 0 <= id < most)]
        if odd:
            raise OptionError(
                f"label_ids_to_fuse must be numbers of classes, whole and from 0 to {most - 1}, got {odd[0]!r}; "
                "an answer names them as label_id"
            )
        object.__setattr__(self, "label_ids_to_fuse", tuple(map(int, ids)))

    def postprocess(self, raw: Mapping[str, np.ndarray], fit: Fit) -> Panoptic:
        queries = self.heads[self.card.head](raw, fit, self.card.options)
        check_classes(self.card.names, queries.classes, self.card.id)
        stuff = stuff_of(self.card.options)
        ids, segments = segments_of(
            queries,
            fit.picture_hw,
            min_score=self.min_score,
            min_mask=self.min_mask,
            min_kept=self.min_kept,
            fused={*self.label_ids_to_fuse, *(stuff if self.fuse_stuff else ())},
        )
        map_ = LabelMap(ids)
        boxes = map_.boxes()  # (highest + 1, 4)
        segments.sort(key=lambda each: -each.area)
        return Panoptic(
            ids=[each.id for each in segments],
            labels=[named(self.card.names, each.label_id) for each in segments],
            label_ids=[each.label_id for each in segments],
            scores=np.clip([each.score for each in segments], 0, 1),
            things=np.array([each.label_id not in stuff for each in segments], bool),
            areas=[each.area for each in segments],
            boxes=[boxes[each.id] for each in segments],
            map=map_,
        )
