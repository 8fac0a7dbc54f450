"""Upscalers: pixel_values (B, 3, H, W) ─▶ reconstruction (B, 3, sH, sW); height and width may vary."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from pixwise.export.parts import Given, Part, Trial
from pixwise.export.towers import Asked

__all__ = ["swin2sr_parts", "upscaler_options"]

_SIZES = {2: "height", 3: "width"}


def swin2sr_parts(given: Given) -> list[Part]:
    """Swin2SR (Conde et al. 2022) with any of its upsamplers."""

    def own(pixels: Tensor) -> Mapping[str, Tensor]:
        return {"reconstruction": given.model(pixel_values=pixels).reconstruction}

    trials = [Trial({"pixel_values": x}, own(x)) for x in (given.pixels, given.others, given.pixels[:1])]
    axes = {"pixel_values": _SIZES, "reconstruction": _SIZES}
    return [Part("model", "onnx/model.onnx", Asked(given.model, own), tuple(trials), axes)]


def upscaler_options(model: Any, folder: Path) -> Mapping[str, Any]:
    """How many times larger, and which output are the pixels."""
    return {"scale": int(model.config.upscale), "output": "reconstruction"}
