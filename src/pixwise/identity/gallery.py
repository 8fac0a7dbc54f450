"""People whom a model knows: a name, and a vector for each of their pictures.

    gallery = px.Gallery()
    gallery.add("Ada", px.identify(["ada1.jpg", "ada2.jpg"]))
    gallery.save("people.npz")
    px.identify("party.jpg", "people.npz")[0].name

A face is compared with every picture, and the nearest one decides (best of, not the mean): the published thresholds
were measured on pairs of pictures, and the mean of a child's and a grown-up's face may be nobody's. The price: each
further picture is one more chance to be taken for somebody by mistake, so add few good pictures rather than many.
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from pixwise.errors import OptionError, ShapeError, nearest
from pixwise.identity.threshold import check_threshold
from pixwise.results import Identities, ModelInfo
from pixwise.vectors import check_same_model, unit

__all__ = ["UNKNOWN", "Gallery", "check_name"]

UNKNOWN = "unknown"
Floats = npt.NDArray[np.float32]
_MOST_SIGNS = 200  # of a name
_SAME_PICTURE = 1 - 1e-6  # cosine: what a file gives when it is looked at again, in whichever batch


@dataclass(frozen=True)
class _Pictures:
    """All that a gallery holds; replaced as a whole, so that whoever reads meanwhile sees the old or the new state."""

    model: ModelInfo
    names: tuple[str, ...]  # of each row
    vectors: Floats  # (P, D) unit


class Gallery:
    """People and the vectors of their pictures, all of one model. It is changed in place.

    Args:
        model: whose vectors these are; else the first answer that is added says so.
    """

    def __init__(self, model: ModelInfo = ModelInfo()):  # noqa: B008 (frozen)
        self._held = _Pictures(model, (), np.zeros((0, 0), np.float32))

    @property
    def model(self) -> ModelInfo:
        """The model that made the vectors; without an id as long as nobody said which."""
        return self._held.model

    @property
    def dimension(self) -> int:
        """How many numbers a vector has; 0 while there is none."""
        return self._held.vectors.shape[1]

    @property
    def people(self) -> dict[str, int]:
        """Name → how many pictures, in the order in which they came."""
        return dict(Counter(self._held.names))

    def vectors_of(self, name: str) -> Floats:
        """(K, D) the vectors of a person's pictures.

        Raises:
            OptionError: nobody has this name.
        """
        held, rows = self._held, self._rows(name)
        return held.vectors[rows]

    def has_picture(self, name: str, vector: npt.NDArray) -> bool:
        """Whether a person has the picture of this vector, (D,) of length 1, already."""
        return name in self and _is_among(vector, list(self.vectors_of(name)))

    def __len__(self) -> int:
        return len(set(self._held.names))

    def __bool__(self) -> bool:
        return True  # an empty gallery is a gallery: everybody is unknown to it

    def __iter__(self) -> Iterator[str]:
        return iter(self.people)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and unicodedata.normalize("NFC", name.strip()) in self._held.names

    def __repr__(self) -> str:
        return f"<Gallery of {len(self)} people, {len(self._held.names)} pictures, by {self.model.id or '?'}>"

    def add(self, name: str, faces: Identities | Sequence[Identities] | npt.NDArray) -> None:
        """Add pictures of a person, who may be there already. All of them are added, or none; but a picture that the
        person has already counts once.

        Args:
            name: in any script; é written in two ways is one é.
            faces: answers of `identify` with one face each; or (D,) or (K, D) vectors, taken for this model's.

        Raises:
            OptionError: a picture shows no face or several, a vector is of another model, or the name is none.
            ShapeError: a vector is of another dimension, or not finite.
        """
        name, model = check_name(name), self.model
        answers: list[Identities] = []
        if isinstance(faces, np.ndarray):
            rows = unit(np.atleast_2d(faces))
        else:
            answers = [faces] if isinstance(faces, Identities) or hasattr(faces, "vector") else list(faces)
            for answer in answers:
                self.check_model(_check_one_face(answer).model, model)
                model = answer.model
            rows = np.concatenate([answer.vectors for answer in answers]) if answers else np.zeros((0, 0), np.float32)
        if rows.ndim != 2 or not rows.size:
            raise OptionError(f"{name!r} must have a picture with a face, got none; give an answer of px.identify")
        self._check_dimension(rows)
        self._extend((name,) * len(rows), rows, model)

    def remove(self, name: str) -> None:
        """Forget a person and all of their pictures.

        Raises:
            OptionError: nobody has this name.
        """
        keep = ~self._rows(name)
        names = tuple(each for each, kept in zip(self._held.names, keep, strict=True) if kept)
        self._held = replace(self._held, names=names, vectors=self._held.vectors[keep])

    def rename(self, name: str, to: str, *, join: bool = False) -> None:
        """Give a person another name.

        Args:
            name: the old one.
            to: the new one.
            join: somebody has the new name already, and both are one person.

        Raises:
            OptionError: nobody has the old name, or somebody has the new one and `join` was not said.
        """
        rows, to = self._rows(name), check_name(to)
        if to in self and to != self._held.names[int(rows.argmax())] and not join:
            raise OptionError(
                f"new name must be free, got {to!r}, who is there; choose another, or join=True for one person"
            )
        names = tuple(to if mine else each for each, mine in zip(self._held.names, rows, strict=True))
        self._held = replace(self._held, names=names)

    def merge(self, other: Gallery) -> None:
        """Add everybody of another gallery; who is in both has the pictures of both.

        Raises:
            OptionError: it is of another model.
        """
        theirs = other._held
        if len(theirs.names):
            self.check_model(theirs.model)
            self._check_dimension(theirs.vectors)
            self._extend(theirs.names, theirs.vectors, theirs.model)

    def identify(self, vectors: npt.ArrayLike, threshold: float) -> tuple[list[str], Floats]:
        """Whose faces these are.

        Args:
            vectors: (R, D) of this gallery's model.
            threshold: cosine from which a face counts as a person's.

        Returns:
            R names, `unknown` for who is like nobody, and (R,) cosines with the nearest person; 0 in an empty gallery.

        Raises:
            ShapeError: another dimension, or a vector that is not finite.
        """
        held, limit = self._held, check_threshold(threshold)
        rows = np.asarray(vectors, np.float32)
        if not len(held.names) or not len(rows):
            return [UNKNOWN] * len(rows), np.zeros(len(rows), np.float32)
        self._check_dimension(rows)
        cosines = np.clip(unit(rows) @ held.vectors.T, -1, 1)  # (R, P)
        nearest_row = cosines.argmax(axis=1)  # of equals the one that came first
        best = cosines.max(axis=1)
        names = [held.names[row] if cosine >= limit else UNKNOWN for row, cosine in zip(nearest_row, best, strict=True)]
        return names, best

    def check_model(self, model: ModelInfo, mine: ModelInfo | None = None) -> None:
        """Refuse a model whose vectors live in another space than these.

        Args:
            model: whose vectors are to be added or compared.
            mine: the gallery's, where it is about to be said.

        Raises:
            OptionError: id, revision or precision differ; a gallery that holds vectors of nobody knows which model has
                no id.
        """
        mine = mine or self.model
        if not mine.id and not self._held.names:
            return
        check_same_model(mine, model, "use the gallery's model, or make the gallery anew")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the gallery to a file, `.npz` (small) or `.json` (to be read by others), whole or not at all.

        Raises:
            OptionError: another suffix.
            OutputError: it cannot be written.
        """
        from pixwise.identity.gallery_files import write_gallery

        write_gallery(path, self._held.model, self._held.names, self._held.vectors)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Gallery:
        """Read a saved gallery. Nothing in a file is ever run.

        Raises:
            OptionError: it is no gallery, or a broken one.
            SourceError: it cannot be read.
        """
        from pixwise.identity.gallery_files import read_gallery

        model, names, vectors = read_gallery(path)
        made = cls(model)
        made._held = _Pictures(model, names, vectors)
        return made

    @classmethod
    @contextmanager
    def changing(cls, path: str | os.PathLike[str], *, new: bool = False) -> Iterator[Self]:
        """Change a saved gallery: loaded before the block, saved after it. Whoever else changes it so waits meanwhile.

        Args:
            path: of the file. What fails in the block leaves it as it was.
            new: begin one where there is none.

        Raises:
            OptionError, SourceError, OutputError: as `load` and `save`.
        """
        from pixwise.identity.gallery_files import alone

        with alone(path):
            people = cls() if new and not os.path.exists(path) else cls.load(path)
            yield people
            people.save(path)

    def _rows(self, name: str) -> npt.NDArray[np.bool_]:
        """(P,) which rows are a person's."""
        asked = check_name(name)
        rows = np.array([each == asked for each in self._held.names], bool)
        if not rows.any():
            known = nearest(asked, set(self._held.names)) if self._held.names else "the gallery is empty"
            raise OptionError(f"name must be one of the gallery's, got {asked!r}; {known}")
        return rows

    def _check_dimension(self, rows: npt.NDArray) -> None:
        if rows.ndim != 2 or (self.dimension and rows.shape[1] != self.dimension):
            raise ShapeError(
                f"vectors must have {self.dimension or 'any number of'} numbers each like those of the gallery, "
                f"got shape {rows.shape}; use the model of the gallery: {self.model.id or 'unknown'}"
            )

    def _extend(self, names: tuple[str, ...], rows: Floats, model: ModelInfo) -> None:
        held = self._held
        fresh = _fresh(held, names, rows)
        vectors = np.concatenate([held.vectors, rows[fresh]]) if len(held.names) else rows[fresh]
        vectors.setflags(write=False)
        self._held = _Pictures(model, (*held.names, *(names[index] for index in fresh)), vectors)


