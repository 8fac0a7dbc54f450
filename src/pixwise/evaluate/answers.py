"""Answers of ours beside a truth in COCO's form: pictures go together by their file names, classes by their names.

pixwise detect photos/ --jsonl -o found.jsonl ─▶ read_answers ─▶ boxes_of · poses_of ─▶ rows of a COCO file of results
pixwise panoptic photos/ --jsonl …            ─▶ read_answers ─▶ panoptic_map ─▶ PanopticMap
"""

from __future__ import annotations

import json
import os
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from pixwise.errors import DataError, PixwiseError, SourceError
from pixwise.evaluate.coco_panoptic import PanopticEntry, PanopticFile
from pixwise.evaluate.panoptic import Category, PanopticMap, Segment
from pixwise.registry import names
from pixwise.results import Detections, Panoptic, Poses, Result, result_from_dict

__all__ = [
    "answered_entries", "boxes_of", "coco_categories", "image_ids", "of_pictures", "paired_answers", "panoptic_map",
    "poses_of", "read_answers",
]  # fmt: skip

_LAST_THING = 90


def read_answers(path: str | os.PathLike[str]) -> list[Result]:
    """Answers as the command line writes them: `.jsonl`, one per line, or `.json`, one or a list.

    Raises:
        SourceError: it cannot be read.
        DataError: an entry is no answer: a picture that failed, or something else.
    """
    source = Path(path)
    try:
        text = source.read_text("utf-8-sig")
        lines = source.suffix.lower() in (".jsonl", ".ndjson")
        documents = [json.loads(line) for line in text.splitlines() if line.strip()] if lines else json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        why = getattr(error, "strerror", None) or error
        raise SourceError(f"{path}: expected answers as JSON, got {why}; check the path") from error
    listed = documents if isinstance(documents, list) else [documents]
    return [_answer(each, f"{path}, entry {place}") for place, each in enumerate(listed, 1)]


def _answer(document: Any, place: str) -> Result:
    if isinstance(document, dict) and "error" in document:
        raise DataError(f"{place}: must be an answer, got an error: {document['error']}; answer all pictures first")
    if not isinstance(document, dict) or "schema" not in document:
        raise DataError(f"{place}: must be an answer with a schema, got {str(document)[:60]}; ask with --jsonl")
    try:
        return result_from_dict(document)
    except PixwiseError as error:
        raise DataError(f"{place}: {error}") from error


def image_ids(images: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """File name without folder and ending → id of the picture; `images` as in a COCO file."""
    found: dict[str, int] = {}
    for image in images:
        name = PurePath(str(image.get("file_name", image["id"]))).stem
        if found.setdefault(name, image["id"]) != image["id"]:
            raise DataError(f"images: must have a file name each, got {name!r} twice; answers cannot be told apart")
    return found


def boxes_of(answers: Iterable[Result], truth: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of a COCO file of results: of answers of `detect`.

    Raises:
        DataError: a picture or a label is none of the truth's, or an answer is of another task.
    """
    images, kinds = image_ids(truth["images"]), _kinds(truth["categories"])
    rows = []
    for answer in answers:
        image = _image(answer, Detections, images)
        for label, score, box in zip(answer.labels, answer.scores, answer.boxes, strict=True):
            kind = _kind(label, kinds, answer)
            rows.append({"image_id": image, "category_id": kind, "score": float(score), "bbox": _xywh(box)})
    return rows


def poses_of(answers: Iterable[Result], truth: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of a COCO file of results: of answers of `pose`.

    The score of a pose is that of the person times the mean of its keypoints' scores. A keypoint that is not told lies
    in the middle of the person.

    Raises:
        DataError: a picture is none of the truth's, an answer is of another task, or the truth knows no person.
    """
    images, kinds = image_ids(truth["images"]), _kinds(truth["categories"])
    rows = []
    for answer in answers:
        image = _image(answer, Poses, images)
        for score, box, points, sure in zip(
            answer.scores, answer.boxes, answer.keypoints, answer.keypoint_scores, strict=True
        ):
            placed = np.where(np.isfinite(points), points, (box[:2] + box[2:]) / 2)
            told = np.column_stack([placed, np.ones(len(placed))]).ravel()
            rows.append({
                "image_id": image, "category_id": _kind("person", kinds, answer),
                "score": float(score * sure.mean()), "keypoints": [float(each) for each in told],
            })  # fmt: skip
    return rows


def panoptic_map(answer: Result, categories: Sequence[Category]) -> PanopticMap:
    """The segments of an answer of `panoptic`, their classes by their names.

    Raises:
        DataError: a label is none of the categories, or the answer is of another task.
    """
    _check_kind(answer, Panoptic)
    kinds = {category.name: category.id for category in categories}
    segments = (
        Segment(int(id), _kind(label, kinds, answer)) for id, label in zip(answer.ids, answer.labels, strict=True)
    )
    return PanopticMap(answer.map.open(), tuple(segments), answer.image.source)


def coco_categories() -> tuple[Category, ...]:
    """The 133 categories of COCO panoptic with COCO's own ids: 80 things up to 90, then 53 kinds of stuff."""
    return tuple(Category(id, name, id <= _LAST_THING) for id, name in enumerate(names("coco_panoptic")) if name)


def answered_entries(truth: PanopticFile, answers: Iterable[Result]) -> Iterator[tuple[PanopticEntry, PanopticMap]]:
    """Each picture of the truth, and the segments that were found in it.

    Raises:
        DataError: a picture was not answered, or as `panoptic_map`.
    """
    known = {PurePath(answer.image.source).stem: answer for answer in answers}
    for entry in truth.entries:
        if entry.path.stem not in known:
            raise DataError(f"answers: must be of each picture of the truth, got none of {entry.path.stem}; ask for it")
    return ((entry, panoptic_map(known[entry.path.stem], truth.categories)) for entry in truth.entries)


def paired_answers(truth: PanopticFile, answers: Iterable[Result]) -> Iterator[tuple[PanopticMap, PanopticMap]]:
    """True and found segments of each picture of the truth, its maps opened one after the other."""
    return ((entry.open(), map) for entry, map in answered_entries(truth, answers))


def of_pictures(answers: Iterable[Result], names: Container[str]) -> tuple[list[Result], list[str]]:
    """Answers of pictures with these names, without folder and ending; and the sources of the others."""
    kept, left_out = [], []
    for answer in answers:
        known = PurePath(answer.image.source).stem in names
        (kept if known else left_out).append(answer if known else answer.image.source)
    return kept, left_out


def _kinds(categories: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    return {str(each.get("name", each["id"])): each["id"] for each in categories}


def _kind(label: str, kinds: Mapping[str, int], answer: Result) -> int:
    if label not in kinds:
        raise DataError(
            f"{answer.image.source}: labels must be names of the truth's categories, got {label!r}; "
            "name both alike, or ask for the labels that are there"
        )
    return kinds[label]


def _check_kind(answer: Result, kind: type[Result]) -> None:
    if not isinstance(answer, kind):
        raise DataError(
            f"{answer.image.source}: answer must be {kind.__name__}, got {type(answer).__name__}; ask the task for it"
        )


def _image(answer: Result, kind: type[Result], images: Mapping[str, int]) -> int:
    _check_kind(answer, kind)
    name = PurePath(answer.image.source).stem
    if name not in images:
        raise DataError(f"{answer.image.source}: must be a picture of the truth, got none of this name; leave it out")
    return images[name]


def _xywh(box: np.ndarray) -> list[float]:
    x1, y1, x2, y2 = map(float, box)
    return [x1, y1, x2 - x1, y2 - y1]
