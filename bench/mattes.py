"""What a matte costs on top of its model, and what is made with it; beside pymatting where that is installed.

    OMP_NUM_THREADS=1 python bench/mattes.py [FOLDER]

The model is a made-up map of 1024 x 1024 logits with a ragged edge, as BiRefNet gives: of a 12-megapixel picture seven
in a hundred pixels are mixed. Medians of seven runs.
"""

from __future__ import annotations

import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pictures import SIZES, jpeg

from pixwise import registry
from pixwise.answers.cutout import foreground
from pixwise.picture import Picture
from pixwise.session import FakeSession, Tensor
from pixwise.tasks.background import BackgroundRemover

RUNS = 7


def ragged_logits(side: int = 1024) -> np.ndarray:
    """(1, 1, S, S): a disc with hair, and the noise of a network."""
    y, x = np.mgrid[:side, :side] - side / 2
    edge = 0.34 * side + 0.03 * side * np.sin(60 * np.arctan2(y, x))
    noise = np.random.default_rng(0).normal(0, 0.5, (side, side))
    return ((edge - np.hypot(y, x)) / 4 + noise).astype(np.float32)[None, None]


def spent(function: Callable[[], Any]) -> float:
    """Median milliseconds."""
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        function()
        times.append(1e3 * (time.perf_counter() - started))
    return float(np.median(times))


def rows(size: str, folder: Path) -> dict[str, float]:
    """Step → milliseconds, for one size of picture."""
    picture, raw = Picture.open(jpeg(size, folder)), {"output_image": ragged_logits()}
    session = FakeSession(raw, (Tensor("input_image", (-1, 3, -1, -1), "float32"),))
    task = BackgroundRemover(card=registry.card("birefnet-lite"), session=session)
    _, fit = task.preprocess(picture)
    picture.image()  # decoded once, before anything is measured
    matte = task.postprocess(raw, fit)
    pixels, alpha = picture.pixels(), matte.mask()
    found = {
        "matte, as the model saw it": spent(lambda: task.postprocess(raw, fit)),
        "matte, full size": spent(lambda: task.postprocess(raw, fit).mask()),
        "JSON": spent(matte.to_dict),
        "cut-out": spent(lambda: matte.cut(picture)),
        "cut-out, colours left as they are": spent(lambda: matte.cut(picture, clean=False)),
        "on white": spent(lambda: matte.over(picture, (255, 255, 255))),
        "blurred": spent(lambda: matte.over(picture, "blur")),
        "colours of the foreground": spent(lambda: foreground(pixels, alpha)),
    }
    return found | pymatting(pixels, alpha)


def pymatting(pixels: np.ndarray, alpha: np.ndarray) -> dict[str, float]:
    """The same by the library of the paper's authors."""
    try:
        from pymatting import estimate_foreground_ml
    except ImportError:
        return {}
    image, share = pixels / 255, alpha / 255
    estimate_foreground_ml(image[:20, :20], share[:20, :20])  # compiled at the first call
    return {"colours of the foreground, pymatting": spent(lambda: estimate_foreground_ml(image, share))}


def kept_bytes(count: int = 100) -> int:
    """Memory of so many mattes of a 12-megapixel picture."""
    card = registry.card("birefnet-lite")
    task = BackgroundRemover(card=card, session=FakeSession({}, ()))
    raw = {"output_image": ragged_logits()}
    _, fit = task.preprocess(Picture.open(np.zeros((*SIZES["12 MP"], 3), np.uint8)))
    tracemalloc.start()
    held = [task.postprocess(raw, fit) for _ in range(count)]
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return kept if held else 0


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    cv2.setNumThreads(1)
    found = {size: rows(size, folder) for size in SIZES}
    print(f"{'ms':42}" + "".join(f"{size:>10}" for size in SIZES))
    for step in found["12 MP"]:
        print(f"{step:42}" + "".join(f"{found[size][step]:10.1f}" for size in SIZES))
    print(f"memory of 100 mattes of a 12-megapixel picture: {kept_bytes() / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
