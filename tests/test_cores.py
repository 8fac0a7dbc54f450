"""How many cores are granted: affinity and cgroups."""

import os

import pytest

from pixwise.cores import available_threads, cgroup_quota
from pixwise.errors import OptionError


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "150000 100000"}, 1.5),
        ({"cpu.max": "max 100000"}, 0),
        ({"cpu.max": "20000 100000"}, 1),
        ({"cpu/cpu.cfs_quota_us": "400000", "cpu/cpu.cfs_period_us": "100000"}, 4),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 0),
        ({"cpu.max": "nonsense"}, 0),
        ({}, 0),
    ],
)
def test_the_quota_of_a_cgroup_is_read(tmp_path, files, cores):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cgroup_quota(tmp_path) == cores


@pytest.mark.parametrize(
    ("own", "files", "cores"),
    [
        ("0::/system.slice/pixwise.service", {"system.slice/pixwise.service/cpu.max": "200000 100000"}, 2),
        ("0::/a/b", {"a/cpu.max": "300000 100000", "a/b/cpu.max": "max 100000"}, 3),
        ("4:cpu,cpuacct:/a", {"cpu/a/cpu.cfs_quota_us": "200000", "cpu/a/cpu.cfs_period_us": "100000"}, 2),
        ("0::/../elsewhere", {"cpu.max": "400000 100000"}, 4),
    ],
)
def test_the_quota_of_a_service_stands_below_the_root(tmp_path, own, files, cores):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "own").write_text(own + "\n")
    assert cgroup_quota(tmp_path, tmp_path / "own") == cores


def test_threads_follow_the_affinity(monkeypatch):
    monkeypatch.delenv("PIXWISE_THREADS")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert available_threads() == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(("asked", "told"), [(99, ""), (0, "64")])
def test_more_threads_than_cores_are_not_taken(monkeypatch, asked, told):
    monkeypatch.setenv("PIXWISE_THREADS", told)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert available_threads(asked) == 1
    finally:
        os.sched_setaffinity(0, before)


def test_threads_by_environment_must_be_a_number(monkeypatch):
    monkeypatch.setenv("PIXWISE_THREADS", "many")
    with pytest.raises(OptionError, match="PIXWISE_THREADS must be a positive number, got 'many'"):
        available_threads()
