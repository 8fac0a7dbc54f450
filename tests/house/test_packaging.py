"""What an installation brings: every file that lies beside the code is named in pyproject.toml."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "pixwise"
GIVEN = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-data"]["pixwise"]
DATA = sorted(path for path in SOURCE.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc"))


@pytest.mark.parametrize("path", DATA, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_data_beside_the_code_is_installed_with_it(path):
    place = path.relative_to(SOURCE)
    folder = [given for given in GIVEN if Path(given).parent == place.parent]
    assert any(place.match(given) for given in folder), f"add {place.with_name('*' + path.suffix)} to package-data"


def test_there_is_such_data():
    assert len(DATA) > 30
