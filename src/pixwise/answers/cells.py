"""The cells of answers: what a field takes, how it is kept, and how it is told; `result.py` makes answers of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field
from typing import Any

import numpy as np
import numpy.typing as npt

from pixwise.errors import ShapeError, check_shape
from pixwise.masks import Mask

__all__ = ["brief", "checked_column", "checked_value", "row_cell", "same", "taken", "told", "zero"]


def row_cell(thing: Any) -> Any:
    """A row's value: numpy's scalars become Python's. A float32 as its shortest decimal: 0.92."""
    if isinstance(thing, np.floating):
        return float(str(thing))
    return thing.item() if isinstance(thing, np.generic) else thing


def checked_column(name: str, spec: Field, given: Any) -> Any:
    """A column as it is kept: a tuple of strings, or a read-only array of its own."""
    dtype, shape = spec.metadata["dtype"], spec.metadata["shape"]
    if dtype is str:
        if isinstance(given, str):
            raise ShapeError(f"{name} must be a list of strings, got the string {given!r}; put it into a list")
        return tuple(map(str, given))
    if dtype is Mask:
        return tuple(_as_mask(name, thing) for thing in given)
    if hasattr(dtype, "read"):
        return tuple(map(dtype.read, given))
    try:
        stored = np.array(given, np.float64 if _holds_none(given) else None)
    except (TypeError, ValueError) as error:
        raise ShapeError(
            f"{name} must be numbers of shape {('N', *shape)}, got {type(given).__name__}: {error}"
        ) from error
    if stored.shape == (0,):
        stored = stored.reshape(0, *_lengths(shape))  # () and [] are no rows of any shape
    check_shape(name, stored, ("N", *shape))
    kinds = "iub" if issubclass(dtype, np.integer) else "iubf"
    if stored.size and stored.dtype.kind not in kinds:
        raise ShapeError(f"{name} must be {np.dtype(dtype)}, got {stored.dtype}; convert it before")
    if not (spec.metadata["missing"] or stored.dtype.kind in "iub" or np.isfinite(stored).all()):
        raise ShapeError(f"{name} must be finite, got NaN or infinity; drop those rows before")
    stored = stored.astype(dtype, copy=False)
    stored.setflags(write=False)
    return stored


def _as_mask(name: str, thing: Any) -> Mask:
    """A mask, or the run lengths that JSON has in its place."""
    if not isinstance(thing, Mask | Mapping):
        raise ShapeError(f"{name} must be masks, got {type(thing).__name__}; use Mask.from_array")
    return thing if isinstance(thing, Mask) else Mask.from_rle(thing)


def _holds_none(given: Any) -> bool:
    """JSON's null stands for NaN, at any depth of the lists."""
    if isinstance(given, list | tuple):
        return any(map(_holds_none, given))
    return given is None


def zero(spec: Field) -> Any:
    """0, the empty text, or an array without elements."""
    dtype, shape = spec.metadata["dtype"], spec.metadata["shape"]
    return np.zeros(_lengths(shape), dtype) if shape else dtype()


def _lengths(shape: tuple[int | str, ...]) -> list[int]:
    """The shape of what is empty: 0 for any length."""
    return [0 if isinstance(length, str) else length for length in shape]


def checked_value(name: str, spec: Field, given: Any) -> Any:
    """A value of the picture as it is kept: Python's own, or a read-only array of its own."""
    dtype, shape = spec.metadata["dtype"], spec.metadata["shape"]
    try:
        stored = np.array(given, dtype) if shape else getattr(dtype, "read", dtype)(given)
    except ShapeError:
        raise
    except (TypeError, ValueError) as error:
        actual = type(given).__name__ if shape else repr(given)
        raise ShapeError(f"{name} must be {dtype.__name__}, got {actual}; convert it before") from error
    if shape:
        check_shape(name, stored, shape, finite=True)
        stored.setflags(write=False)
    elif dtype is float and not np.isfinite(stored):
        raise ShapeError(f"{name} must be finite, got {stored}; say 0 where nothing can be measured")
    return stored


def taken(stored: Any, indices: npt.NDArray[np.int64]) -> Any:
    """Some rows of a column, in this order."""
    return tuple(stored[i] for i in indices) if isinstance(stored, tuple) else stored[indices]


def same(a: Any, b: Any) -> bool:
    """Two fields hold the same; NaN is the same as NaN."""
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    return a == b


def _plain(thing: Any) -> Any:
    """Numbers as JSON has them: floats at 4 decimals, NaN as null; a mask as COCO's run lengths."""
    if isinstance(thing, Mask):
        return thing.to_rle()
    if hasattr(thing, "told"):
        return thing.told()
    if isinstance(thing, np.ndarray | list | tuple):
        return [_plain(item) for item in (thing.tolist() if isinstance(thing, np.ndarray) else thing)]
    if isinstance(thing, float):
        return round(thing, 4) if np.isfinite(thing) else None
    return thing


def told(spec: Field, stored: Any) -> Any:
    """A field as JSON has it; arrays that are computed with have just as many digits as bring back the same number."""
    shape = spec.metadata["shape"]
    if hasattr(stored, "told"):
        return stored.told()
    if shape and "json" not in spec.metadata and stored.dtype.kind in "iu":
        return stored.tolist()
    if not shape or ("json" in spec.metadata and (_is_fixed(shape) or spec.metadata["missing"])):
        return _plain(stored)
    return np.array([float(str(number)) for number in stored.reshape(-1)]).reshape(stored.shape).tolist()


def _is_fixed(shape: tuple[int | str, ...]) -> bool:
    return not any(isinstance(length, str) for length in shape)


def brief(thing: Any) -> str:
    """A cell in a few signs, for people."""
    if isinstance(thing, np.ndarray) and thing.size > 32:
        return f"{' x '.join(map(str, thing.shape))} numbers"
    if isinstance(thing, np.ndarray):
        return " ".join(brief(item) for item in thing.reshape(-1).tolist())
    if isinstance(thing, Mask):
        return f"{thing.area} px"
    return f"{thing:.2f}" if isinstance(thing, float | np.floating) else str(thing)
