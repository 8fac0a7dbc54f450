"""Two models on one picture: what it costs against the sum of each alone.

    python bench/two_models.py [--rounds 30] [--folder DIR]

onnxruntime's worker threads go on spinning after `run()` and take the cores from the next session; Pixwise stops them.
Each of the three ways has its own process; they take turns.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from full_size import build
from pictures import jpeg
from side_by_side import Way, medians

TASKS = {"convnext-tiny": "classify", "rtdetr-r18": "detect"}


def pixwise_way(folders: dict[str, str], threads: int) -> Callable[[bytes], Any]:
    """Ask all models one after the other."""
    from pixwise.task_table import task_class

    tasks = [task_class(TASKS[name]).load(folder, device="cpu", threads=threads) for name, folder in folders.items()]

    def run(data: bytes) -> int:
        return len([task(data) for task in tasks])

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "pixwise-bench")
    args = parser.parse_args()
    folders = {name: str(build(name, args.folder)) for name in TASKS}
    ways = [Way(name, pixwise_way, {name: folder}, args.threads) for name, folder in folders.items()]
    ways.append(Way("both", pixwise_way, folders, args.threads))
    times, _ = medians(ways, jpeg("0.3 MP", args.folder), args.rounds)
    alone = sum(times[name] for name in folders)
    for name, spent in times.items():
        print(f"{name:14} {1e3 * spent:7.1f} ms")
    print(f"both / sum of each alone = {times['both'] / alone:.2f}")
    for way in ways:
        way.close()


if __name__ == "__main__":
    main()
