"""The application under Ray Serve, really: two replicas on this machine, one of which is killed."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.slow
def test_two_replicas_answer_as_one_and_the_death_of_one_is_no_end(tmp_path):
    pytest.importorskip("ray", reason="needs ray: pip install 'pixwise[ray]'")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "RAY_TRIAL_PORT": str(port), "TMPDIR": "/tmp"}
    command = [
        sys.executable,
        str(HERE / "ray_trial.py"),
        str(HERE.parents[1] / "examples/receipt.png"),
        str(tmp_path / "told"),
    ]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment)
    assert ran.returncode == 0, ran.stderr[-3000:]
    told = json.loads((tmp_path / "told").read_text())
    assert told == {"ready": True, "replicas": 2, "same": True, "after_the_kill": 20, "back": 2,
                    "error": "ModelMissingError"}  # fmt: skip
