"""How the workers of a service fare, in memory that all of them share: a slot each.

A worker counts up a number in its slot while its event loop turns, and says whether it can answer; so each can tell of
all, and the parent notices one that stands still.
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
from enum import IntEnum

__all__ = ["Board", "State"]

_SLOT = struct.Struct("=IBxxx")  # beats, state


class State(IntEnum):
    """How a worker fares."""

    EMPTY = 0  # nobody is expected here
    STARTING = 1  # it loads, and is needed
    READY = 2
    UNREADY = 3  # it lives, and cannot answer
    DEAD = 4  # the one who was here has died, the next is on its way
    SPARE = 5  # it loads, to replace one that still answers


class Board:
    """The slots.

    Args:
        number: file descriptor of an inherited board; None makes one.
        slots: how many.
    """

    def __init__(self, slots: int, number: int | None = None):
        self.slots = slots
        self.number = _file(slots * _SLOT.size) if number is None else number
        self._map = mmap.mmap(self.number, slots * _SLOT.size)

    def state(self, slot: int) -> State:
        """How the worker of a slot fares."""
        return State(_SLOT.unpack_from(self._map, slot * _SLOT.size)[1])

    def beats(self, slot: int) -> int:
        """Counts up while its event loop turns."""
        return _SLOT.unpack_from(self._map, slot * _SLOT.size)[0]

    def write(self, slot: int, state: State, beats: int = 0) -> None:
        """Write a slot."""
        _SLOT.pack_into(self._map, slot * _SLOT.size, beats & 0xFFFFFFFF, state)

    def find(self, state: State) -> int:
        """The first slot of that state."""
        return next(slot for slot in range(self.slots) if self.state(slot) == state)

    def wrong(self, but: int = -1) -> str:
        """Why not all workers can answer; empty when they can. `but` leaves one slot out."""
        said = {State.STARTING: "starting", State.UNREADY: "not ready", State.DEAD: "dead"}
        for slot in range(self.slots):
            state = self.state(slot)
            if slot != but and state in said:
                return f"a worker is {said[state]}"
        return ""


def _file(size: int) -> int:
    """A file without a name, in memory where the system can, that children inherit."""
    if hasattr(os, "memfd_create"):
        number = os.memfd_create("pixwise-board", 0)
    else:
        number = os.dup(tempfile.TemporaryFile().fileno())  # noqa: SIM115  it lives as long as its number
    os.ftruncate(number, size)
    os.set_inheritable(number, True)
    return number
