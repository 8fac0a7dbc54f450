"""Attacks on a service in a process of its own, while somebody else goes on asking: he is answered, and soon."""

import contextlib
import json
import os
import re
import resource
import statistics
import struct
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from raw_sockets import dial, heard, honest_client, post_head, status_of

MIB = 2**20
SLOW_S = 1.5  # two busy cores, shared with the attacker: what it takes at most to be answered


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    settings = {"HEAD_TIMEOUT_S": "2", "BODY_TIMEOUT_S": "2", "MAX_CONNECTIONS": "300", "OPEN_PIXELS": "10000000",
                "LOG": "none"}  # fmt: skip
    environment = {**os.environ, **{f"PIXWISE_{name}": value for name, value in settings.items()}}
    told = tmp_path_factory.mktemp("serve") / "stderr"
    command = [sys.executable, "-c", "from pixwise.cli import main; main()", "serve", "--port", "0", "--built-in"]
    with told.open("w") as stderr, subprocess.Popen(command, env=environment, stderr=stderr) as process:
        try:
            yield _address(told, process)
            assert process.poll() is None
        finally:
            process.terminate()
            process.wait(30)
            PIDS.clear()


PIDS = []


def _address(told, process):
    until = time.monotonic() + 60
    while time.monotonic() < until and not (found := re.search(r"http://\S+", told.read_text())):
        time.sleep(0.05)
    PIDS.append(process.pid)
    while httpx.get(f"{found[0]}/readyz").status_code != 200:
        time.sleep(0.05)
    return found[0]


def memory_mib():
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{PIDS[0]}/status").read_text())[1]) // 1024


def served_meanwhile(url, attack):
    """Run an attack; the seconds of the honest client's answers, after some quiet ones."""
    with honest_client(url) as seconds:
        time.sleep(0.2)
        quiet = len(seconds)
        attack()
        time.sleep(0.1)
    assert max(seconds[quiet:]) < SLOW_S, seconds
    assert statistics.median(seconds) < SLOW_S / 5
    return seconds


def test_slowloris(url):
    def attack():
        lines = [dial(url, b"GET /livez HTTP/1.1\r\nHost: localhost\r\n") for _ in range(250)]
        for _ in range(12):
            for line in lines:
                _send(line, b"X-A: b\r\n")
            time.sleep(0.25)
        assert sum(_is_over(line) for line in lines) >= 240
        for line in lines:
            line.close()

    served_meanwhile(url, attack)


def _send(line, piece):
    with contextlib.suppress(OSError):
        line.sendall(piece)


def _is_over(line):
    line.settimeout(0.05)
    try:
        return b"408" in line.recv(1000)
    except TimeoutError:
        return False
    except OSError:
        return True


