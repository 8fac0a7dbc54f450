"""Every kind of answer: the vocabulary of the toolkit.

    Detections   objects        boxes, labels, scores
    Faces        faces          boxes, scores, five landmarks
    TextLines    printed text   texts, scores, quads, boxes      .text
    Codes        QR, bar codes  kinds, texts, quads, boxes
    Classes      labels         labels, scores
    Quality      a picture      sharpness, exposure, contrast, noise, hashes; dominant colours

A result is frozen and made of parallel arrays, row i of each belonging together; empty means length 0, nothing is optional.
`len(result)`, `result[i]` and iteration give rows; `result.select(...)` keeps some; `to_dict()` is what JSON, HTTP and
the index see; `draw(picture)` shows it.

Conventions: boxes are float32 `xyxy` in pixels of the upright full-size picture, right and bottom exclusive. Points are (x, y).
"""

from __future__ import annotations

import html
from collections import namedtuple
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from pixwise.errors import ShapeError, check_shape

if TYPE_CHECKING:
    from PIL import Image

    from pixwise.picture import Picture

__all__ = [
    "RESULTS", "Classes", "Codes", "Detections", "Faces", "ImageInfo", "ModelInfo", "Quality", "Result", "TextLines",
]  # fmt: skip

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Texts = tuple[str, ...]


@dataclass(frozen=True)
class ImageInfo:
    """The picture that was asked about: name, upright size in pixels, SHA-256 of the file (empty for pixels from memory)."""

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


def column(json: str, dtype: type, *shape: int, doc: str) -> Any:
    """Declare a field with one value per row: its name in JSON, type, shape of one value, meaning."""
    return field(metadata={"kind": "column", "json": json, "dtype": dtype, "shape": shape, "doc": doc})


