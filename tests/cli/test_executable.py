"""The real `pixwise`: start, pipes, signals, full disks, forbidden files, missing packages."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PIXWISE = str(Path(sys.executable).with_name("pixwise"))

# root may read and write everything; without its capabilities it is held to the mode bits like anybody
NO_CAPABILITIES = """
import ctypes
class Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]
nothing = (ctypes.c_uint32 * 6)()
assert ctypes.CDLL(None).capset(ctypes.byref(Header(0x20080522, 0)), ctypes.byref(nothing)) == 0
"""
SMALL_DISK = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))"


@pytest.fixture
def many(tmp_path, small):
    """A folder of 400 pictures."""
    folder = tmp_path / "many"
    folder.mkdir()
    small.save(folder / "000.png")
    for number in range(1, 400):
        os.link(folder / "000.png", folder / f"{number:03}.png")
    return folder


@pytest.mark.parametrize("args", [("--version",), ("--help",), ("-h",)])
def test_version_and_help_answer_at_once(executable, args):
    spent = []
    for _ in range(5):
        began = time.perf_counter()
        assert executable(*args).code == 0
        spent.append(time.perf_counter() - began)
    assert min(spent) < 0.3


@pytest.mark.parametrize("args", ["--version", "--help"])
def test_version_and_help_load_neither_numpy_nor_pillow(executable, args):
    heavy = "{'numpy', 'PIL', 'onnxruntime'} & set(sys.modules)"
    watch = f"import atexit, sys\natexit.register(lambda: print(sorted({heavy})))"
    assert executable(args, before=watch).out.splitlines()[-1] == "[]"


def test_the_package_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "pixwise", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("pixwise ")


def test_help_names_every_verb(executable):
    told = executable("--help").out
    for verb in (
        "analyze",
        "detect",
        "faces",
        "classify",
        "ocr",
        "codes",
        "quality",
        "embed",
        "models",
        "doctor",
        "bench",
        "version",
    ):
        assert f"\n  {verb} " in told


def test_a_picture_on_standard_input_is_answered(executable, pictures):
    done = executable("quality", "-", "--json", stdin=(pictures / "a.png").read_bytes())
    document = json.loads(done.out)
    assert (done.code, document["image"]["source"], document["image"]["width"]) == (0, "-", 64)


def test_a_picture_on_standard_input_is_drawn(executable, pictures, tmp_path):
    done = executable("codes", "-", "--draw", stdin=(pictures / "a.png").read_bytes())
    assert (done.code, "drawn: stdin.pixwise.png" in done.out) == (0, True)
    assert (tmp_path / "stdin.pixwise.png").exists()


def test_empty_standard_input_is_one_line(executable):
    done = executable("quality", "-")
    assert done == (
        1,
        "",
        "pixwise: -: expected a picture, got no bytes; check how it was written, rewind an open file\n",
    )


def test_names_with_spaces_umlauts_and_no_unicode_at_all(executable, pictures):
    odd = os.fsencode(pictures / "Übung 1") + b"\xe9.png"
    os.rename(pictures / "a.png", odd)
    done = executable("quality", pictures, "--jsonl", env={"LC_ALL": "C"})
    source = json.loads(done.out.splitlines()[1])["image"]["source"]
    assert (done.code, os.fsencode(source)) == (0, odd)
    assert executable("quality", pictures, env={"PYTHONIOENCODING": "ascii"}).code == 0


def test_a_reader_that_goes_away_is_no_error(many):
    command = f"{PIXWISE} quality {many} --jsonl | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    line, code = done.stdout.splitlines()
    assert json.loads(line)["schema"] == "pixwise/quality/1"
    assert (code, done.stderr) == ("141", "")


def stopped(command, grows, number, code, stdout=None):
    """Start a command, stop it as soon as a file grows; its standard error."""
    with subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, text=True) as running:
        grows = grows.with_name(grows.name.replace("PID", str(running.pid)))
        while running.poll() is None and not (grows.exists() and grows.stat().st_size):
            time.sleep(0.01)
        running.send_signal(number)
        err = running.communicate(timeout=30)[1]
    assert running.returncode == code, err
    return err


@pytest.mark.parametrize(
    ("number", "code", "told"), [(signal.SIGINT, 130, "pixwise: interrupted\n"), (signal.SIGTERM, 143, "")]
)
def test_a_stopped_run_leaves_a_whole_list(many, tmp_path, number, code, told):
    out = tmp_path / "out.json"
    with out.open("wb") as file:
        err = stopped([PIXWISE, "quality", str(many), "--json"], out, number, code, stdout=file)
    assert err == told
    assert 1 <= len(json.loads(out.read_text())) < 400


def test_an_interrupted_run_keeps_the_file_of_what_was_done(many, tmp_path):
    out = tmp_path / "out" / "all.json"
    part = out.with_name(".all.json.PID.part")
    stopped([PIXWISE, "quality", str(many), "-o", str(out)], part, signal.SIGINT, 130)
    assert [path.name for path in out.parent.iterdir()] == ["all.json"]
    assert 1 <= len(json.loads(out.read_text())) < 400


@pytest.mark.parametrize("out", ["all.jsonl", "drawn.png", "folder/"])
def test_a_full_disk_is_one_line_and_leaves_nothing(executable, pictures, out, tmp_path):
    where = tmp_path / "full"
    done = executable("codes", pictures / "a.png", "-o", f"{where}/{out}", before=SMALL_DISK)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "expected to be written, got File too large; free some room" in done.err
    assert [path for path in where.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "words", ["quality a.png --jsonl", "quality a.png", "quality a.png --csv", "models list", "doctor"]
)
def test_standard_output_on_a_full_disk_is_one_line(pictures, words):
    command = f"cd {pictures} && {PIXWISE} {words} > /dev/full"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    told = "pixwise: standard output: expected to be written, got No space left on device; free some room\n"
    assert (done.returncode, done.stderr) == (2, told)


def test_a_forbidden_file_and_folder_are_one_line_each(executable, pictures):
    (pictures / "a.png").chmod(0)
    (pictures / "sub").chmod(0)
    done = executable("quality", pictures / "a.png", pictures, "--jsonl", before=NO_CAPABILITIES)
    (pictures / "sub").chmod(0o755)
    names = [json.loads(line)["schema"] for line in done.out.splitlines()]
    assert (done.code, names.count("pixwise/error/1"), names.count("pixwise/quality/1")) == (1, 3, 1)
    assert f"{pictures}/a.png: expected a readable file, got permission denied; check its mode and owner" in done.err
    assert f"{pictures}/sub: expected a readable folder, got Permission denied; check its mode and owner" in done.err


def test_no_model_is_looked_for_when_the_only_file_is_forbidden(executable, pictures):
    (pictures / "a.png").chmod(0)
    done = executable("detect", pictures / "a.png", "--model", "no-such-model", before=NO_CAPABILITIES)
    assert (done.code, done.err.count("permission denied"), done.err.count("\n")) == (1, 1, 1)


def test_a_read_only_folder_is_told_before_anything_runs(executable, pictures, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o555)
    done = executable("quality", pictures, "-o", tmp_path / "locked" / "new" / "all.csv", before=NO_CAPABILITIES)
    told = f"pixwise: {tmp_path}/locked/new: expected a folder to write to, got one that is read-only"
    assert (done.code, done.out, done.err.startswith(told)) == (2, "", True)
    assert "--no-draw" not in done.err
    assert os.listdir(tmp_path / "locked") == []


@pytest.mark.parametrize(
    ("module", "args", "told"),
    [
        ("onnxruntime", ("ocr",), "need onnxruntime, got no such package; run: pip install onnxruntime"),
        ("rapidocr", ("ocr",), "rapidocr"),
        ("cv2", ("codes",), "opencv"),
    ],
)
def test_a_package_that_is_not_installed_is_one_line(executable, pictures, module, args, told):
    done = executable(*args, pictures / "a.png", before=f"import sys\nsys.modules[{module!r}] = None")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert told in done.err
    assert "pip install" in done.err


def test_without_onnxruntime_the_rest_still_answers(executable, pictures):
    done = executable("quality", pictures, "--json", before="import sys\nsys.modules['onnxruntime'] = None")
    assert (done.code, len(json.loads(done.out))) == (0, 3)


def test_a_terminal_sees_progress_and_no_colour_codes_reach_a_file(many, tmp_path):
    ours, theirs = pty.openpty()
    with (tmp_path / "all.jsonl").open("wb") as out:
        running = subprocess.Popen([PIXWISE, "quality", f"{many}/0*.png", "--jsonl"], stdout=out, stderr=theirs)
    os.close(theirs)
    assert b"/100 pictures, " in all_of(ours)
    assert running.wait(timeout=30) == 0
    assert len([json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]) == 100


def test_a_terminal_sees_a_table_of_its_width(pictures):
    ours, theirs = pty.openpty()
    command = [PIXWISE, "quality", str(pictures / "a.png")]
    with subprocess.Popen(command, stdout=theirs, env={**os.environ, "TERM": "xterm", "COLUMNS": "60"}) as running:
        os.close(theirs)
        shown = all_of(ours).decode()
    assert running.returncode == 0
    assert "\x1b[1m" in shown
    assert max(len(re.sub(r"\x1b\[[\d;]*m", "", line)) for line in shown.splitlines()[1:]) <= 60


def all_of(descriptor):
    """What comes out of a pseudo terminal until its other end is closed."""
    seen = b""
    with contextlib.suppress(OSError):  # Linux says EIO at the end
        while piece := os.read(descriptor, 65536):
            seen += piece
    os.close(descriptor)
    return seen


@pytest.mark.parametrize("err", ["2>&-", "2>/dev/full"])
def test_a_lost_standard_error_does_not_stop_the_work(pictures, err):
    command = f"{PIXWISE} quality {pictures} no.png --jsonl {err}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, len(done.stdout.splitlines())) == (1, 4)
