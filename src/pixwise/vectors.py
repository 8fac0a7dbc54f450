"""Pure functions on vectors of pictures and texts: found among the outputs of a model, length 1, cosines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pixwise.errors import OptionError, ShapeError
from pixwise.results import Embedding, ModelInfo

__all__ = ["PICTURE_OUTPUTS", "check_same_model", "rows_of", "similarity", "unit"]

Floats = npt.NDArray[np.float32]
# Head of a card → names of the output with the vector of a picture that texts are compared with. Joint exports of
# SigLIP call the pooled output `image_embeds`, and scale it to length 1.
PICTURE_OUTPUTS: Mapping[str, tuple[str, ...]] = {
    "image_embeds": ("image_embeds",),
    "pooler": ("pooler_output", "image_embeds"),
}


def rows_of(raw: Mapping[str, np.ndarray], names: tuple[str, ...]) -> np.ndarray:
    """(B, D) the first of these outputs that is there; (B, D, 1, 1) and the like are flattened.

    Raises:
        ShapeError: none of them is there, or it has more than a vector per row.
    """
    name = next((name for name in names if name in raw), None)
    if name is None:
        raise ShapeError(
            f"outputs of the model must contain {' or '.join(map(repr, names))}, got {', '.join(raw)}; "
            "check the head of its card"
        )
    shape = raw[name].shape
    rows = raw[name].reshape(shape[0], *(length for length in shape[1:] if length != 1))
    if rows.ndim != 2:
        raise ShapeError(f"output {name!r} must have one vector per picture, got {shape}; check the head")
    return rows


def unit(vectors: npt.ArrayLike) -> Floats:
    """Scale vectors to length 1.

    Args:
        vectors: (..., D), any numbers.

    Returns:
        (..., D) float32.

    Raises:
        ShapeError: one is 0 throughout, or not finite.
    """
    wide = np.asarray(vectors, np.float64)  # squares of float16 overflow
    lengths = np.linalg.norm(wide, axis=-1, keepdims=True)
    if not np.isfinite(lengths).all() or not lengths.all():
        raise ShapeError("vectors must be finite and not 0 throughout, got one that is not; check the model's output")
    return (wide / lengths).astype(np.float32)


def similarity(
    a: Embedding | Sequence[Embedding], b: Embedding | Sequence[Embedding]
) -> float | npt.NDArray[np.float32]:
    """How alike pictures are: the cosine of their vectors, 1 for equal ones. What is "alike" depends on the model.

    Args:
        a, b: answers of `embed`, or lists of them.

    Returns:
        One number; for lists a row per element of `a` and a column per element of `b`: (N, M), (N,) or (M,).

    Raises:
        OptionError: the vectors are of different models, revisions or precisions, or something is no `Embedding`.
        ShapeError: they have different dimensions.
    """
    rows, columns = _listed("a", a), _listed("b", b)
    _check_alike([*rows, *columns])
    shape = [len(many) for given, many in ((a, rows), (b, columns)) if not isinstance(given, Embedding)]
    if not rows or not columns:
        return np.zeros(shape, np.float32)
    left, right = (np.stack([row.vector for row in many]) for many in (rows, columns))  # (N, D), (M, D)
    cosines = np.clip(left @ right.T, -1, 1)
    return cosines.reshape(shape) if shape else float(cosines[0, 0])


def _listed(name: str, given: Embedding | Sequence[Embedding]) -> list[Embedding]:
    many = [given] if isinstance(given, Embedding) else given
    if not isinstance(many, list | tuple) or not all(isinstance(each, Embedding) for each in many):
        odd = next((each for each in many if not isinstance(each, Embedding)), many) if isinstance(many, list) else many
        raise OptionError(
            f"{name} must be an Embedding or a list of them, got {type(odd).__name__}; ask px.embed(picture) first"
        )
    return list(many)


def _check_alike(embeddings: Sequence[Embedding]) -> None:
    """Refuse vectors that live in different spaces: their cosine is a number without a meaning."""
    for other in embeddings[1:]:
        first = embeddings[0]
        check_same_model(first.model, other.model, "embed both with the same model")
        if first.dimension != other.dimension:
            raise ShapeError(
                f"vectors must have one dimension, got {first.dimension} and {other.dimension}; "
                "embed both with the same model"
            )


def check_same_model(mine: ModelInfo, theirs: ModelInfo, advice: str) -> None:
    """Raise `OptionError` where vectors of two models cannot be compared: id, revision or precision differ."""
    for what in ("id", "revision", "precision"):
        one, other = getattr(mine, what) or "none", getattr(theirs, what) or "none"
        if one != other:
            name = "model" if what == "id" else what
            raise OptionError(f"vectors must be of one {name}, got {one!r} and {other!r}; {advice}")
