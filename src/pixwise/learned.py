"""A classifier that was learnt on this machine: an embedder, then a linear head over its vectors.

    feeds ─▶ session of the embedder ─▶ (B, D) vectors of length 1 ─▶ @ weights + bias ─▶ {"logits": (B, C)}

Its card has `runtime = "learned"`, the recipe of the embedder, a part `head` (an npz, never a pickle), and in `options`
which embedder: another one, or another revision, is refused. `collections/learn_head.py` writes such cards.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixwise.errors import CardError, ModelFileError, ShapeError
from pixwise.registry import Card
from pixwise.session import Session, Tensor
from pixwise.task import Task
from pixwise.task_table import task_class

__all__ = ["LearnedSession", "embedder_of", "with_head"]


def embedder_of(card: Card, offline: bool | None = None) -> Card:
    """The card of the embedder that a learned head sits on.

    Raises:
        CardError: the card names none, or the embedder is of another revision or precision, or wants other pixels.
    """
    from pixwise.loading import as_loaded, load_card, revision_of

    label = f"{card.folder or card.id}: learned model"
    name = card.options.get("embedder", "")
    if not name:
        raise CardError(f"{label} must name its embedder in options, got none; learn it anew: pixwise learn-head")
    found = load_card(name, "embed", offline=offline)
    if card.options.get("embedder_precision") == "int8" and (found.runtime, found.precision) == ("onnx", "fp32"):
        # its 8-bit copy was made on the machine
        found = load_card(name, "embed", offline=offline, precision="int8")
    found = as_loaded(found)
    for key in ("revision", "precision"):
        mine = card.options.get(f"embedder_{key}", "")
        theirs = revision_of(found) if key == "revision" else found.precision
        if mine != theirs and (mine or key == "precision"):
            raise CardError(
                f"{label} was learnt on {name!r} of {key} {mine!r}, got {theirs or 'none'!r}; learn it anew: "
                "pixwise learn-head"
            )
    if found.recipe != card.recipe:
        raise CardError(f"{label} must have the input of {name!r}, got another; copy it from there, or learn it anew")
    return found


def with_head(card: Card, head: Path, embedder: Card, session: Session) -> LearnedSession:
    """The session of a learned classifier.

    Args:
        card: its own.
        head: npz with `weights` (D, C) and `bias` (C,).
        embedder: see `embedder_of`.
        session: of the embedder.

    Raises:
        ModelFileError: the head is damaged, or does not have a class per label.
    """
    try:
        with np.load(head, allow_pickle=False) as arrays:
            weights, bias = np.asarray(arrays["weights"], np.float64), np.asarray(arrays["bias"], np.float64)
    except Exception as error:  # zipfile, zlib and numpy each have their own
        raise ModelFileError(f"{head}: expected a head, got {type(error).__name__}: {error}; learn it anew") from error
    if weights.ndim != 2 or bias.shape != (len(card.names),) or weights.shape[1] != len(card.names):
        raise ModelFileError(
            f"{head}: expected weights (D, {len(card.names)}) and bias ({len(card.names)},), got {weights.shape} and "
            f"{bias.shape}; learn it anew"
        )
    return LearnedSession(task_class("embed")(card=embedder, session=session), weights, bias, head)


class LearnedSession:
    """Runs an embedder, and a linear head over its vectors."""

    def __init__(self, embedder: Task, weights: npt.NDArray, bias: npt.NDArray, head: Path):
        self._embedder, self._weights, self._bias = embedder, weights, bias
        self.device = embedder.session.device
        self.bytes = embedder.session.bytes + weights.nbytes
        self.files = {"head": head}

    def inputs(self, part: str = "model") -> tuple[Tensor, ...]:
        return self._embedder.session.inputs()

    def run(self, feeds: Mapping[str, np.ndarray], part: str = "model") -> dict[str, np.ndarray]:
        raw = self._embedder.session.run(feeds)
        rows = range(len(next(iter(feeds.values()))))
        vectors = np.stack([self._vector({name: array[i : i + 1] for name, array in raw.items()}) for i in rows])
        if vectors.shape[1] != len(self._weights):
            raise ShapeError(
                f"embedder {self._embedder.card.id!r} must give {len(self._weights)} numbers, got {vectors.shape[1]}; "
                "use the one that the head was learnt on, or learn it anew"
            )
        return {"logits": (vectors @ self._weights + self._bias).astype(np.float32)}

    def _vector(self, raw: Mapping[str, np.ndarray]) -> npt.NDArray[np.float32]:
        return self._embedder.postprocess(raw, None).vector

    def of(self, part: str) -> LearnedSession:
        return self
