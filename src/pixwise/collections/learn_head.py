"""A classifier of one's own from a folder of pictures: a linear probe over frozen embeddings.

    FOLDER/CLASS/*.jpg ─▶ vectors ─▶ stratified 80/20: accuracy, confusion ─▶ fit on all ─▶ card.toml + head.npz

`pixwise classify PICTURE --model OUT` runs it (`learned.py`), without scikit-learn.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixwise.collections.collection import write_through
from pixwise.collections.looking import Looker
from pixwise.collections.rows import LEAST
from pixwise.collections.sources import labelled_pictures, look_at
from pixwise.collections.training import fitted_logistic, scikit_learn, split
from pixwise.errors import DataError, OutputError
from pixwise.loading import revision_of
from pixwise.recipe import Recipe
from pixwise.registry import Card
from pixwise.task import Task

__all__ = ["LearntHead", "learn_head", "wilson"]

_Z = 1.959964  # of 95 %, two-sided


@dataclass(frozen=True, eq=False)
class LearntHead:
    """What was learnt, and how well it does on pictures it had not seen.

    Attributes:
        folder: the card and the head.
        embedder: id of its model.
        labels: the classes; confusion has them in this order.
        counts: pictures of each.
        accuracy: share of the held-out pictures that are right, by a head that saw the others only.
        interval: 95 % confidence interval of it (Wilson 1927).
        confusion: (C, C) held-out pictures: row what it is, column what was said.
        notes: a line for each picture, and each class, that was left out.
    """

    folder: Path
    embedder: str
    labels: tuple[str, ...]
    counts: tuple[int, ...]
    accuracy: float
    interval: tuple[float, float]
    confusion: npt.NDArray[np.int64]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "schema": "pixwise/learnt-head/1",
            "folder": str(self.folder),
            "embedder": self.embedder,
            "classes": dict(zip(self.labels, self.counts, strict=True)),
            "held_out": int(self.confusion.sum()),
            "accuracy": round(self.accuracy, 4),
            "interval_95": [round(edge, 4) for edge in self.interval],
            "confusion": self.confusion.tolist(),
            "notes": list(self.notes),
        }  # fmt: skip


def learn_head(
    folder: Path | str,
    out: Path | str,
    looker: Looker,
    *,
    seed: int = 0,
    over: Callable[[list], Any] = list,
) -> LearntHead:
    """Learn to tell the sub-folders of a folder apart, and write it as a model that `classify` takes.

    Args:
        folder: with one sub-folder of pictures per class.
        out: folder to write; a head that was learnt before is replaced, anything else is not.
        looker: with one embedder, for whole pictures.
        seed: of the split.
        over: told the pictures before they are looked at; gives them back, one by one: for progress.

    Raises:
        DataError: fewer than two classes with enough pictures, or one picture in two of them.
        SourceError: no such folder.
        OutputError: `out` is something else, or cannot be written.
        SetupError: scikit-learn is not installed.
    """
    scikit_learn()  # before the costly step
    folder, out = Path(folder), Path(out)
    _check_out(out)
    pictures, few = _enough(labelled_pictures(folder), [])
    seen, notes = look_at(over(pictures), looker)
    seen, few = _enough(seen, few, of=lambda pair: pair[0].label)
    labels = sorted({given.label for given, _ in seen})
    vectors = np.stack([what.vector for _, what in seen])
    classes = np.array([labels.index(given.label) for given, _ in seen])
    confusion = _confusion(vectors, classes, seed)
    right, tested = int(confusion.trace()), int(confusion.sum())
    learnt = LearntHead(
        folder=out,
        embedder=looker.embedders[0].card.id,
        labels=tuple(labels),
        counts=tuple(np.bincount(classes).tolist()),
        accuracy=right / tested,
        interval=wilson(right, tested),
        confusion=confusion,
        notes=(*few, *notes),
    )
    _write(learnt, looker.embedders[0], *fit_softmax(vectors, classes))
    return learnt


def _enough(items: Sequence[Any], told: list[str], of: Callable[[Any], str] = lambda given: given.label) -> tuple:
    """The items of classes that have enough of them, and a line for each class that has not."""
    counts = Counter(map(of, items))
    few = {label: count for label, count in counts.items() if count < LEAST}
    told = told + [
        f"class {label!r}: expected at least {LEAST} pictures, got {count}; left out" for label, count in few.items()
    ]
    if len(counts) - len(few) < 2:
        raise DataError(
            f"classes must be at least two with {LEAST} pictures each, got "
            + (", ".join(f"{label} {count}" for label, count in counts.items()) or "none")
            + "; add pictures, a sub-folder per class"
        )
    return [item for item in items if of(item) not in few], told


def _confusion(vectors: npt.NDArray, classes: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.int64]:
    parts = split(classes, seed)
    weights, bias = fit_softmax(vectors[parts.train], classes[parts.train])
    said = (vectors[parts.test] @ weights + bias).argmax(axis=1)
    confusion = np.zeros((len(bias), len(bias)), np.int64)
    np.add.at(confusion, (classes[parts.test], said), 1)
    return confusion


def fit_softmax(vectors: npt.NDArray, classes: npt.NDArray[np.int64]) -> tuple[npt.NDArray, npt.NDArray]:
    """Multinomial logistic regression.

    Args:
        vectors: (N, D), of length 1.
        classes: (N,) from 0 to C - 1, each there.

    Returns:
        (D, C) weights and (C,) bias, whose softmax is the answer.
    """
    weights, bias = fitted_logistic(vectors, classes)
    if weights.shape[1] == 1:  # of two classes only the second has weights: half of the difference for each
        weights, bias = np.hstack([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    return weights, bias


def wilson(right: int, tested: int) -> tuple[float, float]:
    """95 % confidence interval of a share (Wilson 1927, "Probable inference").

    Args:
        right: successes.
        tested: trials, above 0.
    """
    share, z2 = right / tested, _Z**2
    middle = (share + z2 / (2 * tested)) / (1 + z2 / tested)
    half = _Z / (1 + z2 / tested) * np.sqrt(share * (1 - share) / tested + z2 / (4 * tested**2))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


# ---------------------------------------------------------------------------------------------------------------------
# The card


def _check_out(out: Path) -> None:
    """Refuse to overwrite what is no learned head."""
    if out.is_dir() and not any(out.iterdir()):
        return
    mine = out / "card.toml"
    if out.exists() and not (mine.is_file() and 'runtime = "learned"' in mine.read_text("utf-8", "replace")):
        raise OutputError(f"{out}: expected a new folder or a learned head, got something else; choose another")


def _write(learnt: LearntHead, embedder: Task, weights: npt.NDArray, bias: npt.NDArray) -> None:
    """Write the folder beside its place and rename it."""
    out, head = learnt.folder, io.BytesIO()
    np.savez(head, weights=weights, bias=bias)
    try:
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=out.absolute().parent, prefix=f".{out.name}-", suffix=".part"))
        try:
            beside.chmod(0o755)
            write_through(beside / "head.npz", head.getvalue())
            write_through(beside / "card.toml", _card_text(learnt, embedder.card, head.getvalue()).encode())
            _put(beside, out)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        raise OutputError(f"{out}: expected to be written, got {error.strerror or error}; mend its rights") from error


def _put(beside: Path, out: Path) -> None:
    """Rename a folder to where another may be: one that is not empty cannot be replaced in one step."""
    before = Path(f"{beside}.before")
    if out.exists():
        os.replace(out, before)
    try:
        os.replace(beside, out)
    except OSError:
        if before.exists():
            os.replace(before, out)
        raise
    shutil.rmtree(before, ignore_errors=True)


def _card_text(learnt: LearntHead, embedder: Card, head: bytes) -> str:
    low, high = learnt.interval
    title = f"Linear probe over {embedder.id}: accuracy {learnt.accuracy:.3f} ({low:.3f} to {high:.3f}, 95 %)"
    name = str(Path(embedder.folder).absolute()) if embedder.folder else embedder.id
    entries = {
        "task": "classify", "runtime": "learned", "head": "softmax", "title": title, "licence": embedder.licence,
        "precision": embedder.precision, "batch": embedder.batch, "names": list(learnt.labels),
    }  # fmt: skip
    if embedder.revision:
        entries["revision"] = embedder.revision
    options = {
        "embedder": name, "embedder_revision": revision_of(embedder), "embedder_precision": embedder.precision
    }  # fmt: skip
    recipe = {
        spec.name: getattr(embedder.recipe, spec.name)
        for spec in fields(Recipe)
        if getattr(embedder.recipe, spec.name) != spec.default
    }
    if embedder.input_name:
        recipe["name"] = embedder.input_name
    file = {"path": "head.npz", "part": "head", "bytes": len(head), "sha256": hashlib.sha256(head).hexdigest()}
    sections = {"": entries, "[options]": options, "[input]": recipe, "[[files]]": file}
    return "\n".join(f"{section}\n{_lines(table)}" for section, table in sections.items()).lstrip()


def _lines(table: dict[str, Any]) -> str:
    """TOML's strings, numbers, booleans and lists look as JSON's do."""
    return "".join(f"{key} = {json.dumps(entry, ensure_ascii=False)}\n" for key, entry in table.items())
