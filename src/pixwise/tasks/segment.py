"""Which pixels belong to what is pointed at.

    picture → resize → (1, 3, h, w) → encoder → embeddings ┐  the dear step, once: Scene
    points, boxes, masks → tensor pixels ──────────────────┴→ decoder → logits (N, C, h, w), scores (N, C)
            → the best candidate of each object, or all → enlarged to the picture → above 0 → Masks

Heads: the forms of `sam.py`
    sam, sam2                  as transformers has them: SAM (points alone), SAM 2
    sam_tokens, sam2_tokens    as SAM itself exports them: point_coords, point_labels, mask_input
    grabcut                    OpenCV's GrabCut, built in
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from pixwise.boxes import nms
from pixwise.errors import OptionError, ShapeError
from pixwise.maps import enlarge, mask_above, stability, without_holes, without_islands
from pixwise.masks import Mask
from pixwise.picture import Picture
from pixwise.pixels import Fit
from pixwise.prompts import (
    Box,
    Point,
    as_boxes,
    as_labels,
    as_masks,
    as_points,
    grid_points,
    mask_logits,
    prompts_for,
)
from pixwise.results import ImageInfo, Masks, ModelInfo
from pixwise.sam import FORMS
from pixwise.task import Task, check_range

__all__ = ["Scene", "Segmenter"]

Arrays = Mapping[str, np.ndarray]
Floats = npt.NDArray[np.float32]

_AT_ONCE = 64  # objects: more take memory and are no quicker
_MASK_FILES = (
    "Earlier mask of an object, to be bettered: a grey PNG, run lengths in JSON, or an answer of segment in JSON."
)


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture as a model has seen it, for one prompt after another; many threads may share it.

    Attributes:
        image: the picture.
        model: that has seen it; another one cannot answer.
        fit: where the picture went in the tensor.
        embeddings: what the encoder gave, (1, ...) each, read-only.
        timings_ms: what that took.
    """

    image: ImageInfo
    model: ModelInfo
    fit: Fit = field(repr=False)
    embeddings: Arrays = field(repr=False)
    timings_ms: Mapping[str, float] = field(default_factory=dict, repr=False)

    @property
    def bytes(self) -> int:
        """Memory that the embeddings take."""
        return sum(array.nbytes for array in self.embeddings.values())


