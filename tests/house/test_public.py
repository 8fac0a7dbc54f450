"""Public names, docstrings, and what importing costs."""

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import pixwise
from pixwise.task_table import TASKS

SOURCE = Path(pixwise.__file__).parent
MODULES = sorted(
    ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in SOURCE.rglob("*.py")
)


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_every_public_name_is_there():
    assert [name for name in pixwise.__all__ if getattr(pixwise, name, None) is None] == []


def test_the_public_names_are_the_documented_ones():
    assert sorted(pixwise.__all__) == pixwise.__all__ or set(pixwise.__all__) == set(dir(pixwise))
    assert len(set(pixwise.__all__) - set(TASKS) - {entry.class_name for entry in TASKS.values()}) <= 16


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'detekt'"):
        pixwise.detekt  # noqa: B018


@pytest.mark.parametrize("module", MODULES)
def test_all_lists_names_that_exist(module):
    loaded = importlib.import_module(module)
    assert [name for name in getattr(loaded, "__all__", ()) if not hasattr(loaded, name)] == []


@pytest.mark.parametrize("module", MODULES)
def test_public_functions_and_classes_have_docstrings(module):
    loaded = importlib.import_module(module)
    missing = [
        name
        for name in getattr(loaded, "__all__", ())
        if (inspect.isclass(getattr(loaded, name)) or inspect.isfunction(getattr(loaded, name)))
        and not inspect.getdoc(getattr(loaded, name))
    ]
    assert missing == []
    assert loaded.__doc__ or module.endswith("models")


def test_import_loads_no_numpy_and_takes_under_fifty_milliseconds():
    code = "import time, sys; t = time.time(); import pixwise; print(time.time() - t, 'numpy' in sys.modules)"
    runs = [python(code).split() for _ in range(3)]
    assert min(float(seconds) for seconds, _ in runs) < 0.05
    assert {loaded for _, loaded in runs} == {"False"}


def test_importing_everything_has_no_effect_on_the_process():
    wings = (".cli", ".export.")  # a room behind the extra `torch` imports it when it is entered
    names = ", ".join(name for name in MODULES if not any(wing in name for wing in wings))
    code = (
        "import logging, threading, sys, socket\n"
        "def refuse(*a, **k): raise SystemExit('a socket was opened')\n"
        "socket.socket.connect = refuse\n"
        "before = (logging.root.level, list(logging.root.handlers), threading.active_count())\n"
        f"import {names}\n"
        "after = (logging.root.level, list(logging.root.handlers), threading.active_count())\n"
        "print(before == after, 'torch' in sys.modules, 'transformers' in sys.modules, 'onnxruntime' in sys.modules)"
    )
    assert python(code) == "True False False False"


def test_no_print_in_the_library():
    printing = [
        path.name
        for path in SOURCE.rglob("*.py")
        if any(
            isinstance(node, ast.Name) and node.id == "print" for node in ast.walk(ast.parse(path.read_text("utf-8")))
        )
    ]
    assert printing == []
