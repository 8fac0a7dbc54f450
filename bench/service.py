"""The service against the library: real processes, real sockets, the same models and pictures in one run.

    python bench/service.py throughput   32 clients, mixed pictures, against the library asked one picture at a time
    python bench/service.py latency      random arrivals at 70 % of what it can do
    python bench/service.py overhead     one small request after the other
    python bench/service.py poison       every tenth picture is broken
    python bench/service.py memory       20 000 requests
    python bench/service.py all          all but memory

Each ends with what was to be reached; "others" is the share of the cores that other programs took meanwhile. The
library and the service take turns, so that a noisy machine harms both; the clients share its cores with the service.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from full_size import build_checkpoint
from http_load import Clients, Load, Shot
from pictures import jpeg
from quiet import Others, ticks
from side_by_side import Way

from pixwise.samples import jpeg_like

MODELS = {"clip": "clip-b32", "dinov2": "dinov2-base"}
SMALL = "/v1/embed?model=look"  # built in: what remains is the service


# ---------------------------------------------------------------------------------------------------------------------
# what is measured


class Server:
    """A service in a process of its own."""

    def __init__(self, folder: Path, models: tuple[str, ...], threads: int):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        own = {name: str(build_checkpoint(MODELS[name], folder) / "pixwise") for name in models}
        lines = [f"{name} = '{path}'" for name, path in own.items()]
        preload = [f'"embed:{name}"' for name in models]
        config = Path(tempfile.mkstemp(suffix=".toml")[1])
        config.write_text(
            f"port = {self.port}\nlog = 'none'\nthreads = {threads}\npreload = [{', '.join(preload)}]\n"
            + "\n".join(["[own_models]", *lines])
        )
        command = [sys.executable, "-m", "pixwise", "serve", "--config", str(config)]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        self._wait()
        config.unlink()

    def _wait(self) -> None:
        for _ in range(600):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5)
                return
            if self._process.poll() is not None:
                raise SystemExit(f"the service ended with {self._process.returncode}")
            time.sleep(0.1)
        raise SystemExit("the service is not ready after a minute")

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def rss_mb(self) -> float:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def mean_batch(self) -> dict[str, float]:
        """Rows per run so far, by model."""
        text = urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5).read().decode()
        told = dict(re.findall(r'pixwise_batch_rows_(\w+\{model="[^"]+"\}) ([\d.e+]+)', text))
        key = lambda what, name: f'{what}{{model="{name}"}}'  # noqa: E731
        names = {re.search(r'"([^"]+)"', key)[1] for key in told if key.startswith("sum{")}
        return {name: float(told[key("sum", name)]) / float(told[key("count", name)]) for name in names}

    def close(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)


@contextlib.contextmanager
def serving(args: argparse.Namespace, *models: str, threads: int | None = None) -> Iterator[tuple[Server, Clients]]:
    server = Server(args.folder, models, max(0, args.threads) if threads is None else threads)
    clients = Clients(server.port, args.clients)
    try:
        yield server, clients
    finally:
        clients.close()
        server.close()


def mixed(folder: Path) -> list[bytes]:
    """Eight pictures of 0.1 to 12 megapixels, mostly small ones, as uploads are."""
    middle = [_drawn(folder, 1200, 1600, seed) for seed in (0, 1)]
    small = [_drawn(folder, 300, 400, seed) for seed in (0, 1)]
    usual = [jpeg("0.3 MP", folder, seed) for seed in (0, 1, 2)]
    return [usual[0], middle[0], small[0], usual[1], jpeg("12 MP", folder), small[1], usual[2], middle[1]]


def _drawn(folder: Path, height: int, width: int, seed: int) -> bytes:
    path = folder / f"photo-{height}x{width}-{seed}.jpg"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg_like(height, width, seed))
    return path.read_bytes()


def shots(model: str, pictures: list[bytes]) -> tuple[Shot, ...]:
    return tuple(Shot(f"/v1/embed?model={model}", data) for data in pictures)


def library(folder: str, threads: int):
    """`embed` in the library, one picture after the other; `run((pictures, seconds))` gives pictures per second."""
    from pixwise.tasks.embed import Embedder

    task = Embedder.load(folder, threads=threads) if folder else Embedder.load("look")

    def run(job: tuple[list[bytes], float]) -> float:
        pictures, seconds = job
        started, count = time.perf_counter(), 0
        while (spent := time.perf_counter() - started) < seconds:
            task(pictures[count % len(pictures)]).to_dict()
            count += 1
        return count / spent

    return run


# ---------------------------------------------------------------------------------------------------------------------
# measurements


def throughput(args: argparse.Namespace) -> None:
    """Pictures per second, interleaved; the library always has all cores for its one run."""
    pictures = mixed(args.folder)
    print(f"{'model':8} {'threads':>7} {'library/s':>9} {'service/s':>9} {'ratio':>6} {'batch':>6} {'p50 ms':>7} "
          f"{'p99 ms':>7} {'others':>7} errors")  # fmt: skip
    for name, checkpoint in MODELS.items():
        folder = str(build_checkpoint(checkpoint, args.folder) / "pixwise")
        serial = Way("library", library, folder, 0)
        for threads in (0, 1) if args.threads < 0 else (args.threads,):
            with serving(args, name, threads=threads) as (server, clients):
                _throughput_row(args, name, shots(name, pictures), serial, server, clients, threads)
        serial.close()
    print(f"to be reached: ratio 1.3 or more, no errors ({args.clients} clients, 0.1 to 12 MP; threads of one run: 0 "
          "is all cores, 1 lets as many runs go on as there are cores)\n")  # fmt: skip


def _throughput_row(
    args: argparse.Namespace,
    name: str,
    asked: tuple[Shot, ...],
    serial: Way,
    server: Server,
    clients: Clients,
    threads: int,
) -> None:
    clients.run(Load(asked, 2.0))
    alone, heard = [], []
    others = Others([server.pid, serial.pid, *clients.pids])
    for _ in range(args.rounds):
        alone.append(serial.run(([shot.body for shot in asked], args.seconds))[1])
        heard.append(clients.run(Load(asked, args.seconds)))
    busy, together = others.share(), [each.rate for each in heard]
    ratio = statistics.median(many / one for many, one in zip(together, alone, strict=True))
    wrong = [said for each in heard for said in each.wrong]
    p50, p99 = (statistics.median(each.percentile_ms(percent) for each in heard) for percent in (50, 99))
    batch = max(server.mean_batch().values())
    print(f"{name:8} {threads:7} {statistics.median(alone):9.1f} {statistics.median(together):9.1f} {ratio:6.2f} "
          f"{batch:6.2f} {p50:7.0f} {p99:7.0f} {busy:7.0%} {len(wrong)} {wrong[:1] or ''}", flush=True)  # fmt: skip


def latency(args: argparse.Namespace) -> None:
    """Random arrivals at 70 % of the throughput that was found just before."""
    pictures = mixed(args.folder)
    print(f"{'model':8} {'limit/s':>8} {'asked/s':>8} {'p50 ms':>7} {'p90 ms':>7} {'p99 ms':>7} {'p99/p50':>8} errors")
    for name in MODELS:
        with serving(args, name) as (_, clients):
            clients.run(Load(shots(name, pictures), 2.0))
            limit = clients.run(Load(shots(name, pictures), args.seconds)).rate
            heard = clients.run(Load(shots(name, pictures), 4 * args.seconds, rate=0.7 * limit))
            p50, p90, p99 = (heard.percentile_ms(percent) for percent in (50, 90, 99))
            print(f"{name:8} {limit:8.1f} {0.7 * limit:8.1f} {p50:7.0f} {p90:7.0f} {p99:7.0f} {p99 / p50:8.2f} "
                  f"{len(heard.wrong)} {heard.wrong[:1] or ''}", flush=True)  # fmt: skip
    print("to be reached: p99 at most 3 x p50 at 70 % load, no errors\n")


def overhead(args: argparse.Namespace) -> None:
    """One small request after the other, the library and the service in turn."""
    picture = _drawn(args.folder, 300, 400, 0)
    clip = str(build_checkpoint(MODELS["clip"], args.folder) / "pixwise")
    print(f"{'model':8} {'library ms':>10} {'service ms':>10} {'difference':>10}")
    with serving(args, "clip") as (server, _):
        for name, folder, path, count in (("look", "", SMALL, 300), ("clip", clip, "/v1/embed?model=clip", 60)):
            ways = [
                Way("library", one_by_one, folder, max(0, args.threads)),
                Way("service", over_http, server.port, path),
            ]
            spent: dict[str, list[float]] = {way.name: [] for way in ways}
            for _ in range(count // 10):
                for way in ways:
                    spent[way.name] += way.run((picture, 10))[1]
            one, many = (1e3 * statistics.median(spent[way]) for way in ("library", "service"))
            print(f"{name:8} {one:10.2f} {many:10.2f} {many - one:10.2f}", flush=True)
            for way in ways:
                way.close()
    print("to be reached: difference below 3 ms for a small request (look) with nobody else there\n")


def one_by_one(folder: str, threads: int):
    """Seconds of each of `count` calls of the library."""
    from pixwise.tasks.embed import Embedder

    task = Embedder.load(folder, threads=threads) if folder else Embedder.load("look")
    return lambda job: [_timed(lambda: task(job[0]).to_dict()) for _ in range(job[1])]


def over_http(port: int, path: str):
    """Seconds of each of `count` requests, over one connection."""
    import http.client

    from http_load import _asked

    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    return lambda job: [_timed(lambda: _asked(line, Shot(path, job[0]))) for _ in range(job[1])]


def _timed(call) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def poison(args: argparse.Namespace) -> None:
    """The same good pictures at the same times on average, without and with one broken picture to nine good ones."""
    pictures = mixed(args.folder)
    good = shots("clip", pictures)
    bad = tuple(Shot("/v1/embed?model=clip", data, good=False) for data in _broken(pictures))
    with serving(args, "clip") as (_, clients):
        clients.run(Load(good, 2.0))
        rate = 0.6 * clients.run(Load(good, args.seconds)).rate
        both = (*good * 9, *bad * 2)  # 72 and 8
        p50: dict[str, list[float]] = {"clean": [], "poisoned": []}
        wrong, refused, answered = [], 0, 0
        for _ in range(args.rounds):
            for name, load in (
                ("clean", Load(good, 1.5 * args.seconds, rate)),
                ("poisoned", Load(both, 1.5 * args.seconds, rate / 0.9)),
            ):
                heard = clients.run(load)
                p50[name].append(heard.percentile_ms(50))
                wrong += heard.wrong
                refused, answered = refused + heard.refused, answered + len(heard.good_s)
    clean, poisoned = (statistics.median(p50[name]) for name in ("clean", "poisoned"))
    print(f"{'':10} {'clean p50':>10} {'poisoned p50':>13} {'ratio':>6}   good answered, broken refused, wrong")
    print(f"{'clip':10} {clean:10.1f} {poisoned:13.1f} {poisoned / clean:6.2f}   "
          f"{answered}, {refused}, {len(wrong)} {wrong[:1] or ''}")  # fmt: skip
    print("to be reached: nothing wrong, ratio within 0.9 to 1.1\n")


def _broken(pictures: list[bytes]) -> list[bytes]:
    """Cut short, nonsense, a page, and a picture whose inside is noise."""
    torn = bytearray(pictures[0])
    torn[200:400] = os.urandom(200)
    return [pictures[0][:3000], os.urandom(20_000), b"<html>no picture</html>", bytes(torn)[:400]]


def memory(args: argparse.Namespace) -> None:
    """Resident memory over many small requests."""
    picture, step = _drawn(args.folder, 300, 400, 0), 1000
    with serving(args) as (server, clients):
        sizes, cpu = [], ticks(server.pid)
        for _ in range(args.requests // step):
            heard = clients.run(Load((Shot(SMALL, picture),), 3600, count=step))
            sizes.append(server.rss_mb)
            if heard.wrong:
                print(f"wrong: {len(heard.wrong)}, {heard.wrong[0]}")
        cpu_end = ticks(server.pid)
    settled = sizes[len(sizes) // 4 :]
    slope = float(np.polyfit(np.arange(len(settled)), settled, 1)[0]) if len(settled) > 1 else float("nan")
    print("MB after each thousand: " + " ".join(f"{size:.1f}" for size in sizes))
    spent = 1e3 * (cpu_end - cpu) / os.sysconf("SC_CLK_TCK") / args.requests
    print(f"processor time of the service: {spent:.2f} ms per request")
    print(f"slope after the first quarter: {slope:.3f} MB per 1000 requests")
    print("to be reached: less than 1 MB per 1000\n")


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ways = {"throughput": throughput, "latency": latency, "overhead": overhead, "poison": poison, "memory": memory}
    parser.add_argument("what", choices=[*ways, "all"])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "pixwise-bench")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=3.5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--threads", type=int, default=-1, help="of a run; 0 is all cores; -1 tries 0, for throughput 1 too"
    )
    parser.add_argument("--requests", type=int, default=20_000)
    args = parser.parse_args()
    for name, measure in ways.items():
        if args.what == name or (args.what == "all" and name != "memory"):
            measure(args)


if __name__ == "__main__":
    main()
