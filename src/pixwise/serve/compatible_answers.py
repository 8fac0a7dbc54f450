"""From the tasks of one request of the compatible API to their results.

    tasks ─▶ plan: models are chosen ─▶ load ─▶ crew: picture opened once ─▶ steps, together ─▶ results

What goes wrong with one task is that task's result; only what is wrong with the picture, or with the request as a
whole, ends it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pixwise.collections.shelf import Shelf
from pixwise.errors import PictureError
from pixwise.loading import load_card
from pixwise.picture import Picture
from pixwise.results import Faces, Result
from pixwise.serve.asking import Ask, Busy, Cancelled, Expired
from pixwise.serve.compatible_operations import OPERATIONS, Answer, Look, Operation, Skipped, task_params
from pixwise.serve.options import checked_options
from pixwise.serve.problems import problem_of
from pixwise.serve.prominence import CONTEXTS, Part, Prominence
from pixwise.serve.service import Service, Source
from pixwise.serve.stock import Chosen
from pixwise.serve.together import Helpers, Once
from pixwise.task_table import task_class

__all__ = ["Asked", "Desk", "Errand", "analyzed"]

_OF_ALL = (Busy, Expired, Cancelled, PictureError)  # what ends the request, not only one of its tasks


@dataclass(frozen=True)
class Asked:
    """A task of a request, as it came.

    Attributes:
        id: under which its result is told.
        type: of operation.
        params: of it.
    """

    id: str
    type: str
    params: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Errand:
    """A model, and what it is asked.

    Attributes:
        chosen: the model.
        options: of the task.
    """

    chosen: Chosen
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, ...]:
        """Errands of one key have one answer."""
        told = json.dumps(dict(self.options), sort_keys=True, default=str)
        return self.chosen.task, str(self.chosen.model), told


class Desk:
    """The models of one request: chosen, then loaded, then asked, each once about each part of the picture."""

    def __init__(self, service: Service, ask: Ask):
        self.service, self.ask = service, ask
        self.once = Once(service.traffic)
        self.shelf = Shelf(service.settings.collections or None)
        self._chosen: dict[tuple[str, str], Chosen] = {}
        self._failed: dict[tuple[str, str], BaseException] = {}

    def choose(
        self,
        task: str,
        model: str = "",
        *,
        setting: str = "",
        default: str = "",
        folder_or_id: str = "",
        options: Mapping[str, Any] | None = None,
    ) -> Errand:
        """A model for a task; that its options fit is checked now.

        Args:
            task: its name.
            model: as the request names it.
            setting: under which name the operator may have set one.
            default: the one that answers otherwise; empty for that of the task.
            folder_or_id: one that is known to a trained collection; it may be a folder, which no request can name.
            options: of the task.

        Raises:
            PixwiseError: there is none; the message says what to do.
        """
        options = options or {}
        if Path(folder_or_id).is_absolute():
            chosen = Chosen(task, Path(folder_or_id), load_card(folder_or_id, task, offline=True))
        else:
            name = folder_or_id or model or self.service.settings.models.get(setting, "") or default
            chosen = self.service.stock.choose(task, name)
        task_class(task).check(chosen.card, options)
        return Errand(self._chosen.setdefault((task, str(chosen.model)), chosen), options)

    def choose_told(self, setting: str, task: str, params: Mapping[str, Any]) -> Errand:
        """A model for an operation that is a task, with the options that the request gives it."""
        model, given = task_params(params)
        options = checked_options(task, given, self.service.settings)
        return self.choose(task, model, setting=setting, options=options)

    async def load(self) -> None:
        """Load what was chosen; a model that cannot be loaded fails those that need it, when they ask it."""
        known = {"faces": _not_asked}  # faces are found here, by a model of their own
        loading = [self.service.stock.ready(chosen, self.ask, known) for chosen in self._chosen.values()]
        told = await asyncio.gather(*loading, return_exceptions=True)
        for key, error in zip(self._chosen, told, strict=True):
            if isinstance(error, Exception) and not isinstance(error, _OF_ALL):
                self._failed[key] = error
            elif isinstance(error, BaseException):
                raise error

    def answer(self, errand: Errand, part: Part, *, faces: Faces | None = None) -> Any:
        """The answer of a model about a part of the picture; in a thread.

        Args:
            errand: what is asked.
            part: of what.
            faces: that are known already, for a task that needs them.
        """
        failed = self._failed.get((errand.chosen.task, str(errand.chosen.model)))
        if failed is not None:
            raise failed
        known = () if faces is None else (faces.boxes.tobytes(), faces.landmarks.tobytes())
        return self.once((*errand.key, part.box, known), lambda: self._asked(errand, part, faces))

    def _asked(self, errand: Errand, part: Part, faces: Faces | None) -> Result:
        options = dict(errand.options)
        if faces is not None:
            options["helpers"] = {"faces": lambda picture: faces}
        return self.service.ask(self.ask, errand.chosen, options, part.picture)

    def finders(self, target: str, context: str) -> Finders:
        """What finds a target; chosen only where it is needed."""
        person = target == "prominent_person" or (target == "prominent_face" and context == "prominent_person")
        if person:  # also that it knows what a person is
            self.choose("detect", setting="prominent_person", options={"labels": ("person",)})
        return Finders(
            self.choose("detect", setting="prominent_person") if person else None,
            self.choose("faces", setting="prominent_face") if target == "prominent_face" else None,
        )


def _not_asked(picture: Picture) -> Result:
    raise AssertionError("faces are given with each errand that needs them")


class Finders(NamedTuple):
    """What finds persons and faces, where a request needs them."""

    persons: Errand | None = None
    faces: Errand | None = None

    def joined(self, other: Finders) -> Finders:
        """Those of both; there is one of each in a request."""
        return Finders(self.persons or other.persons, self.faces or other.faces)


class _Planned(NamedTuple):
    """A task that can be done."""

    id: str
    operation: Operation
    target: str
    context: str
    finders: Finders
    answer: Answer


async def analyzed(service: Service, helpers: Helpers, ask: Ask, source: Source, asked: Sequence[Asked]) -> bytes:
    """The answer to a request, as JSON.

    Args:
        service: what stands behind.
        helpers: of its threads.
        ask: on whose behalf.
        source: the picture; its name is what the answer calls it.
        asked: the tasks, each under another id.

    Raises:
        SourceError, PictureError, Busy, Expired, Cancelled: of the request as a whole.
    """
    desk = Desk(service, ask)
    results: dict[str, dict[str, Any]] = {each.id: {} for each in asked}  # in the order of the request
    planned = await asyncio.to_thread(lambda: [step for each in asked if (step := _plan(desk, each, results))])
    await desk.load()
    return await service.crew.do(ask, lambda: _answer_all(desk, helpers, source, planned, results))


def _plan(desk: Desk, asked: Asked, results: dict[str, dict[str, Any]]) -> _Planned | None:
    """What is to be done for a task; None where its result is known already: that it cannot be done."""
    try:
        operation, target, context = _checked(asked)
        answer = operation.plan(desk, asked.params)
        return _Planned(asked.id, operation, target, context, desk.finders(target, context), answer)
    except _OF_ALL:
        raise
    except Exception as error:  # it is this task's own
        results[asked.id] = _failed(error)
        return None


def _checked(asked: Asked) -> tuple[Operation, str, str]:
    """The operation, its target and where faces are looked for."""
    if asked.type not in OPERATIONS:
        raise Skipped(f"Unsupported operation type {asked.type!r:.80}; allowed are {', '.join(OPERATIONS)}.")
    operation = OPERATIONS[asked.type]
    target = asked.params.get("target")
    target = operation.default_target if target is None else target
    if target not in operation.allowed_targets:
        allowed = ", ".join(operation.allowed_targets)
        raise Skipped(f"Unsupported target {target!r:.80} for {asked.type!r}; allowed are {allowed}.")
    context = asked.params.get("face_context")
    context = CONTEXTS[0] if context is None else context
    if context not in CONTEXTS:
        raise Skipped(f"Unsupported face_context {context!r:.80}; allowed are {', '.join(CONTEXTS)}.")
    return operation, target, context


def _answer_all(
    desk: Desk, helpers: Helpers, source: Source, planned: Sequence[_Planned], results: dict[str, dict[str, Any]]
) -> bytes:
    """Open the picture, do what was planned, and tell all results; in a thread of the crew."""
    with desk.service.opened(desk.ask, source) as picture:
        if any(step.operation.cuts and step.target != "whole_image" for step in planned) or not planned:
            with desk.ask.step("decode"):
                picture.image()  # all of it: cuts are made of it, and a broken one is told even where nothing is asked
        prominence = _prominence(desk, picture, planned)
        ended: list[Exception] = []

        def take(step: _Planned) -> None:
            try:
                results[step.id] = _result(desk, prominence, step)
            except Exception as error:  # of the picture or the whole request
                ended.append(error)

        helpers.do(desk.ask, [lambda step=step: take(step) for step in _ordered(planned)])
    if ended:
        raise ended[0]
    with desk.ask.step("encode"):
        told = {"image_url": source.name, "results": results}
        return json.dumps(told, ensure_ascii=False, allow_nan=False).encode()


def _prominence(desk: Desk, picture: Picture, planned: Sequence[_Planned]) -> Prominence:
    finders = Finders()
    for step in planned:
        finders = finders.joined(step.finders)
    return Prominence(
        picture,
        lambda part: desk.answer(finders.persons, part),
        lambda part: desk.answer(finders.faces, part),
        desk.once,
        desk.service.limits,
    )


def _ordered(planned: Sequence[_Planned]) -> list[_Planned]:
    """One that finds the person or the face, then those that look at the whole picture, then those that would wait."""
    finding = [step for step in planned if step.target != "whole_image"]
    return [*finding[:1], *(step for step in planned if step.target == "whole_image"), *finding[1:]]


def _result(desk: Desk, prominence: Prominence, step: _Planned) -> dict[str, Any]:
    """The result of a task: its answer, or why there is none."""
    try:
        desk.ask.check()
        part = prominence.part(step.target, step.context) if step.operation.cuts else prominence.whole
        if part is None:
            where = "the most certain person" if step.context == "prominent_person" else "the whole image"
            raise Skipped(f"No prominent face found in {where} for operation {step.id!r}.")
        data = step.answer(Look(prominence, step.target, step.context, part))
        with desk.ask.step("crop"):
            crop = {} if part.box is None else {"box": list(part.box), "png": prominence.png(part)}
        return _told("success", data=data, **crop)
    except _OF_ALL:
        raise
    except Exception as error:  # it is this task's own
        return _failed(error)


def _failed(error: Exception) -> dict[str, Any]:
    if isinstance(error, Skipped):
        return _told("skipped", message=str(error))
    return _told("error", message=problem_of(error).detail)


def _told(
    status: str, *, data: Any = None, box: list[int] | None = None, png: str | None = None, message: str | None = None
) -> dict[str, Any]:
    """A result as clients know it: all five keys are always there."""
    return {
        "status": status,
        "data": data,
        "cropped_image_bbox": box,
        "cropped_image_base64": png,
        "error_message": message,
    }
