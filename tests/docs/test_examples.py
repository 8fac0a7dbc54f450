"""Every example of the guides runs, offline, in a folder of its own."""

import os
import re
import runpy
from pathlib import Path

import pytest
from docs.model_folders import make_named
from running_service import served

from pixwise.task_table import MAKERS, TASKS

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))
GUIDES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder that looks like the repository's root to an example; what it writes stays here."""
    os.symlink(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("HF_HOME", "HF_HUB_CACHE", "PIXWISE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    return tmp_path


@pytest.fixture(scope="module")
def service():
    """Where a service of the built-ins listens, for examples that ask one."""
    with served(built_in=True) as place:
        yield place.url


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_runs(path, workplace, monkeypatch, service):
    monkeypatch.setenv("PIXWISE_URL", service)
    make_named(path.read_text("utf-8"), workplace)
    runpy.run_path(str(path), run_name="__main__")


def test_there_is_an_example_for_every_task():
    told = {path.stem.split("_")[0] for path in EXAMPLES}
    assert {*TASKS, *MAKERS} - told == set()


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_links_lead_somewhere(guide):
    links = re.findall(r"\]\(([^)#]+)", guide.read_text("utf-8"))
    missing = [link for link in links if "://" not in link and not (guide.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_python_blocks_are_files_that_ran(guide):
    """A block that says `# docs/examples/…` shows that file, word for word."""
    for block in re.findall(r"```python\n(.*?)```", guide.read_text("utf-8"), re.DOTALL):
        named = re.match(r"# (docs/examples/\S+\.py)\n", block)
        if named:
            assert block.partition("\n")[2].strip() == (ROOT / named[1]).read_text("utf-8").strip()


def test_the_lines_of_the_readme_run(workplace):
    """All but those that say that they fetch something."""
    block = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)[1]
    lines = [line for line in block.splitlines() if "fetches" not in line]
    assert len(lines) >= 8
    exec("\n".join(lines), {})
    assert (workplace / "answers.png").exists()
