"""What a model writes about places in a picture (Florence-2, Xiao et al. 2023, section 4.1), read back.

    "cat<loc_52><loc_332><loc_932><loc_774>dog<loc_…" ─▶ phrases and boxes, or lines of text and quads

A place is a token: `<loc_0>` to `<loc_999>` are a thousand equal bins across the picture, and a place is the middle of
its bin. What is written is nobody's promise: text without places, places without text and places that are too few to
make a box are left out, and what is whole is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Regions", "boxes_in", "certainty", "quads_in"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

BINS = 1000
_PLACE = r"<loc_(\d+)>"
_BOX = re.compile(_PLACE * 4)
# Words, and the places that follow them. A tag before them (`<sep>`, a place that belongs to nothing) is not of them.
_PHRASE = re.compile(r"(?:<(?:/?\w*>)?)?([^<]*)((?:<loc_\d+>){4,})")
_LINE = re.compile(rf"(.+?)({_PLACE * 8})")
_TAG = re.compile(r"<[^<>]*>")


class Regions(NamedTuple):
    """Words with places, N of them.

    Attributes:
        words: N phrases, or lines of text.
        points: (N, P, 2) xy as shares of the picture: two corners of a box, or four of a quad.
        spans: (N, 2, 2) where in the text the words and the places stand: begin and end.
    """

    words: tuple[str, ...]
    points: Floats
    spans: Ints


def boxes_in(text: str) -> Regions:
    """Phrases, each with the boxes that follow it; a phrase with several boxes comes several times.

    Args:
        text: as the model wrote it, with the tokens of places, without those that mark begin and end.

    Returns:
        Regions with (N, 2, 2) points: the top left and the bottom right corner.
    """
    found = []
    for match in _PHRASE.finditer(text):
        for box in _BOX.finditer(text, *match.span(2)) if match[1].strip() else ():
            found.append((match[1], box.groups(), (match.span(1), box.span())))
    words, corners, spans = _regions(found, 2)
    return Regions(words, np.stack([corners.min(axis=1), corners.max(axis=1)], axis=1), spans)


def quads_in(text: str) -> Regions:
    """Lines of text that a model has read, each with its four corners.

    Args:
        text: as the model wrote it, see `boxes_in`.

    Returns:
        Regions with (N, 4, 2) points, in the order of the model.
    """
    found = [
        (_TAG.sub("", match[1]), match.groups()[2:], (match.span(1), match.span(2))) for match in _LINE.finditer(text)
    ]
    return _regions([each for each in found if each[0].strip()], 4)


def certainty(raw: Mapping[str, np.ndarray], spans: Ints) -> Floats:
    """How sure a model was of parts of what it wrote: the geometric mean of the probabilities of their tokens.

    Args:
        raw: `token_ends` (1, T) where in the text each token ends, `log_probs` (1, T).
        spans: (N, 2, 2) see `Regions`.

    Returns:
        (N,) 0 to 1.
    """
    ends, log_probs = raw["token_ends"][0], raw["log_probs"][0]
    begins = np.concatenate([[0], ends[:-1]])
    inside = ((begins < spans[..., 1:]) & (ends > spans[..., :1])).any(axis=1)  # (N, T)
    return np.exp((inside * log_probs).sum(axis=1) / np.maximum(inside.sum(axis=1), 1)).astype(np.float32)


def _regions(found: Sequence[tuple], count: int) -> Regions:
    """Regions of `count` points from words, numbers of bins, and spans."""
    words = tuple(" ".join(each[0].split()) for each in found)
    bins = np.array([[min(int(bin), BINS - 1) for bin in each[1]] for each in found], np.float64)
    spans = np.array([each[2] for each in found], np.int64).reshape(-1, 2, 2)
    return Regions(words, ((bins + 0.5) / BINS).astype(np.float32).reshape(-1, count, 2), spans)