def value(dtype: type, doc: str) -> Any:
    """Declare a field with one value per picture."""
    return field(metadata={"kind": "value", "dtype": dtype, "doc": doc})


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Result:
    """What all answers share."""

    rows_key: ClassVar[str] = "rows"  # name of the list of rows in JSON
    values_key: ClassVar[str] = ""  # name of the object of per-picture values in JSON

    image: ImageInfo = ImageInfo()
    model: ModelInfo = ModelInfo()
    timings_ms: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths: set[int] = set()
        for spec in columns(type(self)):
            given = getattr(self, spec.name)
            if spec.metadata["dtype"] is str:
                stored: Any = tuple(map(str, given))
            else:
                stored = np.array(given, spec.metadata["dtype"])
                check_shape(f"{type(self).__name__}.{spec.name}", stored, ("N", *spec.metadata["shape"]))
                stored.setflags(write=False)
            object.__setattr__(self, spec.name, stored)
            lengths.add(len(stored))
        if len(lengths) > 1:
            sizes = ", ".join(f"{spec.name} {len(getattr(self, spec.name))}" for spec in columns(type(self)))
            raise ShapeError(f"{type(self).__name__} must have as many of each, got {sizes}; give one per row")

    @classmethod
    def empty(cls, **values: Any) -> Self:
        """The answer "nothing": no rows."""
        none = {
            spec.name: () if spec.metadata["dtype"] is str else np.zeros((0, *spec.metadata["shape"]))
            for spec in columns(cls)
        }
        zero = {spec.name: spec.metadata["dtype"]() for spec in _values(cls)}
        return cls(**{**none, **zero, **values})

    def __len__(self) -> int:
        first = columns(type(self))
        return len(getattr(self, first[0].name)) if first else 0

    def __bool__(self) -> bool:
        return True  # an empty answer is still an answer; ask len()

    def __getitem__(self, index: int) -> Any:
        """Row `index` as a named tuple: `detections[0].label`."""
        return _row_type(type(self))(*(getattr(self, spec.name)[index] for spec in columns(type(self))))

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))

    def select(self, which: npt.ArrayLike) -> Self:
        """Keep some rows.

        Args:
            which: (K,) indices in the wanted order, or (N,) booleans.
        """
        indices = np.asarray(which)
        indices = np.flatnonzero(indices) if indices.dtype == bool else indices.astype(np.int64).reshape(-1)
        kept = {
            spec.name: tuple(getattr(self, spec.name)[i] for i in indices)
            if spec.metadata["dtype"] is str
            else getattr(self, spec.name)[indices]
            for spec in columns(type(self))
        }
        return replace(self, **kept)

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON has it: plain numbers, strings, lists."""
        out: dict[str, Any] = {
            "schema": schema_id(type(self)),
            "image": vars(self.image).copy(),
            "model": vars(self.model).copy(),
            "timings_ms": {step: round(float(ms), 2) for step, ms in self.timings_ms.items()},
        }
        if self.values_key:
            out[self.values_key] = {spec.name: _plain(getattr(self, spec.name)) for spec in _values(type(self))}
        out[self.rows_key] = [
            {spec.metadata["json"]: _plain(getattr(self, spec.name)[i]) for spec in columns(type(self))}
            for i in range(len(self))
        ]
        return out

    def draw(self, picture: Picture | Any) -> Image.Image:
        """Draw the answer into the picture; a Pillow image comes back."""
        from pixwise.draw import draw

        return draw(picture, self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {len(self)} {self.rows_key} in {self.image.source or 'a picture'} by {self.model.id or '?'}>"

    def _repr_html_(self) -> str:
        """A table, for notebooks."""
        names = [spec.metadata["json"] for spec in columns(type(self))]
        head = "".join(f"<th>{name}</th>" for name in names)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(_brief(cell))}</td>" for cell in row) + "</tr>" for row in self
        )
        values = "".join(
            f"<div>{spec.name}: {html.escape(_brief(getattr(self, spec.name)))}</div>" for spec in _values(type(self))
        )
        return f"<div>{html.escape(repr(self))}</div>{values}<table><tr>{head}</tr>{body}</table>"


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Detections(Result):
    """Objects, best first."""

    rows_key: ClassVar[str] = "detections"

    labels: Texts = column("label", str, doc="name of the class")
    label_ids: Ints = column("label_id", np.int64, doc="number of the class in the model's vocabulary")
    scores: Floats = column("score", np.float32, doc="0 to 1")
    boxes: Floats = column("box", np.float32, 4, doc="xyxy, pixels")


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Faces(Result):
    """Faces, best first. Landmarks: the subject's right eye, left eye, nose tip, right and left corner of the mouth.

    A detector without landmarks gives NaN there (null in JSON).
    """

    rows_key: ClassVar[str] = "faces"

    scores: Floats = column("score", np.float32, doc="0 to 1")
    boxes: Floats = column("box", np.float32, 4, doc="xyxy, pixels")
    landmarks: Floats = column(
        "landmarks", np.float32, 5, 2, doc="xy, pixels: right eye, left eye, nose, right and left mouth corner"
    )

    @property
    def largest(self) -> Faces:
        """The face of the largest area: length 1, or 0 when there is none."""
        areas = (self.boxes[:, 2] - self.boxes[:, 0]) * (self.boxes[:, 3] - self.boxes[:, 1])
        return self.select([int(areas.argmax())] if len(self) else [])

    def crop(self, picture: Picture, index: int = 0, *, padding: float = 0.25) -> npt.NDArray[np.uint8]:
        """Cut one face out of its picture.

        Args:
            picture: the picture that was asked about.
            index: row of the face.
            padding: added on each side, as a share of the box's side; clipped to the picture.

        Returns:
            (h, w, 3) uint8.
        """
        from pixwise.pixels import crop
        from pixwise.picture import Picture

        x1, y1, x2, y2 = (float(edge) for edge in self.boxes[index])
        dx, dy = (x2 - x1) * padding, (y2 - y1) * padding
        return crop(Picture.open(picture).pixels(), (x1 - dx, y1 - dy, x2 + dx, y2 + dy)).copy()


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class TextLines(Result):
    """Lines of printed text in reading order. Quads: four corners clockwise from the text's own top left."""

    rows_key: ClassVar[str] = "lines"

    texts: Texts = column("text", str, doc="what it says")
    scores: Floats = column("score", np.float32, doc="0 to 1")
    quads: Floats = column("quad", np.float32, 4, 2, doc="four corners xy, pixels, clockwise from the text's top left")
    boxes: Floats = column("box", np.float32, 4, doc="xyxy around the quad, pixels")

    @property
    def text(self) -> str:
        """All of it, a line each."""
        return "\n".join(self.texts)


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Codes(Result):
    """QR and bar codes."""

    rows_key: ClassVar[str] = "codes"

    kinds: Texts = column("kind", str, doc="QR_CODE, EAN_13, EAN_8, UPC_A …")
    texts: Texts = column("text", str, doc="what it says")
    quads: Floats = column("quad", np.float32, 4, 2, doc="four corners xy, pixels")
    boxes: Floats = column("box", np.float32, 4, doc="xyxy around the quad, pixels")


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Classes(Result):
    """What the whole picture shows, best first."""

    rows_key: ClassVar[str] = "classes"

    labels: Texts = column("label", str, doc="name of the class")
    label_ids: Ints = column("label_id", np.int64, doc="number of the class in the model's vocabulary")
    scores: Floats = column("score", np.float32, doc="0 to 1")


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Quality(Result):
    """How good a picture is technically, and its dominant colours, largest share first."""

    rows_key: ClassVar[str] = "colours"
    values_key: ClassVar[str] = "quality"

    sharpness: float = value(
        float, "variance of the Laplacian of the grey picture at 512 px; below about 100 looks blurred"
    )
    exposure: float = value(float, "mean luma, 0 black to 1 white")
    contrast: float = value(float, "standard deviation of luma, 0 to 0.5")
    noise: float = value(float, "standard deviation of the noise in grey levels (Immerkær 1996)")
    underexposed: float = value(float, "share of pixels that are black (luma < 5)")
    overexposed: float = value(float, "share of pixels that are white (luma > 250)")
    dhash: str = value(str, "64-bit difference hash, 16 hex digits")
    phash: str = value(str, "64-bit perceptual hash (DCT), 16 hex digits")
    colours: Ints = column("rgb", np.int64, 3, doc="sRGB, 0 to 255")
    shares: Floats = column("share", np.float32, doc="share of the pixels, 0 to 1")
    hexes: Texts = column("hex", str, doc="#rrggbb")


