"""Pixwise and `transformers`, side by side: JPEG bytes in, answer out, the same weights, equal threads.

    python bench/compare.py [--models convnext-tiny,rtdetr-r18,dfine-s] [--rounds 15] [--threads N] [--folder DIR]

Prints, for photo-like JPEGs of 0.3 and 12 megapixels, single and in batches of 8: the median of each way, the ratio to
the quicker of two settings of `transformers` (plain, and with channels last), and how far the answers are apart.
`fast` is Pixwise's default (a scaled JPEG decode where the model sees no more), `exact` decodes all.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from full_size import build
from pictures import SIZES, jpeg
from side_by_side import Way, medians

TASKS = {"convnext-tiny": "classify", "rtdetr-r18": "detect", "dfine-s": "detect"}
PIPELINES = {"classify": "image-classification", "detect": "object-detection"}
Rows = list[list[tuple]]


def transformers_way(folder: str, task: str, threads: int, channels_last: bool) -> Callable[[list[bytes]], Rows]:
    """`transformers.pipeline`, float32, no gradients, torch's threads set."""
    import torch
    import transformers
    from PIL import Image

    transformers.logging.set_verbosity_error()
    torch.set_num_threads(threads)
    pipe = transformers.pipeline(PIPELINES[task], model=folder, device="cpu")
    if channels_last:
        pipe.model.to(memory_format=torch.channels_last)
    options = {"top_k": 5} if task == "classify" else {"threshold": 0.4}

    def run(jpegs: list[bytes]) -> Rows:
        images = [Image.open(io.BytesIO(data)) for data in jpegs]
        with torch.inference_mode():
            if len(images) > 1 and task == "detect":
                return detect_batch(images)
            answers = pipe(images if len(images) > 1 else images[0], batch_size=len(images), **options)
        answers = answers if len(images) > 1 else [answers]  # its boxes are whole pixels
        return [[(row["label"], row["score"], *row.get("box", {}).values()) for row in answer] for answer in answers]

    def detect_batch(images: list) -> Rows:
        """What the pipeline does, by hand: its own batches of detections end in an IndexError (transformers 5.23)."""
        raw = pipe.model(**pipe.image_processor(images, return_tensors="pt"))
        sizes = [image.size[::-1] for image in images]
        answers = pipe.image_processor.post_process_object_detection(raw, threshold=0.4, target_sizes=sizes)
        names = pipe.model.config.id2label
        return [
            [
                (names[int(label)], float(score), *map(float, box))
                for score, label, box in zip(*answer.values(), strict=True)
            ]
            for answer in answers
        ]

    return run


def pixwise_way(folder: str, task: str, threads: int, exact: bool) -> Callable[[list[bytes]], Rows]:
    """Pixwise with the same folder."""
    from pixwise.task_table import task_class

    options = {"top": 5, "min_score": 0.0} if task == "classify" else {"min_score": 0.4}
    asked = task_class(task).load(folder, device="cpu", threads=threads, exact=exact, **options)

    def run(jpegs: list[bytes]) -> Rows:
        from dataclasses import replace

        several = replace(asked, batch=len(jpegs))
        return [
            [(row.label, float(row.score), *map(float, getattr(row, "box", ()))) for row in answer]
            for answer in several(jpegs)
        ]

    return run


def apart(ours: Rows, theirs: Rows) -> str:
    """How far two answers are apart.

    A row of ours has partners in theirs: same label, score within 0.001. Scores that all but tie may stand in another
    order, so a box is compared with its nearest partner. Ours end at the picture: those at the edge are left out.
    """
    paired, pixels = 0, 0.0
    for one, other in zip(ours, theirs, strict=True):
        far = [max((row[edge] for row in one), default=0) for edge in (4, 5)] if one and len(one[0]) > 2 else [0, 0]
        for row in one:
            partners = [each for each in other if each[0] == row[0] and abs(each[1] - row[1]) < 1e-3]
            paired += bool(partners)
            if len(row) > 2 and min(row[2:4]) > 0 and row[4] < far[0] and row[5] < far[1]:
                gaps = [max(abs(x - y) for x, y in zip(row[2:], each[2:], strict=True)) for each in partners]
                pixels = max(pixels, min(gaps, default=0))
    return f"{paired} of {sum(map(len, theirs))} rows, boxes within {pixels:.2f} px"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=",".join(TASKS))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "pixwise-bench")
    parser.add_argument("--sizes", default=",".join(SIZES))
    parser.add_argument("--batches", default="1,8")
    args = parser.parse_args()
    print("ms per picture: transformers plain, channels last; Pixwise exact, fast; ratios to the quicker transformers")
    head = f"{'model':14} {'picture':8} {'batch':>5} {'plain':>7} {'last':>7} {'exact':>7} {'fast':>7}   "
    print(f"{head} {'x exact':>8} {'x fast':>7}  answers")
    for name in args.models.split(","):
        compare(name, args)


def compare(name: str, args: argparse.Namespace) -> None:
    """Measure one model on all pictures."""
    folder, task = str(build(name, args.folder)), TASKS[name]
    ways = [
        Way("plain", transformers_way, folder, task, args.threads, False),
        Way("channels last", transformers_way, folder, task, args.threads, True),
        Way("exact", pixwise_way, folder, task, args.threads, True),
        Way("fast", pixwise_way, folder, task, args.threads, False),
    ]
    for size in args.sizes.split(","):
        for batch in map(int, args.batches.split(",")):
            job = [jpeg(size, args.folder, seed) for seed in range(batch)]
            times, answers = medians(ways, job, rounds=max(3, args.rounds // batch))
            report(name, size, batch, times, answers)
    for way in ways:
        way.close()


def report(name: str, size: str, batch: int, times: dict[str, float], answers: dict[str, Any]) -> None:
    """One row of the table; times are per picture."""
    plain, last, exact, fast = (1e3 * times[way] / batch for way in ("plain", "channels last", "exact", "fast"))
    best = min(plain, last)
    gaps = "; ".join(f"{way}: {apart(answers[way], answers['plain'])}" for way in ("exact", "fast"))
    numbers = f"{plain:7.1f} {last:7.1f} {exact:7.1f} {fast:7.1f} ms {best / exact:8.2f} {best / fast:7.2f}"
    print(f"{name:14} {size:8} {batch:5} {numbers}  {gaps}", flush=True)


if __name__ == "__main__":
    main()
