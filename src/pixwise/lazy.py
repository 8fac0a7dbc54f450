"""A property that is computed when it is first asked for, and then stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["kept"]


class kept:
    """As `functools.cached_property`, without a lock.

    That of Python 3.11 holds one lock for all objects of a class while it computes: the threads of a service waited
    for the hashes of one another's pictures. Here two threads that ask the same object at once may both compute.
    """

    def __init__(self, compute: Callable[[Any], Any]):
        self._compute, self.__doc__ = compute, compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, of: Any, owner: type | None = None) -> Any:
        if of is None:
            return self
        return of.__dict__.setdefault(self._name, self._compute(of))
