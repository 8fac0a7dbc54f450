"""Questions about pictures, answered in one line.

    import pixwise as px

    px.ocr("receipt.png").text                        # what does it say
    px.detect("street.jpg", labels=["person"])        # where is it: boxes, labels, scores
    px.faces("group.jpg").largest                     # faces with landmarks
    px.classify("pet.jpg")[0].label                   # what is it
    px.similarity(px.embed("a.jpg"), px.embed("b.jpg"))   # how alike are they
    px.analyze("photo.jpg").draw("photo.jpg").show()  # everything at once

    reader = px.TextReader.load()                     # a class for reuse: one model, many pictures, many threads
    for lines in reader(["a.png", "b.png"]): print(lines.text)

Every answer is a typed result: rows of named values, `to_dict()` for JSON, `draw(picture)` to look at, `model` to know
who said it. Importing this module loads nothing else; names are imported when they are used.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_TASKS = ("classify", "codes", "detect", "embed", "faces", "ocr", "quality")
_HOMES = {
    "Analysis": "pixwise.analysis",
    "Classes": "pixwise.results",
    "Classifier": "pixwise.tasks.classify",
    "CodeReader": "pixwise.tasks.codes",
    "Codes": "pixwise.results",
    "Detections": "pixwise.results",
    "Detector": "pixwise.tasks.detect",
    "Embedder": "pixwise.tasks.embed",
    "Embedding": "pixwise.results",
    "FaceDetector": "pixwise.tasks.faces",
    "Faces": "pixwise.results",
    "Limits": "pixwise.picture",
    "Picture": "pixwise.picture",
    "PixwiseError": "pixwise.errors",
    "Quality": "pixwise.results",
    "QualityMeter": "pixwise.tasks.quality",
    "TextLines": "pixwise.results",
    "TextReader": "pixwise.tasks.ocr",
    "analyze": "pixwise.analysis",
    "similarity": "pixwise.vectors",
}

__all__ = [
    "Analysis",
    "Classes",
    "Classifier",
    "CodeReader",
    "Codes",
    "Detections",
    "Detector",
    "Embedder",
    "Embedding",
    "FaceDetector",
    "Faces",
    "Limits",
    "Picture",
    "PixwiseError",
    "Quality",
    "QualityMeter",
    "TextLines",
    "TextReader",
    "__version__",
    "analyze",
    "classify",
    "codes",
    "detect",
    "embed",
    "faces",
    "ocr",
    "quality",
    "similarity",
]


def __getattr__(name: str) -> Any:
    if name in _TASKS:
        found = importlib.import_module("pixwise.ask").one_liner(name)
    elif name in _HOMES:
        found = getattr(importlib.import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'pixwise' has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
