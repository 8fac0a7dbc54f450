"""Sessions that need no download: what OpenCV and RapidOCR carry in their packages.

    feeds {"image": (B, H, W, 3) uint8 RGB} ─▶ engine, picture by picture ─▶ {name: (B, K, ...)}

Where pictures of a batch give different K, the shorter ones are filled up with rows of score -1, empty text and NaN.

Engines:
    hog           people by OpenCV's HOG           people.py
    haar-frontal  frontal faces by OpenCV's Haar   people.py
    codes         QR and bar codes by OpenCV       codes.py
    rapidocr      printed text by PP-OCR           text.py
    salient-cut   what stands out from the border  cutout.py
    grabcut       what is pointed at, by colours   grabcut.py
    non-local-means        less noise              repair.py
    telea, navier-stokes   holes filled            repair.py
    motion        what moves between frames        motion.py
    pixels        the feeds as they are: for tasks that are arithmetic on pixels
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from pixwise.engines.codes import CodeFinder
from pixwise.engines.cutout import SalientCut
from pixwise.engines.engine import Engine
from pixwise.engines.grabcut import GrabCutSession
from pixwise.engines.motion import Motion
from pixwise.engines.people import HaarFaces, HogPeople
from pixwise.engines.repair import FillSession, NonLocalMeans
from pixwise.engines.text import PrintedText
from pixwise.errors import CardError, nearest
from pixwise.registry import Card
from pixwise.session import Tensor

__all__ = ["ENGINES", "BuiltinSession", "load_builtin"]

Arrays = Mapping[str, np.ndarray]


def load_builtin(card: Card, threads: int = 0) -> BuiltinSession | PixelSession | GrabCutSession | FillSession:
    """A session for a card whose `runtime` is `builtin`; `options.engine` names what runs it.

    Args:
        card: the card.
        threads: for engines that run onnxruntime; OpenCV's take the process's own setting (`cv2.setNumThreads`).

    Raises:
        CardError: the card names no known engine.
        SetupError: a package is missing, or lacks the files it should carry.
    """
    name = card.options.get("engine", "")
    if name not in ENGINES:
        raise CardError(f"card {card.id!r}: options.engine must be known, got {name!r}; {nearest(str(name), ENGINES)}")
    made = ENGINES[name](threads)
    return made if isinstance(made, PixelSession | GrabCutSession | FillSession) else BuiltinSession(made)


class BuiltinSession:
    """Runs an engine on each picture of a batch."""

    device = "cpu"

    def __init__(self, engine: Engine):
        self.engine = engine
        self.bytes = getattr(engine, "bytes", 0)
        self.files: Mapping[str, Any] = {}

    def inputs(self, part: str = "model") -> tuple[Tensor, ...]:
        return (Tensor("image", (-1, -1, -1, 3), "uint8"),)

    def run(self, feeds: Arrays, part: str = "model") -> dict[str, np.ndarray]:
        return stack_ragged([self.engine(np.ascontiguousarray(pixels)) for pixels in feeds["image"]])

    def of(self, part: str) -> BuiltinSession:
        return self


class PixelSession:
    """Gives its feeds back."""

    device, bytes, files = "cpu", 0, MappingProxyType({})

    def inputs(self, part: str = "model") -> tuple[Tensor, ...]:
        return ()

    def run(self, feeds: Arrays, part: str = "model") -> dict[str, np.ndarray]:
        return dict(feeds)

    def of(self, part: str) -> PixelSession:
        return self


def stack_ragged(answers: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Stack arrays of different lengths.

    Args:
        answers: one per picture: {name: (K, ...)}.

    Returns:
        {name: (B, K max, ...)}; rows that are not there hold -1 in `scores`, "" in texts, NaN elsewhere.
    """
    longest = max(len(next(iter(answer.values()))) for answer in answers)
    return {name: np.stack([_fill(name, answer[name], longest) for answer in answers]) for name in answers[0]}


def _fill(name: str, array: np.ndarray, length: int) -> np.ndarray:
    nothing: Any = "" if array.dtype.kind == "U" else -1 if name == "scores" else np.nan
    return np.concatenate([array, np.full((length - len(array), *array.shape[1:]), nothing, array.dtype)])


ENGINES: dict[str, Callable[[int], Any]] = {
    "hog": HogPeople,
    "haar-frontal": HaarFaces,
    "codes": CodeFinder,
    "rapidocr": PrintedText,
    "salient-cut": SalientCut,
    "grabcut": GrabCutSession,
    "non-local-means": NonLocalMeans,
    "telea": lambda threads: FillSession("INPAINT_TELEA"),
    "navier-stokes": lambda threads: FillSession("INPAINT_NS"),
    "motion": Motion,
    "pixels": lambda threads: PixelSession(),
}
