"""`pixwise version` tells what is installed."""

import json

from pixwise import __version__
from pixwise.cli.version import REQUIRED, version_of


def test_json_is_a_version_per_package(cli):
    code, out, err = cli("version", "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert found["pixwise"] == __version__
    assert set(REQUIRED) < set(found)
    assert all(found.values())


def test_text_is_a_line_per_package(cli):
    assert len(cli("version").out.splitlines()) == len(REQUIRED) + 2


def test_a_package_that_is_not_installed_has_no_version():
    assert version_of("no-such-package-at-all") == ""
