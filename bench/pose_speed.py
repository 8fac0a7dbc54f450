"""Keypoints by ViTPose-base, Pixwise and `transformers` side by side: JPEG bytes and boxes in, keypoints out.

    python bench/pose_speed.py [--people 1,8] [--rounds 5] [--threads 2] [--folder DIR]

The same full-size model with random weights on both sides. Prints, for photo-like JPEGs of 0.3 and 12 megapixels, the
median of each way, the ratio to the quicker of two settings of `transformers` (plain, and with channels last), how far
keypoints are apart, and what the crops alone cost.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pictures import SIZES, jpeg
from side_by_side import Way, medians

Job = tuple[bytes, list[tuple[float, ...]]]


def build(folder: Path) -> Path:
    """ViTPose-base with random weights as a checkpoint, and exported as a user would."""
    import torch
    import transformers

    from pixwise.export import export

    torch.manual_seed(0)
    backbone = transformers.VitPoseBackboneConfig(out_indices=[12])
    model = transformers.VitPoseForPoseEstimation(transformers.VitPoseConfig(backbone_config=backbone, num_labels=17))
    with torch.no_grad():
        model.head.conv.weight.copy_(model.head.conv.weight.abs().mean((2, 3), keepdim=True) * 0.1)  # smooth, above 0
    model.eval().save_pretrained(folder / "checkpoint")
    processor = {"image_processor_type": "VitPoseImageProcessor", "size": {"height": 256, "width": 192}}
    (folder / "checkpoint" / "preprocessor_config.json").write_text(json.dumps(processor))
    return export(folder / "checkpoint", folder / "pixwise").folder


def transformers_way(folder: str, threads: int, channels_last: bool) -> Callable[[Job], np.ndarray]:
    """Its processor, model and post-processing: float32, no gradients, torch's threads set."""
    import torch
    import transformers
    from PIL import Image

    transformers.logging.set_verbosity_error()
    torch.set_num_threads(threads)
    model = transformers.VitPoseForPoseEstimation.from_pretrained(folder).eval()
    if channels_last:
        model.to(memory_format=torch.channels_last)
    processor = transformers.AutoImageProcessor.from_pretrained(folder)

    def run(job: Job) -> np.ndarray:
        data, boxes = job
        coco = [[[x1, y1, x2 - x1, y2 - y1] for x1, y1, x2, y2 in boxes]]
        with torch.inference_mode():
            outputs = model(**processor(Image.open(io.BytesIO(data)), boxes=coco, return_tensors="pt"))
        found = processor.post_process_pose_estimation(outputs, boxes=coco)[0]
        return np.stack([each["keypoints"].numpy() for each in found])

    return run


def pixwise_way(folder: str, threads: int) -> Callable[[Job], np.ndarray]:
    """The task, from bytes on."""
    from dataclasses import replace

    from pixwise.tasks.pose import PoseEstimator

    task = PoseEstimator.load(folder, threads=threads, box=[(0, 0, 1, 1)], min_keypoint_score=0.0)
    return lambda job: replace(task, box=job[1])(job[0]).keypoints


def boxes_of(people: int, height: int, width: int) -> list[tuple[float, ...]]:
    """Upright people side by side."""
    step = width / people
    wide = min(step, height / 3)
    return [(i * step + 0.1 * wide, 0.1 * height, i * step + 0.9 * wide, 0.9 * height) for i in range(people)]


def crop_ms(data: bytes, boxes: list[tuple[float, ...]]) -> float:
    """Median milliseconds of cutting everybody out of the decoded picture."""
    from pixwise.crops import crop_frame, frames_around
    from pixwise.picture import Picture

    pixels, frames = Picture.open(data).pixels(), frames_around(boxes, (256, 192))
    times = []
    for _ in range(7):
        started = time.perf_counter()
        for centre, size in zip(*frames, strict=True):
            crop_frame(pixels, centre, size, (256, 192))
        times.append(1e3 * (time.perf_counter() - started))
    return statistics.median(times)


def main(arguments: Any) -> None:
    folder = Path(arguments.folder or tempfile.mkdtemp(prefix="pixwise-bench-"))
    if not (folder / "pixwise" / "card.toml").exists():
        build(folder)
    checkpoint, threads = str(folder / "checkpoint"), arguments.threads
    ways = [
        Way("transformers", transformers_way, checkpoint, threads, False),
        Way("transformers, channels last", transformers_way, checkpoint, threads, True),
        Way("pixwise", pixwise_way, str(folder / "pixwise"), threads),
    ]
    print(f"ViTPose-base, {threads} threads, medians of {arguments.rounds} rounds")
    for size in SIZES:
        data = jpeg(size, folder)
        for people in map(int, arguments.people.split(",")):
            from pixwise.picture import Picture

            boxes = boxes_of(people, *Picture.open(data).size_hw)
            times, answers = medians(ways, (data, boxes), arguments.rounds)
            theirs = min(seconds for name, seconds in times.items() if name != "pixwise")
            away = np.hypot(*(answers["pixwise"] - answers["transformers"]).T)
            told = ", ".join(f"{name} {1e3 * seconds:.0f} ms" for name, seconds in times.items())
            print(f"{size}, {people} people: {told}: {theirs / times['pixwise']:.2f} x; median distance "
                  f"{np.nanmedian(away):.1e} px; crops {crop_ms(data, boxes):.1f} ms")  # fmt: skip
    for way in ways:
        way.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", default="1,8")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--folder", default="")
    main(parser.parse_args())
