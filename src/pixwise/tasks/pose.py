"""Where the joints of people are.

    picture → people → each: a frame around its box → (R, 3, h, w) → model → heat maps (R, K, h/4, w/4)
            → the peak of each, to a fraction of a cell → back into the picture → Poses

Heads:
    heatmaps    a map per keypoint: ViTPose, ViTPose+ (which is told by `dataset_index` whose keypoints are meant)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from pixwise.answers.skeleton import Skeleton, edges_of
from pixwise.crops import Frames, crop_frame, frames_around, from_frames
from pixwise.errors import CardError, OptionError, ShapeError
from pixwise.heatmaps import peaks
from pixwise.picture import Picture
from pixwise.pixels import normalise
from pixwise.prompts import Box, as_boxes, prompts_for
from pixwise.results import Detections, Poses
from pixwise.task import Task, check_range

__all__ = ["PoseEstimator"]

Raw = Mapping[str, np.ndarray]

_AT_ONCE = 32  # people: more take memory and are no quicker
_MOST_BOXES = 256


class _Fit(NamedTuple):
    """Whose crops these are."""

    people: Detections
    frames: Frames


def decode_heatmaps(raw: Raw) -> np.ndarray:
    """(R, K, h, w) of `heatmaps`, else of the only output."""
    return raw["heatmaps"] if "heatmaps" in raw else next(iter(raw.values()))


@dataclass(frozen=True, kw_only=True)
class PoseEstimator(Task):
    """Find the joints of people. Whose: those that a detector finds, or who is in the boxes that are given.

    Attributes:
        box: what a person lies in, x1,y1,x2,y2 in pixels; each of several is one person, and no detector is asked.
        min_score: people whom the detector finds with lower scores are passed over.
        min_keypoint_score: keypoints with lower scores were not seen: they have no place.
        dataset: of a model that was trained on several sets of keypoints (ViTPose+), which one; the card's if not said.
    """

    name: ClassVar[str] = "pose"
    result_type: ClassVar[type] = Poses
    heads: ClassVar[Mapping[str, Any]] = {"heatmaps": decode_heatmaps}
    card_options: ClassVar[Mapping[str, str]] = {
        "labels": "strings", "edges": "pairs", "dataset": "id", "datasets": "count",
    }  # fmt: skip
    needs: ClassVar[tuple[str, ...]] = ("detect",)
    positional: ClassVar[str] = "box"
    aliases: ClassVar[Mapping[str, str]] = {"boxes": "box"}

    box: tuple[Box, ...] | Any = ()
    min_score: float = 0.0
    min_keypoint_score: float = 0.3
    dataset: int | None = None

    def check_options(self) -> None:
        check_range("min_score", self.min_score, 0, 1)
        check_range("min_keypoint_score", self.min_keypoint_score, 0, 1)
        object.__setattr__(self, "box", as_boxes(self.box))
        if len(self.box) > _MOST_BOXES:
            raise OptionError(
                f"box must be given at most {_MOST_BOXES} times, got {len(self.box)}; ask in several calls"
            )
        self._check_dataset()
        recipe, card = self.card.recipe, f"card {self.card.id!r}"
        if min(recipe.size_hw) < 2 or recipe.resize != "stretch":
            raise CardError(f"{card}: input.size_hw must be the size of a crop, got {recipe.size_hw}; say [256, 192]")
        try:
            self._skeleton(len(self.card.names))
        except ShapeError as error:
            raise CardError(f"{card}: options.edges: {error}") from error

    def _check_dataset(self) -> None:
        known, told = self.card.options.get("datasets", 1), self.card.options.get("dataset", 0)
        if told >= known:
            raise CardError(f"card {self.card.id!r}: options.dataset must be below {known}, got {told}; mend the card")
        if self.dataset is not None and known == 1:
            raise OptionError(
                f"dataset must be left out for model {self.card.id!r}, which knows one, got {self.dataset}"
            )
        if self.dataset is not None:
            check_range("dataset", self.dataset, 0, known - 1)

    @classmethod
    def needs_with(cls, options: Mapping[str, Any]) -> tuple[str, ...]:
        return () if len(options.get("box", ())) else cls.needs

    def answers_needed(self, picture: Picture) -> dict[str, Detections]:
        if not self.box:
            return super().answers_needed(picture)
        inside = prompts_for((), (), self.box, picture.size_hw).boxes  # raises for those outside
        count = len(inside)
        given = Detections(labels=["person"] * count, label_ids=[0] * count, scores=[1.0] * count, boxes=inside)
        return {"detect": given}

    def preprocess(self, picture: Picture, detect: Detections) -> tuple[dict[str, np.ndarray], _Fit]:
        people = detect if self.box else self._people(detect)
        recipe = replace(self.recipe, layout="CHW")
        # Frames go around the boxes as they were given: a person is not cut off where the picture ends.
        frames = frames_around(np.array(self.box or people.boxes).reshape(-1, 4), recipe.size_hw)
        tensor = np.zeros((len(people), 3, *recipe.size_hw), recipe.dtype)  # (R, 3, h, w)
        pixels = picture.pixels() if len(people) else None
        for row, (centre, size) in enumerate(zip(*frames, strict=True)):
            tensor[row] = normalise(crop_frame(pixels, centre, size, recipe.size_hw), recipe)
        return {self.input_name: tensor, **self._dataset_index(len(people))}, _Fit(people, frames)

    def _people(self, detect: Detections) -> Detections:
        """Of what was found, whom the model knows: people, or what its card says, in boxes that are not empty."""
        wanted = {label.lower() for label in self.card.options.get("labels", ("person",))}
        sides = detect.boxes[:, 2:] - detect.boxes[:, :2]
        kept = np.array([label.lower() in wanted for label in detect.labels], bool) & (sides > 0).all(axis=1)
        return detect.select(kept & (detect.scores >= self.min_score))

    def _dataset_index(self, rows: int) -> dict[str, np.ndarray]:
        if "dataset_index" not in {tensor.name for tensor in self.session.inputs()}:
            return {}
        index = self.card.options.get("dataset", 0) if self.dataset is None else self.dataset
        return {"dataset_index": np.full(rows, index, np.int64)}

    def run(self, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        rows = len(feeds[self.input_name])
        parts = [
            self.session.run({name: array[start : start + _AT_ONCE] for name, array in feeds.items()})
            for start in range(0, rows, _AT_ONCE)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def postprocess(self, raw: Raw, fit: _Fit) -> Poses:
        people, frames = fit
        if not raw:
            return Poses(
                skeleton=self._skeleton(len(self.card.names)), scores=(), boxes=(), keypoints=(), keypoint_scores=()
            )
        maps = self._checked(self.heads[self.card.head](raw), len(people))
        rows, count, height, width = maps.shape
        cells, heights = peaks(maps.reshape(rows * count, height, width))
        points = from_frames(cells.reshape(rows, count, 2), frames, (height, width))
        scores = np.maximum(heights.reshape(rows, count), 0)
        points[scores < self.min_keypoint_score] = np.nan
        return Poses(
            skeleton=self._skeleton(count),
            scores=people.scores, boxes=people.boxes, keypoints=points.astype(np.float32), keypoint_scores=scores,
        )  # fmt: skip

    def _checked(self, maps: np.ndarray, people: int) -> np.ndarray:
        """Heat maps that can be read, in 32 bits."""
        if maps.ndim != 4 or len(maps) != people or min(maps.shape[1:]) < 1 or min(maps.shape[2:]) < 2:
            raise ShapeError(
                f"output of model {self.card.id!r} must be heat maps ({people}, keypoints, height, width), got shape "
                f"{maps.shape}; check its card"
            )
        if self.card.names and maps.shape[1] != len(self.card.names):
            raise ShapeError(
                f"output of model {self.card.id!r} must have {len(self.card.names)} keypoints, one per label, got "
                f"{maps.shape[1]}; check the labels of its card"
            )
        if not np.isfinite(maps).all():
            raise ShapeError(
                f"output of model {self.card.id!r} must be finite, got NaN or infinity; use its fp32 files"
            )
        return maps.astype(np.float32, copy=False)

    def _skeleton(self, count: int) -> Skeleton:
        names = self.card.names or tuple(f"keypoint {index}" for index in range(count))
        told = tuple((int(a), int(b)) for a, b in self.card.options.get("edges", ()))
        return Skeleton(names, told or edges_of(names))
