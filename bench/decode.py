"""JPEG bytes → the numbers of a model: all pixels against a scaled decode, Pillow against simplejpeg.

    python bench/decode.py [--rounds 15] [--folder DIR]

For a 0.3- and a 12-megapixel photo-like JPEG and three models' recipes: median milliseconds of the exact way and of
the scaled one, interleaved, on one thread; their ratio (to be reached: 5 for 12 megapixels to 224); and how far the two
answers are apart in units of 255 (the promise: mean below 0.5, 99.9th percentile at most 3). Ends with 1 when a promise
is broken.
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from pictures import SIZES, jpeg
from PIL import Image

from pixwise.picture import Picture
from pixwise.pixels import Recipe, plan, prepare, resize

RECIPES = {
    "224 bicubic": Recipe((224, 224), resample="bicubic"),
    "256, crop 224, bicubic": Recipe((256, 256), "shortest", resample="bicubic", crop_hw=(224, 224)),
    "640 bilinear": Recipe((640, 640)),
}
MEAN, TAIL, RATIO = 0.5, 3.0, 5.0


def interleaved(ways: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median milliseconds of each way, taking turns, after one turn to warm up.

    Of this thread's processor time: everything here runs on one thread, and other programs on the machine do not count.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            started = time.thread_time()
            way()
            if turn:
                times[name].append(1e3 * (time.thread_time() - started))
    return {name: statistics.median(values) for name, values in times.items()}


def tensor(data: bytes, recipe: Recipe, exact: bool) -> np.ndarray:
    """What `Task.preprocess` does, from bytes."""
    picture = Picture.open(data)
    image = picture.at_least(plan(picture.size_hw, recipe), exact=exact)
    return prepare(image, picture.size_hw, recipe)[0]


def difference(data: bytes, recipe: Recipe) -> tuple[float, float]:
    """Mean and 99.9th percentile of |scaled - exact| after the resize, of 255."""
    picture = Picture.open(data)
    size_hw = plan(picture.size_hw, recipe)
    exact, scaled = (
        resize(picture.at_least(size_hw, exact=exact), size_hw, recipe.resample).astype(int) for exact in (True, False)
    )
    apart = np.abs(exact - scaled)
    return float(apart.mean()), float(np.percentile(apart, 99.9))


def scaled_against_exact(size: str, data: bytes, rounds: int) -> bool:
    """Print a row for each recipe; whether every promise was kept."""
    kept = True
    for name, recipe in RECIPES.items():
        spent = interleaved(
            {
                "exact": lambda recipe=recipe: tensor(data, recipe, exact=True),
                "scaled": lambda recipe=recipe: tensor(data, recipe, exact=False),
            },
            rounds,
        )
        mean, tail = difference(data, recipe)
        ratio = spent["exact"] / spent["scaled"]
        kept &= mean < MEAN and tail <= TAIL
        print(f"{size:7} {name:23} {spent['exact']:8.2f} {spent['scaled']:8.2f} {ratio:7.2f} {mean:7.3f} {tail:6.0f}")
    return kept


def pillow_against_simplejpeg(size: str, data: bytes, rounds: int) -> None:
    """Print what another decoder would give: alone, and as the Pillow image that the resize needs."""

    def pillow(scale: int = 1) -> Image.Image:
        image = Image.open(io.BytesIO(data))
        image.draft("RGB", (image.width // scale, image.height // scale))
        image.load()
        return image

    height, width = SIZES[size]

    def simple(scale: int = 1) -> np.ndarray:
        return simplejpeg.decode_jpeg(data, "RGB", min_height=-(-height // scale), min_width=-(-width // scale))

    spent = interleaved(
        {
            "Pillow": pillow,
            "simplejpeg": simple,
            "simplejpeg → Pillow": lambda: Image.fromarray(simple()),
            "Pillow → array": lambda: np.asarray(pillow()),
            "Pillow 1/4": lambda: pillow(4),
            "simplejpeg 1/4 → Pillow": lambda: Image.fromarray(simple(4)),
        },
        rounds,
    )
    same = np.array_equal(pillow(), simple()) and np.array_equal(pillow(4), simple(4))
    print(f"{size:7} " + ", ".join(f"{name} {value:.2f}" for name, value in spent.items()) + f"; same pixels: {same}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "pixwise-bench")
    options = parser.parse_args()
    data = {size: jpeg(size, options.folder) for size in SIZES}
    print(
        f"{'picture':7} {'recipe':23} {'exact':>8} {'scaled':>8} {'ratio':>7} {'mean':>7} {'99.9 %':>6}   (ms, of 255)"
    )
    kept = [scaled_against_exact(size, data[size], options.rounds) for size in data]
    print(f"\nto be reached: ratio {RATIO:g} for 12 MP to 224; mean below {MEAN}, 99.9 % at most {TAIL:g}\n")
    for size in data:
        pillow_against_simplejpeg(size, data[size], options.rounds)
    return 0 if all(kept) else 1


if __name__ == "__main__":
    raise SystemExit(main())
