"""Each tiny checkpoint is made and exported once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from export import checkpoints

from pixwise.export import Exported, export


class Case(NamedTuple):
    """A checkpoint, its folder, and what was exported from it."""

    model: Any
    source: Path
    done: Exported
    lines: list[str]


@pytest.fixture(scope="session")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Case]:
    """`cases("clip")`, or `cases("vit", task="embed")`."""

    @functools.cache
    def case(name: str, task: str = "", precision: str = "fp32") -> Case:
        folder, lines = tmp_path_factory.mktemp("export"), []
        model = checkpoints.make(name)
        source = checkpoints.save(name, model, folder / name)
        return Case(
            model, source, export(source, folder / "out", task=task, precision=precision, progress=lines.append), lines
        )

    return case
