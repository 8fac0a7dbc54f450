"""The lines for curl of docs/http.md do what the guide says."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from running_service import served

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "http.md").read_text("utf-8")
LINES = [line for block in re.findall(r"```bash\n(.*?)```", GUIDE, re.DOTALL) for line in block.splitlines()]


@pytest.fixture(scope="module")
def url():
    with served(built_in=True) as place:
        yield place.url


@pytest.mark.parametrize("line", LINES)
def test_the_line_is_answered(line, url, tmp_path):
    here = line.replace("http://127.0.0.1:8000", url).replace("examples/", f"{ROOT}/examples/")
    ran = subprocess.run(["bash", "-c", here.replace("curl ", "curl -sS --fail-with-body ", 1)], cwd=tmp_path,
                         capture_output=True, text=True, timeout=60)  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (tmp_path / "drawn.png").stat().st_size if "drawn.png" in line else json.loads(ran.stdout)


def test_every_status_that_it_names_is_one_that_the_service_tells():
    from pixwise.serve.problems import TITLES

    named = {int(status) for status in re.findall(r"\b[45]\d\d\b", GUIDE.partition("## When there is no")[2])}
    assert named == set(TITLES) - {405, 500}
