"""What happens in a clip: labels for a list of frames.

    frames → some of them → each: resize, crop → (1, T, 3, S, S) → model → (C,) scores → the best labels → Actions

Heads:
    softmax         the classes exclude each other (VideoMAE, TimeSformer, ViViT)
    sigmoid         each class is a yes or no of its own (multi-label)
    probabilities   shares as they are (the built-in `motion`)
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from pixwise.clip import Clip, of_frame
from pixwise.errors import OptionError, PixwiseError, ShapeError
from pixwise.picture import Picture
from pixwise.pixels import prepare
from pixwise.results import Actions
from pixwise.scores import check_numbers, sigmoid, softmax
from pixwise.task import Task, check_range

__all__ = ["ActionRecognizer", "frames_of_stretch", "frames_spread"]

_LOG = logging.getLogger("pixwise")
_FRAMES = 16  # of a card that does not say
_MOST_FRAMES = 1024
Raw = Mapping[str, np.ndarray]


class Seen(NamedTuple):
    """Which frames of how many were looked at."""

    frames: np.ndarray  # (T,)
    count: int


def frames_spread(count: int, wanted: int) -> np.ndarray:
    """Frames at equal distances over a whole clip, as the video processors of `transformers` take them.

    Args:
        count: frames of the clip.
        wanted: how many are taken; where the clip has fewer, some are taken twice.

    Returns:
        (wanted,) int64 from 0, in order; the first is always 0.
    """
    return np.arange(wanted, dtype=np.int64) * count // wanted


def frames_of_stretch(count: int, wanted: int, stride: int, start: int = 0) -> np.ndarray:
    """Frames of a stretch of a clip, about `stride` apart, as `transformers`' pipeline and its examples take them.

    Args:
        count: frames of the clip; behind its end the last one is taken again.
        wanted: how many are taken.
        stride: the stretch has `wanted * stride` frames.
        start: its first frame.

    Returns:
        (wanted,) int64, in order.
    """
    last = wanted * stride - 1
    return np.minimum(start + np.linspace(0, last, wanted).astype(np.int64), count - 1)


def decode_probabilities(shares: np.ndarray) -> np.ndarray:
    """(C,) as they are; rounding of 16-bit models may leave [0, 1] by a hair."""
    return np.clip(shares, 0, 1)


@dataclass(frozen=True, kw_only=True)
class ActionRecognizer(Task):
    """Name what happens in a clip.

    Attributes:
        top: keep the best so many; 0 keeps all.
        min_score: lower ones are dropped.
        frames: how many frames the model sees; 0 is as many as it was made for, and few models take another number.
        stride: the model sees every so many-th frame from the clip's first on; 0 spreads them over the whole clip.
    """

    name: ClassVar[str] = "action"
    result_type: ClassVar[type] = Actions
    heads: ClassVar[Mapping[str, Any]] = {
        "softmax": softmax,
        "sigmoid": sigmoid,
        "probabilities": decode_probabilities,
    }
    card_options: ClassVar[Mapping[str, str]] = {"frames": "count"}
    of_clips: ClassVar[bool] = True

    top: int = 5
    min_score: float = 0.01
    frames: int = 0
    stride: int = 0

    def check_options(self) -> None:
        check_range("top", self.top, 0, 1_000_000)
        check_range("min_score", self.min_score, 0, 1)
        check_range("frames", self.frames, 0, _MOST_FRAMES)
        check_range("stride", self.stride, 0, 1_000_000)
        takes = self._length_of_input()
        if self.frames and takes > 0 and self.frames != takes:
            raise OptionError(f"frames of model {self.card.id!r} must be {takes}, got {self.frames}; leave it out")

    def _length_of_input(self) -> int:
        """How many frames the graph takes; -1 where it takes any number, or does not say."""
        shapes = [tensor.shape for tensor in self.session.inputs(self.part) if tensor.name == self.input_name]
        told = shapes[0][1] if shapes and len(shapes[0]) == 5 else -1
        return told if isinstance(told, int) else -1

    @property
    def wanted(self) -> int:
        """How many frames the model sees."""
        return self.frames or int(self.card.options.get("frames", max(0, self._length_of_input()) or _FRAMES))

    def preprocess(self, picture: Picture | Clip) -> tuple[dict[str, np.ndarray], Seen]:
        """(1, T, 3, H, W) of the frames that are looked at; only these are opened, each once."""
        clip = Clip.open(picture)
        frames = self._chosen(clip)
        kept, place = np.unique(frames, return_inverse=True)
        rows: list[np.ndarray] = []
        for index, frame in zip(kept.tolist(), clip.frames_at(kept.tolist()), strict=True):
            rows.append(self._prepared(frame, index))
            if rows[-1].shape != rows[0].shape:
                raise ShapeError(
                    f"frame {index} of the clip must be prepared to the size of the first, {rows[0].shape}, got "
                    f"{rows[-1].shape}; give frames of one size, or a model whose recipe crops or stretches"
                )
        return {self.input_name: np.stack(rows)[place][None]}, Seen(frames, clip.count)

    def _chosen(self, clip: Clip) -> np.ndarray:
        """(T,) frames; too few are told aloud."""
        wanted = self.wanted
        if clip.count < wanted:
            _LOG.info("%s: model %s sees %d frames, the clip has %d; some are shown more than once",
                      clip.source, self.card.id, wanted, clip.count)  # fmt: skip
        if self.stride:
            return frames_of_stretch(clip.count, wanted, self.stride)
        return frames_spread(clip.count, wanted)

    def _prepared(self, frame: Picture, index: int) -> np.ndarray:
        try:
            return prepare(self.decoded(frame), frame.size_hw, self.recipe)[0]
        except PixwiseError as error:
            raise error if f"frame {index}" in str(error) else of_frame(error, index) from error

    def postprocess(self, raw: Raw, fit: Seen) -> Actions:
        scores = self.heads[self.card.head](self._row(raw))  # (C,)
        order = np.argsort(-scores, kind="stable")
        kept = [i for i in order if scores[i] >= self.min_score and self._label(i)]
        kept = np.array(kept[: self.top or len(kept)], np.int64)
        return Actions(
            labels=tuple(map(self._label, kept)),
            label_ids=kept,
            scores=scores[kept],
            frames=fit.frames,
            count=fit.count,
        )

    def _row(self, raw: Raw) -> np.ndarray:
        """(C,) float32: the output named `logits`, else the first; numbers."""
        output = raw["logits"] if "logits" in raw else next(iter(raw.values()))
        row = output.reshape(-1).astype(np.float32)
        if self.card.names and len(row) != len(self.card.names):
            raise ShapeError(
                f"output of model {self.card.id!r} must have {len(self.card.names)} values, one per label, "
                f"got shape {output.shape}; check the labels of its card"
            )
        check_numbers(row)
        return row

    def _label(self, index: int) -> str:
        return self.card.names[index] if index < len(self.card.names) else f"class {index}"
