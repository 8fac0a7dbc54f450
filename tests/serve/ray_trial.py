"""Two replicas on one machine, one of them killed: run by test_ray_app.py in a process of its own; writes JSON."""

import json
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled", "RAY_DEDUP_LOGS": "0"}

import psutil
import ray
from ray import serve

import pixwise as px
from pixwise.serve.client import Client
from pixwise.serve.ray_app import ray_app
from pixwise.serve.settings import load_settings


def replicas() -> list[psutil.Process]:
    """The processes of the replicas."""
    mine = psutil.Process().children(recursive=True)
    return [each for each in mine if "ServeReplica" in " ".join(each.cmdline())]


def main(picture: str) -> dict:
    port = int(os.environ["RAY_TRIAL_PORT"])
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    settings = load_settings(built_in=True, concurrency=4, threads=1)
    serve.run(ray_app(settings=settings, replicas=2), name="pixwise", route_prefix="/")
    client = Client(f"http://127.0.0.1:{port}")
    with open(picture, "rb") as file:
        data = file.read()
    told = {"ready": client.is_ready(), "replicas": len(replicas())}
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: client.quality(data), range(40)))
    told["same"] = {answer.phash for answer in answers} == {px.quality(data).phash}
    victim = replicas()[0]
    victim.kill()
    time.sleep(0.5)
    told["after_the_kill"] = sum(len(client.quality(data)) > 0 for _ in range(20))
    until = time.monotonic() + 30
    while time.monotonic() < until and len({each.pid for each in replicas()} - {victim.pid}) < 2:
        time.sleep(0.2)
    told["back"] = len({each.pid for each in replicas()} - {victim.pid})
    try:
        client.classify(data)
    except px.PixwiseError as error:
        told["error"] = type(error).__name__
    return told


if __name__ == "__main__":
    folder = tempfile.mkdtemp(prefix="r")  # short: sockets have paths of at most 107 bytes
    try:
        ray.init(
            num_cpus=2, include_dashboard=False, log_to_driver=False, _temp_dir=folder, object_store_memory=80 * 2**20
        )
        Path(sys.argv[2]).write_text(json.dumps(main(sys.argv[1])))  # not printed: Ray prints, too
    finally:
        serve.shutdown()
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
