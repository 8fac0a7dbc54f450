"""Many questions about a picture, asked by the service: what `px.analyze` answers, through the crew and the batcher.

    asked_of(body) ─▶ planned: which model, or why none ─▶ readied: loaded ─▶ per picture: analysis_of ─▶ JSON

One picture is opened and decoded once for all its tasks. A task that fails, or has no model here, says so in its place;
a picture that fails is a problem in its place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pixwise.analysis import Analysis, Outcome
from pixwise.errors import ModelMissingError, OptionError, PixwiseError, nearest
from pixwise.results import ImageInfo
from pixwise.serve.asking import Ask, Busy, Cancelled, Expired
from pixwise.serve.bodies import Pictures
from pixwise.serve.options import checked_options
from pixwise.serve.problems import Problem, problem_body, problem_of
from pixwise.serve.service import Encoded, Question, Service, Source, encoded
from pixwise.serve.settings import Settings
from pixwise.serve.stock import Chosen
from pixwise.serve.strict_json import read_json
from pixwise.task_table import ANALYSED, TASKS

__all__ = ["Asked", "Plan", "analysis_of", "answer_json", "asked_of", "drawn", "planned", "problem_json", "readied"]

_ALL_ENDED = (Busy, Expired, Cancelled)  # what ends a request, not a task of it


@dataclass(frozen=True)
class Asked:
    """One question about every picture: a task, the model that is named, its options as JSON has them."""

    task: str
    model: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """Who answers a question, or why nobody does.

    Attributes:
        asked: the question; its options are in the task's types.
        chosen: the model; None where there is none.
        status, message: of the outcome, while there is no model.
    """

    asked: Asked
    chosen: Chosen | None
    status: str = "ok"
    message: str = ""


def asked_of(pictures: Pictures) -> tuple[Asked, ...]:
    """The questions of a body.

    Raises:
        Problem, OptionError: a task is unknown, comes twice, or is told in another form.
    """
    for name in pictures.asked:
        if name != "tasks":
            raise Problem(
                422, f"body must have pictures and tasks, got {name[:80]!r}; options go with their task", "body"
            )
    told = pictures.asked.get("tasks")
    told = _of_words(told) if pictures.words and told else told
    if told is None:
        return tuple(map(Asked, ANALYSED))
    if not isinstance(told, list) or not told:
        raise Problem(422, 'tasks must be a list such as ["ocr", {"task": "detect"}], got another form', "body")
    asked = tuple(map(_asked, told))
    names = [each.task for each in asked]
    twice = next((name for name in names if names.count(name) > 1), "")
    if twice:
        raise OptionError(f"tasks must differ, got {twice!r} twice; ask the second one alone")
    return asked


def _of_words(words: Sequence[str]) -> Any:
    """Tasks of a query or a form: JSON, or names with commas between."""
    if len(words) == 1 and words[0].lstrip().startswith("["):
        return read_json(words[0], "tasks")
    return [name.strip() for word in words for name in word.split(",") if name.strip()]


def _asked(told: Any) -> Asked:
    told = {"task": told} if isinstance(told, str) else told
    forms = {"task": str, "model": str, "options": dict}
    fits = isinstance(told, dict) and "task" in told and set(told) <= set(forms)
    if not fits or not all(isinstance(value, forms[name]) for name, value in told.items()):
        raise Problem(422, 'task must be a name or {"task": …, "model": …, "options": {…}}, got another form', "body")
    if told["task"] not in TASKS:
        raise OptionError(f"task must be known, got {told['task'][:80]!r}; {nearest(told['task'][:80], TASKS)}")
    return Asked(**told)


def planned(service: Service, asked: Sequence[Asked], settings: Settings) -> list[Plan]:
    """Choose models; whatever is wrong with the request is found here, before anything is decoded.

    Raises:
        OptionError, UnknownModelError, CardError: the request cannot be answered as it is.
    """
    plans = []
    for each in asked:
        try:
            each = replace(each, options=checked_options(each.task, each.options, settings))
            chosen = service.choose(Question(each.task, Source(), each.model, each.options))
            plans.append(Plan(each, chosen, message=chosen.note))
        except ModelMissingError as error:
            plans.append(Plan(each, None, "skipped", str(error)))
        except OptionError as error:
            raise OptionError(f"{each.task}: {error}") from error
    return plans


async def readied(service: Service, plans: Sequence[Plan], ask: Ask) -> list[Plan]:
    """Load the models; one that cannot be loaded fails its own task."""
    ready = []
    for plan in plans:
        try:
            if plan.chosen:
                await service.stock.ready(plan.chosen, ask)
            ready.append(plan)
        except _ALL_ENDED:
            raise
        except Exception as error:
            ready.append(replace(plan, chosen=None, status="error", message=problem_of(error).detail))
    return ready


def analysis_of(service: Service, ask: Ask, picture: Any, plans: Sequence[Plan]) -> Analysis:
    """All answers about an open picture; in a thread of the crew."""
    with ask.step("decode"):
        picture.image()  # a broken picture fails here, once, not in every task
    results = {plan.asked.task: _outcome(service, ask, picture, plan) for plan in plans}
    return Analysis(image=ImageInfo(picture.source, picture.width, picture.height, picture.sha256), results=results)


def _outcome(service: Service, ask: Ask, picture: Any, plan: Plan) -> Outcome:
    if plan.chosen is None:
        return Outcome(status=plan.status, message=plan.message)
    try:
        ask.check()
        result = service.ask(ask, plan.chosen, plan.asked.options, picture)
        return Outcome(status="ok", result=result, message=plan.message)
    except _ALL_ENDED:
        raise
    except Exception as error:
        return Outcome(status="error", message=problem_of(error).detail)


def answer_json(service: Service, ask: Ask, source: Source | PixwiseError, plans: Sequence[Plan], name: str) -> bytes:
    """One picture's place in the answer, as JSON; in a thread of the crew."""
    if isinstance(source, PixwiseError):
        raise source
    with service.opened(ask, source) as picture:
        analysis = analysis_of(service, ask, picture, plans)
    with ask.step("encode"):
        return _json({"name": name, "status": "ok", "analysis": analysis.to_dict()})


def problem_json(error: BaseException, name: str) -> bytes:
    """The place of a picture that has no answer."""
    return _json({"name": name, "status": "error", "problem": problem_body(problem_of(error))})


def drawn(service: Service, ask: Ask, source: Source, plans: Sequence[Plan], media: str) -> Encoded:
    """One picture with all answers drawn into it; in a thread of the crew."""
    with service.opened(ask, source) as picture:
        return encoded(analysis_of(service, ask, picture, plans), picture, media)


def _json(told: Any) -> bytes:
    return json.dumps(told, ensure_ascii=False, allow_nan=False).encode()
