"""Tiny ViTPose models of the real classes, whose heat maps have peaks that depend on the person."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
import transformers
from oracle import tiny

from pixwise.export.parts import Given
from pixwise.export.poses import pose_parts
from pixwise.export.tracing import quiet, write_onnx
from pixwise.samples import photo_like

SIZE_HW = (128, 96)
KEYPOINTS = {"simple": 17, "classic": 17, "plus": 17, "wholebody": 133}
PREPROCESSOR = {
    "image_processor_type": "VitPoseImageProcessor", "do_affine_transform": True, "do_normalize": True,
    "do_rescale": True, "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225],
    "normalize_factor": 200.0, "rescale_factor": 1 / 255, "size": {"height": SIZE_HW[0], "width": SIZE_HW[1]},
}  # fmt: skip


def make(name: str) -> torch.nn.Module:
    """Always the same model; heat maps between about 0 and 1, with peaks."""
    backbone = transformers.VitPoseBackboneConfig(
        image_size=list(SIZE_HW), patch_size=[16, 16], hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_experts=3 if name == "plus" else 1, part_features=8, out_indices=[2], layer_norm_eps=1e-6,
    )  # fmt: skip
    config = transformers.VitPoseConfig(
        backbone_config=backbone, num_labels=KEYPOINTS[name], use_simple_decoder=name != "classic"
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.VitPoseForPoseEstimation(config).eval()
        tiny._draw_weights(model)
        with torch.no_grad():
            _raise(model, name)
    return model


def _raise(model: torch.nn.Module, name: str) -> None:
    """Heat maps of random weights have no zero: a fifth of their cells is brought above it, the highest near 1."""
    pictures = np.stack([photo_like(*SIZE_HW, seed) for seed in range(8)])
    people = (torch.from_numpy(pictures).permute(0, 3, 1, 2) / 127.5 - 1).contiguous()
    asked = {"dataset_index": torch.zeros(8, dtype=torch.int64)} if name == "plus" else {}
    if name != "classic":  # one random number per channel, smoothed: single cells would stand out, which have no top
        bump = torch.tensor([0.5, 1.0, 0.5])
        model.head.conv.weight.copy_(model.head.conv.weight[..., 1:2, 1:2] * bump[:, None] * bump)
    heatmaps = model(people, **asked).heatmaps.transpose(0, 1).flatten(1)  # (K, all cells)
    low, high = heatmaps.quantile(0.8, dim=1), heatmaps.amax(dim=1)
    model.head.conv.weight.mul_((1 / (high - low))[:, None, None, None])
    model.head.conv.bias.sub_(low).div_(high - low)


def save(name: str, folder: Path, model: torch.nn.Module | None = None, **told: object) -> Path:
    """A folder in Hugging Face form; `told` goes into its `config.json`."""
    model = model or make(name)
    (folder / "onnx").mkdir(parents=True)
    model.config.architectures = [type(model).__name__]
    for key, thing in told.items():
        setattr(model.config, key, thing)
    model.config.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR))
    with torch.no_grad(), quiet():
        [part] = pose_parts(Given(model, torch.rand(2, 3, *SIZE_HW), torch.rand(3, 3, *SIZE_HW)))
        write_onnx(part, folder / "onnx" / "model.onnx")
    return folder
