"""JSON as strangers send it: UTF-8, each key once, finite numbers, whole characters, not too deep.

What Python's `json` lets through and we do not: NaN and Infinity, a key that comes twice (the last would win), half
of a character ("\\ud800", which no answer could repeat), and numbers that overflow.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from pixwise.serve.problems import Problem

__all__ = ["read_json"]

_MOST_VALUES = 100_000  # numbers, texts, lists, objects; more of them hold up everybody else while they are read
_DEEPEST = 32  # lists and objects inside one another; no body of ours needs six


def read_json(text: bytes | str, what: str = "body") -> Any:
    """What a JSON text says.

    Args:
        text: UTF-8.
        what: how messages call it.

    Raises:
        Problem: 400, it is no JSON, or JSON that means two things or nothing.
    """
    if _values(text) > _MOST_VALUES:
        raise Problem(400, f"{what} must have at most {_MOST_VALUES:,} values, got more; send several requests", "body")
    try:
        told = json.loads(
            text if isinstance(text, str) else text.decode("utf-8"),
            object_pairs_hook=lambda pairs: _once(pairs, what),
            parse_constant=lambda name: _refuse(what, f"finite numbers, got {name}; send null, or leave it out"),
            parse_float=lambda digits: _finite(digits, what),
        )
    except UnicodeDecodeError as error:
        raise Problem(400, f"{what} must be JSON in UTF-8, got other bytes at {error.start}", "body") from error
    except RecursionError as error:
        raise _too_deep(what) from error
    except ValueError as error:
        raise Problem(400, f"{what} must be JSON, got what is none: {str(error)[:200]}", "body") from error
    _check(told, what, 0)
    return told


def _values(text: bytes | str) -> int:
    """How many there can be at most, without reading them: the commas of texts count, too."""
    marks = (b",", b"[", b"{") if isinstance(text, bytes) else (",", "[", "{")
    return sum(text.count(mark) for mark in marks)


def _once(pairs: list[tuple[str, Any]], what: str) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        _refuse(what, f"each key once, got {_shown(twice)} twice; leave one out")
    return table


def _finite(digits: str, what: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        _refuse(what, f"numbers that fit 64 bits, got {digits[:40]}; send a smaller one")
    return number


def _check(told: Any, what: str, depth: int) -> None:
    """Refuse what is too deep, and halves of characters."""
    if depth > _DEEPEST:
        raise _too_deep(what)
    if isinstance(told, dict):
        for name, value in told.items():
            _check_text(name, what)
            _check(value, what, depth + 1)
    elif isinstance(told, list):
        for value in told:
            _check(value, what, depth + 1)
    elif isinstance(told, str):
        _check_text(told, what)


def _check_text(text: str, what: str) -> None:
    if text.isascii():  # a data URI of megabytes is; it takes no time
        return
    try:
        text.encode()
    except UnicodeEncodeError:
        _refuse(what, f"whole characters, got half of one in {_shown(text)}; send both halves of the pair")


def _shown(text: str) -> str:
    return ascii(text[:60])


def _too_deep(what: str) -> Problem:
    return Problem(400, f"{what} must be at most {_DEEPEST} lists and objects deep, got deeper; flatten it", "body")


def _refuse(what: str, said: str) -> NoReturn:
    raise Problem(400, f"{what} must have {said}", "body")
