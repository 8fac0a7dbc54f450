"""Which pixels: Pixwise and `transformers` side by side, JPEG bytes in, answer out, the same weights, equal threads.

    python bench/segmenters.py [sam2 segformer masks] [--rounds 5] [--threads N] [--folder DIR]

sam2        SAM 2 tiny: the picture seen once (encode), then a prompt; theirs by hand, it has no PIL processor
segformer   SegFormer-b0: a picture, its class map at full size
masks       100 masks of a 12-megapixel picture: what they cost on top of the model, and what they take

Each ends with what was to be reached. The weights are random; speed does not depend on them.
"""

from __future__ import annotations

import argparse
import gc
import io
import os
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from full_size import IMAGENET, build_checkpoint
from pictures import SIZES, jpeg
from quiet import Others
from side_by_side import Way, medians

Job = tuple[str, bytes]
PEERS = ("sdpa", "eager", "last")  # attention in two ways, and channels last; the quickest counts
POINT = (0.4, 0.55)  # share of width and height


def transformers_sam2(folder: str, threads: int, kind: str) -> Callable[[Job], Any]:
    """SAM 2 by hand: Pillow's bilinear resize to the square, the model, masks enlarged to the picture."""
    import torch
    import transformers
    from PIL import Image

    torch.set_num_threads(threads)
    attention = "eager" if kind == "eager" else "sdpa"
    model = transformers.Sam2Model.from_pretrained(folder, attn_implementation=attention).eval()
    if kind == "last":
        model.to(memory_format=torch.channels_last)
    mean, std = (torch.tensor(IMAGENET[name]).reshape(1, 3, 1, 1) for name in ("image_mean", "image_std"))
    seen: dict[str, Any] = {}

    def encode(data: bytes) -> np.ndarray:
        image = Image.open(io.BytesIO(data)).convert("RGB")
        small = np.asarray(image.resize((1024, 1024), Image.Resampling.BILINEAR))
        pixels = (torch.from_numpy(small.copy()).permute(2, 0, 1)[None] / 255 - mean) / std
        seen.update(size=image.size, embeddings=model.get_image_embeddings(pixels))
        return seen["embeddings"][-1].numpy()

    def prompt() -> np.ndarray:
        point = torch.tensor(POINT).reshape(1, 1, 1, 2) * 1024
        found = model(
            image_embeddings=seen["embeddings"], input_points=point, input_labels=torch.ones((1, 1, 1), dtype=torch.int)
        )
        best = found.pred_masks[:, 0, found.iou_scores[0, 0].argmax()][:, None]  # (1, 1, h, w)
        size_hw = seen["size"][::-1]
        return (torch.nn.functional.interpolate(best, size_hw, mode="bilinear")[0, 0] > 0).numpy()

    def run(job: Job) -> np.ndarray:
        with torch.inference_mode():
            return encode(job[1]) if job[0] == "encode" else prompt()

    return run


def pixwise_sam2(folder: str, threads: int, exact: bool) -> Callable[[Job], Any]:
    """`segment` with the export of the same checkpoint."""
    from pixwise.tasks.segment import Segmenter

    task = Segmenter.load(f"{folder}/pixwise", device="cpu", threads=threads, exact=exact)
    kept: list[Any] = []

    def run(job: Job) -> np.ndarray:
        if job[0] == "encode":
            kept[:] = [task.encode(job[1])]
            return list(kept[0].embeddings.values())[-1]
        image = kept[0].image
        return task(kept[0], points=[(POINT[0] * image.width, POINT[1] * image.height)]).masks[0].open()

    return run


def transformers_segformer(folder: str, threads: int, kind: str) -> Callable[[Job], Any]:
    """The model class, its PIL processor and its `post_process_semantic_segmentation`."""
    import torch
    import transformers
    from PIL import Image

    torch.set_num_threads(threads)
    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    model = transformers.SegformerForSemanticSegmentation.from_pretrained(folder).eval()
    if kind == "last":
        model.to(memory_format=torch.channels_last)

    def run(job: Job) -> np.ndarray:
        image = Image.open(io.BytesIO(job[1]))
        with torch.inference_mode():
            raw = model(**processor(images=image, return_tensors="pt"))
            return processor.post_process_semantic_segmentation(raw, target_sizes=[image.size[::-1]])[0].numpy()

    return run


def pixwise_segformer(folder: str, threads: int, exact: bool) -> Callable[[Job], Any]:
    """`semantic` with the export of the same checkpoint."""
    from pixwise.tasks.semantic import SemanticSegmenter

    task = SemanticSegmenter.load(f"{folder}/pixwise", device="cpu", threads=threads, exact=exact)
    return lambda job: task(job[1]).ids()


