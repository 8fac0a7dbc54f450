"""`learn-head` against embedding alone, on the same drawn pictures.

    python bench/learn_head.py --model look --count 1000

Both run in this process, by turns; the medians of the rounds are compared, by the clock and by the processor's time:
the second is worth more on a machine that others use. The classes have nothing to tell them apart, which is the slowest
to fit.
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
from pixwise.collections.training import scikit_learn
from pixwise.samples import jpeg_like

CLASSES = 10


def draw(folder: Path, count: int) -> None:
    """Pictures of 0.3 megapixels, in as many classes."""
    for i in range(count):
        place = folder / f"class {i % CLASSES}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{i}.jpg").write_bytes(jpeg_like(480, 640, seed=i))


def timed(work, *args) -> tuple[float, float]:
    """Seconds by the clock, and of the processor."""
    started, before = time.perf_counter(), time.process_time()
    work(*args)
    return time.perf_counter() - started, time.process_time() - before


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
        scikit_learn()  # imported once, about 0.7 s
        rounds = []
        for _ in range(asked.rounds):
            alone, learnt = timed(embedder, paths), timed(learn_head, folder, Path(name, "head"), looker)
            rounds.append((alone[0], learnt[0], learnt[0] / alone[0], learnt[1] / alone[1]))
            print(
                "embed {:7.2f} s   learn-head {:7.2f} s   ratio {:.3f}, processor {:.3f}".format(*rounds[-1]),
                flush=True,
            )
    medians = [statistics.median(column) for column in zip(*rounds, strict=True)]
    print(f"median of {asked.rounds}, {asked.count} pictures, {embedder.card.id}:", end=" ")
    print("{:.2f} s, {:.2f} s, ratio {:.3f}, processor {:.3f}".format(*medians))


if __name__ == "__main__":
    main()