def _fresh(held: _Pictures, names: tuple[str, ...], rows: Floats) -> list[int]:
    """Indices of the rows that their persons do not have yet."""
    known: dict[str, list[Floats]] = {name: [] for name in (*held.names, *names)}
    for name, vector in zip(held.names, held.vectors, strict=True):
        known[name].append(vector)
    fresh = []
    for index, (name, vector) in enumerate(zip(names, rows, strict=True)):
        if not _is_among(vector, known[name]):
            known[name].append(vector)
            fresh.append(index)
    return fresh


def _is_among(vector: Floats, others: Sequence[Floats]) -> bool:
    return bool(others) and float((np.stack(others) @ vector).max()) >= _SAME_PICTURE


def check_name(name: str) -> str:
    """A name as it is kept: composed (NFC), without blanks around it.

    Raises:
        OptionError: it is empty, too long, the word for nobody, or has line breaks and other control signs.
    """
    if not isinstance(name, str):
        raise OptionError(f"name must be text, got {type(name).__name__}; give the person's name")
    kept = unicodedata.normalize("NFC", name.strip())
    if not kept or kept == UNKNOWN or len(kept) > _MOST_SIGNS:
        raise OptionError(
            f"name must have 1 to {_MOST_SIGNS} signs and not be {UNKNOWN!r}, got {kept[:40]!r}; give another"
        )
    if any(unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") for sign in kept):
        raise OptionError(f"name must be one line of text, got {kept!r}; leave control signs out")
    return kept


def _check_one_face(answer: Identities) -> Identities:
    if not isinstance(answer, Identities):
        raise OptionError(
            f"faces must be answers of identify, got {type(answer).__name__}; ask px.identify(picture), "
            "and for one face of several answer.select([0])"
        )
    if len(answer) != 1:
        place = answer.image.source or "a picture"
        advice = "choose one: answer.largest (--largest)" if len(answer) else "choose another picture"
        raise OptionError(f"{place} must show one face, got {len(answer) or 'none'}; {advice}")
    return answer
