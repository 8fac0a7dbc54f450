"""The one-line functions: `px.detect("street.jpg", min_score=0.5)`, one per task, over one pool of loaded models."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any

from pixwise.pool import shared_pool
from pixwise.task_table import TASKS, task_class

__all__ = ["one_liner"]

_LOAD = {"device": "auto", "threads": 0, "offline": None, "accept_licence": ()}


def one_liner(name: str) -> Callable[..., Any]:
    """The function that answers one task in one line, with the signature and the documentation of the task's class."""
    cls = task_class(name)

    def ask(source: Any, model: str = "", *, on_error: str = "raise", **options: Any) -> Any:
        return shared_pool().task(name, model, **options)(source, on_error=on_error)

    ask.__name__ = ask.__qualname__ = name
    ask.__module__ = "pixwise"
    ask.__doc__ = (
        f"{TASKS[name].help}\n\n"
        "Args:\n"
        "    source: a path, bytes, an open file, a data URI, a Pillow image, a uint8 array, or a list of those.\n"
        "    model: a card's id, a folder, an ONNX file or hf:owner/name; empty for the default.\n"
        f"    on_error: for lists: `raise`, or `return` each error in its place.\n\n{inspect.getdoc(cls)}\n"
        f"\nReturns:\n    {cls.result_type.__name__}, or a list of them for a list.\n"
    )
    ask.__signature__ = _signature(cls)  # type: ignore[attr-defined]
    return ask


def _signature(cls: type) -> inspect.Signature:
    one = inspect.Parameter
    parameters = [
        one("source", one.POSITIONAL_OR_KEYWORD, annotation=Any),
        one("model", one.POSITIONAL_OR_KEYWORD, default="", annotation=str),
        one("on_error", one.KEYWORD_ONLY, default="raise"),
    ]
    for spec in fields(cls):
        if spec.name not in ("card", "session"):
            default = spec.default if spec.default is not MISSING else spec.default_factory()
            parameters.append(one(spec.name, one.KEYWORD_ONLY, default=default, annotation=spec.type))
    parameters += [one(name, one.KEYWORD_ONLY, default=default) for name, default in _LOAD.items()]
    return inspect.Signature(parameters, return_annotation=cls.result_type)
