"""A generator without ONNX: a function stands for the UNet."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pixwise.generation.generator import Generator
from pixwise.recipe import Recipe
from pixwise.registry import Card
from pixwise.session import FakeSession, Tensor

SIZE_HW = (4, 6)


def denoiser(feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Bounded, and another answer for each picture and step."""
    times = feeds["timestep"].reshape(-1, 1, 1, 1) if feeds["timestep"].ndim else feeds["timestep"]
    return {"output": np.tanh(0.9 * feeds["sample"] + np.float32(0.3) * np.sin(times / 50)).astype(np.float32)}


def fake(
    folder: Path,
    answer: Callable[[Any], Any] = denoiser,
    *,
    channels: int = 3,
    inputs: tuple[Tensor, ...] = (),
    card: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Generator:
    """A generator whose scheduler's settings are written into a folder."""
    path = folder / "scheduler_config.json"
    path.write_text(json.dumps({"_class_name": "DDPMScheduler", **settings}))
    usual = (Tensor("sample", (-1, channels, *SIZE_HW), "float"), Tensor("timestep", (-1,), "int64"))
    session = FakeSession(answer, inputs or usual, files={"scheduler": path})
    given = {"id": "toy", "task": "generate", "head": "ddpm", "recipe": Recipe(size_hw=SIZE_HW), **(card or {})}
    return Generator(Card(**given), session)