def test_ten_thousand_connections(url):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 10_200:
        pytest.skip(f"this machine allows {hard} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    before = memory_mib()

    def attack():
        lines = [dial(url, b"GET / HTTP/1.1\r\n") for _ in range(10_000)]
        for line in lines:
            line.close()

    served_meanwhile(url, attack)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert memory_mib() - before < 100


def test_four_gigabytes_announced_and_not_sent(url):
    def attack():
        lines = [dial(url, post_head("/v1/quality", length=4 * 2**30)) for _ in range(100)]
        assert {_status(line) for line in lines} == {413}

    served_meanwhile(url, attack)


def test_thirty_megabytes_announced_and_not_sent(url):
    def attack():
        lines = [dial(url, post_head("/v1/quality", length=30 * MIB) + b"x") for _ in range(200)]
        assert {_status(line) for line in lines} == {408}

    served_meanwhile(url, attack)


def _status(line):
    with line:
        return status_of(heard(line))


def test_many_large_bodies_at_once(url):
    before = memory_mib()

    def attack():
        with ThreadPoolExecutor(24) as pool:
            codes = list(pool.map(_all_but_a_byte, [url] * 24))
        assert set(codes) <= {408, 429}
        assert 429 in codes

    served_meanwhile(url, attack)
    assert memory_mib() - before < 400  # 24 bodies are 720 MiB


def _all_but_a_byte(url):
    with dial(url, post_head("/v1/quality", length=30 * MIB)) as line:
        _send(line, bytes(30 * MIB - 1))
        return status_of(heard(line))


PART = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\nx\r\n'
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n%s\r\n--b--\r\n'
FORMS = {
    "10 000 parts": b"".join(PART % b"%d" % number for number in range(10_000)) + b"--b--\r\n",
    "nearly the boundary": FILE % (b"\r\n--a" * (5 * MIB)),
    "returns": FILE % (b"\r" * (25 * MIB)),
    "no boundary": b"-" * (25 * MIB),
    "a name of megabytes": b'--b\r\nContent-Disposition: form-data; name="' + b"a" * (25 * MIB),
    "a thousand headers": b"--b\r\n" + b"X: y\r\n" * 1000,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_forms(url, form):
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    answers = []
    served_meanwhile(url, lambda: answers.append(httpx.post(f"{url}/v1/quality", content=form, headers=kind)))
    assert answers[0].status_code in (400, 415), answers[0].text


TEXTS = {
    "numbers": b"[" + b"1," * (12 * MIB) + b"1]",
    "empty objects": b"[" + b"{}," * (8 * MIB) + b"1]",
    "keys": json.dumps({f"{number}": 1 for number in range(1_000_000)}).encode(),
    "deep": b"[" * (25 * MIB),
    "digits": b"[" + b"9" * (25 * MIB) + b"]",
}


@pytest.mark.parametrize("path", ["/v1/quality", "/v1/analyze", "/v1/embeddings", "/analyze_image/"])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_json(url, text, path):
    kind = {"Content-Type": "application/json"}
    answers = []
    served_meanwhile(url, lambda: answers.append(httpx.post(url + path, content=text, headers=kind, timeout=20)))
    assert answers[0].status_code in (400, 422), answers[0].text


def png(width, height, data, kind=0, more=b""):
    head = struct.pack(">IIBBBBB", width, height, 8 if kind else 1, kind, 0, 0, 0)
    pieces = _chunk(b"IHDR", head) + more + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + pieces


def _chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def zeros(count):
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(MIB)) for _ in range(count // MIB + 1)) + packer.flush()


def progressive(scans, side=5000):
    """A grey JPEG of some kilobytes whose every scan goes over all of its blocks."""

    def segment(marker, data):
        return bytes((255, marker)) + struct.pack(">H", len(data) + 2) + data

    blocks = ((side + 7) // 8) ** 2
    one = bytes([1] + [0] * 15)
    told = segment(0xDB, b"\0" + b"\1" * 64) + segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0")
    told += segment(0xC4, b"\0" + one + b"\0") + segment(0xC4, b"\x10" + one + b"\xe0")
    runs = "011111111111111" * -(-blocks // 32_767)
    runs += "1" * (-len(runs) % 8)
    scan = int(runs, 2).to_bytes(len(runs) // 8, "big").replace(b"\xff", b"\xff\0")
    told += segment(0xDA, b"\1\1\0\0\0\0") + bytes((blocks + 7) // 8)
    return b"\xff\xd8" + told + (segment(0xDA, b"\1\1\0\1\x3f\x10") + scan) * scans + b"\xff\xd9"


BOMBS = {  # name → bytes, statuses
    "65 000 x 65 000 pixels in half a megabyte": (png(65_000, 65_000, zeros(65_000 * 8_126)), {413}),
    "500 MB of pixels where 8 rows belong": (png(8, 8, zeros(500 * MIB)), {200, 415}),
    "a colour profile of 200 MB": (
        png(64, 64, zeros(600), 0, _chunk(b"iCCP", b"x\0\0" + zeros(200 * MIB))),
        {200, 415},
    ),
    "a text of 200 MB": (png(64, 64, zeros(600), 0, _chunk(b"zTXt", b"x\0\0" + zeros(200 * MIB))), {200, 415}),
    "a JPEG of 900 scans": (progressive(900), {415}),
    "a JPEG of 99 scans": (progressive(98, 1000), {200}),
}


@pytest.mark.parametrize(("bomb", "statuses"), BOMBS.values(), ids=BOMBS)
def test_bombs(url, bomb, statuses):
    before = memory_mib()
    kind = {"Content-Type": "image/png"}

    def attack():
        with ThreadPoolExecutor(8) as pool:
            post = lambda _: httpx.post(f"{url}/v1/quality", content=bomb, headers=kind, timeout=30)  # noqa: E731
            answers = list(pool.map(post, range(8)))
        assert {answer.status_code for answer in answers} <= statuses, answers[0].text

    served_meanwhile(url, attack)
    assert memory_mib() - before < 150


def test_large_pictures_are_opened_one_after_the_other(url):
    large = png(3_000, 3_000, zeros(3_000 * 9_001), 2)
    kind = {"Content-Type": "image/png"}
    before, seen = memory_mib(), []

    def attack():  # more of them than there are threads
        with ThreadPoolExecutor(20) as pool:
            post = lambda _: httpx.post(f"{url}/v1/quality", content=large, headers=kind, timeout=60)  # noqa: E731
            waiting = [pool.submit(post, number) for number in range(20)]
            while not all(each.done() for each in waiting):
                seen.append(memory_mib())
                time.sleep(0.05)
        assert {each.result().status_code for each in waiting} == {200}

    served_meanwhile(url, attack)
    assert max(seen) - before < 1_500  # one picture, and what threads keep of used memory; twenty would be 4 300
