"""From nothing to the first answer: a fresh process each time, Pixwise and `transformers` taking turns.

    python bench/cold_start.py [--model convnext-tiny] [--rounds 7] [--folder DIR]

Also prints what `import pixwise`, `pixwise --version` and `pixwise --help` take.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from full_size import build
from pictures import jpeg

PIXWISE = """
from pixwise.task_table import task_class
print(task_class({task!r}).load({folder!r}, device="cpu")({photo!r}).labels[:1])
"""
TRANSFORMERS = """
import transformers
from PIL import Image
pipe = transformers.pipeline({pipeline!r}, model={folder!r}, device="cpu")
print(pipe(Image.open({photo!r}))[:1])
"""
TASKS = {"convnext-tiny": ("classify", "image-classification"), "rtdetr-r18": ("detect", "object-detection")}


def seconds(command: list[str]) -> float:
    """Wall time of one process."""
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="convnext-tiny", choices=TASKS)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "pixwise-bench")
    args = parser.parse_args()
    folder = str(build(args.model, args.folder))
    jpeg("0.3 MP", args.folder)
    task, pipeline = TASKS[args.model]
    told = {"folder": folder, "photo": str(args.folder / "photo-0.3MP-0.jpg"), "task": task, "pipeline": pipeline}
    pixwise = str(Path(sys.executable).with_name("pixwise"))
    commands = {
        "transformers, first answer": [sys.executable, "-c", TRANSFORMERS.format(**told)],
        "pixwise, first answer": [sys.executable, "-c", PIXWISE.format(**told)],
        "python, nothing": [sys.executable, "-c", "pass"],
        "import pixwise": [sys.executable, "-c", "import pixwise"],
        "pixwise --version": [pixwise, "--version"],
        "pixwise --help": [pixwise, "--help"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(args.rounds + 1):  # the first turn fills the disk cache
        for name, command in commands.items():
            spent = seconds(command)
            if turn:
                times[name].append(spent)
    middle = {name: statistics.median(values) for name, values in times.items()}
    for name, spent in middle.items():
        print(f"{name:28} {1e3 * spent:8.0f} ms")
    ratio = middle["transformers, first answer"] / middle["pixwise, first answer"]
    print(f"cold start, {args.model}: transformers / pixwise = {ratio:.1f}")


if __name__ == "__main__":
    main()
