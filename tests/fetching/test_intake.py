"""Killed, crowded, full: nothing half-written ever looks whole."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

import pytest
from hub_server import MODEL, Fault, repo_card, sha, url_card

from pixwise import errors, store
from pixwise.fetching import shelf

FETCH = """
import sys
from pixwise import store
from pixwise.pixels import Recipe
from pixwise.registry import Card, CardFile
file = CardFile("model.onnx", "model", int(sys.argv[1]), sys.argv[2], sys.argv[3])
store.ensure(Card(id="plain", task="detect", recipe=Recipe(resize="none"), files=(file,)))
"""


def other_process(hub, **keys):
    """Another process that fetches what `url_card` names, with more patience."""
    hub.plain["model.onnx"] = MODEL
    words = [sys.executable, "-c", FETCH, str(len(MODEL)), sha(MODEL), f"{hub.url}/plain/model.onnx"]
    environment = os.environ | {"PIXWISE_FETCH_TIMEOUT": "5"}
    return subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True, **keys)


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_two_processes_at_once_end_with_one_good_file(hub):
    hub.faults.append(Fault("GET /plain", times=-1, stall=1.0))
    for process in [other_process(hub), other_process(hub)]:
        assert process.communicate(timeout=30)[1] == ""
    assert len(hub.asked("GET /plain")) == 1
    assert store.ensure(url_card(hub), offline=True)["model"].read_bytes() == MODEL


def test_eight_threads_at_once_end_with_one_good_file(hub):
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: store.ensure(repo_card(hub))["model"], range(8)))
    assert {path.read_bytes() for path in paths} == {MODEL}
    assert len(hub.asked("GET /cdn/owner/name/onnx/model.onnx?")) == 1


def test_after_kill_9_the_next_process_fetches_the_rest(hub, tmp_path):
    hub.faults.append(Fault("GET /plain", hold=100_000))
    process = other_process(hub)
    wait_for(lambda: any(part.stat().st_size == 100_000 for part in tmp_path.rglob("*.incomplete")))
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert store.find(url_card(hub)) is None
    assert store.ensure(url_card(hub))["model"].read_bytes() == MODEL
    assert hub.asked("GET /plain")[-1]["Range"] == "bytes=100000-"


@pytest.mark.parametrize("left", [b"", b"something else", MODEL, MODEL + b"more", MODEL[:-1] + b"?", b"x" * 400_000])
@pytest.mark.parametrize("size_known", [True, False])
def test_whatever_part_file_was_left_the_end_is_a_good_file(hub, left, size_known):
    card = url_card(hub)
    card = replace(card, files=(replace(card.files[0], bytes=len(MODEL) * size_known),))
    (spot,) = shelf.spots(card)
    spot.path.parent.mkdir(parents=True)
    part = spot.path.with_name(spot.path.name + ".pixwise.incomplete")
    part.write_bytes(left)
    assert store.ensure(card)["model"].read_bytes() == MODEL
    assert not part.exists()
    assert left != MODEL or all("Range" in headers for headers in hub.asked("GET"))  # what is whole is not asked again


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
def test_a_full_disk_is_said_and_leaves_nothing(hub, tmp_path):
    import resource

    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (100_000, 100_000))
    message = other_process(hub, preexec_fn=limit).communicate(timeout=30)[1]
    assert "FetchError" in message
    assert "folder of models must be writable, got File too large; make room" in message
    assert not any(path.stat().st_size > 10_000 for path in tmp_path.rglob("*"))


def test_a_file_larger_than_the_disk_is_not_begun(hub):
    card = url_card(hub)
    card = replace(card, files=(replace(card.files[0], bytes=10**18),))
    with pytest.raises(errors.FetchError, match=r"model.onnx must have 10+ bytes of disk, got \d+; make room"):
        store.ensure(card)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that not even root may write into")
def test_a_cache_that_cannot_be_written_is_said(hub, monkeypatch):
    monkeypatch.setenv("HF_HOME", "/proc/hf")
    monkeypatch.setenv("PIXWISE_HOME", "/proc/px")
    for card in (repo_card(hub), url_card(hub)):
        with pytest.raises(errors.FetchError, match=r"^/proc/.*folder of models must be writable, got .*set HF_HOME"):
            store.ensure(card)


@pytest.mark.parametrize("known", [True, False])
def test_a_filled_cache_works_where_no_note_can_be_kept(hub, monkeypatch, known):
    store.ensure(repo_card(hub, known=known))
    monkeypatch.setenv("PIXWISE_HOME", "/dev/null/px")
    assert store.ensure(repo_card(hub, known=known), offline=True)["model"].read_bytes() == MODEL


@pytest.mark.parametrize("seed", range(12))
def test_whatever_goes_wrong_a_file_is_whole_or_not_there(hub, monkeypatch, seed):
    monkeypatch.setenv("PIXWISE_FETCH_TIMEOUT", "0.2")
    random = Random(seed)
    hub.ignores_range = random.random() < 0.3
    for _ in range(random.randrange(1, 7)):
        kind = random.choice(
            [{"cut": random.randrange(len(MODEL))}, {"flip": random.randrange(len(MODEL))}, {"status": 503}]
        )
        hub.faults.append(Fault("GET", **kind))
    card = url_card(hub) if seed % 2 else repo_card(hub)
    with suppress(errors.FetchError, errors.ModelFileError):
        assert store.ensure(card)["model"].read_bytes() == MODEL
    found = store.find(card)
    assert found is None or found["model"].read_bytes() == MODEL
    hub.faults.clear()
    assert store.ensure(card)["model"].read_bytes() == MODEL
