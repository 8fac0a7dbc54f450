"""Classifiers of clips: frames in, classes out.

pixel_values (B, T, 3, S, S) ─▶ logits (B, C)        T is as many frames as the model was made for
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pixwise.errors import CardError
from pixwise.export.attention import fuse_attention
from pixwise.export.parts import Given, Part, Trial
from pixwise.export.towers import Asked

__all__ = ["clip_classifier_parts", "frames_option"]


def clip_classifier_parts(given: Given) -> list[Part]:
    """VideoMAE (Tong et al. 2022), TimeSformer (Bertasius et al. 2021), ViViT (Arnab et al. 2021)."""
    if not getattr(given.model.config, "num_labels", 0):
        raise CardError("classifier must have classes, got none; name them in id2label of config.json")

    def own(pixels: Tensor) -> Mapping[str, Tensor]:
        return {"logits": given.model(pixel_values=pixels).logits}

    count = given.model.config.num_frames
    seen = [_clips(pixels, count) for pixels in (given.pixels, given.others, given.pixels[:1])]
    trials = tuple(Trial({"pixel_values": pixels}, own(pixels)) for pixels in seen)
    fuse_attention(given.model)  # a clip has 1568 places and more; the checkpoint has answered in its own way before
    return [Part("model", "onnx/model.onnx", Asked(given.model, own), trials)]


def _clips(pixels: Tensor, count: int) -> Tensor:
    """(B, T, 3, S, S) of (B, 3, S, S): each picture drifts, and grows darker, so that the order of frames matters."""
    return torch.stack([pixels.roll(3 * t, dims=-1) * (1 - t / (2 * count)) for t in range(count)], dim=1)


def frames_option(model: Any, folder: Path) -> Mapping[str, Any]:
    """How many frames the model was made for."""
    return {"frames": model.config.num_frames}
