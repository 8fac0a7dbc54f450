"""Memory of one process over a thousand pictures: flat after the first fifty, or something leaks.

    python bench/memory.py [--pictures 1000] [--task detect] [--model FOLDER] [--precision int8] [--labels a,b]

Without a model the built-ins answer. Pictures are photo-like JPEGs of changing sizes.
"""

from __future__ import annotations

import argparse

import psutil

from pixwise.samples import jpeg_like
from pixwise.task_table import task_class

SIZES = [(480, 640), (600, 800), (1080, 1920), (768, 1024), (2000, 3000)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--task", default="quality")
    parser.add_argument("--model", default="")
    parser.add_argument("--precision", default="")
    parser.add_argument("--labels", default="", help="of zeroshot, with commas between")
    args = parser.parse_args()
    options = {"labels": tuple(args.labels.split(","))} if args.labels else {}
    jpegs = [jpeg_like(height, width, seed) for seed, (height, width) in enumerate(SIZES)]
    task = task_class(args.task).load(args.model, precision=args.precision, **options)
    process, resident = psutil.Process(), []
    for number, _ in enumerate(task.stream(jpegs[number % len(jpegs)] for number in range(args.pictures)), 1):
        resident.append(process.memory_info().rss / 2**20)
        if number in (1, 10, 50, 100) or number % 250 == 0:
            print(f"after {number:5} pictures {resident[-1]:8.1f} MB", flush=True)
    early, late = max(resident[:50]), max(resident[50:])
    print(f"highest in the first 50: {early:.1f} MB, later: {late:.1f} MB, growth {late - early:+.1f} MB")


if __name__ == "__main__":
    main()
