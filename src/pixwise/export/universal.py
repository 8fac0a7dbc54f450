"""Mask transformers: pixel_values (B, 3, H, W) ─▶ logits of queries (B, Q, C + 1), their masks (B, Q, h, w)."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from pixwise.export.parts import Given, Part, Trial

__all__ = ["detr_masks_parts", "lengths_from_shapes", "mask_queries_parts", "oneformer_parts", "sigmoid_masks_parts"]

_QUERIES = ("class_queries_logits", "masks_queries_logits")
_OPSET = 17
_DEFORMABLE = ("mask2former", "oneformer")


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


@contextmanager
def lengths_from_shapes() -> Iterator[None]:
    """Deformable attention makes a tensor of the sizes of its levels; else height and width would be fixed."""
    modules = [importlib.import_module(f"transformers.models.{name}.modeling_{name}") for name in _DEFORMABLE]
    for module in modules:
        module.torch = _Torch()
    try:
        yield
    finally:
        for module in modules:
            module.torch = torch


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


def sigmoid_masks_parts(given: Given) -> list[Part]:
    """RF-DETR with masks: pictures are stretched to a square."""
    return [_part(given, ("logits", "pred_boxes", "pred_masks"), {})]


def oneformer_parts(given: Given, task: str) -> list[Part]:
    """OneFormer (Jain et al. 2023): the words that tell it its task are part of the file."""
    from transformers import AutoTokenizer

    words = AutoTokenizer.from_pretrained(given.model.name_or_path)
    length = given.model.config.task_seq_len
    ids = words([f"the task is {task}"], padding="max_length", max_length=length, truncation=True)["input_ids"]
    return mask_queries_parts(given, torch.tensor(ids))


def _part(given: Given, names: Sequence[str], axes: Mapping[str, Mapping[int, str]], tokens: Any = None) -> Part:
    trials = []
    for pixels in (given.pixels, given.others, given.pixels[:1]):
        feeds = {"pixel_values": pixels}
        if "pixel_mask" in axes:
            feeds["pixel_mask"] = torch.ones((len(pixels), *pixels.shape[2:]), dtype=torch.int64)
        answer = _asked(given.model, tuple(feeds.values()), tokens)
        trials.append(Trial(feeds, {name: answer[name] for name in names}))
    wrapper = Universal(given.model, names, tokens)
    return Part("model", "onnx/model.onnx", wrapper, tuple(trials), axes, opset=_OPSET, queries=True)
