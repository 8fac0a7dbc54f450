"""Swin2SR and `transformers`, side by side: pixels in, a picture twice as large out, the same weights, equal threads.

    python bench/upscale_speed.py [--sizes 96x96,128x192] [--rounds 5] [--threads N] [--folder DIR]

Swin2SR lightweight x2 (60 channels, 24 layers) with random weights. `transformers` has its PIL processor, inference
mode, and two settings: plain, and with channels last; the ratio is to the quicker one. Pixwise runs its own export, a
picture that fits into a tile as a whole.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from side_by_side import Way, medians

from pixwise.samples import photo_like

Run = Callable[[np.ndarray], np.ndarray]


def checkpoint(folder: Path) -> Path:
    """Random weights of the published size, and their export; made once."""
    made = folder / "swin2sr-lightweight-x2"
    if not (made / "out" / "card.toml").exists():
        import torch
        import transformers

        from pixwise.export import export

        torch.manual_seed(0)
        sizes = {"embed_dim": 60, "depths": [6] * 4, "num_heads": [6] * 4}
        config = transformers.Swin2SRConfig(**sizes, mlp_ratio=2.0, upscale=2, upsampler="pixelshuffledirect")
        transformers.Swin2SRForImageSuperResolution(config).save_pretrained(made / "checkpoint")
        processor = {"image_processor_type": "Swin2SRImageProcessor", "do_pad": True, "size_divisor": 8}
        (made / "checkpoint" / "preprocessor_config.json").write_text(json.dumps(processor))
        export(made / "checkpoint", made / "out")
    return made


def transformers_way(folder: str, threads: int, channels_last: bool) -> Run:
    """The model class and its processor: version 5 has no pipeline for pictures of pictures."""
    import torch
    import transformers
    from PIL import Image
    from transformers.models.swin2sr.image_processing_pil_swin2sr import Swin2SRImageProcessorPil

    transformers.logging.set_verbosity_error()
    torch.set_num_threads(threads)
    model = transformers.Swin2SRForImageSuperResolution.from_pretrained(folder).eval()
    if channels_last:
        model.to(memory_format=torch.channels_last)
    processor = Swin2SRImageProcessorPil()

    def run(pixels: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            made = model(**processor(Image.fromarray(pixels), return_tensors="pt")).reconstruction
        height, width = (2 * side for side in pixels.shape[:2])
        shares = made[0, :, :height, :width].clamp(0, 1).numpy()
        return (shares.transpose(1, 2, 0) * 255).round().astype(np.uint8)

    return run


def pixwise_way(folder: str, threads: int) -> Run:
    """Pixwise with the export of the same checkpoint."""
    from pixwise.tasks.upscale import Upscaler

    upscaler = Upscaler.load(folder, device="cpu", threads=threads)
    return lambda pixels: upscaler(pixels).pixels()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="96x96,128x192")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=min(2, len(os.sched_getaffinity(0))))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "pixwise-bench")
    args = parser.parse_args()
    made = checkpoint(args.folder)
    ways = [
        Way("plain", transformers_way, str(made / "checkpoint"), args.threads, False),
        Way("channels last", transformers_way, str(made / "checkpoint"), args.threads, True),
        Way("pixwise", pixwise_way, str(made / "out"), args.threads),
    ]
    names = [way.name for way in ways]
    print(f"ms, {args.threads} threads; ratios to the quicker transformers; how far the picture is from its, of 255")
    print(f"{'pixels':10}" + "".join(f"{name:>15}" for name in names) + f"{'ratio':>9}  apart")
    for size in args.sizes.split(","):
        height, width = map(int, size.split("x"))
        times, answers = medians(ways, photo_like(height, width), args.rounds, warm=1)
        best = min(times["plain"], times["channels last"])
        apart = int(np.abs(answers["pixwise"].astype(int) - answers["plain"]).max())
        print(
            f"{size:10}"
            + "".join(f"{1e3 * times[name]:15.0f}" for name in names)
            + f"{best / times['pixwise']:9.2f}  {apart}",
            flush=True,
        )
    for way in ways:
        way.close()


if __name__ == "__main__":
    main()
