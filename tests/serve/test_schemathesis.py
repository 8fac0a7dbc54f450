"""schemathesis finds nothing: thousands of requests that follow the description, and that do not.

A longer search: python bench/schemathesis_long.py.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from running_service import served

HERE = Path(__file__).parent
RUN = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"), "run"]
ENVIRONMENT = {**os.environ, "SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(HERE)}


@pytest.fixture(scope="module")
def url():
    with served(built_in=True, ui=False, compatible=False, rate=0) as place:
        yield place.url


@pytest.fixture
def found(url, tmp_path):
    """What a run says, where it found something; empty otherwise. It keeps what it finds in the folder it runs in."""
    return lambda *more: _found(url, tmp_path, *more)


def _found(url, folder, *more):
    options = ["--checks", "all", "--seed", "1", "--no-color", "--suppress-health-check", "all", *more]
    ran = subprocess.run(
        [*RUN, f"{url}/openapi.json", *options], env=ENVIRONMENT, cwd=folder, capture_output=True, text=True
    )
    return "" if ran.returncode == 0 and " passed" in ran.stdout else ran.stdout[-3000:] + ran.stderr[-1000:]


@pytest.mark.slow
def test_requests_of_every_kind_get_the_answers_that_the_description_names(found):
    assert found("--max-examples", "3") == ""


def test_a_fault_would_be_found(found):
    """The same run over a description that says less than the truth."""
    assert "failure" in found("--include-operation-id", "models", "--max-response-time", "0.000001")
