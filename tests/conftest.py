"""One thread per test process, the folder of real models, and small pictures drawn here."""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "PIXWISE_THREADS"):
    os.environ[_name] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]


def _assets_folder() -> Path:
    return Path(os.environ.get("PIXWISE_ASSETS") or ROOT.parent / "shared" / "assets")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not (_assets_folder() / "models").is_dir():
        skip = pytest.mark.skip(
            reason=f"needs real models and pictures, none in {_assets_folder()}; set PIXWISE_ASSETS"
        )
        for item in items:
            if "assets" in item.keywords:
                item.add_marker(skip)


@pytest.fixture(scope="session")
def assets() -> Path:
    """The folder of real models and pictures; tests that use it carry `@pytest.mark.assets`."""
    return _assets_folder()


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """(480, 640, 3) uint8, photo-like: smooth shapes, edges and a little noise, always the same."""
    return photo_like(480, 640)


def photo_like(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A picture with the statistics of a photograph: 1/f noise in three correlated channels, and some hard edges.

    Returns:
        (height, width, 3) uint8.
    """
    random = np.random.default_rng(seed)
    layers = np.zeros((height, width, 3), np.float32)
    side = 4
    while side < max(height, width) * 2:
        coarse = random.normal(0, 1, (side, side, 3)).astype(np.float32)
        coarse = 0.7 * coarse.mean(axis=2, keepdims=True) + 0.3 * coarse
        for channel in range(3):
            plane = Image.fromarray(coarse[..., channel]).resize((width, height), Image.Resampling.BICUBIC)
            layers[..., channel] += np.asarray(plane) * (24 / side**0.6)
        side *= 2
    layers = 128 + 40 * (layers - layers.mean()) / layers.std()
    for _ in range(12):
        y, x = random.integers(0, height), random.integers(0, width)
        h, w = random.integers(height // 20 + 1, height // 4 + 2), random.integers(width // 20 + 1, width // 4 + 2)
        layers[y : y + h, x : x + w] = 0.5 * layers[y : y + h, x : x + w] + 0.5 * random.uniform(0, 255, 3)
    return np.clip(layers + random.normal(0, 2, layers.shape), 0, 255).astype(np.uint8)