def sam2(args: argparse.Namespace) -> None:
    """Encode and prompt."""
    folder = str(build_checkpoint("sam2-tiny", args.folder))
    ways = [
        *(Way(kind, transformers_sam2, folder, args.threads, kind) for kind in PEERS),
        *_ours(pixwise_sam2, folder, args),
    ]
    spent: dict[tuple[str, str], float] = {}
    for size in SIZES:
        data = jpeg(size, args.folder)
        for step, rounds in (("encode", args.rounds), ("prompt", 3 * args.rounds)):
            spent[step, size] = report("sam2-tiny", step, size, ways, (step, data), rounds)
    slower = spent["encode", "12 MP"] / spent["encode", "0.3 MP"]
    print(f"encode of 12 MP / of 0.3 MP: {slower:.2f}")
    print("to be reached: encode 2.1 x, a further prompt 50 ms or less, 12 MP at most 1.3 times 0.3 MP\n")
    for way in ways:
        way.close()


def segformer(args: argparse.Namespace) -> None:
    """A class map."""
    folder = str(build_checkpoint("segformer-b0", args.folder))
    peers = [Way(kind, transformers_segformer, folder, args.threads, kind) for kind in ("plain", "last")]
    ways = [*peers, *_ours(pixwise_segformer, folder, args)]
    for size in SIZES:
        report("segformer-b0", "map", size, ways, ("map", jpeg(size, args.folder)), args.rounds)
    print("to be reached: 3.0 x (the map is of the picture's full size, so that 12 MP may take longer)\n")
    for way in ways:
        way.close()


def _ours(make: Callable[..., Any], folder: str, args: argparse.Namespace) -> list[Way]:
    return [Way(name, make, folder, args.threads, name == "exact") for name in ("exact", "fast")]


def report(model: str, step: str, size: str, ways: list[Way], job: Job, rounds: int) -> float:
    """Print one row; returns the milliseconds of our default way."""
    others = Others([way.pid for way in ways])
    times, answers = medians(ways, job, rounds)
    peers = [way.name for way in ways if way.name not in ("exact", "fast")]
    best, wanted = min(times[name] for name in peers), answers[peers[0]]
    numbers = "  ".join(f"{name} {1e3 * spent:.1f}" for name, spent in times.items())
    ratios = ", ".join(f"{name} {best / times[name]:.2f} x" for name in ("exact", "fast"))
    print(
        f"{model} {step}, {size}: {numbers} ms; {ratios}; exact {alike(answers['exact'], wanted)}; "
        f"others took {others.share():.0%} of the machine",
        flush=True,
    )
    return 1e3 * times["fast"]


def alike(ours: np.ndarray, theirs: np.ndarray) -> str:
    """How far two answers are apart: the cosine of numbers, the share of equal pixels of maps."""
    if ours.dtype.kind == "f":
        a, b = ours.ravel().astype(np.float64), theirs.ravel().astype(np.float64)
        return f"cosine {a @ b / np.linalg.norm(a) / np.linalg.norm(b):.6f}"
    return f"{(ours == theirs).mean():.4%} of pixels alike"


def ragged_logits(seed: int, side: int = 256) -> np.ndarray:
    """(S, S): a disc with hair, and the noise of a network."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] - random.uniform(0.3, 0.7, 2).reshape(2, 1, 1) * side
    edge = random.uniform(0.1, 0.4) * side + 0.03 * side * np.sin(60 * np.arctan2(y, x))
    return ((edge - np.hypot(y, x)) / 4 + random.normal(0, 0.5, (side, side))).astype(np.float32)


def masks(args: argparse.Namespace) -> None:
    """From logits of 256 x 256, as SAM gives them, to masks of 12 megapixels."""
    import psutil

    from pixwise.maps import mask_above
    from pixwise.masks import Mask

    logits = [ragged_logits(seed) for seed in range(100)]
    size_hw = SIZES["12 MP"]
    Mask.from_array(mask_above(logits[0], size_hw))
    gc.collect()
    before, started = psutil.Process().memory_info().rss, time.perf_counter()
    held = [Mask.from_array(mask_above(each, size_hw)) for each in logits]
    spent = 1e3 * (time.perf_counter() - started) / len(held)
    grown = (psutil.Process().memory_info().rss - before) / 1e6
    opened = time.perf_counter()
    held[0].open()
    opened = 1e3 * (time.perf_counter() - opened)
    tracemalloc.start()
    held = [Mask.from_array(mask_above(each, size_hw)) for each in logits]
    kept, peak = (each / 1e6 for each in tracemalloc.get_traced_memory())
    tracemalloc.stop()
    share = np.mean([mask.area for mask in held]) / np.prod(size_hw)
    print(f"a mask of 12 MP ({share:.0%} of the picture on average): {spent:.1f} ms, opened in {opened:.1f} ms more")
    print(f"100 of them: {kept:.1f} MB held, {peak:.1f} MB at most in the making; the process grew by {grown:.1f} MB")
    print("to be reached: a mask in 150 ms, 100 in 60 MB\n")


STEPS = {"sam2": sam2, "segformer": segformer, "masks": masks}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("steps", nargs="*", choices=STEPS, default=list(STEPS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "pixwise-bench")
    args = parser.parse_args()
    for step in args.steps:
        STEPS[step](args)


if __name__ == "__main__":
    main()
