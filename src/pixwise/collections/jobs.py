"""Many collections at once: each is trained or skipped with its reason, and none ends the run of the others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from pixwise.collections.collection import Collection as Trained
from pixwise.collections.rows import Sample, check_enough
from pixwise.collections.service import Service
from pixwise.collections.shelf import Shelf
from pixwise.collections.training import Outcome, rank, scikit_learn, train
from pixwise.errors import (
    FetchError,
    LicenceError,
    ModelFileError,
    ModelMissingError,
    OptionError,
    PixwiseError,
    SetupError,
)

__all__ = ["evaluate", "train_all", "train_service"]

_ENDS = (FetchError, LicenceError, ModelFileError, ModelMissingError, SetupError)  # no collection's own


def train_all(samples: Sequence[tuple[str, Callable[[], Sample]]], shelf: Shelf, *, seed: int = 0) -> Iterator[Outcome]:
    """Train collections one after the other.

    Args:
        samples: id of each, and what gives its training data.
        shelf: where they are kept.
        seed: of the splits.

    Raises:
        SetupError, ModelMissingError …: what keeps all of them from being trained.
    """
    scikit_learn()
    for id, sample in samples:
        yield _trained(id, id, sample, shelf, seed)


def train_service(service: Service, shelf: Shelf, *, only: Collection[str] = (), seed: int = 0) -> Iterator[Outcome]:
    """Train the collections of a service.

    Args:
        service: which.
        shelf: where they are kept.
        only: ids; empty takes all.
        seed: of the splits.

    Raises:
        SourceError, DataError: the list of collections cannot be had.
        OptionError: an id of `only` is not in it.
    """
    scikit_learn()
    entries = service.collections()
    known = [entry.id for entry in entries]
    for id in only:
        if id not in known:
            raise OptionError(
                f"collection must be one of the service's, got {id!r}; it has {', '.join(known) or 'none'}"
            )
    for entry in entries:
        if not only or entry.id in only:
            yield _trained(entry.id, entry.name, lambda entry=entry: service.sample(entry), shelf, seed)


def _trained(id: str, name: str, sample: Callable[[], Sample], shelf: Shelf, seed: int) -> Outcome:
    try:
        return train(sample(), id=id, name=name, shelf=shelf, seed=seed)
    except _ENDS:
        raise
    except PixwiseError as error:
        return Outcome(id, name, reason=error)


def evaluate(id: str, sample: Sample, shelf: Shelf) -> dict[str, dict[str, float]]:
    """Measure all kept versions of a collection on other data, best first.

    Raises:
        CardError: the data is of other embeddings.
        DataError: too little of it.
    """
    check_enough(sample.rows)
    best: Trained = shelf.best(id)
    best.check_spaces(sample.spaces)
    return rank(shelf.versions(id), sample, sample.rows.vectors, sample.rows.labels)
