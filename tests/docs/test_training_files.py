"""The training files that docs/collections.md shows are read as they stand there."""

import re
from pathlib import Path

import numpy as np
import pytest

from pixwise.collections import Focus, sample_of_file

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "collections.md").read_text("utf-8")


def block(language, has):
    return next(text for text in re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL) if has in text)


def parquet(path):
    exec(block("python", "parquet.write_table"), {})  # writes vectors.parquet


WRITERS = {
    "vectors.csv": lambda path: path.write_text(block("csv", "photo_id"), "utf-8"),
    "vectors.jsonl": lambda path: path.write_text(block("json", "photo_id"), "utf-8"),
    "vectors.parquet": parquet,
}


@pytest.mark.parametrize("name", WRITERS)
def test_the_training_file_of_the_guide_is_read(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    WRITERS[name](tmp_path / name)
    rows = sample_of_file(tmp_path / name, Focus.of("look")).rows
    assert (rows.photo_ids, rows.labels.tolist()) == (("a.jpg", "b.jpg"), [1, 0])
    np.testing.assert_allclose(rows.vectors, [[0.12, 0.93, -0.35], [0.8, -0.1, 0.59]], atol=0.01)
