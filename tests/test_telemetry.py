"""Nothing is told to anybody: onnxruntime keeps no device id and no events to send."""

import os
import subprocess
import sys

import pytest

OURS = "import pixwise as px; from pixwise.samples import photo_like; px.ocr(photo_like(64, 64))"
THEIRS = "import onnxruntime; onnxruntime.InferenceSession"


def traces(code, home, **environment):
    """Files that a program leaves in its home and its temporary folder."""
    quiet = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    (home / "tmp").mkdir()
    places = {"HOME": str(home), "TMPDIR": str(home / "tmp"), "XDG_CACHE_HOME": str(home / "cache")}
    subprocess.run([sys.executable, "-c", code], check=True, env={**quiet, **places, **environment})
    return [path.name for path in home.rglob("*") if path.is_file()]


@pytest.mark.parametrize("verb", ["ocr", "doctor"])
def test_nothing_is_noted_for_sending(verb, tmp_path):
    code = OURS if verb == "ocr" else "from pixwise.cli.doctor import examine; list(examine())"
    assert not {"deviceid", "onnxruntime.db", ".ses"} & set(traces(code, tmp_path))


def test_who_wants_it_may_have_it(tmp_path):
    code = "import os; from pixwise import telemetry; telemetry.turn_off()"
    check = f"{code}; assert os.environ['ORT_DISABLE_TELEMETRY'] == '0'"
    assert traces(check, tmp_path, ORT_DISABLE_TELEMETRY="0") == []


def test_the_switch_is_the_one_that_onnxruntime_knows(tmp_path):
    """Without it the wheel notes events; where it does not, this file has nothing to guard against."""
    import onnxruntime

    told = traces(THEIRS, tmp_path)
    if tuple(map(int, onnxruntime.__version__.split(".")[:2])) >= (1, 29) and sys.platform == "linux":
        assert "deviceid" in told