@dataclass(frozen=True, kw_only=True)
class Segmenter(Task):
    """Cut out what is pointed at. Without points, boxes and a grid: what is in the centre of the picture.

    Attributes:
        points: where an object is, x,y in pixels; several points are about one object, lists of points about several.
        labels: for each point 1 where the object is, 0 where it is not; all are 1 unless given.
        box: what an object lies in, x1,y1,x2,y2 in pixels; each of several is an object of its own.
        mask: of an object, to be bettered: an earlier answer's; logits as a model gives them are taken, too.
        apart: each point is an object of its own.
        multimask: all candidates of each object, not only the best.
        grid: points per side of a grid over the picture, to find everything; 0 is none.
        min_score: masks of lower scores are dropped; unless given 0, of a grid 0.88.
        min_stability: masks that change more with their threshold are dropped; unless given 0, of a grid 0.95.
        max_overlap: of two masks of a grid whose boxes overlap more (IoU), the weaker is dropped.
        fill_holes: holes of at most this many pixels are filled.
        drop_islands: parts of at most this many pixels are dropped.
    """

    name: ClassVar[str] = "segment"
    result_type: ClassVar[type] = Masks
    heads: ClassVar[Mapping[str, Any]] = FORMS
    card_options: ClassVar[Mapping[str, str]] = {"together": "bool"}
    part: ClassVar[str] = "encoder"
    positional: ClassVar[str] = "points"
    aliases: ClassVar[Mapping[str, str]] = {"point": "points", "label": "labels"}

    points: tuple[Point, ...] | Any = ()
    labels: tuple[int, ...] | Any = ()
    box: tuple[Box, ...] | Any = ()
    mask: Any = field(default=(), metadata={"cli": False, "masks": _MASK_FILES}, repr=False)
    apart: bool = False
    multimask: bool = False
    grid: int = 0
    min_score: float | None = None
    min_stability: float | None = None
    max_overlap: float = 0.7
    fill_holes: int = 0
    drop_islands: int = 0

    def check_options(self) -> None:
        for name in ("min_score", "min_stability"):
            if getattr(self, name) is not None:
                check_range(name, getattr(self, name), 0, 1)
        check_range("max_overlap", self.max_overlap, 0, 1)
        check_range("grid", self.grid, 0, 64)
        check_range("fill_holes", self.fill_holes, 0, 1_000_000_000)
        check_range("drop_islands", self.drop_islands, 0, 1_000_000_000)
        points = as_points(self.points, apart=self.apart)
        for name, stored in (
            ("points", points),
            ("labels", as_labels(self.labels, points)),
            ("box", as_boxes(self.box)),
            ("mask", as_masks(self.mask)),
        ):
            object.__setattr__(self, name, stored)
        self._check_prompts()

    def _check_prompts(self) -> None:
        """Refuse what the model cannot be asked."""
        form, asked = FORMS[self.card.head], {"box": self.box, "mask": self.mask, "grid": self.grid}
        takes = {"box": form.boxes, "mask": form.masks, "grid": form.grid}
        for name, given in asked.items():
            if given and not takes[name]:
                known = ", ".join(["points", *(each for each, taken in takes.items() if taken)])
                raise OptionError(
                    f"{name} must be left out for model {self.card.id!r}, which takes {known}; choose another model "
                    "(pixwise models list segment)"
                )
        if self.grid and (self.points or self.box or self.mask):
            raise OptionError("grid must be 0 where there are points, boxes or masks, got both; leave one out")

    # -- one picture, prompt after prompt ----------------------------------------------------------------------------

    def encode(self, source: Any) -> Scene:
        """Let the model see a picture once: `scene = segmenter.encode(p)`, then `segmenter(scene, points=…)`.

        Args:
            source: one picture, anything `Picture.open` takes.
        """
        started = time.perf_counter()
        picture = Picture.open(source, limits=self.limits, allow_urls=self.allow_urls, background=self.background)
        tensor, fit = super().preprocess(picture)
        ready = time.perf_counter()
        embeddings = {name: np.ascontiguousarray(array) for name, array in self.session.run(tensor, "encoder").items()}
        for array in embeddings.values():
            array.setflags(write=False)
        info = ImageInfo(picture.source, picture.width, picture.height, picture.sha256)
        timings = {"preprocess": 1e3 * (ready - started), "encode": 1e3 * (time.perf_counter() - ready)}
        return Scene(info, self._model_info(), fit, MappingProxyType(embeddings), timings)

    def everything(self, source: Any, *, grid: int = 32) -> Any:
        """Masks of all that a grid of points finds: good ones, each once, the best first.

        Args:
            source: a picture, a list of pictures, or a `Scene`.
            grid: points per side.
        """
        return replace(self, grid=grid, points=(), labels=(), box=(), mask=())(source)

    def __call__(
        self,
        source: Any,
        *,
        points: Any = None,
        labels: Any = None,
        box: Any = None,
        mask: Any = None,
        on_error: Literal["raise", "return"] = "raise",
    ) -> Any:
        """Answer for one picture, a list of pictures, or a `Scene`.

        Args:
            source: anything `Picture.open` takes, a list of it, or what `encode` gave.
            points, labels, box, mask: in place of all those that the task was made with.
            on_error: see `Task`.
        """
        if any(given is not None for given in (points, labels, box, mask)):
            mine = replace(self, points=points, labels=labels, box=box, mask=mask, grid=0)
            return mine(source, on_error=on_error)
        return self._of_scene(source) if isinstance(source, Scene) else super().__call__(source, on_error=on_error)

    def _of_scene(self, scene: Scene) -> Masks:
        if scene.model != self._model_info():
            raise OptionError(
                f"scene must be of model {self.card.id!r}, got one of {scene.model.id!r}; encode the picture with it"
            )
        started = time.perf_counter()
        raw = self._decoded(scene.embeddings, self._prompts(scene.fit))
        decoded = time.perf_counter()
        result = self.postprocess({name: array[None] for name, array in raw.items()}, scene.fit)
        timings = {"decode": 1e3 * (decoded - started), "postprocess": 1e3 * (time.perf_counter() - decoded)}
        return replace(result, image=scene.image, model=scene.model, timings_ms=timings)

    def _model_info(self) -> ModelInfo:
        return ModelInfo(self.card.id, self.card.revision, self.card.precision, self.card.licence)

    # -- the three steps ---------------------------------------------------------------------------------------------

    def preprocess(self, picture: Picture) -> tuple[dict[str, np.ndarray], Fit]:
        feeds, fit = super().preprocess(picture)
        return {**feeds, **self._prompts(fit)}, fit

    def _prompts(self, fit: Fit) -> dict[str, np.ndarray]:
        """Prompts in pixels of the tensor."""
        points, labels = (self.points, self.labels) if not self.grid else grid_points(self.grid, fit.picture_hw)
        asked = prompts_for(points, labels, self.box, fit.picture_hw, masks=len(self.mask))
        scale, offset = np.float64(fit.scale_xy), np.float64(fit.offset_xy)
        boxes = asked.boxes.reshape(-1, 2, 2) * scale + offset
        return {
            "input_points": (asked.points * scale + offset).astype(np.float32)[None],  # (1, N, P, 2)
            "input_labels": asked.labels[None],  # (1, N, P)
            "input_boxes": boxes.reshape(1, -1, 4).astype(np.float32),  # (1, N or 0, 4)
            "input_masks": mask_logits(self.mask, fit, self._mask_hw(fit))[None],  # (1, N or 0, h, w)
        }

    def _mask_hw(self, fit: Fit) -> tuple[int, int]:
        """Size of the masks that the decoder takes: as it says, else a quarter of the tensor, as SAM has it."""
        told = next((each.shape[-2:] for each in self.session.inputs("decoder") if each.name == "mask_input"), ())
        if len(told) == 2 and min(told) > 0:
            return told
        return fit.tensor_hw if self.card.runtime == "builtin" else (fit.tensor_hw[0] // 4, fit.tensor_hw[1] // 4)

    def run(self, feeds: Arrays) -> dict[str, np.ndarray]:
        encoded = self.session.run({self.input_name: feeds[self.input_name]}, "encoder")
        prompts = {name: array for name, array in feeds.items() if name != self.input_name}
        rows = range(len(feeds[self.input_name]))
        return _stacked([self._decoded(_row(encoded, row), _row(prompts, row)) for row in rows])

    def _decoded(self, embeddings: Arrays, prompts: Arrays) -> dict[str, np.ndarray]:
        """Candidates that are kept: logits (K, h, w), scores (K,), stabilities (K,), objects (K,)."""
        count = max(array.shape[1] for array in prompts.values())
        kept = [self._kept(*self._candidates(embeddings, prompts, start), start) for start in range(0, count, _AT_ONCE)]
        return {name: np.concatenate([each[name] for each in kept]) for name in kept[0]}

    def _candidates(self, embeddings: Arrays, prompts: Arrays, start: int) -> tuple[Floats, Floats]:
        """Of some objects: logits (N, C, h, w), scores (N, C)."""
        part = {name: array[:, start : start + _AT_ONCE] for name, array in prompts.items()}
        names = {tensor.name for tensor in self.session.inputs("decoder")}

        def ask(feeds: Arrays) -> dict[str, np.ndarray]:
            fed = {name: array for name, array in feeds.items() if not names or name in names}
            return self.session.run(fed, "decoder")

        logits, scores = FORMS[self.card.head].decode(ask, embeddings, part, self.card.options.get("together", False))
        if not (np.isfinite(scores).all() and np.isfinite(logits).all()):
            raise ShapeError(f"model {self.card.id!r} must give finite masks and scores, got NaN; use its fp32 files")
        return logits, scores

    def _kept(self, logits: Floats, scores: Floats, start: int) -> dict[str, np.ndarray]:
        """The best candidate of each object, or all of them, that are good enough."""
        count, each = scores.shape
        order = np.argsort(-scores, axis=1, kind="stable")[:, : each if self.multimask or self.grid else 1]  # (N, k)
        rows, columns = np.repeat(np.arange(count), order.shape[1]), order.reshape(-1)
        good = scores[rows, columns] >= self._least("min_score", 0.88)
        rows, columns = rows[good], columns[good]
        chosen = logits[rows, columns]  # (K, h, w)
        stable = np.array([stability(one) for one in chosen], np.float32)
        good = stable >= self._least("min_stability", 0.95)
        found = {"logits": chosen, "scores": scores[rows, columns], "stabilities": stable, "objects": rows + start}
        return {name: array[good] for name, array in found.items()}

    def _least(self, name: str, of_grid: float) -> float:
        given = getattr(self, name)
        return given if given is not None else of_grid if self.grid else -np.inf

    def postprocess(self, raw: Arrays, fit: Fit) -> Masks:
        found = [row for row in range(len(raw["objects"][0])) if raw["objects"][0, row] >= 0]
        masks = [self._mask(raw["logits"][0, row], fit) for row in found]
        there = [place for place, mask in enumerate(masks) if mask.area]
        found, masks = np.array(found, int)[there], [masks[place] for place in there]
        boxes = np.array([mask.box for mask in masks], np.float32).reshape(-1, 4)
        result = Masks(
            objects=raw["objects"][0, found],
            scores=np.clip(raw["scores"][0, found], 0, 1),
            stabilities=raw["stabilities"][0, found],
            areas=[mask.area for mask in masks],
            boxes=boxes,
            masks=masks,
        )
        if not self.grid:
            return result
        return result.select(nms(boxes, raw["scores"][0, found], self.max_overlap))  # models say 1.01, too: in order

    def _mask(self, logits: Floats, fit: Fit) -> Mask:
        """A mask in the picture's own pixels; where the picture lies in a padded square, so do the logits."""
        if self.card.recipe.pad != "none":
            logits = enlarge(logits, fit.tensor_hw)[: fit.content_hw[0], : fit.content_hw[1]]
        mask = mask_above(logits, fit.picture_hw)
        if self.drop_islands or self.fill_holes:
            mask = without_holes(without_islands(mask, self.drop_islands), self.fill_holes)
        return Mask.from_array(mask)


def _row(arrays: Arrays, row: int) -> dict[str, np.ndarray]:
    return {name: array[row : row + 1] for name, array in arrays.items()}


def _stacked(rows: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Candidates of several pictures as (B, K, ...); places that are not filled have objects of -1."""
    longest = max(len(row["objects"]) for row in rows)

    def filled(name: str) -> Iterator[np.ndarray]:
        for row in rows:
            rest = np.full((longest - len(row[name]), *row[name].shape[1:]), -1, row[name].dtype)
            yield np.concatenate([row[name], rest])

    return {name: np.stack(list(filled(name))) for name in rows[0]}
