"""A property that is computed once for an object, and holds up no other object."""

import threading
from dataclasses import dataclass

from pixwise.lazy import kept


@dataclass(frozen=True)
class Thing:
    gate: threading.Event

    @kept
    def slow(self):
        """What takes long."""
        assert self.gate.wait(10)
        return object()


def open_gate():
    gate = threading.Event()
    gate.set()
    return gate


def test_it_is_computed_once_also_in_frozen_objects():
    thing = Thing(open_gate())
    assert thing.slow is thing.slow


def test_one_object_does_not_wait_for_another():
    held = Thing(threading.Event())
    waiting = threading.Thread(target=lambda: held.slow)
    waiting.start()
    assert Thing(open_gate()).slow is not None
    held.gate.set()
    waiting.join(10)


def test_the_class_tells_what_it_is():
    assert Thing.slow.__doc__ == "What takes long."
