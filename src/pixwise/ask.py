"""The one-line functions: `px.detect("street.jpg", min_score=0.5)`, one per task, over one pool of loaded models."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable
from dataclasses import MISSING, fields, replace
from typing import Any

from pixwise.errors import OptionError, nearest
from pixwise.pool import shared_pool
from pixwise.results import Caption
from pixwise.task import check_on_error
from pixwise.task_table import TASKS, task_class

__all__ = ["alt_text", "named", "names_checked", "one_liner"]

_SOURCE = "a path, bytes, an open file, a data URI, a Pillow image, a uint8 array, or a list of those."
_CLIP_SOURCE = "a list of pictures, an animation, a folder of frames, a (T, H, W, 3) uint8 array, or a list of lists."
_LOAD = {"device": "auto", "threads": 0, "precision": "", "offline": None, "accept_licence": ()}


def one_liner(name: str) -> Callable[..., Any]:
    """The function that answers one task in one line, with the signature and the documentation of the task's class."""
    cls = task_class(name)

    def ask(source: Any, *args: Any, on_error: str = "raise", **options: Any) -> Any:
        check_on_error(on_error)
        options = named(name, cls, args, options)
        model = options.pop("model", "")
        if cls.is_many(source) or on_error == "return":
            return shared_pool().task(name, model, **options)(source, on_error=on_error)
        started = time.perf_counter()
        opening = {key: options[key] for key in ("limits", "allow_urls", "background") if key in options}
        picture = cls.open_source(source, **opening)  # first: a wrong path must not cost the fetching of a model
        opened = 1e3 * (time.perf_counter() - started)
        answer = shared_pool().task(name, model, **options)(picture)
        return replace(answer, timings_ms={**answer.timings_ms, "open": opened})

    ask.__name__ = ask.__qualname__ = name
    ask.__module__ = "pixwise"
    ask.__doc__ = (
        f"{TASKS[name].help}\n\n"
        "Args:\n"
        f"    source: {_CLIP_SOURCE if cls.of_clips else _SOURCE}\n"
        "    model: a card's id, a folder, an ONNX file or hf:owner/name; empty for the default.\n"
        f"    on_error: for lists: `raise`, or `return` each error in its place.\n\n{inspect.getdoc(cls)}\n"
        f"\nReturns:\n    {cls.result_type.__name__}, or a list of them for a list.\n"
    )
    ask.__signature__ = _signature(cls)  # type: ignore[attr-defined]
    return ask


def alt_text(source: Any, model: str = "", **options: Any) -> str | list[str]:
    """What a picture shows as alternative text: one line of at most 125 characters, in whole words.

    Args:
        source: as for `caption`; a list gives a list.
        model: a card's id, a folder or hf:owner/name; empty for the default.
        **options: of `caption`.
    """
    answer = one_liner("caption")(source, model=model, **options)
    told = [one.alt_text if isinstance(one, Caption) else one for one in answer] if isinstance(answer, list) else answer
    return told.alt_text if isinstance(told, Caption) else told


def named(name: str, cls: type, args: tuple[Any, ...], options: dict[str, Any]) -> dict[str, Any]:
    """Options with those that were given by place: the task's own question if it has one, then the model."""
    places = [place for place in (cls.positional, "model") if place]
    if len(args) > len(places):
        raise OptionError(
            f"{name} takes the picture, then {', '.join(places)}, got {1 + len(args)} values; name options"
        )
    given = dict(zip(places, args, strict=False))
    told = [cls.aliases.get(key, key) for key in options]
    twice = [place for place in {*given, *told} if [*given, *told].count(place) > 1]
    if twice:
        raise OptionError(f"{twice[0]} of {name} must be given once, got it twice; leave one out")
    return {**dict(zip(told, options.values(), strict=True)), **given}


def names_checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function; a misspelt keyword is an `OptionError` that names the right one, as it is for tasks."""
    known = inspect.signature(function).parameters

    @functools.wraps(function)
    def asked(*args: Any, **options: Any) -> Any:
        for key in options:
            if key not in known:
                raise OptionError(f"option of {function.__name__} must be known, got {key!r}; {nearest(key, known)}")
        return function(*args, **options)

    return asked


def _signature(cls: type) -> inspect.Signature:
    one = inspect.Parameter
    parameters = [one("source", one.POSITIONAL_OR_KEYWORD, annotation=Any)]
    model = one("model", one.POSITIONAL_OR_KEYWORD, default="", annotation=str)
    later = [model, one("on_error", one.KEYWORD_ONLY, default="raise")]
    for spec in fields(cls):
        if spec.name not in ("card", "session"):
            default = spec.default if spec.default is not MISSING else spec.default_factory()
            kind = one.POSITIONAL_OR_KEYWORD if spec.name == cls.positional else one.KEYWORD_ONLY
            (parameters if spec.name == cls.positional else later).append(
                one(spec.name, kind, default=default, annotation=spec.type)
            )
    parameters += later
    parameters += [one(name, one.KEYWORD_ONLY, default=default) for name, default in _LOAD.items()]
    return inspect.Signature(parameters, return_annotation=cls.result_type)
