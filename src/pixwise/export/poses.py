"""Keypoint models: crops of people in, a heat map per keypoint out.

pixel_values (B, 3, h, w) [, dataset_index (B,)] ─▶ heatmaps (B, K, h/4, w/4)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pixwise.export.parts import Given, Part, Trial
from pixwise.own.poses import pose_options

__all__ = ["exported_pose_options", "pose_parts"]


class Heatmaps(nn.Module):
    """The model as it is."""

    def __init__(self, model: Any):
        super().__init__()
        self.model = model

    def forward(self, *feeds: Tensor) -> Tensor:
        return self.model(*feeds).heatmaps


def pose_parts(given: Given) -> list[Part]:
    """ViTPose (Xu et al. 2022) and ViTPose+ (Xu et al. 2023), whose experts are chosen row by row."""
    experts = given.model.config.backbone_config.num_experts
    trials = []
    for pixels in (given.pixels, given.others, given.pixels[:1]):
        feeds = {"pixel_values": pixels}
        if experts > 1:
            feeds["dataset_index"] = torch.arange(len(pixels)) % experts
        trials.append(Trial(feeds, {"heatmaps": given.model(**feeds).heatmaps}))
    return [Part("model", "onnx/model.onnx", Heatmaps(given.model), tuple(trials))]


def exported_pose_options(model: Any, folder: Path) -> Mapping[str, Any]:
    """Edges and experts, as `config.json` tells them."""
    return pose_options(model.config.to_dict(), folder.name)