RESULTS: tuple[type[Result], ...] = (Detections, Faces, TextLines, Codes, Classes, Quality)


@cache
def columns(cls: type[Result]) -> tuple[Field, ...]:
    """The per-row fields of a result class."""
    return tuple(spec for spec in fields(cls) if spec.metadata.get("kind") == "column")


@cache
def _values(cls: type[Result]) -> tuple[Field, ...]:
    return tuple(spec for spec in fields(cls) if spec.metadata.get("kind") == "value")


@cache
def _row_type(cls: type[Result]) -> type:
    return namedtuple(f"{cls.__name__}Row", [spec.metadata["json"] for spec in columns(cls)])  # noqa: PYI024


def schema_id(cls: type[Result]) -> str:
    """Name and version of the JSON form."""
    return f"pixwise/{cls.rows_key if cls is not Quality else 'quality'}/1"


def _plain(thing: Any) -> Any:
    """Numbers as JSON has them; NaN becomes null."""
    if isinstance(thing, np.ndarray):
        return [_plain(item) for item in thing]
    if isinstance(thing, float | np.floating):
        return round(float(thing), 4) if np.isfinite(thing) else None
    if isinstance(thing, np.integer):
        return int(thing)
    return thing


def _brief(thing: Any) -> str:
    if isinstance(thing, np.ndarray):
        return " ".join(_brief(item) for item in thing.reshape(-1))
    return f"{thing:.2f}" if isinstance(thing, float | np.floating) else str(thing)
