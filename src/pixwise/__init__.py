"""Questions about pictures, answered in one line.

    import pixwise as px

    px.ocr("receipt.png").text                        # what does it say
    px.detect("street.jpg", labels=["person"])        # where is it: boxes, labels, scores
    px.faces("group.jpg").largest                     # faces with landmarks
    px.classify("pet.jpg")[0].label                   # what is it
    px.segment("pet.jpg", (340, 220))[0].mask         # which pixels: of what is at a point, or in box=(…)
    px.pose("street.jpg").point("left_wrist")         # where the joints of people are
    px.zeroshot("pet.jpg", ["a dog", "a cat"]).label()    # which of your own labels fits
    px.similarity(px.embed("a.jpg"), px.embed("b.jpg"))   # how alike are they
    px.caption("pet.jpg", model="models/blip-base").text  # a sentence; px.alt_text: for the alt of a page
    px.background("shoe.jpg").cut("shoe.jpg")         # without its background; .over(…, "#fff"): before another one
    px.depth("room.jpg").coloured()                   # how far each pixel is; .at(x, y), .map(), .points(…)
    px.verify("passport.jpg", "selfie.jpg").same      # one person? px.identify, px.Gallery: who it is
    px.generate("models/ddpm").grid().show()          # pictures from nothing but noise
    px.analyze("photo.jpg").draw("photo.jpg").show()  # everything at once

    reader = px.TextReader.load()                     # a class for reuse: one model, many pictures, many threads
    for lines in reader(["a.png", "b.png"]): print(lines.text)

Every answer is a typed result: rows of named values, `to_dict()` for JSON, `draw(picture)` to look at, `model` to know
who said it. Their types are in `pixwise.results`. Importing this module loads nothing else; names are imported when
they are used. Yes/no classifiers of your own are made and asked in `pixwise.collections`.
"""

from __future__ import annotations

import importlib
from typing import Any

from pixwise.task_table import TASKS

__version__ = "0.1.0"

_CLASSES = {entry.class_name: entry.module for entry in TASKS.values()}  # a function and a class for each task
_HOMES = {
    "Analysis": "pixwise.analysis",
    "Gallery": "pixwise.identity.gallery",
    "Generator": "pixwise.generation.generator",
    "Limits": "pixwise.picture",
    "Picture": "pixwise.picture",
    "PixwiseError": "pixwise.errors",
    "alt_text": "pixwise.ask",
    "analyze": "pixwise.analysis",
    "embed_text": "pixwise.language.embedding",
    "generate": "pixwise.generation.generator",
    "similarity": "pixwise.vectors",
    "verify": "pixwise.identity.verification",
}

__all__ = sorted(("__version__", *TASKS, *_CLASSES, *_HOMES))


def __getattr__(name: str) -> Any:
    if name in TASKS:
        found = importlib.import_module("pixwise.ask").one_liner(name)
    elif name in _HOMES or name in _CLASSES:
        found = getattr(importlib.import_module((_HOMES | _CLASSES)[name]), name)
    else:
        raise AttributeError(f"module 'pixwise' has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
