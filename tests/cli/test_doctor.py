"""`pixwise doctor` looks at the real machine, and at broken ones that are made here."""

import json
import re
from pathlib import Path

import pytest

from pixwise.cli import doctor
from pixwise.errors import SetupError
from pixwise.session import probe_provider


def findings(cli, *args):
    document = json.loads(cli("doctor", "--json", *args).out)
    return {(each["area"], each["what"]): each for each in document["findings"]}


def test_every_area_is_looked_at(cli):
    found = findings(cli)
    assert {area for area, _ in found} == set(doctor._LOOKS)
    assert found["Packages", "numpy"]["status"] == "ok"
    assert found["Threads", "threads"]["found"] == "1 per session"


def test_the_cpu_provider_runs_a_real_op(cli):
    assert "product right" in findings(cli)["Providers", "CPUExecutionProvider"]["found"]


@pytest.mark.parametrize("name", ["AzureExecutionProvider", "NoSuchExecutionProvider"])
def test_a_provider_that_does_not_run_is_told(name):
    with pytest.raises(SetupError, match=f"{name} must "):
        probe_provider(name)


def test_both_onnxruntime_wheels_are_a_problem(executable, tmp_path):
    for name in ("onnxruntime_gpu", "opencv_contrib_python"):
        info = tmp_path / "site" / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\n")
        (info / "top_level.txt").write_text("onnxruntime\n" if "onnx" in name else "cv2\n")
    done = executable("doctor", env={"PYTHONPATH": str(tmp_path / "site")})
    assert done.code == 1
    assert "onnxruntime and onnxruntime-gpu" in done.out
    assert "→ run: pip uninstall onnxruntime onnxruntime-gpu, then pip install onnxruntime" in done.out
    assert "opencv-contrib-python and opencv-python-headless" in done.out


def test_a_missing_package_is_a_problem_and_the_rest_is_looked_at(executable):
    done = executable("doctor", "--json", before="import sys\nsys.modules['onnxruntime'] = None")
    found = {(each["area"], each["what"]): each for each in json.loads(done.out)["findings"]}
    assert done.code == 1
    assert found["Packages", "onnxruntime"]["advice"] == "run: pip install onnxruntime"
    assert found["Providers", "check"]["status"] == "problem"
    assert found["Model folders", "hub cache"]["status"] in ("ok", "warning")


def test_a_model_that_is_not_here_is_a_warning_with_its_command(cli, monkeypatch, tmp_path):
    monkeypatch.setenv("PIXWISE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    found = findings(cli)["Default models", "faces"]
    assert (found["status"], found["advice"]) == ("warning", "run: pixwise models pull yunet")
    assert "haar-frontal" in found["found"]


def test_a_misspelt_variable_is_a_warning_and_a_token_is_not_shown(cli, monkeypatch):
    monkeypatch.setenv("PIXWISE_THREDS", "4")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy.example")
    found = findings(cli)
    assert found["Environment", "PIXWISE_THREDS"]["status"] == "warning"
    assert found["Environment", "HF_TOKEN"]["found"] == "set"
    assert found["Environment", "HTTPS_PROXY"]["found"] == "set"


def test_settings_of_the_service_are_known_and_checked(cli, monkeypatch):
    monkeypatch.setenv("PIXWISE_QUEUE", "12")
    monkeypatch.setenv("PIXWISE_KEYS", "[secret]")
    monkeypatch.setenv("PIXWISE_PORT_8000_TCP", "tcp://10.0.0.1:8000")
    found = findings(cli)
    assert [found["Environment", name]["found"] for name in ("PIXWISE_QUEUE", "PIXWISE_KEYS")] == ["12", "set"]
    assert found["Service", "settings"]["status"] == "problem"
    assert "enableServiceLinks: false" in found["Environment", "PIXWISE_PORT_8000_TCP"]["advice"]
    assert "secret" not in str(found)


def test_every_variable_of_ours_that_is_read_is_known():
    sources = (path.read_text("utf-8") for path in Path(doctor.__file__).parents[1].rglob("*.py"))
    read = {name for text in sources for name in re.findall(r'"(PIXWISE_[A-Z_]*[A-Z])"', text)}
    assert read <= set(doctor._VARIABLES)
    assert "PIXWISE_HOME" in read


def test_a_wrong_variable_is_a_problem_of_its_area_only(cli, monkeypatch):
    monkeypatch.setenv("PIXWISE_THREADS", "many")
    found = findings(cli)
    assert found["Threads", "check"]["found"] == "PIXWISE_THREADS must be a positive number, got 'many'"
    assert found["Memory", "memory"]["status"] in ("ok", "warning")


def test_a_folder_that_is_a_file_is_a_warning(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PIXWISE_HOME", str(tmp_path / "file" / "home"))
    own = next(each for each in doctor.folders("Model folders") if each.what == "own cache")
    assert (own.status, "set HF_HOME or PIXWISE_HOME" in own.advice) == ("warning", True)


@pytest.mark.parametrize(("text", "limit"), [("max\n", 0), ("536870912\n", 2**29)])
def test_the_memory_limit_of_the_cgroup_is_read(tmp_path, text, limit):
    (tmp_path / "memory.max").write_text(text)
    assert doctor._cgroup_memory(tmp_path) == limit


def test_the_table_ends_with_a_count(cli):
    lines = cli("doctor").out.splitlines()
    assert lines[0] == "Packages"
    assert " ok, warnings: " in lines[-1]
