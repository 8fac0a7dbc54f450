"""What keypoints are called, and which of them are joined: a value of the answer of `pose`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any, ClassVar, Literal

from pixwise.errors import OptionError, ShapeError, nearest

__all__ = ["Side", "Skeleton", "edges_of"]

Side = Literal["left", "right", ""]
Edges = tuple[tuple[int, int], ...]

_WORDS = {"l": "left", "r": "right", "f": "front", "b": "back"}  # as some data sets write them


@dataclass(frozen=True)
class Skeleton:
    """Keypoints by index, and the lines between them.

    Attributes:
        names: (K) of the keypoints; left and right are the subject's own.
        edges: pairs of indices.
    """

    names: tuple[str, ...] = ()
    edges: Edges = ()

    schema: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {
            "names": {"type": "array", "items": {"type": "string"}},
            "edges": {
                "type": "array",
                "items": {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 2, "maxItems": 2},
            },
        },
        "required": ["names", "edges"],
        "additionalProperties": False,
    }

    def __post_init__(self) -> None:
        for edge in self.edges:
            if len(edge) != 2 or not all(0 <= end < len(self.names) for end in edge):
                raise ShapeError(
                    f"edges must be pairs of keypoints from 0 to {len(self.names) - 1}, got {list(edge)}; mend the card"
                )

    @classmethod
    def read(cls, given: Any) -> Skeleton:
        """A skeleton, or what JSON has in its place."""
        if isinstance(given, cls):
            return given
        if not isinstance(given, Mapping) or {"names", "edges"} - set(given):
            raise ShapeError(f"skeleton must have names and edges, got {type(given).__name__}; give a Skeleton")
        return cls(tuple(map(str, given["names"])), tuple((int(a), int(b)) for a, b in given["edges"]))

    def told(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"names": list(self.names), "edges": [list(edge) for edge in self.edges]}

    def index(self, name: str) -> int:
        """Of the keypoint of this name.

        Raises:
            OptionError: there is none.
        """
        if name not in self.names:
            raise OptionError(f"keypoint must be known, got {name!r}; {nearest(name, self.names)}")
        return self.names.index(name)

    def side(self, index: int) -> Side:
        """Which side of the subject a keypoint is on, as its name says; empty in the middle."""
        first = _plain(self.names[index]).partition("_")[0]
        return first if first in ("left", "right") else ""

    def side_of_edge(self, edge: tuple[int, int]) -> Side:
        """The side of a line: that of its ends, where they do not differ; a line from the middle is its other end's."""
        sides = {self.side(end) for end in edge} - {""}
        return sides.pop() if len(sides) == 1 else ""

    def __str__(self) -> str:
        return f"{len(self.names)} keypoints"


def edges_of(names: Sequence[str]) -> Edges:
    """The edges of keypoints whose names are those of a skeleton that ships with us; none of others."""
    return _known().get(tuple(map(_plain, names)), ())


@cache
def _known() -> Mapping[tuple[str, ...], Edges]:
    """Names of the skeletons of `models/names` → their edges."""
    folder = resources.files("pixwise.models") / "names"
    found: dict[tuple[str, ...], Edges] = {}
    for vocabulary, table in tomllib.loads((folder / "skeletons.toml").read_text("utf-8")).items():
        names = (folder / f"{vocabulary}.txt").read_text("utf-8").split()
        steps = [pair for chain in table["chains"] for pair in pairwise(chain)]
        found[tuple(map(_plain, names))] = tuple((names.index(a), names.index(b)) for a, b in steps)
    return found


@cache
def _plain(name: str) -> str:
    """`L_F_Paw`, `left front-paw` → `left_front_paw`."""
    words = [word for word in re.split(r"[\W_]+", name.lower()) if word]
    return "_".join(_WORDS.get(word, word) for word in words)
