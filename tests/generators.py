"""Tiny UNets of the real class with random weights, as diffusers saves a pipeline, and as our export makes of them."""

from __future__ import annotations

from pathlib import Path

import diffusers
import torch

from pixwise.export import export
from pixwise.export.tracing import quiet

CIFAR = {  # the settings of google/ddpm-cifar10-32
    "num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear",
    "clip_sample": True, "variance_type": "fixed_large",
}  # fmt: skip


def unet(
    channels: int = 3, size: int | tuple[int, int] = (16, 24), seed: int = 0, **changed: object
) -> torch.nn.Module:
    """Random weights; the last layer is drawn with unit gain, so that each step changes the picture by much."""
    torch.manual_seed(seed)
    config = {
        "sample_size": size, "in_channels": channels, "out_channels": channels, "block_out_channels": (8, 16),
        "layers_per_block": 1, "norm_num_groups": 4, "attention_head_dim": 4,
        "down_block_types": ("DownBlock2D", "AttnDownBlock2D"), "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
    }  # fmt: skip
    model = diffusers.UNet2DModel(**{**config, **changed}).eval()
    torch.nn.init.normal_(model.conv_out.weight, std=0.12)
    return model


def save_pipeline(folder: Path, model: torch.nn.Module, scheduler: object = None, **settings: object) -> Path:
    """A folder as diffusers writes it; returns it."""
    scheduler = scheduler or diffusers.DDPMScheduler(**{**CIFAR, **settings})
    with quiet():
        diffusers.DDPMPipeline(model, scheduler).save_pretrained(folder, safe_serialization=True)
    return folder


def save(folder: Path, **changed: object) -> Path:
    """A folder that `--model` takes; returns it."""
    source = folder.parent / f".{folder.name}.checkpoint"
    save_pipeline(source, unet(**changed))
    return export(source, folder).folder
