"""`pixwise generate`: grids and folders, pictures on the way, and what is left when it is stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import generators
import numpy as np
import pytest
from PIL import Image

from pixwise.generation.generator import Generator


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return generators.save(tmp_path_factory.mktemp("models") / "toy")


@pytest.fixture
def ask(cli, folder):
    return lambda *args: cli("generate", "--model", folder, "--steps", 3, *args)


def opened(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_a_grid_of_all_is_written_and_told(ask, folder):
    code, out, _ = ask("--count", 3, "--seed", 7, "-o", "grid.png", "--columns", 3)
    assert code == 0
    assert out.startswith("3 pictures of 24 x 16 px  by toy in ")
    assert out.endswith("\n  ddim in 3 steps, seeds 7 to 9\n  written: grid.png\n")
    wanted = Generator.load(folder)(3, seed=7, steps=3).grid(3)
    assert np.array_equal(opened("grid.png"), wanted)


def test_without_o_the_grid_has_a_usual_name(ask):
    assert "written: generated.png" in ask("--count", 1).out
    assert opened("generated.png").shape == (16, 24, 3)


def test_a_folder_gets_a_picture_per_seed_and_those_on_the_way(ask, folder):
    assert ask("--count", 2, "--seed", 5, "-o", "new/", "--every", 1).code == 0
    names = ["5-step-1.png", "5-step-2.png", "5.png", "6-step-1.png", "6-step-2.png", "6.png"]
    assert sorted(os.listdir("new")) == names
    wanted = Generator.load(folder)(1, seed=6, steps=3).images()[0]
    assert np.array_equal(opened("new/6.png"), wanted)


def test_a_folder_may_have_a_dot_in_its_name(ask):
    Path("v1.5").mkdir()
    assert ask("--count", 1, "-o", "v1.5").code == 0
    assert os.listdir("v1.5") == ["0.png"]


def test_json_goes_to_standard_output_or_to_a_file(ask):
    _, out, _ = ask("--count", 2, "--json", "--scheduler", "ddpm")
    told = json.loads(out)
    assert (told["schema"], told["generated"]["scheduler"]) == ("pixwise/generated/1", "ddpm")
    assert [row["seed"] for row in told["pictures"]] == [0, 1]
    assert os.listdir() == []
    assert ask("--count", 2, "-o", "all.json", "--eta", 0.5).code == 0
    assert json.loads(Path("all.json").read_text())["generated"]["eta"] == 0.5


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["--count", 0], 2, "--count must be a whole number from 1 up, got '0'"),
        (["--steps", 1001], 2, "steps must be a whole number from 1 to 1000, those of the training, got 1001"),
        (["--seed", 2**32], 2, "seed must be below 4,294,967,293 for 4 pictures"),
        (["--scheduler", "pndm"], 2, "--scheduler must be known, got 'pndm'"),
        (["--eta", 3], 2, "eta must be a number from 0 to 1, got 3.0"),
        (["-o", "x.exe"], 2, "-o must end in one of .png"),
        (["-o", "-"], 2, "-o - needs --json"),
        (["--every", 2], 2, "--every needs -o FOLDER to write to, got 'generated.png'"),
        (["--model", ""], 2, "model of generate must be named, got none; make a folder with pixwise export"),
        (["--model", "toy"], 2, "model must be a known id, a folder or hf:owner/name, got 'toy'"),
    ],
)
def test_wrong_usage_is_one_line(ask, args, code, words):
    ended = ask(*args)
    assert (ended.code, ended.out, ended.err.count("\n")) == (code, "", 1)
    assert words in ended.err
    assert os.listdir() == []


def test_a_place_that_cannot_be_written_is_told_before_the_work(ask):
    Path("taken").write_text("")
    code, _, err = ask("-o", "taken/grid.png")
    assert code == 2
    assert "expected a folder to write to, got a file" in err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_is_told(ask):
    os.symlink("/dev/full", "grid.png")
    code, _, err = ask("-o", "grid.png")
    assert code == 2
    assert "grid.png: expected to be written, got No space left on device; free some room" in err


def test_what_was_finished_is_there_when_it_is_stopped(folder, tmp_path):
    out = tmp_path / "out"
    command = [
        str(Path(sys.executable).with_name("pixwise")), "generate", "--model", str(folder), "-o", f"{out}/",
        "--batch", "1", "--steps", "300", "--count", "999",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        deadline = time.monotonic() + 50
        while not (out / "1.png").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        told, said = running.communicate(timeout=30)
    names = sorted(int(path.stem) for path in out.iterdir())
    assert (running.returncode, names) == (130, list(range(len(names))))
    assert f"{len(names)} of 999 pictures were finished, and are written" in said
    assert told.startswith(f"{len(names)} pictures of 24 x 16 px")
    assert all(opened(path).shape == (16, 24, 3) for path in out.iterdir())


def test_help_says_where_pictures_go(cli):
    out = cli("generate", "--help").out
    assert "All pictures in one grid" in out
    assert "An input failed" not in out
