"""Upscalers: pixel_values (B, 3, H, W) ─▶ reconstruction (B, 3, sH, sW); height and width may vary."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pixwise.export.parts import Given, Part, Trial

__all__ = ["lean_attention", "swin2sr_parts", "upscaler_options"]

_SIZES = {2: "height", 3: "width"}
_LEAST = 1e-12  # a length below is taken as this, as torch's normalize does


class _Upscaler(nn.Module):
    """Only the picture that is made."""

    def __init__(self, model: Any):
        super().__init__()
        self.model = model

    def forward(self, pixel_values: Tensor) -> Tensor:
        with lean_attention():
            return self.model(pixel_values=pixel_values).reconstruction


def swin2sr_parts(given: Given) -> list[Part]:
    """Swin2SR (Conde et al. 2022) with any of its upsamplers."""

    def own(pixels: Tensor) -> Mapping[str, Tensor]:
        return {"reconstruction": given.model(pixel_values=pixels).reconstruction}

    trials = [Trial({"pixel_values": x}, own(x)) for x in (given.pixels, given.others, given.pixels[:1])]
    axes = {"pixel_values": _SIZES, "reconstruction": _SIZES}
    return [Part("model", "onnx/model.onnx", _Upscaler(given.model), tuple(trials), axes)]


def upscaler_options(model: Any, folder: Path) -> Mapping[str, Any]:
    """How many times larger, and which output are the pixels."""
    return {"scale": int(model.config.upscale), "output": "reconstruction"}


@contextmanager
def lean_attention() -> Iterator[None]:
    """Attention of Swin2SR with fewer passes over the scores, which are far larger than all else (64 for each pixel).

    With heads of ten channels, what costs is memory and not arithmetic. The scale is multiplied into the queries, the
    bias and the mask (which the model adds twice) are one addend, and lengths are divided by as they broadcast.
    """
    module = importlib.import_module("transformers.models.swin2sr.modeling_swin2sr").Swin2SRSelfAttention
    before, module.forward = module.forward, _attend
    try:
        yield
    finally:
        module.forward = before


def _attend(self: Any, hidden: Tensor, mask: Tensor | None = None, output_attentions: bool = False) -> tuple[Tensor]:
    """`Swin2SRSelfAttention.forward`: (B, L, C) of B windows → (B, L, C)."""
    rows, length, _ = hidden.shape
    heads, width = self.num_attention_heads, self.attention_head_size
    scale = torch.clamp(self.logit_scale, max=math.log(100)).exp()  # (heads, 1, 1)
    query, key, value = (
        each(hidden).view(rows, -1, heads, width).transpose(1, 2) for each in (self.query, self.key, self.value)
    )  # (B, heads, L, width)
    scores = (query * (scale / _length(query))) @ (key * (1 / _length(key))).transpose(-2, -1)
    bias = _position_bias(self)  # (heads, L, L)
    if mask is None:
        scores = scores + bias
    else:
        windows = mask.shape[0]
        addend = bias + 2 * mask[:, None]  # (windows, heads, L, L)
        scores = (scores.view(rows // windows, windows, heads, length, length) + addend).view(-1, heads, length, length)
    seen = torch.softmax(scores, dim=-1) @ value
    return (seen.transpose(1, 2).reshape(rows, length, heads * width),)


def _length(vectors: Tensor) -> Tensor:
    return vectors.norm(dim=-1, keepdim=True).clamp_min(_LEAST)


def _position_bias(attention: Any) -> Tensor:
    """(heads, L, L): the same for every window."""
    table = attention.continuous_position_bias_mlp(attention.relative_coords_table)
    length = attention.window_size[0] * attention.window_size[1]
    found = table.view(-1, attention.num_attention_heads)[attention.relative_position_index.view(-1)]
    return 16 * torch.sigmoid(found.view(length, length, -1).permute(2, 0, 1).contiguous())
