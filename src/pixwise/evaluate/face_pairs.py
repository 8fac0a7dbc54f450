"""Verification measured on a user's own pictures: a CSV of pairs, each picture looked at once.

a,b,same
ada1.jpg,ada2.jpg,1          paths from the folder of the CSV on; same: 1 or 0
ada1.jpg,bo.jpg,0
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pixwise.errors import OptionError, SourceError
from pixwise.results import Identities

__all__ = ["FacePair", "PairMeasure", "measure_pairs", "read_pairs"]

_SAME = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


class FacePair(NamedTuple):
    """Two pictures, and whether the largest face of each is of one person."""

    a: Path
    b: Path
    same: bool


@dataclass(frozen=True, eq=False)
class PairMeasure:
    """What was measured.

    Attributes:
        similarities: (P,) cosines of the pairs that could be compared.
        same: (P,) their truth.
        failures: for each picture without an answer why; their pairs are left out.
        left_out: how many pairs that is.
    """

    similarities: npt.NDArray[np.float64]
    same: npt.NDArray[np.bool_]
    failures: tuple[str, ...]
    left_out: int


def read_pairs(path: str | os.PathLike[str]) -> list[FacePair]:
    """Read a CSV of pairs.

    Raises:
        SourceError: it cannot be read.
        OptionError: a column is missing, or a row is not as it should be; the message names the line.
    """
    source = Path(path)
    try:
        text = source.read_text("utf-8-sig")  # spreadsheets write a mark before the first column
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{source}: expected a CSV of pairs in UTF-8, got {error}; check the path") from error
    rows = csv.DictReader(io.StringIO(text, newline=""))
    titles = list(rows.fieldnames or ())
    missing = {"a", "b", "same"} - set(titles)
    if len(titles) == 1 and ";" in titles[0]:  # as spreadsheets of some countries write it
        raise OptionError(f"{source}: must have commas between its columns, got {titles[0]!r}; save it with commas")
    if missing:
        raise OptionError(f"{source}: must have the columns a, b, same, got none named {', '.join(sorted(missing))}")
    return [_pair(row, f"{source}, line {rows.line_num}", source.parent) for row in rows]


def _pair(row: dict[str, Any], place: str, folder: Path) -> FacePair:
    same = str(row["same"]).strip().lower()
    if not row["a"] or not row["b"]:
        raise OptionError(f"{place}: must name two pictures, got {row['a']!r} and {row['b']!r}; mend the line")
    if same not in _SAME:
        raise OptionError(f"{place}: same must be 1 or 0, got {row['same']!r}; mend the line")
    return FacePair(folder / row["a"], folder / row["b"], _SAME[same])


def measure_pairs(
    pairs: Sequence[FacePair],
    identifier: Callable[[Iterable[Path]], Iterable[Any]],
) -> PairMeasure:
    """Compare the largest faces of each pair; each picture is asked about once.

    Args:
        pairs: as `read_pairs` gives them.
        identifier: gives an answer of `identify`, or an error, for each picture in order: `task.stream`.
    """
    pictures = list(dict.fromkeys(picture for pair in pairs for picture in pair[:2]))
    vectors: dict[Path, npt.NDArray] = {}
    failures = []
    for picture, answer in zip(pictures, identifier(pictures), strict=True):
        if isinstance(answer, Identities) and len(answer):
            vectors[picture] = answer.largest.vectors[0].astype(np.float64)
        else:
            failures.append(_why(picture, answer))
    kept = [pair for pair in pairs if pair.a in vectors and pair.b in vectors]
    cosines = [float(vectors[pair.a] @ vectors[pair.b]) for pair in kept]
    return PairMeasure(
        np.clip(np.array(cosines, np.float64), -1, 1),
        np.array([pair.same for pair in kept], bool),
        tuple(failures),
        len(pairs) - len(kept),
    )


def _why(picture: Path, answer: Any) -> str:
    said = " ".join(str(answer).split()) if isinstance(answer, Exception) else "must show a face, got none"
    return said if str(picture) in said else f"{picture}: {said}"
