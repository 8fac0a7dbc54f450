"""A trained yes/no classifier: weights over vectors of known spaces, and all that is known of how it came to be.

    FOLDER/collection.json + weights.npz ◀─▶ Collection ─▶ probabilities((N, D)) = sigmoid(vectors @ weights + bias)

numpy is all it needs to answer.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pixwise.collections.focus import Focus, Space
from pixwise.errors import ModelFileError, ShapeError, check_shape
from pixwise.scores import sigmoid

__all__ = ["Collection", "write_through"]

_SCHEMA = "pixwise/collection/1"
_FACTS, _WEIGHTS = "collection.json", "weights.npz"


@dataclass(frozen=True, eq=False)
class Collection:
    """One version of the classifier of a collection.

    Attributes:
        id, name: of the collection.
        version: of the classifier; later ones sort later.
        trained: when, ISO 8601 in UTC.
        focus: what it looks at.
        spaces: of the parts of its vectors.
        models: under which names their embedders are loaded.
        weights: (D,) float64, for vectors whose parts have length 1.
        bias: its logit where the weights say nothing.
        data: of the training data: rows, yes, no, sha256, source.
        seed: of the split.
        metrics: on its own test set.
    """

    id: str
    name: str
    version: str
    trained: str
    focus: Focus
    spaces: tuple[Space, ...]
    models: tuple[str, ...]
    weights: npt.NDArray[np.float64]
    bias: float
    data: Mapping[str, Any]
    seed: int
    metrics: Mapping[str, float]

    def __post_init__(self) -> None:
        check_shape("weights", self.weights, (sum(space.dimension for space in self.spaces),), finite=True)
        self.weights.setflags(write=False)

    def __repr__(self) -> str:
        return f"Collection({self.id!r}, version={self.version!r})"

    def probabilities(self, vectors: npt.NDArray) -> npt.NDArray[np.float64]:
        """How likely each picture is in the collection.

        Args:
            vectors: (N, D), the parts side by side, each of length 1.

        Raises:
            ShapeError: D is another.
        """
        if getattr(vectors, "ndim", 0) != 2 or vectors.shape[1] != len(self.weights):
            raise ShapeError(
                f"vectors must have shape (N, {len(self.weights)}) for collection {self.id!r}, got "
                f"{getattr(vectors, 'shape', type(vectors).__name__)}; embed with "
                + "+".join(space.model for space in self.spaces)
            )
        return sigmoid(np.asarray(vectors, np.float64) @ self.weights + self.bias)

    def check_spaces(self, spaces: tuple[Space, ...]) -> None:
        """Raise `CardError` for vectors of other models, revisions, precisions or dimensions than it was trained on."""
        whose = f"collection {self.id!r}"
        for mine, theirs in zip(self.spaces, spaces, strict=True):
            mine.check_same(theirs, whose)

    def to_dict(self) -> dict[str, Any]:
        """All but the weights, as JSON has it."""
        told = {spec.name: getattr(self, spec.name) for spec in fields(self) if spec.name != "weights"}
        focus = {"target": self.focus.target, "embeddings": list(self.focus.embeddings)}
        return {"schema": _SCHEMA, **told, "focus": focus, "spaces": [asdict(space) for space in self.spaces]}

    def save(self, folder: Path) -> None:
        """Write both files into a folder that is there."""
        weights = io.BytesIO()
        np.savez(weights, weights=self.weights)
        write_through(folder / _WEIGHTS, weights.getvalue())
        write_through(folder / _FACTS, json.dumps(self.to_dict(), indent=1, ensure_ascii=False).encode())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ModelFileError: a file is missing or damaged.
        """
        try:
            told = json.loads((folder / _FACTS).read_text("utf-8"))
            if told.pop("schema") != _SCHEMA:
                raise ValueError(f"another schema than {_SCHEMA}")
            with np.load(folder / _WEIGHTS, allow_pickle=False) as arrays:
                told["weights"] = np.asarray(arrays["weights"], np.float64)
            told["focus"] = Focus(told["focus"]["target"], tuple(told["focus"]["embeddings"]))
            told["spaces"] = tuple(Space(**space) for space in told["spaces"])
            told["models"] = tuple(told["models"])
            datetime.fromisoformat(told["trained"])
            return cls(**told)
        except Exception as error:  # zipfile, zlib, numpy and json each have their own
            raise ModelFileError(
                f"{folder}: expected a trained collection, got {type(error).__name__}: {error}; train it anew"
            ) from error


def write_through(path: Path, content: bytes) -> None:
    """Write a file down to the disk: a rename must not overtake what it names."""
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
