"""Jobs as files: whole or not at all, one worker each, and free again when the worker dies."""

import subprocess
import sys
import time

import pytest

from pixwise.serve.spool import Spool

HOLD = """
import sys, time
from pathlib import Path
from pixwise.serve.spool import Spool
lock = Spool(Path(sys.argv[1])).claim(sys.argv[2])
print("held" if lock else "not held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "jobs")


def a_job(spool, pictures=2, caller="ada"):
    told = [({"name": f"{number}.png"}, b"bytes") for number in range(pictures)]
    return spool.accept(caller, [{"task": "ocr"}], told, {}).id


def test_a_job_is_read_back_by_another_worker(spool):
    job = a_job(spool)
    other = Spool(spool.folder)
    assert (other.head(job).caller, other.head(job).bytes, other.picture(job, 1)) == ("ada", 10, b"bytes")
    assert [head.id for head in other.heads()] == [job]


@pytest.mark.parametrize("job", ["", ".", "..", "../x", "a/b", "\0", ".new-1", "ä"])
def test_an_id_is_never_a_path(spool, job):
    real = a_job(spool)
    assert spool.head(job) is None
    assert spool.head(f"../jobs/{real}") is None


def test_its_state_is_read_off_its_files(spool):
    job = a_job(spool)
    assert spool.state(job).status == "queued"
    spool.begin(job)
    spool.answer(job, 1, "error", b"{}")
    assert (spool.state(job).status, spool.state(job).done) == ("running", {1: "error"})
    spool.end(job, "failed", "because")
    assert (spool.state(job).status, spool.state(job).message) == ("failed", "because")


def test_pictures_are_let_go_of_when_they_are_answered(spool):
    job = a_job(spool)
    spool.answer(job, 0, "ok", b"{}")
    left = sorted(path.name for path in (spool.folder / job / "pictures").iterdir())
    spool.end(job, "cancelled")
    assert (left, (spool.folder / job / "pictures").exists()) == (["1"], False)


def test_one_worker_has_a_job_until_it_lets_go(spool):
    job = a_job(spool)
    lock = spool.claim(job)
    assert Spool(spool.folder).claim(job) is None
    lock.release()
    with Spool(spool.folder).claim(job):
        pass


def test_a_worker_that_is_killed_lets_go(spool):
    job = a_job(spool)
    with subprocess.Popen([sys.executable, "-c", HOLD, str(spool.folder), job], stdout=subprocess.PIPE) as worker:
        assert worker.stdout.readline() == b"held\n"
        assert spool.claim(job) is None
        worker.kill()
        worker.wait()
    spool.claim(job).release()


def test_what_stopped_a_worker_is_known_afterwards(spool):
    job = a_job(spool)
    spool.trying(job, 0, 1)
    spool.trying(job, 1, 2)
    spool.let_go(job, 0)
    assert Spool(spool.folder).tried(job) == {1: 2}


def test_what_ended_long_ago_is_forgotten(spool):
    old, open_ = a_job(spool), a_job(spool)
    spool.end(old, "done")
    spool.sweep(60)
    assert [head.id for head in spool.heads()] == [old, open_]
    spool.sweep(-1)
    assert [head.id for head in spool.heads()] == [open_]


def test_a_job_that_was_never_whole_is_no_job_and_is_swept_away(spool, monkeypatch):
    a_job(spool)
    (spool.folder / ".new-1").mkdir()
    assert len(spool.heads()) == 1
    later = time.time() + 7200
    monkeypatch.setattr(time, "time", lambda: later)
    spool.sweep(1e9)
    assert not (spool.folder / ".new-1").exists()


def test_only_the_owner_can_read_it(spool):
    job = a_job(spool)
    assert [path.stat().st_mode & 0o77 for path in (spool.folder, spool.folder / job)] == [0, 0]
