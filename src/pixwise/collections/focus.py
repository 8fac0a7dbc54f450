"""What a collection looks at: a part of the picture, through one or several embeddings.

{"derivative_type_name": "prominent_face", "embedding_type_name": "embed_clip_vit_b_32"} ─▶ Focus
"clip+dinov2"                                                                            ─▶ Focus
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pixwise.errors import CardError, DataError, OptionError, nearest
from pixwise.registry import Card

__all__ = ["EMBEDDINGS", "TARGETS", "Focus", "Space", "declared_spaces"]

TARGETS = ("whole_image", "prominent_person", "prominent_face")
EMBEDDINGS = {  # how services and people call an embedding → the card that makes it
    "clip": "clip-b32",
    "dinov2": "dinov2-base",
    "embed_clip": "clip-b32",
    "embed_clip_vit_b_32": "clip-b32",
    "embed_dino_v2": "dinov2-base",
}


@dataclass(frozen=True)
class Focus:
    """What is looked at.

    Attributes:
        target: `whole_image`, `prominent_person` or `prominent_face`.
        embeddings: names of `EMBEDDINGS`, or models: ids of cards, folders.
    """

    target: str = "whole_image"
    embeddings: tuple[str, ...] = ("clip",)

    def __post_init__(self) -> None:
        if self.target not in TARGETS:
            raise OptionError(f"target must be known, got {self.target!r}; {nearest(str(self.target), TARGETS)}")
        if not self.embeddings or len(set(self.embeddings)) < len(self.embeddings):
            told = "+".join(self.embeddings) or "none"
            raise OptionError(f"embeddings must be different ones, got {told}; write them as clip+dinov2")

    @classmethod
    def of(cls, embeddings: str, target: str = "whole_image") -> Focus:
        """From names with `+` between: `Focus.of("clip+dinov2", "prominent_person")`."""
        return cls(target, tuple(name for name in re.split(r"[+,\s]+", embeddings) if name))

    @classmethod
    def of_service(cls, told: Any, known: Mapping[str, str] = EMBEDDINGS) -> Focus:
        """From the `collection_focus` of a service.

        Raises:
            DataError: a key is missing, or a name is not known.
        """
        if not isinstance(told, Mapping):
            raise DataError(f"collection_focus must be an object, got {told!r}; mend the service")
        names = {}
        for key in ("derivative_type_name", "embedding_type_name"):
            if not isinstance(told.get(key), str) or not told[key].strip():
                raise DataError(
                    f"collection_focus must have {key} as a string, got {told.get(key)!r}; mend the service"
                )
            names[key] = told[key].strip()
        try:
            found = cls.of(names["embedding_type_name"], names["derivative_type_name"])
        except OptionError as error:
            raise DataError(f"collection_focus: {error}") from error
        for name in found.embeddings:
            if name not in known:
                raise DataError(f"embedding_type_name must be known, got {name!r}; {nearest(name, known)}")
        return found

    def models(self, known: Mapping[str, str] = EMBEDDINGS) -> tuple[str, ...]:
        """The model of each embedding."""
        return tuple(known.get(name, name) for name in self.embeddings)


@dataclass(frozen=True)
class Space:
    """Where vectors live: only those of one space compare.

    Attributes:
        model, revision, precision: what made them; an empty revision is not known, or there is none.
        dimension: how many numbers.
    """

    model: str
    revision: str
    precision: str
    dimension: int

    @classmethod
    def of(cls, card: Card, dimension: int) -> Space:
        """The space of a model's vectors."""
        from pixwise.loading import revision_of

        return cls(card.id, revision_of(card), card.precision, dimension)

    def check_same(self, other: Space, whose: str) -> None:
        """Refuse vectors of another space: any number that came of them would mean nothing.

        A revision that was not known when the classifier was trained is no reason to refuse: vectors that came from
        elsewhere do not tell it.

        Raises:
            CardError: another model, revision, precision or dimension.
        """
        for what, mine in asdict(self).items():
            theirs = getattr(other, what)
            if mine != theirs and not (what == "revision" and not mine):
                raise CardError(
                    f"{whose} was trained on vectors of {what} {mine!r}, got {theirs or 'none'!r}; embed with "
                    f"{self.model!r} as it was then, or train it anew"
                )


def declared_spaces(models: Sequence[str], dimensions: Sequence[int]) -> tuple[Space, ...]:
    """Spaces of vectors that were made elsewhere, as the cards of their models describe them.

    Raises:
        DataError: there are not as many models as parts of a vector.
        UnknownModelError, CardError: no such model, or one that is no embedder.
    """
    from pixwise.loading import load_card

    if len(models) != len(dimensions):
        raise DataError(
            f"vectors must have a part per embedding, got {len(dimensions)} for {', '.join(models)}; name their models"
        )
    cards = [load_card(model, "embed", offline=True) for model in models]
    return tuple(Space.of(card, dimension) for card, dimension in zip(cards, dimensions, strict=True))
