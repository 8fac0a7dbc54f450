"""The options of a task as a pydantic model, made from its fields: what a request may say, and nothing else.

    fields of the task ─▶ option_model ─▶ checked_options(JSON, words of a query or form) ─▶ what the task takes
                                       └▶ the description of the service: types, ranges, defaults, meanings

JSON is read strictly ("5" is no number), words are read as what they stand for. Options that name files (a gallery, a
policy) take the names that the operator gave them; what can only be had in Python (a mask) is no option here.
"""

from __future__ import annotations

import functools
import json
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from dataclasses import Field as Spec
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter, ValidationError, create_model

from pixwise import registry
from pixwise.docstrings import documented
from pixwise.errors import OptionError, PixwiseError, nearest
from pixwise.policy import policies
from pixwise.serve.settings import Settings
from pixwise.task_table import TASKS, task_class

__all__ = ["MOST_WORDS", "checked_options", "faults_of", "option_model"]

_NAMED = {"gallery": "galleries", "policy": "policies"}  # option → the setting that says which names there are
_MOST = 2**53  # whole numbers beyond are not told exactly by JSON of other languages
_ITEMS = 10_000  # of a list of texts; each costs a run of a model
MOST_WORDS = 100  # of one option in a query, whose length has an end
_RANGE = re.compile(r"must be a number from (\S+) to (\S+), got")
_PICTURE = Annotated[str, Field(pattern=r"^(data:image/(png|jpeg|webp);base64,.*)?$")]
_KINDS = {int: Annotated[int, Field(ge=-_MOST, le=_MOST)], float: FiniteFloat}


@functools.cache
def option_model(task: str) -> type[BaseModel]:
    """The options of a task."""
    cls = task_class(task)
    told, hints = documented(cls), typing.get_type_hints(cls)
    needed = {TASKS[task].words}
    specs = [spec for spec in fields(cls) if spec.name in cls.option_names() and _is_asked(spec)]
    made: dict[str, Any] = {
        spec.name: _field(task, spec, hints[spec.name], told.get(spec.name, ""), spec.name in needed) for spec in specs
    }
    return create_model(f"{cls.__name__}Options", __config__=ConfigDict(extra="forbid"), **made)


def _is_asked(spec: Spec) -> bool:
    """The option can be told in JSON: as the command line has it, or as a picture."""
    return spec.metadata.get("cli", True) or spec.metadata.get("http") == "picture"


def _field(task: str, spec: Spec, hint: Any, told: str, needed: bool) -> tuple[Any, Any]:
    default = spec.default if spec.default is not MISSING else spec.default_factory()
    if spec.metadata.get("http") == "picture":  # never a path: that would be one of this machine
        return _PICTURE, Field("", description=f"{told} Here a data address of a picture.".strip())
    if spec.name in _NAMED:
        kind: Any = str
        told = f"{told} Here the name that the operator gave it.".strip()
    else:
        kind = _kind(hint, **_range_of(task, spec.name, hint))
    if needed:
        return kind, Field(..., description=told, min_length=1)
    default = list(default) if isinstance(default, tuple) else default
    return (kind | None if default is None else kind), Field(default, description=told)


def _kind(hint: Any, **bounds: float) -> Any:
    """What JSON must bring for an annotation: lists for tuples, bounded numbers; `Any` and None say nothing."""
    args = [arg for arg in typing.get_args(hint) if arg not in (Any, type(None), Ellipsis)]
    origin = typing.get_origin(hint)
    if origin is typing.Literal or hint in (str, bool):
        return hint
    if origin is tuple and typing.get_args(hint)[-1] is Ellipsis:
        several = list[_kind(args[0])]
        return Annotated[several, Field(max_length=_ITEMS)] if args[0] is str else several
    if origin is tuple:
        return tuple[tuple(_kind(arg) for arg in args)]
    if Any in typing.get_args(hint) and typing.get_origin(args[0]) is tuple:  # several of them, or lists of several
        several = _kind(args[0])
        lists = several | list[several]
        one = typing.get_args(args[0])[0]
        return _kind(one) | lists if typing.get_origin(one) is tuple else lists
    if args:
        return functools.reduce(lambda one, other: one | other, (_kind(arg, **bounds) for arg in args))
    if hint not in _KINDS:
        raise TypeError(f"option of type {hint!r} must have a form in JSON, got none; add it to serve/options.py")
    return Annotated[_KINDS[hint], Field(**bounds)] if bounds else _KINDS[hint]


