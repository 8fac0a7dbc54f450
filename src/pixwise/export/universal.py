"""Mask transformers: pixel_values (B, 3, H, W) ─▶ logits of queries (B, Q, C + 1), their masks (B, Q, h, w)."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pixwise.export.parts import Given, Part, Trial
from pixwise.own.folder import names_from_config
from pixwise.own.universal import grid_option, universal_names, universal_options

__all__ = [
    "detr_masks_parts",
    "lengths_from_shapes",
    "mask_queries_parts",
    "oneformer_parts",
    "panoptic_options",
    "semantic_options",
]

_QUERIES = ("class_queries_logits", "masks_queries_logits")
_OPSET = 17


class Universal(nn.Module):
    """Only the outputs that are read."""

    def __init__(self, model: Any, names: Sequence[str], tokens: Tensor | None = None):
        super().__init__()
        self.model, self.names, self.tokens = model, names, tokens

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        with lengths_from_shapes():
            answer = _asked(self.model, inputs, self.tokens)
        return tuple(answer[name] for name in self.names)


def _asked(model: Any, inputs: Sequence[Tensor], tokens: Tensor | None) -> Any:
    words = () if tokens is None else (tokens.expand(inputs[0].shape[0], -1),)
    return model(*inputs, *words)


class _Torch:
    """`torch`, whose `tensor` keeps lengths that are traced: the real one writes them down as the numbers they are."""

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    def tensor(self, given: Any, **options: Any) -> Tensor:
        if isinstance(given, list | tuple) and given:
            return torch.stack([self.tensor(item, **options) for item in given])
        return torch.as_tensor(given, **options)

    as_tensor = tensor


def _padded_patches(self: Any, pixels: Tensor, height: Any, width: Any) -> Tensor:
    """`SwinPatchEmbeddings.maybe_pad` without a question: tracing would write its answer down."""
    rows, columns = self.patch_size
    return nn.functional.pad(pixels, (0, -width % columns, 0, -height % rows))


def _padded_pairs(self: Any, features: Tensor, height: Any, width: Any) -> Tensor:
    """`SwinPatchMerging.maybe_pad`, likewise."""
    return nn.functional.pad(features, (0, 0, 0, width % 2, 0, height % 2))


@contextmanager
def lengths_from_shapes() -> Iterator[None]:
    """Height and width may vary: deformable attention makes a tensor of its sizes, Swin asks for rests."""
    changed = [(_module(name), "torch", _Torch()) for name in ("mask2former", "oneformer")]
    changed.append((_module("swin").SwinPatchEmbeddings, "maybe_pad", _padded_patches))
    changed.append((_module("swin").SwinPatchMerging, "maybe_pad", _padded_pairs))
    before = [getattr(place, name) for place, name, _ in changed]
    for place, name, mine in changed:
        setattr(place, name, mine)
    try:
        yield
    finally:
        for (place, name, _), own in zip(changed, before, strict=True):
            setattr(place, name, own)


def _module(name: str) -> Any:
    return importlib.import_module(f"transformers.models.{name}.modeling_{name}")


def mask_queries_parts(given: Given, tokens: Tensor | None = None) -> list[Part]:
    """MaskFormer (Cheng et al. 2021), Mask2Former (Cheng et al. 2022): height and width vary."""
    axes = {"pixel_values": {2: "height", 3: "width"}, "masks_queries_logits": {2: "rows", 3: "columns"}}
    return [_part(given, _QUERIES, axes, tokens)]


def detr_masks_parts(given: Given) -> list[Part]:
    """DETR with masks (Carion et al. 2020, section 4.4): height and width vary, a mask says what is picture."""
    axes = {
        "pixel_values": {2: "height", 3: "width"},
        "pixel_mask": {1: "height", 2: "width"},
        "pred_masks": {2: "rows", 3: "columns"},
    }
    return [_part(given, ("logits", "pred_masks"), axes)]


def oneformer_parts(given: Given, task: str) -> list[Part]:
    """OneFormer (Jain et al. 2023): the words that tell it its task are part of the file."""
    from transformers import AutoTokenizer

    words = AutoTokenizer.from_pretrained(given.model.name_or_path)
    length = given.model.config.task_seq_len
    told = words([f"the task is {task}"], padding="max_length", max_length=length, truncation=True, return_tensors="pt")
    return mask_queries_parts(given, told["input_ids"] * told["attention_mask"])  # what fills up is 0


def panoptic_options(model: Any, folder: Path) -> Mapping[str, Any]:
    """Of `panoptic` and `instances`: the grid of the masks, and what is stuff."""
    config = model.config.to_dict()
    return universal_options(config, universal_names(names_from_config(config, folder.name), config))


def semantic_options(model: Any, folder: Path) -> Mapping[str, Any]:
    """Of `semantic`: the grid of the masks."""
    return grid_option(model.config.to_dict())


def _part(given: Given, names: Sequence[str], axes: Mapping[str, Mapping[int, str]], tokens: Any = None) -> Part:
    trials = []
    for pixels in (given.pixels, given.others, given.pixels[:1]):
        feeds = {"pixel_values": pixels}
        if "pixel_mask" in axes:
            feeds["pixel_mask"] = torch.ones((len(pixels), *pixels.shape[2:]), dtype=torch.int64)
        answer = _asked(given.model, tuple(feeds.values()), tokens)
        trials.append(Trial(feeds, {name: answer[name] for name in names}))
    wrapper = Universal(given.model, names, tokens)
    return Part("model", "onnx/model.onnx", wrapper, tuple(trials), axes, opset=_OPSET)
