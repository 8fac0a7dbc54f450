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
from pixwise.scores import CLASS_SCORES, USUAL_MIN_SCORES, best_of, class_row, label_of
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


@dataclass(frozen=True, kw_only=True)
class ActionRecognizer(Task):
    """Name what happens in a clip.

    Attributes:
        top: keep the best so many; 0 keeps all.
        min_score: lower ones are dropped; left out, what is usual for the kind of model (0.01, multi-label 0.5).
        frames: how many frames the model sees; 0 is as many as it was made for, and few models take another number.
        stride: the model sees every so many-th frame from the clip's first on; 0 spreads them over the whole clip.
    """

    name: ClassVar[str] = "action"
    result_type: ClassVar[type] = Actions
    heads: ClassVar[Mapping[str, Any]] = CLASS_SCORES
    card_options: ClassVar[Mapping[str, str]] = {"frames": "count", "min_score": "share"}
    of_clips: ClassVar[bool] = True

    top: int = 5
    min_score: float | None = None
    frames: int = 0
    stride: int = 0

    def check_options(self) -> None:
        if self.min_score is None:
            usual = self.card.options.get("min_score", USUAL_MIN_SCORES[self.card.head])
            object.__setattr__(self, "min_score", usual)
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
        wanted, stride = self.wanted, self.stride
        if clip.count < wanted * max(1, stride):
            _LOG.info("%s: model %s sees %d frames of %d, the clip has %d; some are shown more than once",
                      clip.source, self.card.id, wanted, wanted * max(1, stride), clip.count)  # fmt: skip
        return frames_of_stretch(clip.count, wanted, stride) if stride else frames_spread(clip.count, wanted)

    def _prepared(self, frame: Picture, index: int) -> np.ndarray:
        try:
            return prepare(self.decoded(frame), frame.size_hw, self.recipe)[0]
        except PixwiseError as error:
            raise error if f"frame {index}" in str(error) else of_frame(error, index) from error

    def postprocess(self, raw: Raw, fit: Seen) -> Actions:
        names = self.card.names
        scores = self.heads[self.card.head](class_row(raw, names, self.card.id))  # (C,)
        kept = best_of(scores, names, self.top, self.min_score)
        labels = tuple(label_of(names, index) for index in kept)
        return Actions(labels=labels, label_ids=kept, scores=scores[kept], frames=fit.frames, count=fit.count)
