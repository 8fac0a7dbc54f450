"""Training data: a vector, a label and a photo's id per row; checked before anything is learnt from it.

vectors by embedding, labels, ids ─▶ rows_of ─▶ Rows: (N, D) float32, each part of length 1
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from pixwise.collections.focus import EMBEDDINGS, Focus, Space, declared_spaces
from pixwise.errors import DataError

__all__ = ["LEAST", "Rows", "Sample", "brief", "check_enough", "declared", "rows_of", "unit_parts"]

LEAST = 5  # rows of each class: with fewer a fifth of them, stratified, may hold none
_LABELS = {0: 0, 1: 1, "0": 0, "1": 1, "no": 0, "yes": 1, "false": 0, "true": 1}


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of training data.

    Attributes:
        vectors: (N, D) float32; the parts of several embeddings side by side, each of length 1.
        labels: (N,) int64: 1 in the collection, 0 not.
        photo_ids: which photos they are; no two alike.
        dimensions: of the parts; they sum to D.
    """

    vectors: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    photo_ids: tuple[str, ...]
    dimensions: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def positives(self) -> int:
        """How many are in the collection."""
        return int(self.labels.sum())

    @property
    def sha256(self) -> str:
        """A hash of all of it, in order: what a classifier says it was trained on."""
        digest = hashlib.sha256()
        for content in (repr(self.dimensions), "\0".join(self.photo_ids)):
            digest.update(content.encode("utf-8", "surrogatepass"))
        digest.update(np.ascontiguousarray(self.vectors, "<f4").tobytes())
        digest.update(np.ascontiguousarray(self.labels, "<i8").tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Sample:
    """Training data of one collection, and what made it.

    Attributes:
        rows: the data.
        focus: what was looked at.
        spaces: of the parts of the vectors.
        models: under which names the embedders are loaded.
        source: where it comes from, for the record.
        notes: a line for each picture that was left out.
    """

    rows: Rows
    focus: Focus
    spaces: tuple[Space, ...]
    models: tuple[str, ...]
    source: str = ""
    notes: tuple[str, ...] = ()


def declared(rows: Rows, focus: Focus, source: str, known: Mapping[str, str] = EMBEDDINGS) -> Sample:
    """A sample of vectors that were made elsewhere, by the models that their embeddings are known to stand for."""
    models = focus.models(known)
    return Sample(rows, focus, declared_spaces(models, rows.dimensions), models, source)


def rows_of(embeddings: Sequence[Sequence[Any]], labels: Sequence[Any], photo_ids: Sequence[Any]) -> Rows:
    """Check and join what a source told.

    Args:
        embeddings: for each embedding model the vectors of all rows, in the same order.
        labels: 0 or 1; "yes", "no", "true", "false" and booleans are taken too.
        photo_ids: one per row. Of rows of one photo with one label the first is kept: a copy in the test set would
            flatter the classifier.

    Raises:
        DataError: no rows, a label of another kind, vectors of mixed dimensions, not numbers, NaN, or 0 throughout;
            one photo with both labels.
    """
    ids = [str(photo_id) for photo_id in photo_ids]
    if not ids:
        raise DataError("training data must have rows, got none; label some pictures first")
    classes = [_label(label, photo_id) for label, photo_id in zip(labels, ids, strict=True)]
    kept = _first_of_each(ids, classes)
    parts = [_stacked([vectors[i] for i in kept], [ids[i] for i in kept]) for vectors in embeddings]
    dimensions = tuple(part.shape[1] for part in parts)
    return Rows(
        unit_parts(np.concatenate(parts, axis=1), dimensions),
        np.array([classes[i] for i in kept], np.int64),
        tuple(ids[i] for i in kept),
        dimensions,
    )


def check_enough(rows: Rows) -> None:
    """Raise `DataError` unless there are rows enough of both classes to learn from and to measure on."""
    yes, no = rows.positives, len(rows) - rows.positives
    if not yes or not no:
        only = "1 (in the collection)" if yes else "0 (not in it)"
        raise DataError(f"training data must have both labels, got {len(rows)} rows of label {only}; add the other")
    if min(yes, no) < LEAST:
        raise DataError(
            f"training data must have at least {LEAST} rows of each label, got {yes} of 1 and {no} of 0; label more"
        )


def unit_parts(vectors: npt.NDArray, dimensions: Sequence[int]) -> npt.NDArray[np.float32]:
    """(N, D) with each part scaled to length 1 by itself, as embeddings are when pictures are asked about."""
    parts = np.split(np.asarray(vectors, np.float64), list(accumulate(dimensions))[:-1], axis=1)
    return np.concatenate([part / np.linalg.norm(part, axis=1, keepdims=True) for part in parts], axis=1).astype(
        np.float32
    )


def _label(label: Any, photo_id: str) -> int:
    key = label.strip().lower() if isinstance(label, str) else label
    try:
        return _LABELS[key]
    except (KeyError, TypeError):
        raise DataError(f"label of photo {photo_id!r} must be 0 or 1, got {label!r}; mend the data") from None


def _first_of_each(ids: Sequence[str], classes: Sequence[int]) -> list[int]:
    """Indices of the first row of each photo."""
    seen: dict[str, int] = {}
    kept = []
    for index, photo_id in enumerate(ids):
        if seen.setdefault(photo_id, classes[index]) != classes[index]:
            raise DataError(f"photo {photo_id!r} must have one label, got both 0 and 1; mend the data")
        if len(kept) < len(seen):
            kept.append(index)
    return kept


def _stacked(vectors: Sequence[Any], ids: Sequence[str]) -> npt.NDArray[np.float64]:
    """(N, D) of the vectors of one embedding."""
    arrays = [_numbers(vector, photo_id) for vector, photo_id in zip(vectors, ids, strict=True)]
    lengths: dict[int, int] = {}
    for array in arrays:
        lengths[len(array)] = lengths.get(len(array), 0) + 1
    if len(lengths) > 1 or 0 in lengths:
        told = " and ".join(f"{count} of {length} numbers" for length, count in sorted(lengths.items()))
        raise DataError(f"vectors must have one dimension, got {told}; embed all photos with one model")
    stacked = np.stack(arrays)
    with np.errstate(over="ignore"):  # squares of numbers near the end of float64: those are no embeddings either
        good = np.isfinite(stacked).all(axis=1) & np.isfinite(norms := np.linalg.norm(stacked, axis=1)) & (norms > 0)
    if not good.all():
        first = ids[int(np.argmin(good))]
        raise DataError(
            f"vectors must be finite and not 0 throughout, got {(~good).sum()} of {len(ids)} that are not, the first "
            f"of photo {first!r}; embed those anew"
        )
    return stacked


def _numbers(vector: Any, photo_id: str) -> npt.NDArray[np.float64]:
    try:
        array = np.array([np.nan if number is None else number for number in vector], np.float64)
    except (TypeError, ValueError, OverflowError):  # JSON's whole numbers may be of any length
        array = np.zeros((1, 1))
    if array.ndim != 1 or isinstance(vector, str | bytes | Mapping):
        raise DataError(f"vector of photo {photo_id!r} must be a list of numbers, got {brief(vector)}; mend the data")
    return array


def brief(thing: Any) -> str:
    """A thing as an error shows it: 60 signs at most."""
    text = repr(thing)
    return text if len(text) <= 60 else text[:59] + "…"
