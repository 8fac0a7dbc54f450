"""What all answers share: parallel arrays of declared shapes, rows, selection, JSON and back, a table for notebooks.

A kind of answer is a frozen dataclass of `column(...)` fields (one value per row) and `value(...)` fields (one per
picture; an answer of these alone has no rows); `results.py` declares them, this file makes them work. Others' results
subclass `Result` in the same way.
"""

from __future__ import annotations

import html
import re
from collections import namedtuple
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from pixwise.answers.cells import brief, checked_column, checked_value, row_cell, same, taken, told, zero
from pixwise.errors import OptionError, ShapeError, check_shape

if TYPE_CHECKING:
    from PIL import Image

    from pixwise.picture import Picture

__all__ = ["ImageInfo", "ModelInfo", "Result", "column", "columns", "schema_id", "singular", "value", "values"]

_NOTEBOOK_ROWS = 50


@dataclass(frozen=True)
class ImageInfo:
    """The picture that was asked about: name, upright size in pixels, SHA-256 of the file (empty for an array)."""

    source: str = ""
    width: int = 0
    height: int = 0
    sha256: str = ""


@dataclass(frozen=True)
class ModelInfo:
    """The model that answered: card id, revision, precision, SPDX licence."""

    id: str = ""
    revision: str = ""
    precision: str = ""
    licence: str = ""


def column(json: str, dtype: type, *shape: int | str, doc: str, missing: bool = False) -> Any:
    """Declare a field with one value per row.

    Args:
        json: its name in JSON and in row tuples.
        dtype: `str`, `Mask`, a numpy type, or a class of cells as in `value`.
        shape: of one row's value; none for a scalar. A letter stands for any length, of a vector that is computed with:
            it is told in full precision, other numbers at 4 decimals.
        doc: meaning and unit; goes into the JSON schema.
        missing: NaN is allowed and says "not known" (null in JSON).
    """
    return field(metadata={"json": json, "dtype": dtype, "shape": shape, "doc": doc, "missing": missing})


def value(dtype: type, doc: str, *, shape: tuple[int | str, ...] = (), default: Any = MISSING) -> Any:
    """Declare a field with one value per picture.

    Args:
        dtype: `str`, `int`, `float` or `bool`; for an array a numpy type; or a class of values with `read(given)`,
            `told()` for JSON, and its JSON `schema`.
        doc: meaning and unit; goes into the JSON schema.
        shape: of an array; a letter stands for any length. Arrays are told in full precision, since they are computed
            with; other numbers at 4 decimals.
        default: where it may be left out.
    """
    return field(default=default, metadata={"dtype": dtype, "doc": doc, "shape": shape})


@cache
def columns(cls: type[Result]) -> tuple[Field, ...]:
    """The per-row fields of a result class."""
    return tuple(spec for spec in fields(cls) if "json" in spec.metadata)


@cache
def values(cls: type[Result]) -> tuple[Field, ...]:
    """The per-picture fields of a result class."""
    return tuple(spec for spec in fields(cls) if "dtype" in spec.metadata and "json" not in spec.metadata)


