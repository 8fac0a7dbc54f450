"""The options of a task as a pydantic model, made from its fields: what a request may say, and nothing else.

Options that name files (a gallery, a policy) take the names that the operator gave them.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from pixwise.docstrings import documented, plain_hint
from pixwise.errors import OptionError, nearest
from pixwise.policy import policies
from pixwise.serve.settings import Settings
from pixwise.task import Task
from pixwise.task_table import TASKS, task_class

__all__ = ["checked_options", "faults_of", "option_model"]

_NAMED = {"gallery": "galleries", "policy": "policies"}  # option → the setting that says which names there are


def option_model(task: str) -> type[BaseModel]:
    """The options of a task."""
    cls = task_class(task)
    told, hints = documented(cls), typing.get_type_hints(cls)
    specs = {spec.name: spec for spec in fields(cls) if spec.name in cls.option_names()}
    made: dict[str, Any] = {name: _field(hints[name], spec, told.get(name, "")) for name, spec in specs.items()}
    for need in (TASKS[task].words,):
        if need:
            made[need] = (made[need][0], Field(..., description=told.get(need, ""), min_length=1))
    return create_model(f"{cls.__name__}Options", __config__=ConfigDict(extra="forbid"), **made)


def _field(hint: Any, spec: Any, told: str) -> tuple[Any, Any]:
    default = spec.default if spec.default is not MISSING else spec.default_factory()
    kind = str if spec.name in _NAMED else plain_hint(hint)
    if Any in (hint, *typing.get_args(hint)):  # of several forms: the task says which, and checks them
        return Any, Field(None, description=told)
    if typing.get_origin(kind) is tuple:
        one = typing.get_args(kind)[0]
        kind, default = Annotated[list[one], BeforeValidator(_listed)], list(default or ())
    if default is None or hint != plain_hint(hint):
        kind = kind | None if default is None else kind
    return kind, Field(default, description=told)


def _listed(value: Any) -> Any:
    """One text is a list of one."""
    return [value] if isinstance(value, str) else value


def checked_options(task: str, given: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """The options of a request in their types, only those that were given.

    Raises:
        OptionError: one is unknown, missing, or of another type; all are named.
    """
    model = _model(task)
    try:
        read = model.model_validate(dict(given))
    except ValidationError as error:
        raise OptionError("; ".join(faults_of(error, model.model_fields))) from error
    named = {name: getattr(read, name) for name in read.model_fields_set}
    return {name: _resolved(task_class(task), name, value, settings) for name, value in named.items()}


_MODELS: dict[str, type[BaseModel]] = {}


def _model(task: str) -> type[BaseModel]:
    if task not in _MODELS:
        _MODELS[task] = option_model(task)
    return _MODELS[task]


def _resolved(cls: type[Task], name: str, value: Any, settings: Settings) -> Any:
    if name in _NAMED:
        return _of_name(name, value, settings)
    return tuple(value) if isinstance(value, list) else value


def _of_name(option: str, name: str, settings: Settings) -> Any:
    """The file that the operator gave a name."""
    table: dict[str, str] = getattr(settings, _NAMED[option])
    known = {**({each: each for each in policies()} if option == "policy" else {}), **table}
    if name in known:
        return known[name]
    if not known:
        raise OptionError(f"{option} must be one that is served, got {name!r:.80}; this service has none")
    raise OptionError(f"{option} must be one that is served, got {name!r:.80}; {nearest(name[:80], known)}")


def faults_of(error: ValidationError, known: Sequence[str] | Mapping[str, Any]) -> list[str]:
    """Each fault in our form."""
    told = []
    for fault in error.errors():
        name = ".".join(str(part) for part in fault["loc"] if part != "function-before[_listed(), list[str]]")
        if fault["type"] == "extra_forbidden":
            told.append(f"option must be known, got {name[:80]!r}; {nearest(name[:80], known)}")
        elif fault["type"] == "missing":
            told.append(f"{name} must be given, got none")
        else:
            told.append(f"{name} must be as described, got {fault['input']!r:.80}: {fault['msg']}")
    return told
