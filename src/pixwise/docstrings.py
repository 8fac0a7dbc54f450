"""What docstrings say about fields: the help of the command line and the descriptions of the service read it."""

from __future__ import annotations

import inspect
import re
import types
import typing
from typing import Any

__all__ = ["documented", "plain_hint"]


def documented(cls: type) -> dict[str, str]:
    """What the `Attributes:` sections of a class and its parents say about each field; nearest class first."""
    told: dict[str, str] = {}
    for parent in cls.__mro__:
        section = re.search(r"^Attributes:\n((?:[ \t]+.*\n?|\n)*)", inspect.cleandoc(parent.__doc__ or ""), re.M)
        lines = re.sub(r"\n {5,}", " ", section[1]) if section else ""  # continued lines
        for names, text in re.findall(r"^ {4}([\w, ]+): (.*)", lines, re.M):
            for name in names.split(", "):
                told.setdefault(name, text.strip())
    return told


def plain_hint(hint: Any) -> Any:
    """`float` of `float | None`; the list of `one | a list of them`."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
        return next((kind for kind in kinds if typing.get_origin(kind) is tuple), kinds[0])
    return hint
