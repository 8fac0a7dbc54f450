"""JSON schemas of answers, and of errors in their place: `python -m pixwise.schemas docs/schemas` writes them.

Draft 2020-12, made from the result types. A schema allows no key that is not named in it; a changed form gets a higher
number in its `schema` key.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import numpy as np

from pixwise.answers.result import ImageInfo, ModelInfo, Result, columns, schema_id, values
from pixwise.masks import Mask
from pixwise.results import RESULTS

__all__ = ["analysis_schema", "error_schema", "result_schema", "schemas", "write_schemas"]

Schema = dict[str, Any]
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
_IMAGE = {
    "source": "path, address or <kind> of the source",
    "width": "upright, pixels",
    "height": "upright, pixels",
    "sha256": "of the file, 64 hex digits; empty for pixels from memory",
}
_RLE: Schema = {
    "size": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2, "description": "[H, W]"},
    "counts": {"type": "string", "description": "COCO's compressed run lengths, down the columns"},
}
_MODEL = {
    "id": "name of the model's card",
    "revision": "commit of its repository; empty when there is none",
    "precision": "of the weights",
    "licence": "SPDX identifier of the weights",
}


def result_schema(cls: type[Result]) -> Schema:
    """The schema of one kind of answer, as `to_dict` gives it.

    Args:
        cls: a subclass of `Result`, one of ours or another's.
    """
    return {
        "$schema": _DRAFT,
        "$id": schema_id(cls),
        "title": cls.__name__,
        "description": " ".join((cls.__doc__ or "").split()),
        **_closed(_answer(cls)),
    }


def analysis_schema() -> Schema:
    """The schema of `analyze`: per task an answer without its image, or the reason why there is none."""
    status = {kind: {"const": kind} for kind in ("ok", "skipped", "error")}
    message = {"type": "string", "description": "why it was skipped or failed, or how to get a better answer"}
    outcomes = [_closed({"status": status[kind], "message": message}) for kind in ("skipped", "error")]
    for cls in RESULTS:
        answer = {key: part for key, part in _answer(cls).items() if key != "image"}
        outcomes.append({"title": cls.__name__, **_closed({"status": status["ok"], "message": message, **answer})})
    return {
        "$schema": _DRAFT,
        "$id": "pixwise/analysis/1",
        "title": "Analysis",
        "description": "The answers to several questions about one picture, by task.",
        **_closed(
            {
                "schema": {"const": "pixwise/analysis/1"},
                "image": _record(ImageInfo, _IMAGE),
                "results": {"type": "object", "additionalProperties": {"oneOf": outcomes}},
            }
        ),
    }


def error_schema() -> Schema:
    """The schema of what stands in lists and lines for an input that has no answer."""
    name = {"type": "string", "description": "name of its class"}
    message = {"type": "string", "description": "what was expected, what came, what to do"}
    return {
        "$schema": _DRAFT,
        "$id": "pixwise/error/1",
        "title": "Error",
        "description": "Why there is no answer about one input.",
        **_closed(
            {
                "schema": {"const": "pixwise/error/1"},
                "image": _closed({"source": {"type": "string", "description": _IMAGE["source"]}}),
                "error": _closed({"type": name, "message": message}),
            }
        ),
    }


def schemas() -> dict[str, Schema]:
    """All schemas by file name."""
    made = {f"{schema_id(cls).split('/')[1]}.json": result_schema(cls) for cls in RESULTS}
    return {**made, "analysis.json": analysis_schema(), "error.json": error_schema()}


def write_schemas(folder: Path | str) -> list[Path]:
    """Write all schemas into a folder; the paths come back."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, schema in schemas().items():
        path = folder / name
        path.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", "utf-8")
        written.append(path)
    return written


def _answer(cls: type[Result]) -> Schema:
    """The keys of one answer."""
    answer: Schema = {
        "schema": {"const": schema_id(cls)},
        "image": _record(ImageInfo, _IMAGE),
        "model": _record(ModelInfo, _MODEL),
        "timings_ms": {"type": "object", "additionalProperties": {"type": "number", "minimum": 0}},
    }
    if cls.values_key:
        answer[cls.values_key] = _closed({spec.name: _value(spec) for spec in values(cls)})
    if columns(cls):
        row = _closed({spec.metadata["json"]: _column(spec) for spec in columns(cls)})
        answer[cls.rows_key] = {"type": "array", "items": row}
    return answer


def _closed(properties: Schema) -> Schema:
    """An object with just these keys."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _record(cls: type, docs: Mapping[str, str]) -> Schema:
    return _closed(
        {spec.name: {"type": _TYPES[str(spec.type)], "description": docs[spec.name]} for spec in fields(cls)}
    )


def _value(spec: Field) -> Schema:
    """A scalar, or lists; a letter in the shape leaves the length open."""
    dtype, shape = spec.metadata["dtype"], spec.metadata["shape"]
    own = getattr(dtype, "schema", None)
    of_array = "integer" if issubclass(dtype, np.integer) else "number"
    cell: Schema = own or {"type": of_array if shape else _TYPES[dtype.__name__]}
    return {**_nested(cell, shape), "description": spec.metadata["doc"]}


def _column(spec: Field) -> Schema:
    """One cell of a row: a scalar, lists, the run lengths of a mask, or what the cell itself says."""
    dtype = spec.metadata["dtype"]
    if dtype is Mask:
        return {**_closed(_RLE), "description": spec.metadata["doc"]}
    if hasattr(dtype, "schema"):
        return {**dtype.schema, "description": spec.metadata["doc"]}
    kinds = ((str, "string"), (np.bool_, "boolean"), (np.integer, "integer"), (np.floating, "number"))
    kind = next(kind for parent, kind in kinds if issubclass(dtype, parent))
    cell: Schema = {"type": [kind, "null"] if spec.metadata["missing"] else kind}
    return {**_nested(cell, spec.metadata["shape"]), "description": spec.metadata["doc"]}


def _nested(cell: Schema, shape: tuple[int | str, ...]) -> Schema:
    """Lists as deep as a shape."""
    for length in reversed(shape):
        fixed = {} if isinstance(length, str) else {"minItems": length, "maxItems": length}
        cell = {"type": "array", "items": cell, **fixed}
    return cell


if __name__ == "__main__":
    for _path in write_schemas(sys.argv[1]):
        sys.stdout.write(f"{_path}\n")
