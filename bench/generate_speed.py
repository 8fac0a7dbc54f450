"""A step of generation: the UNet of diffusers and its ONNX file, with the same random weights, side by side.

    OMP_NUM_THREADS=2 python bench/generate_speed.py [COUNT …]

The UNet is that of Ho et al. 2020 for CIFAR-10 (32 x 32, 36 million numbers) as google/ddpm-cifar10-32 has it, without
its training: it makes noise, at the same speed. COUNT is pictures per run: 1 and 4 if none is said. Both take turns in
each round, so that a busy machine slows both; medians of the milliseconds per step, scheduler included.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import diffusers
import numpy as np
import torch

from pixwise.export import export
from pixwise.generation.generator import Generator

ROUNDS, STEPS, THREADS = 5, 4, 2
CIFAR = {
    "sample_size": 32, "in_channels": 3, "out_channels": 3, "layers_per_block": 2,
    "block_out_channels": (128, 256, 256, 256), "attention_head_dim": None, "act_fn": "silu", "norm_eps": 1e-6,
    "norm_num_groups": 32, "downsample_padding": 0, "flip_sin_to_cos": False, "freq_shift": 1,
    "down_block_types": ("DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
}  # fmt: skip
SCHEDULER = {"beta_schedule": "linear", "clip_sample": True, "variance_type": "fixed_large"}


def ms_per_step(run: Callable[[], object]) -> float:
    """Milliseconds."""
    started = time.perf_counter()
    run()
    return 1e3 * (time.perf_counter() - started) / STEPS


def pipeline_of(model: torch.nn.Module, layout: torch.memory_format) -> diffusers.DDIMPipeline:
    """What diffusers does by itself, in one of torch's two layouts."""
    pipeline = diffusers.DDIMPipeline(model.to(memory_format=layout), diffusers.DDPMScheduler(**SCHEDULER))
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def compare(folder: Path, model: torch.nn.Module, count: int) -> None:
    """Print a line for one number of pictures per run."""
    generator = Generator.load(folder, threads=THREADS)

    def theirs(layout: torch.memory_format) -> Callable[[], object]:
        pipeline = pipeline_of(model, layout)
        return lambda: pipeline(count, num_inference_steps=STEPS, output_type="np")

    times: dict[str, list[float]] = {"plain": [], "channels last": [], "ours": []}
    for _ in range(ROUNDS):
        times["plain"].append(ms_per_step(theirs(torch.contiguous_format)))
        times["channels last"].append(ms_per_step(theirs(torch.channels_last)))
        times["ours"].append(ms_per_step(lambda: generator(count, steps=STEPS, batch=count)))
    medians = {name: float(np.median(each[1:])) for name, each in times.items()}  # the first round warms up
    best = min(medians["plain"], medians["channels last"])
    told = "   ".join(f"{name} {ms:7.1f}" for name, ms in medians.items())
    print(f"{count} at once, ms per step: {told}   ratio {best / medians['ours']:.2f}", flush=True)


def main() -> None:
    os.environ.setdefault("PIXWISE_THREADS", str(THREADS))
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    model = diffusers.UNet2DModel(**CIFAR).eval()
    with tempfile.TemporaryDirectory() as place:
        checkpoint = Path(place, "checkpoint")
        diffusers.DDPMPipeline(model, diffusers.DDPMScheduler(**SCHEDULER)).save_pretrained(checkpoint)
        exported = export(checkpoint, Path(place, "unet"))
        worst = max(row.share for row in exported.differences)
        print(f"{exported.bytes / 1e6:.0f} MB; outputs differ by {worst:.1e} of their largest number")
        for count in map(int, sys.argv[1:] or ("1", "4")):
            compare(exported.folder, model, count)


if __name__ == "__main__":
    main()
