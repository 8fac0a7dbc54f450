"""Detectors: pixel_values (B, 3, H, W) ─▶ logits (B, Q, C), pred_boxes (B, Q, 4)."""

from __future__ import annotations

import builtins
import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from pixwise.export.parts import Given, Part, Trial

__all__ = ["batch_from_shape", "detr_parts", "fixed_size_parts"]

_OPSET = 17  # D-FINE's distances are not understood from 18 on
_COUNTING = ("rt_detr", "rt_detr_v2", "d_fine")


class Detector(nn.Module):
    """Only the outputs that are read."""

    def __init__(self, model: Any):
        super().__init__()
        self.model = model

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        with batch_from_shape():
            answer = self.model(*inputs)
        return answer.logits, answer.pred_boxes


@contextmanager
def batch_from_shape() -> Iterator[None]:
    """RT-DETR and D-FINE ask `len(tensor)` for the batch, which tracing writes down as a number: ask the shape."""

    def length(thing: Any) -> Any:
        return thing.shape[0] if isinstance(thing, torch.Tensor) else builtins.len(thing)

    modules = [importlib.import_module(f"transformers.models.{name}.modeling_{name}") for name in _COUNTING]
    for module in modules:
        module.len = length
    try:
        yield
    finally:
        for module in modules:
            del module.len


def fixed_size_parts(given: Given) -> list[Part]:
    """RT-DETR (Zhao et al. 2023), its second version, D-FINE (Peng et al. 2024): pictures are stretched to a square."""
    trials = [Trial({"pixel_values": x}, _own(given.model, x)) for x in (given.pixels, given.others, given.pixels[:1])]
    return [
        Part("model", "onnx/model.onnx", Detector(given.model), tuple(trials), opset=_OPSET, queries=True),
    ]


def detr_parts(given: Given) -> list[Part]:
    """DETR (Carion et al. 2020): height and width vary, a mask says what is picture and what fills up."""
    trials = []
    for pixels in (given.pixels, given.others, given.pixels[:1]):
        mask = torch.ones((len(pixels), *pixels.shape[2:]), dtype=torch.int64)
        trials.append(Trial({"pixel_values": pixels, "pixel_mask": mask}, _own(given.model, pixels, mask)))
    axes = {"pixel_values": {2: "height", 3: "width"}, "pixel_mask": {1: "height", 2: "width"}}
    return [
        Part("model", "onnx/model.onnx", Detector(given.model), tuple(trials), axes, opset=_OPSET, queries=True),
    ]


def _own(model: Any, *inputs: Tensor) -> Mapping[str, Tensor]:
    answer = model(*inputs)
    return {"logits": answer.logits, "pred_boxes": answer.pred_boxes}
