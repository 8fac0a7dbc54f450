"""`learn-head` against embedding alone, on the same drawn pictures.

    python bench/learn_head.py --model look --count 1000

Both run in this process, by turns; the medians of the rounds are compared.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from pixwise.collections import Focus, Looker
from pixwise.collections.learn_head import learn_head
from pixwise.collections.sources import labelled_pictures
from pixwise.samples import jpeg_like

CLASSES = 10


def draw(folder: Path, count: int) -> None:
    """Pictures of 0.3 megapixels, in as many classes."""
    for i in range(count):
        place = folder / f"class {i % CLASSES}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{i}.jpg").write_bytes(jpeg_like(480, 640, seed=i))


def timed(work, *args) -> float:
    """Seconds."""
    started = time.perf_counter()
    work(*args)
    return time.perf_counter() - started


def main() -> None:
    """Draw, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="look", help="an embedder: an id, or a folder")
    parser.add_argument("--count", type=int, default=1000, help="pictures")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0)
    asked = parser.parse_args()
    looker = Looker.load(Focus(embeddings=(asked.model,)), models=[asked.model], threads=asked.threads)
    embedder = looker.embedders[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "pictures")
        draw(folder, asked.count)
        paths = [given.path for given in labelled_pictures(folder)]
        embedder(paths[:16])
        rounds = []
        for _ in range(asked.rounds):
            alone = timed(embedder, paths)
            learnt = timed(learn_head, folder, Path(name, "head"), looker)
            rounds.append((alone, learnt, learnt / alone))
            print(f"embed {alone:7.2f} s   learn-head {learnt:7.2f} s   ratio {learnt / alone:.3f}", flush=True)
    alone, learnt, ratio = (statistics.median(column) for column in zip(*rounds, strict=True))
    what = f"median of {asked.rounds}, {asked.count} pictures, {embedder.card.id}"
    print(f"{what}: {alone:.2f} s, {learnt:.2f} s, ratio {ratio:.3f}")


if __name__ == "__main__":
    main()