def _range_of(task: str, name: str, hint: Any) -> dict[str, float]:
    """The range of a number, as the task tells it to who leaves it: it is written down once, in `check_options`."""
    cls, words = task_class(task), TASKS[task].words
    card = next(iter(registry.cards(task)), None)
    is_number = {int, float} & {hint, *typing.get_args(hint)}
    for far in (10**15, -(10**15)) if card is not None and is_number else ():
        try:
            cls.check(card, {**({words: ("a",)} if words else {}), name: far})
        except PixwiseError as error:
            found = _RANGE.search(str(error))
            if found and str(error).startswith(f"{name} must"):
                return {"ge": _number(found[1]), "le": _number(found[2])}
    return {}


def _number(told: str) -> float:
    return int(float(told)) if float(told).is_integer() else float(told)


def checked_options(
    task: str, given: Mapping[str, Any], settings: Settings, words: Mapping[str, Sequence[str]] | None = None
) -> dict[str, Any]:
    """The options of a request in their types, only those that were given.

    Args:
        task: its name.
        given: in JSON's types.
        settings: know what the operator named.
        words: options of a query or a form, each as often as it came.

    Raises:
        OptionError: one is unknown, missing, or of another type; all are named.
    """
    model = option_model(task)
    try:
        read_words = {name: _of_words(model, name, said) for name, said in (words or {}).items()}
        read = model.model_validate_json(json.dumps({**given, **read_words}), strict=True)
    except ValidationError as error:
        raise OptionError("; ".join(faults_of(error, model.model_fields))) from error
    except (TypeError, ValueError) as error:  # no JSON after all: a caller in Python gave what it cannot tell
        raise OptionError(f"options must be what JSON can tell, got {error}") from error
    named = {name: getattr(read, name) for name in read.model_fields_set}
    return {name: _resolved(name, value, settings) for name, value in named.items()}


def _of_words(model: type[BaseModel], name: str, said: Sequence[str]) -> Any:
    """What the words of an option stand for; left as they are where they stand for nothing, which is then told."""
    if name not in model.model_fields:
        return list(said)
    if len(said) > MOST_WORDS:
        raise OptionError(f"{name} must come at most {MOST_WORDS} times, got it {len(said)} times; send JSON")
    spec = model.model_fields[name]
    kind = Annotated[spec.annotation, *spec.metadata] if spec.metadata else spec.annotation
    for value in _readings(said):
        try:
            return TypeAdapter(kind).dump_python(
                TypeAdapter(kind).validate_json(json.dumps(value), strict=True), mode="json"
            )
        except ValidationError:
            continue
    numbers = [
        word for word in said if re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", word)
    ]  # out of range: that is then what is told
    plain = [_number(word) for word in numbers] if len(numbers) == len(said) else list(said)
    return plain[0] if len(plain) == 1 else plain


def _readings(said: Sequence[str]) -> Iterator[Any]:
    """One word: itself, or a list of itself; lists as JSON writes them, or numbers with commas between (a point)."""
    if len(said) == 1:
        yield said[0]
    yield list(said)
    for form in ("{}", "[{}]"):
        try:
            told = [json.loads(form.format(word)) for word in said]
        except (ValueError, RecursionError):
            continue
        if len(told) == 1:
            yield told[0]
        yield told


def _resolved(name: str, value: Any, settings: Settings) -> Any:
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
    """Each fault in our form; of an option that may be one of several kinds, the first."""
    told: dict[str, str] = {}
    for fault in error.errors(include_url=False, include_context=False):
        name = str(fault["loc"][0])[:80] if fault["loc"] else "options"
        if fault["type"] == "extra_forbidden":
            said = f"option must be known, got {name!r}; {nearest(name, known) if known else 'there are none'}"
        elif fault["type"] == "missing" and len(fault["loc"]) == 1:
            said = f"{name} must be given, got none"
        else:
            said = f"{name} must be as described, got {fault['input']!r:.80}: {fault['msg']}"
        told.setdefault(name, said)
    return list(told.values())
