"""Every command of docs/cli.md runs, and what the page says of exit codes is so."""

import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from pixwise.cli import endings

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "cli.md").read_text("utf-8")
COMMANDS = [
    shlex.split(line, comments=True)
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.S)
    for line in block.splitlines()
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_of_the_page_runs(cli, command, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    (tmp_path / "scans").mkdir()
    for place in ("receipt.png", "scans/1.png"):
        shutil.copy(ROOT / "examples" / "receipt.png", place)
    words = command[1 : command.index("<")] if "<" in command else command[1:]
    with open("receipt.png", "rb") as receipt:
        monkeypatch.setattr(sys, "stdin", type("Stdin", (), {"buffer": receipt, "closed": False, "isatty": bool})())
        code, out, err = cli(*words)
    assert (command[0], code, err) == ("pixwise", 0, "")
    assert out or "-o" in words


def test_the_page_tells_the_exit_codes():
    told = {int(number) for row in re.findall(r"^\| ([\d, ]+) \|", PAGE, re.M) for number in row.split(",")}
    assert told == {0, 1, 130, 143, 141, *endings._CODES.values()}
