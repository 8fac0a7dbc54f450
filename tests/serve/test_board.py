"""What workers and their parent tell one another in shared memory."""

import os

import pytest

from pixwise.serve.board import Board, State


def test_what_one_process_writes_another_reads():
    board = Board(3)
    if os.fork() == 0:
        Board(3, board.number).write(1, State.READY, 7)
        os._exit(0)
    os.wait()
    assert (board.state(1), board.beats(1), board.state(0)) == (State.READY, 7, State.EMPTY)


@pytest.mark.parametrize(("state", "said"), [
    (State.EMPTY, ""), (State.READY, ""), (State.SPARE, ""), (State.DEAD, "a worker is dead"),
    (State.STARTING, "a worker is starting"), (State.UNREADY, "a worker is not ready"),
])  # fmt: skip
def test_what_is_wrong_with_one_is_wrong_with_all(state, said):
    board = Board(2)
    board.write(0, State.READY)
    board.write(1, state)
    assert (board.wrong(), board.wrong(but=1)) == (said, "")


def test_beats_go_round():
    board = Board(1)
    board.write(0, State.READY, 2**32 + 5)
    assert board.beats(0) == 5
