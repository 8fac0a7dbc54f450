"""The operations of the compatible API, as a table: what each is, what it looks at, and what plans it.

    plan(desk, params) ─▶ the models that it needs are chosen ─▶ answer(look) ─▶ data

A plan runs before anything is opened or loaded, so that what cannot be done is known at once; `answer` runs in a
thread, when the models are there. Which model answers is the setting `models`, under the name of the operation, of what
stands out (`prominent_person`, `prominent_face`), or of the task.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pixwise.collections.collection import Collection
from pixwise.collections.focus import Space
from pixwise.errors import OptionError, UnknownModelError
from pixwise.results import Embedding, Result
from pixwise.serve.prominence import TARGETS, Part, Prominence
from pixwise.serve.service import encoded
from pixwise.task_table import TASKS
from pixwise.tasks.caption import tokens_within

if TYPE_CHECKING:
    from pixwise.serve.compatible_answers import Desk

__all__ = ["LENGTH", "OPERATIONS", "Answer", "Look", "Operation", "Skipped", "described", "task_params"]

Params = Mapping[str, Any]
LENGTH = 50  # tokens of a description, unless the request says otherwise
_OURS = ("target", "face_context", "model")  # params that are no options of a task


class Skipped(Exception):
    """An operation that is not done, and why."""


class Look(NamedTuple):
    """What an operation looks at.

    Attributes:
        prominence: of the picture.
        target: what was asked for.
        context: where faces are looked for.
        part: the target; the whole picture where nothing is cut.
    """

    prominence: Prominence
    target: str
    context: str
    part: Part


Answer = Callable[[Look], Any]


@dataclass(frozen=True)
class Operation:
    """An operation.

    Attributes:
        description: for whoever reads the list.
        plan: chooses models, and gives what answers.
        allowed_targets: what it can look at.
        default_target: what it looks at unless told otherwise.
        cuts: it is given the target as a picture of its own.
    """

    description: str
    plan: Callable[[Desk, Params], Answer]
    allowed_targets: tuple[str, ...] = TARGETS
    default_target: str = "whole_image"
    cuts: bool = True


def described() -> dict[str, dict[str, Any]]:
    """The table as clients read it."""
    return {
        name: {
            "description": each.description,
            "allowed_targets": list(each.allowed_targets),
            "default_target": each.default_target,
        }
        for name, each in OPERATIONS.items()
    }


def task_params(params: Params) -> tuple[str, dict[str, Any]]:
    """The model that is named, or none, and the options of a task."""
    model = params.get("model")
    model = "" if model is None else model
    if not isinstance(model, str):
        raise OptionError(f"model must be a string, got {model!r:.80}; GET /v1/models has their names")
    return model, {name: value for name, value in params.items() if name not in _OURS}


def _boxes(desk: Desk, params: Params) -> Answer:
    """The box of the target, or nothing; the desk has chosen what finds it."""

    def answer(look: Look) -> list[int] | None:
        person = look.target == "prominent_person"
        box = look.prominence.person() if person else look.prominence.face_box(look.context)
        return None if box is None else list(box)

    return answer


def _vector(desk: Desk, params: Params, *, setting: str, model: str) -> Answer:
    """The target as a vector."""
    errand = desk.choose("embed", setting=setting, default=model)
    return lambda look: desk.answer(errand, look.part).vector.tolist()


def _named_vector(desk: Desk, params: Params) -> Answer:
    """The target as a vector of the model that the request names."""
    named, _ = task_params(params)
    errand = desk.choose("embed", named, setting="embed_clip", default="clip-b32")
    return lambda look: desk.answer(errand, look.part).vector.tolist()


def _face_vector(desk: Desk, params: Params) -> Answer:
    """The most certain face as a vector; it is laid on its landmarks, which are those of the whole picture."""
    errand = desk.choose("identify", setting="embed_auraface", default="auraface")

    def answer(look: Look) -> list[float]:
        faces = look.prominence.face(look.context)
        told = desk.answer(errand, look.prominence.whole, faces=faces)
        return told.vectors[0].tolist()

    return answer


def _description(desk: Desk, params: Params) -> Answer:
    """The target in words; a model that has room for fewer says fewer."""
    length = params.get("max_length")
    length = LENGTH if length is None else length
    if not isinstance(length, int) or isinstance(length, bool) or length < 1:
        raise OptionError(f"max_length must be a whole number of tokens from 1 up, got {length!r:.80}")
    chosen = desk.choose("caption", setting="describe_image").chosen
    most = tokens_within(chosen.card.options, length)
    errand = desk.choose("caption", setting="describe_image", options={"max_tokens": most})
    return lambda look: desk.answer(errand, look.part).text


def _membership(desk: Desk, params: Params) -> Answer:
    """Whether the target is in a collection."""
    collection = _collection(desk, params.get("collection_id"))
    errands = [desk.choose("embed", folder_or_id=model) for model in collection.models]

    def answer(look: Look) -> dict[str, Any]:
        seen = [desk.answer(errand, look.part) for errand in errands]
        collection.check_spaces(
            tuple(Space.of(errand.chosen.card, one.dimension) for errand, one in zip(errands, seen, strict=True))
        )
        return _verdict(collection, seen)

    return answer


def _collection(desk: Desk, id: Any) -> Collection:
    if id is None:
        raise OptionError("collection_id must be given, got none; it is a whole number")
    if not isinstance(id, int | str) or isinstance(id, bool):
        raise OptionError(f"collection_id must be a whole number, got {id!r:.80}")
    try:
        return desk.shelf.best(id)
    except UnknownModelError as error:
        raise Skipped(f"No classifier found for collection_id {id!r:.80}; {_known(desk)}.") from error


def _known(desk: Desk) -> str:
    known = desk.shelf.ids()
    return f"known are {', '.join(known[:20])}{', …' if len(known) > 20 else ''}" if known else "there are none yet"


def _verdict(collection: Collection, seen: list[Embedding]) -> dict[str, Any]:
    share = float(collection.probabilities(np.concatenate([one.vector for one in seen])[None])[0])
    return {"is_in_collection": share >= 0.5, "probability": share}


def _told(desk: Desk, params: Params, *, setting: str, task: str) -> Answer:
    """The answer of a task as the library and /v1 tell it, in the pixels of the whole picture."""
    errand = desk.choose_told(setting, task, params)
    if task == "identify":
        finder = desk.choose("faces", setting="prominent_face")
        ask = lambda part: desk.answer(errand, part, faces=desk.answer(finder, part))  # noqa: E731
    else:
        ask = lambda part: desk.answer(errand, part)  # noqa: E731
    return lambda look: _without_image(look.prominence.to_whole(ask(look.part), look.part))


def _without_image(result: Result) -> dict[str, Any]:
    return {key: part for key, part in result.to_dict().items() if key != "image"}


def _cut_out(desk: Desk, params: Params) -> Answer:
    """The target without its background, as PNG in base64."""
    errand = desk.choose_told("remove_background", "background", params)

    def answer(look: Look) -> str:
        image = encoded(desk.answer(errand, look.part), look.part.picture, "image/png")
        return base64.b64encode(image.body).decode("ascii")

    return answer


def _task(setting: str, task: str, description: str) -> dict[str, Operation]:
    """An operation that is a task; nothing where there is no such task."""
    return {setting: Operation(description, partial(_told, setting=setting, task=task))} if task in TASKS else {}


_DINO = partial(_vector, setting="embed_dino_v2", model="dinov2-base")
_CLIP = partial(_vector, setting="embed_clip_vit_b_32", model="clip-b32")
OPERATIONS: dict[str, Operation] = {
    "detect_bounding_box": Operation(
        "The box [xmin, ymin, xmax, ymax] of the most certain person or face; null when there is none.",
        _boxes, ("prominent_person", "prominent_face"), "prominent_person", cuts=False,
    ),
    "embed_clip_vit_b_32": Operation("A vector of 512 numbers by CLIP ViT-B/32: near where the meaning is alike.",
                                     _CLIP),
    "embed_dino_v2": Operation("A vector by DINOv2: near where the look is alike.", _DINO),
    "classify": Operation("Whether the target is in the collection collection_id, by its trained classifier.",
                          _membership),
    "describe_image": Operation(f"The target in words, of at most max_length tokens ({LENGTH}).", _description),
    "embed_auraface": Operation("A vector of the most certain face: near where the person is the same.",
                                _face_vector, ("prominent_face",), "prominent_face"),
    "embed_clip": Operation("A vector by the CLIP model that the parameter model names.", _named_vector),
    **_task("detect_objects", "detect", "Objects: boxes with labels and scores."),
    **_task("detect_faces", "faces", "Faces: boxes, scores and landmarks."),
    **_task("identify_faces", "identify", "Faces as vectors, and whose they are by the gallery that is named."),
    **_task("find_objects", "find", "Boxes for labels of your own: labels is a list of words."),
    **_task("read_text", "ocr", "Printed text: lines with boxes and scores."),
    **_task("read_codes", "codes", "QR and bar codes: what they say, and where they are."),
    **_task("classify_labels", "classify", "What the target shows, of the labels that the model knows."),
    **_task("zero_shot", "zeroshot", "Which of your own labels fits the target: labels is a list of words."),
    **_task("moderate", "moderate", "What a policy says of the target: allow, review or block."),
    **_task("measure_quality", "quality", "Sharpness, exposure, contrast, noise and dominant colours."),
    **({"remove_background": Operation("The target without its background: a PNG in base64.", _cut_out)}
       if "background" in TASKS else {}),
}  # fmt: skip
