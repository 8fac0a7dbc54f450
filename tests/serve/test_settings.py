"""Settings from four places, checked at start, told with their origins."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from pixwise.errors import OptionError
from pixwise.serve.settings import Settings, load_settings, unknown_names
from pixwise.serve.showing import in_force, table, with_table

HASH = "0" * 64
GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "serve.md").read_text("utf-8")


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for name in [name for name in os.environ if name.startswith("PIXWISE_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "pixwise.toml"
    path.write_text('port = 1\nworkers = 2\ngrace_s = 3\n[models]\ndetect = "yolox-tiny"\n')
    return path


def test_an_argument_wins_over_the_environment_that_over_the_file_that_over_the_default(file, monkeypatch):
    monkeypatch.setenv("PIXWISE_WORKERS", "4")
    monkeypatch.setenv("PIXWISE_GRACE_S", "5")
    told = load_settings(file, grace_s=6)
    assert (told.port, told.workers, told.grace_s, told.queue) == (1, 4, 6, 256)
    assert [told.origin(name) for name in ("port", "workers", "grace_s", "queue")] == [
        f"file {file}", "environment PIXWISE_WORKERS", "argument", "default"]  # fmt: skip


def test_the_file_may_be_named_by_the_environment(file, monkeypatch):
    monkeypatch.setenv("PIXWISE_CONFIG", str(file))
    assert load_settings().models == {"detect": "yolox-tiny"}


@pytest.mark.parametrize(("said", "meant"), [("detect", ("detect",)), ("detect, ocr", ("detect", "ocr")),
                                            ('["ocr:rapidocr"]', ("ocr:rapidocr",)), ("", ())])  # fmt: skip
def test_lists_may_be_words_with_commas_between(said, meant, monkeypatch):
    monkeypatch.setenv("PIXWISE_PRELOAD", said)
    assert load_settings().preload == meant


FAULTS = {
    "PIXWISE_PORT": ("99999", "port must be less than or equal to 65535, got '99999'"),
    "PIXWISE_WORKERS": ("two", "workers must be a valid integer, unable to parse string as an integer, got 'two'"),
    "PIXWISE_PRELOAD": ("detec", "task must be known, got 'detec'; did you mean 'detect'"),
    "PIXWISE_MODELS": ("detect=x", """models must be JSON, got 'detect=x'; write {"name": "value"}"""),
    "PIXWISE_DEVICE": ("gpu", "device must be one of auto, cpu, cuda, got 'gpu'"),
    "PIXWISE_LOG": ("xml", "log must be 'json', 'text' or 'none', got 'xml'"),
    "PIXWISE_HOST": ("0.0.0.0", "host '0.0.0.0' lets other machines in, got no keys; run: pixwise serve --new-key"),
    "PIXWISE_CONFIG": ("/nowhere.toml", "/nowhere.toml: expected a settings file, got No such file"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_is_told_at_start(name, monkeypatch):
    monkeypatch.setenv(name, FAULTS[name][0])
    with pytest.raises(OptionError) as told:
        load_settings()
    assert FAULTS[name][1] in str(told.value)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"models": {"detect": "dfine-x-y"}}, "models: model must be known, got 'dfine-x-y'; did you mean 'dfine"),
        ({"models": {"detct": "yolox-tiny"}}, "models: task or operation must be known, got 'detct'; did you mean"),
        ({"preload": ["detect:nothing"]}, "preload: model must be known, got 'nothing'"),
        ({"allowed_models": ["yolo"]}, "allowed_models: model must be known, got 'yolo'"),
        ({"own_models": {"mine": "/nowhere"}}, "own_models: 'mine' must be a file or folder, got '/nowhere'"),
        ({"galleries": {"staff": "/nowhere"}}, "galleries: 'staff' must be a file or folder"),
        ({"policies": {"strict": "/nowhere"}}, "policies: 'strict' must be a file or folder"),
    ],
)
def test_what_is_named_must_be_there(setting, said):
    with pytest.raises(OptionError) as told:
        load_settings(**setting)
    assert said in str(told.value)


def test_all_faults_are_told_at_once(tmp_path):
    (tmp_path / "x.toml").write_text('port = "x"\nprot = 3\n')
    with pytest.raises(OptionError, match=r"port must be a valid integer.*setting must be known, got 'prot'.*'port'"):
        load_settings(tmp_path / "x.toml")


def test_a_port_that_kubernetes_sets_is_told_with_the_remedy(monkeypatch):
    monkeypatch.setenv("PIXWISE_PORT", "tcp://10.0.0.1:8000")
    with pytest.raises(OptionError, match=r"which Kubernetes sets .* put enableServiceLinks"):
        load_settings()


def test_a_secret_is_neither_shown_nor_told_in_a_fault(monkeypatch):
    shown = in_force(load_settings(keys=[{"name": "shop", "sha256": HASH}]))
    assert 'name = "shop"' in shown
    assert HASH not in shown
    monkeypatch.setenv("PIXWISE_KEYS", '[{"name": "shop", "sha256": "geheim"}]')
    with pytest.raises(OptionError) as told:
        load_settings()
    assert "geheim" not in str(told.value)


def test_what_is_shown_is_a_settings_file(tmp_path, file):
    mine = {"a b": str(tmp_path)}
    (tmp_path / "again.toml").write_text(in_force(load_settings(file, preload=["ocr"], own_models=mine)))
    again = load_settings(tmp_path / "again.toml")
    assert (again.models, again.preload, again.own_models) == ({"detect": "yolox-tiny"}, ("ocr",), mine)
    assert set(tomllib.loads((tmp_path / "again.toml").read_text())) == set(Settings.model_fields)


def test_another_process_takes_them_over_whole(file):
    settings = load_settings(file, port=7, keys=[{"name": "shop", "sha256": HASH}])
    assert Settings.taken_over(settings.handed_over()).model_dump() == settings.model_dump()


def test_a_misspelt_variable_is_told(monkeypatch):
    monkeypatch.setenv("PIXWISE_WORKER", "2")
    monkeypatch.setenv("PIXWISE_SERVICE_HOST", "10.0.0.1")
    assert unknown_names() == {"PIXWISE_WORKER": "PIXWISE_WORKERS"}


def test_every_setting_is_explained():
    rows = table().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == list(Settings.model_fields)
    assert all(len(row.rpartition("` | ")[2]) > 10 for row in rows)


def test_the_command_shows_what_is_in_force(file):
    command = [sys.executable, "-m", "pixwise", "serve", "--config", str(file), "--port", "0", "--show-config"]
    done = subprocess.run(command, capture_output=True, text=True)
    shown = dict(line.split(" = ", 1) for line in done.stdout.splitlines())
    assert (shown["port"].split(), done.stderr) == (["0", "#", "argument"], "")


def test_the_guide_has_the_table_as_it_is_now():
    """If not: python -m pixwise.serve.showing docs/serve.md"""
    assert with_table(GUIDE) == GUIDE


def test_the_settings_file_of_the_guide_is_one(tmp_path):
    block = re.search(r"```toml\n(.*?)```", GUIDE, re.DOTALL)[1].replace('"…"', f'"{HASH}"')
    block = block.replace("/models/shelves", str(tmp_path))
    (tmp_path / "x.toml").write_text(block)
    assert load_settings(tmp_path / "x.toml").keys[0].name == "shop"
