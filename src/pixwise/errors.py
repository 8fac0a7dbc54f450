"""Every error that Pixwise raises on purpose.

    PixwiseError
    ├── OptionError        ValueError         an option is misspelt, out of range, or of the wrong type
    ├── ShapeError         ValueError         an array has the wrong shape, type, or holds NaN
    ├── DataError          ValueError         training data lacks what is needed, or is damaged
    ├── SourceError        OSError            the source cannot be read: missing, forbidden, a refused address
    ├── PictureError       ValueError         the bytes are not a picture, or a broken one
    │   └── LimitError                        … or one above the limits
    ├── UnknownModelError  LookupError        no card has this name
    ├── CardError          ValueError         a card or a model folder lacks what is needed
    ├── ModelMissingError  FileNotFoundError  the model is known but not on this machine
    ├── ModelFileError     OSError            a model file is damaged, or not what its card says
    ├── FetchError         ConnectionError    a model could not be fetched
    ├── LicenceError       PermissionError    the licence must be accepted first
    ├── OutputError        OSError            a file or folder cannot be written
    └── SetupError         RuntimeError       the machine lacks something: a package, a device

Form of every message: *thing must be expected, got actual; what to do*.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = [
    "CardError",
    "DataError",
    "FetchError",
    "LicenceError",
    "LimitError",
    "ModelFileError",
    "ModelMissingError",
    "OptionError",
    "OutputError",
    "PictureError",
    "PixwiseError",
    "SetupError",
    "ShapeError",
    "SourceError",
    "UnknownModelError",
    "check_range",
    "check_shape",
    "checked_labels",
    "nearest",
]


class PixwiseError(Exception):
    """Root of every error that Pixwise raises on purpose."""


class OptionError(PixwiseError, ValueError):
    """An option is misspelt, out of range, or of the wrong type."""


class ShapeError(PixwiseError, ValueError):
    """An array has the wrong shape or type, or holds values that are not finite."""


class DataError(PixwiseError, ValueError):
    """Training data lacks what is needed, or is damaged."""


class SourceError(PixwiseError, OSError):
    """The source of a picture, or of training data, cannot be read."""


class PictureError(PixwiseError, ValueError):
    """The bytes are not a picture, or a broken one."""


class LimitError(PictureError):
    """The picture is above one of the limits."""


class UnknownModelError(PixwiseError, LookupError):
    """No card has this name."""


class CardError(PixwiseError, ValueError):
    """A card, or the folder of a model, lacks what is needed."""


class ModelMissingError(PixwiseError, FileNotFoundError):
    """The model is known but not on this machine."""


class ModelFileError(PixwiseError, OSError):
    """A model file is damaged, or not what its card says."""


class FetchError(PixwiseError, ConnectionError):
    """A model could not be fetched."""


class LicenceError(PixwiseError, PermissionError):
    """The licence of a model must be accepted before it is used."""


class OutputError(PixwiseError, OSError):
    """A file or folder cannot be written."""


class SetupError(PixwiseError, RuntimeError):
    """The machine lacks something: a package, a device."""


def checked_labels(given: Any, names: Sequence[str]) -> tuple[str, ...]:
    """Names of classes that are to be kept, as a tuple; one alone may be a string.

    Args:
        given: by the user.
        names: of the model's classes; where there are none, any are taken.

    Raises:
        OptionError: not names, or not the model's.
    """
    labels = [given] if isinstance(given, str) else given
    if not isinstance(labels, list | tuple) or not all(isinstance(label, str) for label in labels):
        raise OptionError(f"labels must be names of classes, got {labels!r}; pass a list of strings")
    known = [name for name in names if name]
    for label in labels if known else ():
        if label not in known:
            raise OptionError(
                f"label must be one of the model's {len(known)} classes, got {label!r}; {nearest(label, known)}"
            )
    return tuple(labels)


def nearest(word: str, known: Iterable[str], *, many: str = "") -> str:
    """Say which known names look like `word`: "; did you mean …?", or the whole list when none does.

    Args:
        word: what was given.
        known: what could have been.
        many: what is said in the place of a list of more than a dozen.
    """
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=3, cutoff=0.6)  # below that "colors" is offered "allow_urls"
    if close:
        return "did you mean " + " or ".join(repr(name) for name in close) + "?"
    return many if many and len(names) > 12 else "choose one of: " + ", ".join(names)


def check_range(name: str, actual: float, low: float, high: float) -> None:
    """Raise `OptionError` unless low <= actual <= high."""
    if not isinstance(actual, int | float) or isinstance(actual, bool) or not low <= actual <= high:
        raise OptionError(f"{name} must be a number from {low:g} to {high:g}, got {actual!r}; give one in this range")


def check_shape(name: str, array: Any, shape: tuple[int | str, ...], *, finite: bool = False) -> dict[str, int]:
    """Check the shape of an array against a pattern such as `("N", 4)`.

    Args:
        name: how the message calls the array.
        array: a numpy array.
        shape: one entry per axis: a number must match, a letter stands for any length (the same for the same letter).
        finite: also refuse NaN and infinity.

    Returns:
        The length that each letter stood for.

    Raises:
        ShapeError: the array is none, or its shape or its values do not match.
    """
    wanted = "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
    actual = getattr(array, "shape", None)
    if actual is None:
        raise ShapeError(f"{name} must be an array of shape {wanted}, got {type(array).__name__}; pass a numpy array")
    lengths: dict[str, int] = {}
    matches = len(actual) == len(shape)
    for length, want in zip(actual, shape, strict=False):
        matches &= length == (lengths.setdefault(want, length) if isinstance(want, str) else want)
    if not matches:
        raise ShapeError(f"{name} must have shape {wanted}, got {tuple(actual)}; check the order of its axes")
    if finite:
        import numpy as np

        if array.size and not np.isfinite(array).all():
            raise ShapeError(f"{name} must be finite, got NaN or infinity; clean the array before passing it")
    return lengths
