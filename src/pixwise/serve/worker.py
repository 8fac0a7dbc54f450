"""One worker of several: `python -m pixwise.serve.worker LISTENER BOARD SLOTS SLOT`, the settings as JSON on stdin."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import sys
from collections.abc import Callable

from pixwise.errors import PixwiseError
from pixwise.serve.board import Board, State
from pixwise.serve.listening import is_readable
from pixwise.serve.logs import set_up
from pixwise.serve.running import end_process, run
from pixwise.serve.service import Service
from pixwise.serve.settings import Settings

__all__ = ["main"]


def main(words: list[str]) -> int:
    """Serve until the parent says so, or is gone."""
    listener, board, slots, slot = (int(word) for word in words)
    settings = Settings.taken_over(_line(0))
    set_up(settings.log)
    board = Board(slots, board)
    service = Service(settings, others=lambda: board.wrong(but=slot))
    patient = board.state(slot) != State.STARTING
    return run(service, socket.socket(fileno=listener), patient=patient, pulse=_pulse(service, board, slot))


def _pulse(service: Service, board: Board, slot: int) -> Callable[[], bool]:
    """Ten times a second: tell how it fares; whether to end, as the parent is gone or a thread has died."""
    beats = 0

    def pulse() -> bool:
        nonlocal beats
        beats += 1
        if not service.leaving:
            starting = board.state(slot) == State.STARTING and service.starting
            ready = State.STARTING if starting else State.UNREADY if service.unready_itself() else State.READY
            board.write(slot, ready, beats)
        if beats % 10 == 0:
            service.meters.show(service.present())  # whoever is asked for the numbers tells those of all
        return is_readable(0) or service.is_broken()  # the parent starts another one

    return pulse


def _line(number: int) -> str:
    """The first line of a file, byte by byte, so that nothing of what follows is taken."""
    kept = bytearray()
    while (byte := os.read(number, 1)) not in (b"\n", b""):
        kept += byte
    return kept.decode()


def _forget_meters() -> None:
    """Take away what the parent, had it lived, would have taken away."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
    if folder and is_readable(0):
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except PixwiseError as error:
        logging.getLogger("pixwise.serve").error("worker could not start: %s", error)
        code = 2
    _forget_meters()
    end_process(code)
