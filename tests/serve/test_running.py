"""One process from its first line to its last, over real sockets, stopped by real signals."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter

import httpx
import pytest
from many_clients import Clients
from serving_process import serving

HEAD = b"POST /v1/quality HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n"


def connected(url):
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def answer_of(line):
    kept = b""
    with line:
        while piece := line.recv(65536):
            kept += piece
    return kept


def serve(*words, **environment):
    command = [sys.executable, "-m", "pixwise", "serve", *words]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})


def test_sigterm_under_load_loses_nothing(picture_bytes):
    with serving() as place, Clients(place.url, picture_bytes, 8) as clients:
        time.sleep(0.7)
        code, outcomes = place.stop(signal.SIGTERM), clients.join()
    assert (set(outcomes), code) == ({200, "refused"}, 0), outcomes
    answered = {line["id"] for line in place.lines() if line.get("status") == 200}
    assert {each.id for each in clients.asked if each.outcome == 200} <= answered
    assert outcomes[200] > 5


def test_requests_whose_first_bytes_came_before_the_signal_are_answered(picture_bytes):
    with serving(PIXWISE_DRAIN_S="0") as place:
        whole = HEAD % len(picture_bytes) + picture_bytes
        halves = [(connected(place.url), at) for at in (10, 70, len(whole) // 2, len(whole) - 1)]
        for line, at in halves:
            line.sendall(whole[:at])
        time.sleep(0.2)
        place.process.send_signal(signal.SIGTERM)
        time.sleep(0.8)
        for line, at in halves:
            line.sendall(whole[at:])
        answers = [answer_of(line) for line, _ in halves]
        assert [answer[:15] for answer in answers] == [b"HTTP/1.1 200 OK"] * 4
        assert place.process.wait(10) == 0


def test_connections_that_nobody_accepted_yet_are_answered(picture_bytes):
    """The process stands still while they come, and finds them and the signal together."""
    with serving(PIXWISE_DRAIN_S="0") as place:
        place.process.send_signal(signal.SIGSTOP)
        lines = [connected(place.url) for _ in range(20)]
        for line in lines:
            line.sendall(HEAD % len(picture_bytes) + picture_bytes)
        place.process.send_signal(signal.SIGTERM)
        place.process.send_signal(signal.SIGCONT)
        assert [answer_of(line)[:12] for line in lines] == [b"HTTP/1.1 200"] * 20
        assert place.process.wait(10) == 0


def test_it_says_that_it_goes_before_it_takes_nothing_more(picture_bytes):
    with serving(PIXWISE_DRAIN_S="2") as place, httpx.Client(base_url=place.url) as client:
        assert "connection" not in client.get("/readyz").headers
        place.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        told = client.get("/readyz")
        assert (told.status_code, told.headers["connection"]) == (503, "close")
        assert "shutting down" in told.json()["detail"]
        asked = httpx.post(f"{place.url}/v1/quality", content=picture_bytes, headers={"Content-Type": "image/png"})
        assert (asked.status_code, asked.headers["connection"]) == (200, "close")


def test_idle_connections_do_not_hold_it_up():
    with serving(PIXWISE_DRAIN_S="0") as place:
        lines = [connected(place.url) for _ in range(3)]
        lines[0].sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(0.2)
        started = time.monotonic()
        assert place.stop(signal.SIGINT) == 0
        assert time.monotonic() - started < 3
        place.reader.join(5)
        assert place.lines()[-1]["message"] == "stopped"
        assert [answer_of(line)[:12] for line in lines] == [b"HTTP/1.1 200", b"", b""]


def test_what_takes_longer_than_the_grace_is_cut_off_and_the_code_says_so(picture_bytes):
    with serving(PIXWISE_DRAIN_S="0", PIXWISE_GRACE_S="0.5") as place, connected(place.url) as line:
        line.sendall(HEAD % len(picture_bytes))
        time.sleep(0.2)
        assert place.stop(signal.SIGTERM) == 1
    assert any("got 1 that did not" in line.get("message", "") for line in place.lines())


def test_a_second_signal_ends_it_at_once(picture_bytes):
    with serving(PIXWISE_DRAIN_S="20") as place:
        place.process.send_signal(signal.SIGTERM)
        time.sleep(0.4)
        started = time.monotonic()
        assert place.stop(signal.SIGTERM) == 0
        assert time.monotonic() - started < 5


def test_a_port_that_is_taken_is_told():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = serve("--port", port)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"port must be free, got {port}, where another program listens; end it, or choose" in done.stderr


@pytest.mark.parametrize(
    ("host", "said"), [("203.0.113.1", "address of this machine"), ("nowhere.invalid", "got 'nowhere.invalid'")]
)
def test_an_address_of_another_machine_is_told(host, said):
    done = serve("--host", host, PIXWISE_OPEN="1")
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_no_connection_is_reset_that_the_system_has_set_up():
    """Thousands of small requests, each on a connection of its own, across the end."""
    outcomes = Counter()

    def ask_on():
        while True:
            try:
                with connected(place.url) as line:
                    line.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    outcomes[line.recv(4096)[9:12]] += 1
            except ConnectionRefusedError:
                return
            except OSError as error:
                outcomes[repr(error)] += 1

    with serving(PIXWISE_DRAIN_S="0.2") as place:
        threads = [threading.Thread(target=ask_on) for _ in range(6)]
        [thread.start() for thread in threads]
        time.sleep(0.3)
        assert place.stop(signal.SIGTERM) == 0
        [thread.join() for thread in threads]
    assert set(outcomes) == {b"200"}, outcomes
    assert outcomes[b"200"] > 200


def test_it_ends_at_once_while_it_still_loads(tmp_path):
    """A fetch of minutes from a server that does not answer must not hold up the end."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        hub = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        environment = {"HF_ENDPOINT": hub, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "0", "PIXWISE_DRAIN_S": "0"}
        environment |= {"PIXWISE_BUILT_IN": "0", "PIXWISE_HOME": str(tmp_path)}
        with serving("--fetch", "--preload", "detect", ready=False, built_in=False, **environment) as place:
            time.sleep(1.5)
            assert "starting" in httpx.get(f"{place.url}/readyz").text
            started = time.monotonic()
            assert place.stop(signal.SIGTERM) == 0
            assert time.monotonic() - started < 10
