"""Mask2Former beside `transformers`, and what segments and instances cost on top of a model.

    python bench/universal.py [FOLDER]

Swin-tiny and 100 queries with random weights, 384 x 384 pixels as its checkpoints for COCO take them, two threads;
exported once into FOLDER. Both sides take turns, each in a process of its own; medians. Random classes say nothing, so
the class head is scaled until some dozen queries are sure. Before that, without a model: queries of a 12-megapixel
picture, and the memory of 100 masks.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pictures import jpeg
from side_by_side import Way, medians

from pixwise.queries import Queries, instances_of, segments_of

ROUNDS = 5
THREADS = 2
LARGE_HW = (3000, 4000)


def write_checkpoint(folder: Path) -> None:
    """A checkpoint of the default configuration, whose classes are lively."""
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.Mask2FormerConfig(id2label={index: f"class {index}" for index in range(133)})
    model = transformers.Mask2FormerForUniversalSegmentation(config)
    with torch.no_grad():
        model.class_predictor.weight.normal_(0, 1)
        model.class_predictor.bias[-1] += 6
    model.save_pretrained(folder)
    told = {"image_processor_type": "Mask2FormerImageProcessor", "size": {"height": 384, "width": 384}}
    (folder / "preprocessor_config.json").write_text(json.dumps(told))


def _pixels() -> np.ndarray:
    return np.random.default_rng(0).random((1, 3, 384, 384), np.float32)


def theirs(folder: str, attention: str, layout: str) -> Callable[[str], Any]:
    """`transformers`: its processor, its model, its way back."""
    import torch
    from PIL import Image
    from transformers import AutoImageProcessor, Mask2FormerForUniversalSegmentation

    torch.set_num_threads(THREADS)
    processor = AutoImageProcessor.from_pretrained(folder)
    model = Mask2FormerForUniversalSegmentation.from_pretrained(folder, attn_implementation=attention).eval()
    if layout == "channels last":
        model = model.to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def run(job: str) -> Any:
        if job == "model alone":
            return float(model(torch.from_numpy(_pixels())).class_queries_logits[0, 0, 0])
        image = Image.open(job).convert("RGB")
        said = model(**processor(image, return_tensors="pt"))
        found = processor.post_process_panoptic_segmentation(
            said, target_sizes=[image.size[::-1]], label_ids_to_fuse=set()
        )[0]
        return len(found["segments_info"])

    return run


def ours(folder: str) -> Callable[[str], Any]:
    """The exported folder, through the task."""
    from pixwise.tasks.panoptic import PanopticSegmenter

    task = PanopticSegmenter.load(folder, threads=THREADS, exact=True)
    pixels = _pixels()

    def run(job: str) -> Any:
        if job == "model alone":
            return float(task.run({"pixel_values": pixels})["class_queries_logits"][0, 0, 0])
        return len(task(job))

    return run


def side_by_side(folder: Path) -> None:
    """Print the ratios of the best of their settings."""
    from pixwise.export import export

    checkpoint, exported = folder / "checkpoint", folder / "exported"
    if not exported.exists():
        write_checkpoint(checkpoint)
        print(f"exported: differs by {max(row.share for row in export(checkpoint, exported).differences):.1e}")
    ways = [Way("pixwise", ours, str(exported))]
    ways += [
        Way(f"transformers, {layout}", theirs, str(checkpoint), "eager", layout)
        for layout in ("as it is", "channels last")
    ]
    for job in ("model alone", _path("0.3 MP", folder), _path("12 MP", folder)):
        spent, said = medians(ways, job, ROUNDS, warm=1)
        best = min(seconds for name, seconds in spent.items() if name != "pixwise")
        told = ", ".join(f"{name} {1e3 * seconds:.0f} ms ({said[name]:.4g})" for name, seconds in spent.items())
        print(f"{Path(job).stem:12} {best / spent['pixwise']:.2f} x   {told}", flush=True)
    for way in ways:
        way.close()


def _path(size: str, folder: Path) -> str:
    path = folder / f"{size.replace(' ', '')}.jpg"
    path.write_bytes(jpeg(size, folder))
    return str(path)


def discs(queries: int = 100, side: int = 96) -> Queries:
    """Each of another class and size, as a model says them."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side].astype(np.float32)
    places, radii = random.uniform(0, side, (queries, 2)), random.uniform(4, 20, queries)
    masks = [r - np.hypot(y - py, x - px) for (py, px), r in zip(places, radii, strict=True)]
    logits = np.zeros((queries, 134), np.float32)
    logits[np.arange(queries), np.arange(queries)] = 12
    return Queries(logits, np.float32(masks), grid=384)


def on_top() -> None:
    """Print milliseconds and megabytes of the way back from 100 and from 15 queries."""
    ways: dict[str, Callable[[Queries], Any]] = {
        "segments": lambda said: segments_of(said, LARGE_HW, min_score=0.5, min_mask=0.5, min_kept=0.3),
        "instances": lambda said: instances_of(said, LARGE_HW, min_score=0.5, min_mask=0.5),
    }
    for count in (15, 100):
        for name, way in ways.items():
            said, times = discs(count), []
            for _ in range(ROUNDS):
                started = time.perf_counter()
                way(said)
                times.append(time.perf_counter() - started)
            tracemalloc.start()
            held = way(said)
            now, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            print(
                f"{count:3} queries, 12 MP: {name:9} {1e3 * np.median(times):5.0f} ms, holds {now / 1e6:.1f} MB, "
                f"{peak / 1e6:.0f} MB at most ({len(held[1] if name == 'segments' else held)})"
            )


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    on_top()
    side_by_side(folder)


if __name__ == "__main__":
    main()
