"""Who may import whom, read from the source."""

import ast
import re
from pathlib import Path

import pytest

import pixwise

SOURCE = Path(pixwise.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
TASKS_MAY = {
    "answers",
    "crops",
    "heatmaps",
    "picture",
    "clip",
    "reading",
    "pixels",
    "boxes",
    "masks",
    "maps",
    "tiles",
    "repaint",
    "holes",
    "lazy",
    "points",
    "prompts",
    "sam",
    "queries",
    "surfaces",
    "padding",
    "pasting",
    "policy",
    "text",
    "scores",
    "vectors",
    "language",
    "identity",
    "results",
    "task",
    "errors",
}
HOMES = {  # package → the only places that may import it; folders end in /
    "onnxruntime": {"session.py", "quantize.py"},
    "huggingface_hub": {"fetching/hub.py", "fetching/intake.py"},
    "http": {"reading/urls.py", "fetching/hub.py", "collections/service.py", "serve/compatible_client.py"},
    "urllib.request": {"reading/urls.py", "fetching/hub.py"},
    "socket": {"reading/urls.py", "fetching/hub.py", "collections/service.py", "serve/"},
    "rapidocr": {"engines/text.py"},
    "tokenizers": {"language/tokens.py"},
    "click": {"cli/"},
    "torch": {"export/"},
    "transformers": {"export/"},
    "diffusers": {"export/diffusion.py"},
    "onnx": {"export/", "quantize.py"},
    "sklearn": {"collections/"},
    "pyarrow": {"collections/"},
    "requests": set(),
    "fastapi": {"serve/"},
    "starlette": {"serve/"},
    "uvicorn": {"serve/"},
    "pydantic": {"serve/"},
    "pydantic_settings": {"serve/"},
    "prometheus_client": {"serve/"},
    "opentelemetry": {"serve/"},
    "httpx": {"serve/"},
    "ray": {"serve/"},
    "gradio": set(),
}


def imported(path):
    """Names of all modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def place(path):
    return path.relative_to(SOURCE).as_posix()


@pytest.mark.parametrize("path", FILES, ids=place)
def test_each_library_stays_in_its_home(path):
    for package, homes in HOMES.items():
        uses = any(name == package or name.startswith(package + ".") for name in imported(path))
        at_home = any(place(path) == home or (home.endswith("/") and place(path).startswith(home)) for home in homes)
        assert not uses or at_home, f"{place(path)} imports {package}; only {sorted(homes)} may"


@pytest.mark.parametrize("path", FILES, ids=place)
def test_opencvs_detectors_stay_in_the_engines(path):
    detectors = re.findall(r"HOGDescriptor|CascadeClassifier|QRCodeDetector|BarcodeDetector", path.read_text("utf-8"))
    assert not detectors or place(path) in ("engines/people.py", "engines/codes.py")


@pytest.mark.parametrize("path", [path for path in FILES if path.parent.name == "tasks"], ids=place)
def test_tasks_import_only_what_they_may(path):
    mine = {name.split(".")[1] for name in imported(path) if name.startswith("pixwise.")}
    assert mine <= TASKS_MAY, f"{place(path)} imports {sorted(mine - TASKS_MAY)}"


@pytest.mark.parametrize("path", FILES, ids=place)
def test_files_stay_readable_in_one_sitting(path):
    assert len(path.read_text("utf-8").splitlines()) <= 400


def test_the_wall_sees_an_import_in_a_function(tmp_path):
    (tmp_path / "x.py").write_text("def f():\n    from onnxruntime import InferenceSession\n")
    assert "onnxruntime" in imported(tmp_path / "x.py")
