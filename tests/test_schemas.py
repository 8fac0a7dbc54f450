import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from pixwise.analysis import Analysis, Outcome
from pixwise.answers.raster import Raster
from pixwise.answers.skeleton import Skeleton
from pixwise.cli.sinks import LinesSink
from pixwise.errors import PictureError
from pixwise.masks import Mask
from pixwise.results import RESULTS, Detections, Embedding, Faces, ImageInfo, ModelInfo, Quality, Result, column
from pixwise.schemas import analysis_schema, error_schema, result_schema, schemas, write_schemas

COMMITTED = Path(__file__).resolve().parents[1] / "docs" / "schemas"
IMAGE = ImageInfo("street.jpg", 640, 480, "0" * 64)


def one_of(kind):
    """A value of a declared type."""
    shape = (480, 640, 3) if kind is Raster else (480, 640)
    if kind is Skeleton:
        return Skeleton(("nose",), ((0, 0),))
    return kind.read(np.ones(shape, np.uint8)) if hasattr(kind, "read") else kind(1)


def filled(cls, count=2):
    """An answer with made-up rows of the declared types."""
    from pixwise.results import columns, values

    given = {str: "word", Mask: Mask.from_array(np.eye(480, 640)), Raster: np.zeros((4, 5, 3), np.uint8)}
    made = {
        spec.name: [given[spec.metadata["dtype"]]] * count
        if spec.metadata["dtype"] in given
        else np.ones((count, *(1 if isinstance(n, str) else n for n in spec.metadata["shape"])), spec.metadata["dtype"])
        for spec in columns(cls)
    }
    made |= {
        spec.name: np.ones([1 if isinstance(n, str) else n for n in shape], spec.metadata["dtype"])
        if (shape := spec.metadata["shape"]) and cls is not Embedding
        else one_of(spec.metadata["dtype"])
        for spec in values(cls)
    }
    if cls is Embedding:
        made = {"vector": [0.6, 0.8]}
    return cls(image=IMAGE, model=ModelInfo("m", "r", "fp32", "MIT"), timings_ms={"model": 1.5}, **made)


def check(document, schema):
    jsonschema.validate(json.loads(json.dumps(document, allow_nan=False)), schema, jsonschema.Draft202012Validator)


def test_committed_schemas_are_those_of_the_result_types():
    committed = {path.name: json.loads(path.read_text("utf-8")) for path in COMMITTED.glob("*.json")}
    assert committed == schemas(), "run: python -m pixwise.schemas docs/schemas"


@pytest.mark.parametrize("schema", schemas().values(), ids=schemas().keys())
def test_schemas_are_schemas(schema):
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("cls", RESULTS, ids=lambda cls: cls.__name__)
def test_answers_fit_their_schema_full_and_empty(cls):
    check(filled(cls).to_dict(), result_schema(cls))
    check(cls.empty().to_dict(), result_schema(cls))


@pytest.mark.parametrize("cls", RESULTS, ids=lambda cls: cls.__name__)
def test_answers_do_not_fit_the_schema_of_another_kind(cls):
    for other in set(RESULTS) - {cls}:
        with pytest.raises(jsonschema.ValidationError):
            check(filled(cls).to_dict(), result_schema(other))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda row: row.pop("score"),
        lambda row: row.update(extra=1),
        lambda row: row.update(label_id=1.5),
        lambda row: row.update(label=None),
        lambda row: row["box"].pop(),
        lambda row: row.update(score="0.5"),
    ],
    ids=["key missing", "key unknown", "not whole", "no label", "box of three", "score as text"],
)
def test_spoiled_rows_are_refused(spoil):
    document = filled(Detections).to_dict()
    spoil(document["detections"][0])
    with pytest.raises(jsonschema.ValidationError):
        check(document, result_schema(Detections))


def test_landmarks_may_be_unknown_but_boxes_not():
    face = Faces(scores=[1], boxes=[[0, 0, 1, 1]], landmarks=np.full((1, 5, 2), np.nan)).to_dict()
    check(face, result_schema(Faces))
    face["faces"][0]["box"][0] = None
    with pytest.raises(jsonschema.ValidationError):
        check(face, result_schema(Faces))


def outcomes():
    return {
        "detect": Outcome(status="ok", result=filled(Detections)),
        "quality": Outcome(status="ok", result=filled(Quality), message="built-in"),
        "classify": Outcome(status="skipped", message="needs pixwise models pull convnext"),
        "ocr": Outcome(status="error", message="it broke"),
    }


def test_an_analysis_fits_its_schema():
    check(Analysis(image=IMAGE, results=outcomes()).to_dict(), analysis_schema())


@pytest.mark.parametrize("task", ["detect", "quality", "classify"])
def test_a_spoiled_analysis_is_refused(task):
    document = Analysis(image=IMAGE, results=outcomes()).to_dict()
    document["results"][task]["status"] = "error" if task != "classify" else "ok"
    with pytest.raises(jsonschema.ValidationError):
        check(document, analysis_schema())


def test_an_error_in_json_lines_fits_its_schema():
    lines = []
    LinesSink(lines.append).fail("broken.jpg", PictureError("expected a picture, got text"))
    check(json.loads(lines[0]), error_schema())


@pytest.mark.parametrize("key", ["schema", "image", "error"])
def test_a_spoiled_error_is_refused(key):
    lines = []
    LinesSink(lines.append).fail("broken.jpg", PictureError("it broke"))
    document = json.loads(lines[0]) | {key: "pixwise/error/2"}
    with pytest.raises(jsonschema.ValidationError):
        check(document, error_schema())


def test_schemas_of_others_results_are_made_too():
    @dataclass(frozen=True, eq=False, kw_only=True, repr=False)
    class Trees(Result):
        """Trees."""

        rows_key = "trees"
        heights: np.ndarray = column("height_m", np.float32, doc="metres")  # noqa: RUF009

    check(Trees(heights=[3, 4]).to_dict(), result_schema(Trees))


def test_the_module_writes_them(tmp_path):
    run = subprocess.run(
        [sys.executable, "-m", "pixwise.schemas", str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert len(run.stdout.split()) == len(list(tmp_path.glob("*.json"))) == len(RESULTS) + 2
    assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == [
        path.read_bytes() for path in sorted(write_schemas(tmp_path / "again"))
    ]
