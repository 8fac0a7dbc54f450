"""Where things are: boxes with labels.

    picture → stretch or letterbox → (R, 3, S, S) → model → decode_* → boxes, scores, labels → Detections
              R = 1 view, or the whole picture and its tiles, merged at the end

Heads:
    detr_sigmoid   RT-DETR, D-FINE, RF-DETR: sigmoid, the best (query, class) pairs, no suppression
    detr_softmax   DETR: softmax with a last "no object" class, the best class per query
    yolox          grid of anchors, objectness x class, suppression per class
    boxes          boxes and scores as they are (OpenCV's HOG people)
    florence       phrases and boxes that Florence-2 has written, in words of its own
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from pixwise.boxes import area, nms_per_class, xyxy_from_cxcywh
from pixwise.errors import OptionError, ShapeError, checked_labels
from pixwise.language.florence import FLORENCE_OPTIONS
from pixwise.language.regions import boxes_in, certainty
from pixwise.padding import mask_feeds
from pixwise.picture import Picture
from pixwise.pixels import Fit, crop, prepare
from pixwise.results import Detections
from pixwise.scores import best_pairs, check_numbers, output, sigmoid, softmax
from pixwise.task import Task, check_range

__all__ = ["Detector", "View"]

Raw = Mapping[str, np.ndarray]
# boxes (K, 4) xyxy tensor pixels, scores (K,), and label ids (K,), or words (K,) where a model has no list of classes
Candidates = tuple[np.ndarray, np.ndarray, np.ndarray]

TILE_OVERLAP = 0.25  # share of a tile's side that it has in common with the next
MAX_TILES = 200  # their tensors are held together: 1 GB for a model of 640 x 640
ROWS_AT_ONCE = 8  # a run of a hundred tiles would take gigabytes


@dataclass(frozen=True)
class View:
    """One look at the picture: all of it, or a tile.

    Attributes:
        fit: from the view's tensor to the pixels of the whole picture.
        box: xyxy of the view in the picture.
    """

    fit: Fit
    box: tuple[int, int, int, int]


def decode_detr_sigmoid(raw: Raw, fit: Fit, options: Mapping[str, Any]) -> Candidates:
    """The best (query, class) pairs by sigmoid (RT-DETR, Zhao et al. 2023, as its reference post-processing does).

    Args:
        raw: `logits` (1, Q, C), `pred_boxes` (1, Q, 4) cxcywh as shares of the content.
        fit: for the size of the content.
        options: `pairs`: how many are taken; without it as many as there are queries.
    """
    logits, boxes = output(raw, "logits"), output(raw, "pred_boxes")
    scores = sigmoid(logits)  # (Q, C)
    queries, label_ids = best_pairs(scores, options.get("pairs") or len(logits))
    return _from_shares(boxes[queries], fit), scores[queries, label_ids], label_ids


def decode_detr_softmax(raw: Raw, fit: Fit, options: Mapping[str, Any]) -> Candidates:
    """The best class of each query by softmax; the last class is "no object" (DETR, Carion et al. 2020).

    Args:
        raw: `logits` (1, Q, C + 1), `pred_boxes` (1, Q, 4) cxcywh as shares of the content.
        fit: for the size of the content.
        options: unused.
    """
    logits, boxes = output(raw, "logits"), output(raw, "pred_boxes")
    shares = softmax(logits)[:, :-1]  # (Q, C)
    return _from_shares(boxes, fit), shares.max(axis=-1), shares.argmax(axis=-1)


def decode_yolox(raw: Raw, fit: Fit, options: Mapping[str, Any]) -> Candidates:
    """Boxes from the three grids, score = objectness x best class (YOLOX, Ge et al. 2021).

    Args:
        raw: one output (1, A, 5 + C): x, y, w, h before the grid, objectness, classes; strides 8, 16, 32 in this order.
        fit: for the size of the tensor.
        options: unused.
    """
    rows = next(iter(raw.values()))[0].astype(np.float32)  # (A, 5 + C)
    cells, strides = yolox_grid(fit.tensor_hw)
    if len(rows) != len(cells) or rows.shape[1] < 6:
        raise ShapeError(
            f"output of a YOLOX model must have shape (1, {len(cells)}, 5 + classes) for {fit.tensor_hw} pixels, "
            f"got {(1, *rows.shape)}; check head and size_hw of the card"
        )
    centres = (rows[:, :2] + cells) * strides
    sizes = np.exp(np.minimum(rows[:, 2:4], 20)) * strides
    label_ids = rows[:, 5:].argmax(axis=-1)
    scores = rows[:, 4] * rows[np.arange(len(rows)), 5 + label_ids]
    return xyxy_from_cxcywh(np.concatenate([centres, sizes], axis=-1)), scores, label_ids


def yolox_grid(tensor_hw: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """(A, 2) xy of every cell and (A, 1) its stride, for strides 8, 16, 32."""
    cells, strides = [], []
    for stride in (8, 16, 32):
        rows, columns = tensor_hw[0] // stride, tensor_hw[1] // stride
        y, x = np.mgrid[:rows, :columns].reshape(2, -1)
        cells.append(np.stack([x, y], axis=-1))
        strides.append(np.full((rows * columns, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)


def decode_boxes(raw: Raw, fit: Fit, options: Mapping[str, Any]) -> Candidates:
    """Boxes and scores as the session gives them, all of the first class.

    Args:
        raw: `boxes` (1, K, 4) xyxy tensor pixels, `scores` (1, K).
        fit: unused.
        options: unused.
    """
    boxes, scores = output(raw, "boxes"), output(raw, "scores")
    return boxes.reshape(-1, 4), scores, np.zeros(len(scores), np.int64)


def decode_florence(raw: Raw, fit: Fit, options: Mapping[str, Any]) -> Candidates:
    """Phrases with boxes: `raw` is `text` (1,), `token_ends` and `log_probs` (1, T), see language/florence.py."""
    words, corners, spans = boxes_in(str(raw["text"][0]))
    boxes = (corners * np.float32(fit.content_hw[::-1])).reshape(-1, 4)
    return boxes, certainty(raw, spans), np.array(words, str)


def _from_shares(boxes: np.ndarray, fit: Fit) -> np.ndarray:
    height, width = fit.content_hw
    return xyxy_from_cxcywh(boxes) * np.float32([width, height, width, height])


@dataclass(frozen=True, kw_only=True)
class Detector(Task):
    """Find objects.

    Attributes:
        min_score: lower ones are dropped; left out, what is usual for the kind of model (0.3 to 0.7;
            Florence-2: 0).
        max_overlap: IoU above which the weaker of two boxes of a class is dropped, for heads that need suppression and
            for tiles.
        labels: keep only these classes; empty keeps all.
        top: keep the best so many; 0 keeps all.
        tiles: for small things in huge pictures: look at the whole picture and at overlapping squares of this side, in
            pixels of the picture; 0 looks at the whole only. Each tile costs as much as a picture.
    """

    name: ClassVar[str] = "detect"
    result_type: ClassVar[type] = Detections
    heads: ClassVar[Mapping[str, Any]] = {
        "detr_sigmoid": decode_detr_sigmoid,
        "detr_softmax": decode_detr_softmax,
        "yolox": decode_yolox,
        "boxes": decode_boxes,
        "florence": decode_florence,
    }
    card_options: ClassVar[Mapping[str, str]] = {
        "min_score": "share",
        "pairs": "count",
        "suppress": "bool",
        **FLORENCE_OPTIONS,
    }
    # How many classes the outputs of a head tell.
    class_counts: ClassVar[Mapping[str, Any]] = {
        "detr_sigmoid": lambda raw: raw["logits"].shape[-1],
        "detr_softmax": lambda raw: raw["logits"].shape[-1] - 1,  # the last is "no object"
        "yolox": lambda raw: next(iter(raw.values())).shape[-1] - 5,
    }
    # A sigmoid score and a softmax share of the same certainty differ; each value is where the family's own demo cuts.
    usual_min_scores: ClassVar[Mapping[str, float]] = {
        "detr_sigmoid": 0.4,
        "detr_softmax": 0.7,
        "yolox": 0.3,
        "boxes": 0.3,
        "florence": 0.0,  # its reference keeps all that was written
    }

    min_score: float | None = None
    max_overlap: float = 0.45
    labels: tuple[str, ...] = ()
    top: int = 0
    tiles: int = 0

    def check_options(self) -> None:
        if self.min_score is None:
            usual = self.card.options.get("min_score", self.usual_min_scores[self.card.head])
            object.__setattr__(self, "min_score", usual)
        check_range("min_score", self.min_score, 0, 1)
        check_range("max_overlap", self.max_overlap, 0, 1)
        check_range("top", self.top, 0, 1_000_000)
        check_range("tiles", self.tiles, 0, 1_000_000)
        if 0 < self.tiles < 64:
            raise OptionError(f"tiles must be 0 or at least 64 pixels, got {self.tiles}; 0 turns tiles off")
        if self.tiles and self.card.recipe.resize == "none":
            raise OptionError(f"tiles need a model with a size of its own, got {self.card.id!r}; choose another model")
        object.__setattr__(self, "labels", checked_labels(self.labels, self.card.names))

    def preprocess(self, picture: Picture) -> tuple[dict[str, np.ndarray], tuple[View, ...]]:
        whole, fit = prepare(self.decoded(picture), picture.size_hw, self.recipe)
        boxes = tile_boxes(picture.size_hw, self.tiles)
        if len(boxes) > MAX_TILES:
            raise OptionError(
                f"tiles must cut a picture into at most {MAX_TILES}, got {len(boxes)} of {self.tiles} pixels for "
                f"{picture.width} x {picture.height}; choose larger tiles"
            )
        pixels = picture.pixels() if boxes else None  # (H, W, 3)
        seen = [self._tile(pixels, box) for box in boxes]
        seen.append((whole, View(fit, (0, 0, picture.width, picture.height))))  # last: of equal scores the tile's wins
        tensors, views = zip(*seen, strict=True)
        return self._feeds(tensors, views), views

    def _tile(self, pixels: np.ndarray, box: tuple[int, int, int, int]) -> tuple[np.ndarray, View]:
        from PIL import Image

        part = Image.fromarray(np.ascontiguousarray(crop(pixels, box)))
        tensor, fit = prepare(part, (part.height, part.width), self.recipe)
        (sx, sy), (ox, oy) = fit.scale_xy, fit.offset_xy
        return tensor, View(
            replace(fit, picture_hw=pixels.shape[:2], offset_xy=(ox - box[0] * sx, oy - box[1] * sy)), box
        )

    def _feeds(self, tensors: Sequence[np.ndarray], views: Sequence[View]) -> dict[str, np.ndarray]:
        """Rows of equal shape, and the mask of what is picture for models that ask."""
        rows = _stack(tensors)
        shape, feeds = rows.shape[1:], {self.input_name: rows}
        fits = [view.fit for view in views]
        return feeds | mask_feeds(
            self.session.inputs(), fits, shape[1:] if self.card.recipe.layout == "CHW" else shape[:2]
        )

    def run(self, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        total, step = len(feeds[self.input_name]), max(ROWS_AT_ONCE, self.batch or self.card.batch)
        if total <= step:
            return self.session.run(feeds)
        runs = [
            self.session.run({name: array[start : start + step] for name, array in feeds.items()})
            for start in range(0, total, step)
        ]
        return {name: np.concatenate([raw[name] for raw in runs]) for name in runs[0]}

    def postprocess(self, raw: Raw, fit: tuple[View, ...]) -> Detections:
        seen = [
            self._candidates({name: rows[row : row + 1] for name, rows in raw.items()}, view)
            for row, view in enumerate(fit)
        ]
        boxes, scores, labels = (np.concatenate(parts) for parts in zip(*seen, strict=True))
        label_ids = _numbered(labels)
        if len(fit) > 1:
            cut = np.concatenate([_cut(part[0], view, fit[-1].box) for part, view in zip(seen, fit, strict=True)])
            order = _merged(boxes, scores, label_ids, cut, self.max_overlap)
        elif self.card.options.get("suppress"):
            order = nms_per_class(boxes, scores, label_ids, self.max_overlap)
        else:
            order = np.argsort(-scores, kind="stable")
        order = order[: self.top or len(order)]
        names = tuple(self._label(label) for label in labels[order])
        return Detections(labels=names, label_ids=label_ids[order], scores=scores[order], boxes=boxes[order])

    def _candidates(self, raw: Raw, view: View) -> Candidates:
        """What one view shows, in pixels of the picture; too weak, unwanted and nameless ones dropped."""
        boxes, scores, label_ids = self.heads[self.card.head](raw, view.fit, self.card.options)
        self._check_names(raw)
        check_numbers(scores)
        keep = (scores >= self.min_score) & np.isfinite(boxes).all(axis=-1)
        boxes, scores, label_ids = boxes[keep], scores[keep], label_ids[keep]
        labels = [
            self._label(label) for label in label_ids
        ]  # an empty one is a slot of the vocabulary that is no class
        keep = np.array([bool(label) and (not self.labels or label in self.labels) for label in labels], bool)
        return view.fit.boxes_to_picture(boxes[keep]), scores[keep], label_ids[keep]

    def _check_names(self, raw: Raw) -> None:
        """With names for some classes only, an answer would mix them with made-up ones."""
        names, count = len(self.card.names), self.class_counts.get(self.card.head, lambda raw: 0)(raw)
        if names and count and names != count:
            raise ShapeError(
                f"output of model {self.card.id!r} must tell {names} classes, one per name of its card, got {count}; "
                'check names, vocabulary and head of the card ("" names a slot that is no class)'
            )

    def _label(self, label: int | str) -> str:
        if isinstance(label, str):
            return str(label)
        return self.card.names[label] if label < len(self.card.names) else f"class {label}"


def _numbered(labels: np.ndarray) -> np.ndarray:
    """(K,) numbers of classes; words are counted in the order in which they come."""
    known = list(dict.fromkeys(labels.tolist()))
    return np.array([known.index(word) for word in labels.tolist()], np.int64) if labels.dtype.kind == "U" else labels


def tile_boxes(picture_hw: tuple[int, int], side: int) -> list[tuple[int, int, int, int]]:
    """Overlapping squares that cover the picture, xyxy; none when it is no larger than one.

    Args:
        picture_hw: size of the picture.
        side: of a tile, pixels; 0 for no tiles.
    """
    if not side or max(picture_hw) <= side:
        return []
    tops, lefts = (_starts(length, side) for length in picture_hw)
    bottom, right = (min(side, length) for length in picture_hw)
    return [(left, top, left + right, top + bottom) for top in tops for left in lefts]


def _starts(length: int, side: int) -> list[int]:
    """Where tiles begin along one axis: evenly spread, the last one ends at the edge."""
    if length <= side:
        return [0]
    count = -(-(length - side) // max(1, int(side * (1 - TILE_OVERLAP)))) + 1
    return [round(i * (length - side) / (count - 1)) for i in range(count)]


def _stack(tensors: Sequence[np.ndarray]) -> np.ndarray:
    """(R, ...) of R tensors; smaller ones are padded with zeros at the bottom and the right."""
    if len(tensors) == 1:
        return tensors[0][None]
    rows = np.zeros((len(tensors), *np.max([tensor.shape for tensor in tensors], axis=0)), tensors[0].dtype)
    for row, tensor in zip(rows, tensors, strict=True):
        row[tuple(map(slice, tensor.shape))] = tensor
    return rows


def _cut(boxes: np.ndarray, view: View, whole: tuple[int, int, int, int]) -> np.ndarray:
    """(K,) which boxes end at an edge of their tile that is not an edge of the picture: the thing goes on outside."""
    if view.box == whole:
        return np.zeros(len(boxes), bool)
    margin = max(2.0, 0.01 * (view.box[2] - view.box[0]))
    touches = np.abs(boxes - np.float32(view.box)) <= margin  # (K, 4)
    inner = np.array(view.box) != np.array(whole)
    return (touches & inner).any(axis=-1)


def _merged(
    boxes: np.ndarray, scores: np.ndarray, label_ids: np.ndarray, cut: np.ndarray, max_overlap: float
) -> np.ndarray:
    """(K,) what stays of several views, best first.

    Boxes that end at a seam come after all others, however sure the model was, and go when half of one lies in another
    box of its class: by IoU alone a piece could drop its whole, or stay beside it.
    """
    kept: list[int] = []
    for index in nms_per_class(boxes, scores - cut, label_ids, max_overlap):
        others = np.array([i for i in kept if label_ids[i] == label_ids[index]], np.int64)
        if not cut[index] or not (_share_inside(boxes[index], boxes[others]) > 0.5).any():
            kept.append(int(index))
    order = np.array(kept, np.int64)
    return order[np.argsort(-scores[order], kind="stable")]


def _share_inside(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(K,) how much of a box lies inside each of the others (K, 4)."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    return np.clip(high - low, 0, None).prod(axis=-1) / max(float(area(box)), 1e-9)
