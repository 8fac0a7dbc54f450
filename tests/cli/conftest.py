"""The command called in this process, or as the real executable; small pictures in a folder of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from pixwise.cli import main
from pixwise.samples import photo_like


class Ended(NamedTuple):
    """How a run of the command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def cli(online: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """Call the command in this process, offline: `cli("quality", "a.png", "--json")`."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return online


@pytest.fixture
def online(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Call the command in this process."""

    def call(*args: object) -> Ended:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(arg) for arg in args])
        return Ended(ended.value.code or 0, *capfd.readouterr())

    return call


@pytest.fixture
def executable(tmp_path: Path) -> Callable[..., Ended]:
    """Run the real `pixwise`; `before` is Python that runs first in its process, `env` is added to the environment."""

    def call(*args: object, before: str = "", env: dict[str, str] | None = None, stdin: bytes = b"") -> Ended:
        command = [str(Path(sys.executable).with_name("pixwise"))]
        if before:
            command = [sys.executable, "-c", f"{before}\nfrom pixwise.cli import main\nmain()"]
        done = subprocess.run(
            [*command, *map(str, args)], input=stdin, capture_output=True, timeout=60, check=False, cwd=tmp_path,
            env={**os.environ, "HF_HUB_OFFLINE": "1", **(env or {})},
        )  # fmt: skip
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())

    return call


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in a folder of its own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Ctrl-C works as at a terminal, here and in what is started, even where the runner ignores it (`nohup … &`)."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def small() -> Image.Image:
    """A 64 x 48 picture."""
    return Image.fromarray(np.ascontiguousarray(photo_like(48, 64)))


@pytest.fixture
def pictures(tmp_path: Path, small: Image.Image) -> Path:
    """A folder with `a.png`, `b.jpg`, `sub/c.png`, and things that are no pictures."""
    folder = tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    (folder / ".thumbs").mkdir()
    for name in ("a.png", "b.jpg", "sub/c.png", ".hidden.png", ".thumbs/a.png", "a.pixwise.png"):
        small.save(folder / name)
    (folder / "notes.txt").write_text("not a picture")
    return folder
