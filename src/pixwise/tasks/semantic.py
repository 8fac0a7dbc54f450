"""Which class each pixel belongs to.

    picture → resize → (1, 3, h, w) → model → logits (C, h', w') → the picture's part of it → enlarged bilinearly to the
            picture → the best class of each pixel → ClassMap

Heads:
    channels_first    logits (1, C, h, w): SegFormer, UPerNet, DPT, BEiT, MobileViT
    channels_last     logits (1, h, w, C): DeepLab from TensorFlow
    mask_queries      queries with classes and masks, summed over: MaskFormer, Mask2Former, OneFormer
    detr_masks        DETR with masks, likewise
    ids               the graph ends in its own argmax: (1, h, w) or (1, 1, h, w) whole numbers
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from pixwise.answers.label_map import LabelMap
from pixwise.errors import CardError, ShapeError
from pixwise.pixels import Fit
from pixwise.queries import QUERY_HEADS, QUERY_OPTIONS, classes_of
from pixwise.results import ClassMap
from pixwise.surfaces import best_classes
from pixwise.task import Task, check_range

__all__ = ["SemanticSegmenter"]

Raw = Mapping[str, np.ndarray]


def decode_channels_first(output: np.ndarray) -> np.ndarray:
    """(C, h, w) of (1, C, h, w)."""
    return output[0]


def decode_channels_last(output: np.ndarray) -> np.ndarray:
    """(C, h, w) of (1, h, w, C)."""
    return np.ascontiguousarray(output[0].transpose(2, 0, 1))


def decode_ids(output: np.ndarray) -> np.ndarray:
    """(h, w) of (1, h, w) or (1, 1, h, w)."""
    return output.reshape(output.shape[-2:])


@dataclass(frozen=True, kw_only=True)
class SemanticSegmenter(Task):
    """Say which class each pixel belongs to.

    Attributes:
        min_share: of the picture; classes that cover less have no row. The map keeps them.
    """

    name: ClassVar[str] = "semantic"
    result_type: ClassVar[type] = ClassMap
    heads: ClassVar[Mapping[str, Any]] = {
        "channels_first": decode_channels_first,
        "channels_last": decode_channels_last,
        "ids": decode_ids,
        **QUERY_HEADS,
    }
    # `nothing`: the label that says "none of these", which has no row
    card_options: ClassVar[Mapping[str, str]] = {"nothing": "str", "output": "str", **QUERY_OPTIONS}

    min_share: float = 0.0

    def check_options(self) -> None:
        check_range("min_share", self.min_share, 0, 1)
        if any(self.card.recipe.crop_hw):
            raise CardError(
                f"card {self.card.id!r}: input.crop_hw must be left out, got {self.card.recipe.crop_hw}; "
                "what is cropped away would have no class"
            )

    def postprocess(self, raw: Raw, fit: Fit) -> ClassMap:
        if self.card.head in QUERY_HEADS:
            queries = QUERY_HEADS[self.card.head](raw, fit, self.card.options)
            self._check_classes(queries.classes)
            return self._told(LabelMap(classes_of(queries, fit.picture_hw)))
        found = self.heads[self.card.head](self._output(raw))
        seen = fit.content_of(found)
        if self.card.head == "ids":
            ids = _enlarged(seen, fit.picture_hw)
        else:
            self._check_classes(len(seen))
            ids = best_classes(seen, fit.picture_hw)
        return self._told(LabelMap(ids))

    def _output(self, raw: Raw) -> np.ndarray:
        """The output that the card names, else `logits`, else the first; finite."""
        name = self.card.options.get("output", "logits" if "logits" in raw else next(iter(raw)))
        if name not in raw:
            raise CardError(f"model {self.card.id!r} must have the output {name!r}, got {', '.join(raw)}; mend options")
        output, axes = raw[name], (3, 4) if self.card.head == "ids" else (4,)
        if output.ndim not in axes or len(output) != 1 or 0 in output.shape:
            raise ShapeError(
                f"output {name!r} of model {self.card.id!r} must be maps {self.card.head}, got shape {output.shape}; "
                f"choose another head in its card: {', '.join(self.heads)}"
            )
        if output.dtype.kind == "f" and not np.isfinite(output).all():
            raise ShapeError(f"output {name!r} of model {self.card.id!r} must be finite, got NaN or infinity")
        return output

    def _check_classes(self, count: int) -> None:
        names = len(self.card.names)
        if names and names != count:
            raise ShapeError(
                f"output of model {self.card.id!r} must have {names} classes, one per label, got {count}; "
                "check the labels of its card, and whether its head is channels_first or channels_last"
            )

    def _told(self, map_: LabelMap) -> ClassMap:
        pixels = map_.pixels()  # (highest + 1,)
        shares = pixels / max(1, pixels.sum())
        order = np.argsort(-shares, kind="stable")
        hidden = ("", self.card.options.get("nothing", ""))
        kept = [i for i in order if shares[i] > 0 and shares[i] >= self.min_share and self._label(i) not in hidden]
        kept = np.array(kept, np.int64)
        return ClassMap(
            labels=tuple(map(self._label, kept)), label_ids=kept, shares=shares[kept].astype(np.float32), map=map_
        )

    def _label(self, index: int) -> str:
        return self.card.names[index] if index < len(self.card.names) else f"class {index}"


def _enlarged(ids: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """(H, W), the nearest one each."""
    if ids.dtype.kind not in "iu" or ids.min() < 0 or ids.max() > 65_535:
        raise ShapeError(f"ids must be whole numbers from 0 to 65535, got {ids.dtype} from {ids.min()} to {ids.max()}")
    image = Image.fromarray(ids.astype(np.int32), "I")
    return np.asarray(image.resize(size_hw[::-1], Image.Resampling.NEAREST))
