"""One thread per test process, the folder of real models, and small pictures drawn here."""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "PIXWISE_THREADS"):
    os.environ[_name] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hub_server import hub, no_sockets  # noqa: F401  fixtures for everything that fetches

from pixwise.samples import photo_like

# The same examples in every run, and no deadline on a busy machine; HYPOTHESIS_PROFILE=search looks for other examples.
hypothesis.settings.register_profile("steady", derandomize=True, deadline=None)
hypothesis.settings.register_profile("search", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

ROOT = Path(__file__).resolve().parents[1]


def _assets_folder() -> Path:
    return Path(os.environ.get("PIXWISE_ASSETS") or ROOT.parent / "shared" / "assets")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not (_assets_folder() / "models").is_dir():
        skip = pytest.mark.skip(
            reason=f"needs real models and pictures, none in {_assets_folder()}; set PIXWISE_ASSETS"
        )
        for item in items:
            if "assets" in item.keywords:
                item.add_marker(skip)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Where PIXWISE_NO_SKIPS is set, a skipped test is a failure: the machine has all that the tests need."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("PIXWISE_NO_SKIPS") and reporter.stats.get("skipped") and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def assets() -> Path:
    """The folder of real models and pictures; tests that use it carry `@pytest.mark.assets`."""
    return _assets_folder()


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """(480, 640, 3) uint8, photo-like: smooth shapes, edges and a little noise, always the same."""
    return photo_like(480, 640)