def schema_id(cls: type[Result]) -> str:
    """Name and version of the JSON form: `pixwise/detections/1`."""
    return f"pixwise/{cls.values_key or cls.rows_key}/1"


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Result:
    """What all answers share.

    Two results are equal when picture, model and every value are equal (NaN equals NaN); timings do not count.

    Attributes:
        image: the picture that was asked about.
        model: the model that answered.
        timings_ms: step → milliseconds.
    """

    rows_key: ClassVar[str] = "rows"  # name of the list of rows in JSON
    values_key: ClassVar[str] = ""  # name of the object of per-picture values in JSON
    said: ClassVar[str] = ""  # the value that is the answer in a word or a line: `repr` shows it

    image: ImageInfo = ImageInfo()
    model: ModelInfo = ModelInfo()
    timings_ms: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for spec in columns(type(self)):
            stored = checked_column(f"{type(self).__name__}.{spec.name}", spec, getattr(self, spec.name))
            object.__setattr__(self, spec.name, stored)
        for spec in values(type(self)):
            stored = checked_value(f"{type(self).__name__}.{spec.name}", spec, getattr(self, spec.name))
            object.__setattr__(self, spec.name, stored)
        lengths = {spec.name: len(getattr(self, spec.name)) for spec in columns(type(self))}
        if len(set(lengths.values())) > 1:
            sizes = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise ShapeError(f"{type(self).__name__} must have as many of each, got {sizes}; give one per row")

    @classmethod
    def empty(cls, **given: Any) -> Self:
        """The answer "nothing": no rows; values that are not given are 0 or empty."""
        nothing = {spec.name: () for spec in columns(cls)} | {spec.name: zero(spec) for spec in values(cls)}
        return cls(**{**nothing, **given})

    def __len__(self) -> int:
        first = columns(type(self))
        return len(getattr(self, first[0].name)) if first else 0

    def __bool__(self) -> bool:
        return True  # an empty answer is still an answer; ask len()

    def __getitem__(self, index: int | slice | npt.ArrayLike) -> Any:
        """Row `index` as a named tuple: `detections[0].label`; a slice, indices or booleans keep those rows.

        Numbers of a row are Python's own, arrays stay arrays: `detections[:3]`, `detections[detections.scores > 0.8]`.
        """
        if isinstance(index, slice):
            return self.select(range(len(self))[index])
        if not isinstance(index, int | np.integer):
            return self.select(index)
        if not columns(type(self)):
            raise IndexError(f"{type(self).__name__} has no rows, only {', '.join(s.name for s in values(type(self)))}")
        return _row_type(type(self))(*(row_cell(getattr(self, spec.name)[index]) for spec in columns(type(self))))

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        names = ["image", "model", *(spec.name for spec in (*columns(type(self)), *values(type(self))))]
        return all(same(getattr(self, name), getattr(other, name)) for name in names)

    __hash__ = None  # type: ignore[assignment]  # like the arrays it is made of

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, stored in state.items():
            if isinstance(stored, np.ndarray):
                stored.setflags(write=False)  # pickle and deepcopy give writable arrays
            object.__setattr__(self, name, stored)

    def select(self, which: npt.ArrayLike) -> Self:
        """Keep some rows.

        Args:
            which: (K,) indices in the wanted order, or (N,) booleans.

        Raises:
            ShapeError: an index is out of range, or there are not as many booleans as rows.
        """
        indices = np.asarray(which)
        if indices.dtype == bool:
            check_shape("booleans of select", indices, (len(self),))
            indices = np.flatnonzero(indices)
        if indices.size and indices.dtype.kind not in "iu":
            raise ShapeError(f"select must have indices or booleans, got {indices.dtype}; compare a column first")
        indices = indices.astype(np.int64).reshape(-1)
        if len(indices) and not -len(self) <= indices.min() <= indices.max() < len(self):
            raise ShapeError(f"indices of select must be below {len(self)}, got {indices.tolist()}; ask len() first")
        return replace(self, **{spec.name: taken(getattr(self, spec.name), indices) for spec in columns(type(self))})

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON has it: plain numbers (4 decimals), strings, lists; NaN is null."""
        specs = columns(type(self))
        out: dict[str, Any] = {
            "schema": schema_id(type(self)),
            "image": vars(self.image).copy(),
            "model": vars(self.model).copy(),
            "timings_ms": {step: round(float(ms), 2) for step, ms in self.timings_ms.items()},
        }
        if self.values_key:
            out[self.values_key] = {spec.name: told(spec, getattr(self, spec.name)) for spec in values(type(self))}
        if not specs:
            return out
        lists = [told(spec, getattr(self, spec.name)) for spec in specs]
        out[self.rows_key] = [
            dict(zip([spec.metadata["json"] for spec in specs], row, strict=True)) for row in zip(*lists, strict=True)
        ]
        return out

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Read back what `to_dict` gave, from JSON or a line of JSONL.

        Args:
            document: keys that are not known are passed over; `image`, `model` and `timings_ms` may be left out.

        Raises:
            OptionError: the document is of another kind.
            ShapeError: a key is missing, or a value is not as declared.
        """
        schema = document.get("schema")
        if schema != schema_id(cls):
            raise OptionError(f"document must have schema {schema_id(cls)!r}, got {schema!r}; use result_from_dict")
        try:
            rows = document[cls.rows_key] if columns(cls) else ()
            read = {spec.name: [row[spec.metadata["json"]] for row in rows] for spec in columns(cls)}
            read |= {spec.name: document[cls.values_key][spec.name] for spec in values(cls)}
        except KeyError as error:
            raise ShapeError(f"document of {schema} must have key {error}, got none; mend the document") from error
        return cls(
            image=ImageInfo(**document.get("image", {})),
            model=ModelInfo(**document.get("model", {})),
            timings_ms=dict(document.get("timings_ms", {})),
            **read,
        )

    def check_picture(self, size_hw: tuple[int, int]) -> None:
        """Refuse a picture that cannot be the one that was asked about: coordinates would mean other places.

        Raises:
            ShapeError: it is of another size; an answer that does not know its picture's takes any.
        """
        image = self.image
        if image.width > 0 and (image.height, image.width) != tuple(size_hw):
            asked = image.source or "the one that was asked about"
            raise ShapeError(
                f"picture must be {image.width} x {image.height} px like {asked}, got {size_hw[1]} x {size_hw[0]}; "
                "give that picture, or ask about this one"
            )

    def draw(self, picture: Picture | Any) -> Image.Image:
        """Draw the answer into its picture; a Pillow image comes back, which notebooks show.

        Raises:
            ShapeError: the picture is of another size than the one that was asked about.
        """
        from pixwise.draw import draw

        return draw(picture, self)

    def __repr__(self) -> str:
        place, model = self.image.source or "a picture", self.model.id or "?"
        things = self.rows_key if len(self) != 1 else singular(self.rows_key)
        rows = f" {len(self)} {things} in" if columns(type(self)) else " of"
        said = f" {getattr(self, self.said)!r}" if self.said else ""
        return f"<{type(self).__name__}{said}{rows} {place} by {model}>"

    def _repr_html_(self) -> str:
        """A table, for notebooks; `result.draw(picture)` shows the picture."""
        head = "".join(f"<th>{html.escape(spec.metadata['json'])}</th>" for spec in columns(type(self)))
        shown = [self[index] for index in range(min(len(self), _NOTEBOOK_ROWS))]
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(brief(cell))}</td>" for cell in row) + "</tr>" for row in shown
        )
        facts = [f"{spec.name}: {brief(getattr(self, spec.name))}" for spec in values(type(self))]
        facts += [f"… and {len(self) - _NOTEBOOK_ROWS} more"] if len(self) > _NOTEBOOK_ROWS else []
        lines = "".join(f"<div>{html.escape(line)}</div>" for line in (repr(self), *facts))
        if not head:
            return lines
        return f"{lines}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def singular(rows_key: str) -> str:
    """One of what the rows are called: `face`, `class`, `identity`."""
    return re.sub(r"((?<=ss)es|(?<=x)es|s)$", "", re.sub("ies$", "ys", rows_key))


@cache
def _row_type(cls: type[Result]) -> type:
    return namedtuple(f"{cls.__name__}Row", [spec.metadata["json"] for spec in columns(cls)])
