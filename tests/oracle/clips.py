"""Tiny models of clips of the real `transformers` classes, random weights, saved as a user would have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from oracle import tiny
from transformers.models.videomae.image_processing_pil_videomae import VideoMAEImageProcessorPil
from transformers.models.vivit.image_processing_vivit import VivitImageProcessor

from pixwise.export.clips import clip_classifier_parts
from pixwise.export.parts import Given
from pixwise.export.tracing import write_onnx
from pixwise.samples import photo_like

SIDE = 48
_LAYERS = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "image_size": SIDE,
    "id2label": {index: f"deed {index}" for index in range(7)},
}  # fmt: skip
_CROP = {"crop_size": {"height": SIDE, "width": SIDE}}
PROCESSORS: dict[str, Any] = {
    "videomae": VideoMAEImageProcessorPil(size={"shortest_edge": SIDE}, **_CROP),
    "timesformer": VideoMAEImageProcessorPil(size={"shortest_edge": SIDE}, image_mean=[0.45] * 3,
                                             image_std=[0.225] * 3, **_CROP),
    "vivit": VivitImageProcessor(size={"shortest_edge": SIDE + 8}, **_CROP),
}  # fmt: skip


def _make(name: str) -> torch.nn.Module:
    if name == "videomae":
        config = transformers.VideoMAEConfig(**_LAYERS, num_frames=16, patch_size=16)
        return transformers.VideoMAEForVideoClassification(config)
    if name == "timesformer":
        config = transformers.TimesformerConfig(**_LAYERS, num_frames=8, patch_size=16)
        return transformers.TimesformerForVideoClassification(config)
    config = transformers.VivitConfig(**_LAYERS, num_frames=32, tubelet_size=[2, 16, 16])
    return transformers.VivitForVideoClassification(config)


@torch.no_grad()
def make(name: str) -> torch.nn.Module:
    """A model whose answers depend on the frames and their order, always the same one."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = _make(name).eval()
        tiny._draw_weights(model)
        for key, weight in model.named_parameters():
            if weight.dim() == 5:  # tubelets
                weight.normal_(0, 1.4 * weight[0].numel() ** -0.5)
            elif "embeddings" in key and weight.dim() == 3:  # positions and the class token
                weight.normal_(0, 0.5)
        _spread(model)
    return model


def _spread(model: torch.nn.Module) -> None:
    """Every class: mean 0, deviation 1.5 over a few clips."""
    clips = np.stack([np.stack(photo_clip(model.config.num_frames, SIDE, SIDE, seed)) for seed in range(6)])
    asked = torch.from_numpy(clips).permute(0, 1, 4, 2, 3) / 127.5 - 1
    logits = model(pixel_values=asked.float().contiguous()).logits - model.classifier.bias
    scale = 1.5 / (logits.std(0) + 1e-3)
    model.classifier.weight.mul_(scale[:, None])
    model.classifier.bias.copy_(-logits.mean(0) * scale)


def photo_clip(count: int, height: int, width: int, seed: int) -> list[np.ndarray]:
    """Frames of a window that moves over a photo-like picture, and comes nearer to another one."""
    far, near = photo_like(height + 40, width + 3 * count, seed), photo_like(height + 40, width + 3 * count, seed + 50)
    frames = []
    for t in range(count):
        mixed = far * (1 - t / count) + near * (t / count)
        frames.append(mixed[t % 40 : t % 40 + height, 3 * t : 3 * t + width].astype(np.uint8))
    return frames


@torch.no_grad()
def save(name: str, model: torch.nn.Module, folder: Path) -> Path:
    """A folder in Hugging Face form."""
    (folder / "onnx").mkdir(parents=True)
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSORS[name].to_dict(), default=str))
    pixels = torch.rand(2, 3, SIDE, SIDE)
    [part] = clip_classifier_parts(Given(model, pixels, torch.rand(3, 3, SIDE, SIDE)))
    write_onnx(part, folder / "onnx" / "model.onnx")
    return folder
