"""Several processes that answer as one: one dies, all are replaced, all are stopped."""

import os
import signal
import time
from types import SimpleNamespace

import httpx
from many_clients import Clients
from serving_process import serving

from pixwise.serve.settings import load_settings
from pixwise.serve.workers import Supervisor

TWO = ("--workers", "2")


def pids_of(place):
    """Request id → the process that answered it."""
    return {line["id"]: line["pid"] for line in place.lines() if "id" in line}


def workers_of(place):
    """The processes that are workers now."""
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as stat, open(f"/proc/{name}/cmdline") as command:
                parent = int(stat.read().rpartition(")")[2].split()[1])
                if parent == place.process.pid and "pixwise.serve.worker" in command.read():
                    found.append(int(name))
        except OSError:
            continue
    return found


def test_a_killed_worker_takes_no_other_request_with_it_and_is_back_in_seconds(picture_bytes):
    with serving(*TWO) as place, Clients(place.url, picture_bytes, 12) as clients:
        time.sleep(1.0)
        killed, died = workers_of(place)[0], time.monotonic()
        os.kill(killed, signal.SIGKILL)
        time.sleep(0.3)
        assert "a worker is dead" in httpx.get(f"{place.url}/readyz").text
        place.until_ready()
        back = time.monotonic() - died
        time.sleep(0.5)
        outcomes = clients.join(stop=True)
        failed = [each for each in clients.asked if each.outcome != 200]
        assert back < 30  # about 3 on a quiet machine
        assert killed not in workers_of(place)
        assert len(workers_of(place)) == 2
        assert place.stop(signal.SIGTERM) == 0
    assert len(failed) <= 12, outcomes  # at most one for each client: what the killed one was at work on
    assert all(died - 30 < each.at < died + 0.1 for each in failed), failed
    assert not {each.id for each in failed} & set(pids_of(place))
    survivors = {pid for each, pid in pids_of(place).items()} - {killed}
    assert len(survivors) == 2  # the new one answers, too


def test_sigterm_to_the_parent_under_load_loses_nothing(picture_bytes):
    with serving(*TWO) as place, Clients(place.url, picture_bytes, 8) as clients:
        time.sleep(0.7)
        code, outcomes = place.stop(signal.SIGTERM), clients.join()
    assert (set(outcomes), code) == ({200, "refused"}, 0), outcomes
    assert len(set(pids_of(place).values())) == 2


def test_sighup_replaces_all_under_load_and_loses_nothing(picture_bytes, tmp_path):
    config = tmp_path / "settings.toml"
    config.write_text("max_side = 30000\n")
    with serving(*TWO, "--config", str(config)) as place, Clients(place.url, picture_bytes, 4) as clients:
        before = set(workers_of(place))
        config.write_text("max_side = 100\n")
        place.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + 40
        while (now := set(workers_of(place))) & before or len(now) != 2:
            assert time.monotonic() < end
            time.sleep(0.1)
        outcomes = clients.join(stop=True)
        asked = httpx.post(f"{place.url}/v1/quality", content=picture_bytes, headers={"Content-Type": "image/png"})
        assert asked.status_code == 413  # by the settings as they are now
        assert set(outcomes) <= {200, 413}, outcomes


def test_workers_end_when_their_parent_is_gone():
    with serving(*TWO) as place:
        mine = workers_of(place)
        place.process.kill()
        end = time.monotonic() + 10
        while (left := [pid for pid in mine if os.path.exists(f"/proc/{pid}")]) and time.monotonic() < end:
            time.sleep(0.1)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert left == []


def test_a_worker_that_cannot_start_ends_the_service():
    with serving(*TWO, ready=False, PIXWISE_REQUIRE_GPU="1") as place:
        assert place.process.wait(30) == 2
    assert "cuda" in "".join(place.wrote).lower()


def test_a_worker_that_stands_still_is_replaced():
    with serving(*TWO, PIXWISE_STUCK_S="1") as place:
        hung = workers_of(place)[0]
        os.kill(hung, signal.SIGSTOP)
        end = time.monotonic() + 20
        while hung in workers_of(place):
            assert time.monotonic() < end
            time.sleep(0.2)
        place.until_ready()
    assert any("stands still for 2 s; it is killed" in line.get("message", "") for line in place.lines())


def test_one_that_dies_at_once_is_waited_for_longer_each_time():
    supervisor = Supervisor(load_settings(workers=1), None)
    waits = []
    for _ in range(9):
        supervisor._lost(dead_worker(), -9, 0.1)
        waits.append(round(supervisor._missing[-1] - time.monotonic(), 1))
    assert waits == [0.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0]
    supervisor._lost(dead_worker(), -9, 60.0)
    assert supervisor._missing[0] <= time.monotonic()
    os.rmdir(supervisor._meters)


def dead_worker():
    return SimpleNamespace(process=SimpleNamespace(pid=0), slot=0)
