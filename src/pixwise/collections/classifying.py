"""Is a picture in a collection? numpy and the embedders are all that is needed.

picture ─▶ looking.py ─▶ (D,) ─▶ Collection.probabilities ─▶ Membership
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pixwise.collections.collection import Collection
from pixwise.collections.focus import Space
from pixwise.collections.looking import Looker
from pixwise.collections.shelf import Shelf
from pixwise.loading import advising
from pixwise.picture import Limits
from pixwise.results import Membership
from pixwise.task import check_on_error

__all__ = ["MembershipClassifier", "classify"]


@dataclass(frozen=True)
class MembershipClassifier:
    """Says of pictures whether they are in a collection.

    Attributes:
        collection: the version that answers.
        looker: looks at pictures as it was trained.
    """

    collection: Collection
    looker: Looker

    @classmethod
    def load(cls, collection: Collection | str | int, *, folder: Path | str | None = None, **load: Any) -> Self:
        """Load a collection and the models that it needs.

        Args:
            collection: one that was loaded, or the id of one that is kept.
            folder: where collections are kept; None is PIXWISE_HOME.
            **load: as for `Looker.load`.

        Raises:
            UnknownModelError: no such collection.
            ModelMissingError, FetchError, SetupError: of its models.
        """
        found = collection if isinstance(collection, Collection) else Shelf(folder).best(collection)
        with advising("embed"):  # no other can take the place of the one that it was trained on
            looker = Looker.load(found.focus, models=found.models, **load)
        cards = [embedder.card for embedder in looker.embedders]
        found.check_spaces(
            tuple(Space.of(card, space.dimension) for card, space in zip(cards, found.spaces, strict=True))
        )
        return cls(found, looker)

    @property
    def limits(self) -> Limits:
        """For sources that are not yet a `Picture`; the next two as well."""
        return self.looker.embedders[0].limits

    @property
    def allow_urls(self) -> bool:
        """Whether addresses are fetched."""
        return self.looker.embedders[0].allow_urls

    @property
    def background(self) -> tuple[int, int, int]:
        """RGB that transparent parts are laid on."""
        return self.looker.embedders[0].background

    def __call__(self, source: Any, *, on_error: str = "raise") -> Any:
        """Answer for one source, or for a list in the same order; as every task does."""
        check_on_error(on_error)
        answers = list(self.stream(source if isinstance(source, list | tuple) else [source]))
        for answer in answers:
            if isinstance(answer, Exception) and on_error == "raise":
                raise answer
        return answers if isinstance(source, list | tuple) else answers[0]

    def stream(self, sources: Iterable[Any]) -> Iterator[Membership | Exception]:
        """Answers in order, each a result or the error of its picture."""
        started = time.perf_counter()
        for seen in self.looker.stream(sources):
            spent = 1e3 * (time.perf_counter() - started)
            if isinstance(seen, Exception):
                yield seen
            else:
                self.collection.check_spaces(seen.spaces)  # of no picture's making: it ends the run
                share = float(self.collection.probabilities(seen.vector[None])[0])
                yield Membership(
                    is_in_collection=share >= 0.5,
                    probability=share,
                    collection=self.collection.id,
                    version=self.collection.version,
                    box=seen.box,
                    image=seen.image,
                    model=seen.model,
                    timings_ms={"look": spent},
                )
            started = time.perf_counter()


def classify(picture: Any, collection: Collection | str | int, **load: Any) -> Membership:
    """Whether a picture is in a collection.

    Args:
        picture: anything `Picture.open` takes.
        collection: one that was loaded, or the id of one that is kept.
        **load: as for `MembershipClassifier.load`.

    Returns:
        `is_in_collection` and `probability`, and who says so.

    Raises:
        CardError: the models are not those that it was trained on.
        DataError: it looks at faces, and there is none.
    """
    return MembershipClassifier.load(collection, **load)(picture)
