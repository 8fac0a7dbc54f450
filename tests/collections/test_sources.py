"""Training data from folders and files."""

import csv
import json
import shutil

import numpy as np
import pyarrow as pa
import pytest
from learning import cloud, draw_folder
from pyarrow import parquet

from pixwise.collections import Focus, Looker, sample_of_file, sample_of_folder
from pixwise.errors import DataError, OptionError, SourceError

VECTORS, LABELS = cloud(6, dimension=4)
IDS = [f"p{i}" for i in range(6)]
LOOK = Focus.of("look")


@pytest.fixture(scope="module")
def looker():
    return Looker.load(LOOK, threads=1)


def as_jsonl(path):
    lines = [
        {"photo_id": i, "label": int(y), "embedding": v.tolist()} for i, y, v in zip(IDS, LABELS, VECTORS, strict=True)
    ]
    path.write_text("\n\n".join(map(json.dumps, lines)), "utf-8")


def as_parquet(path):
    parquet.write_table(pa.table({"photo_id": IDS, "label": LABELS, "embedding": VECTORS.tolist()}), path)


def as_csv(path, cell=lambda vector: [json.dumps(vector)], titles=("embedding",)):
    with open(path, "w", newline="", encoding="utf-8-sig") as file:
        rows = [[i, y, *cell(v.tolist())] for i, y, v in zip(IDS, LABELS, VECTORS, strict=True)]
        csv.writer(file).writerows([["photo_id", "label", *titles], *rows])


WRITERS = {
    "a.jsonl": as_jsonl,
    "a.ndjson": as_jsonl,
    "a.parquet": as_parquet,
    "a.csv": as_csv,
    "blanks.csv": lambda path: as_csv(path, lambda vector: [" ".join(map(str, vector))]),
    "embed.csv": lambda path: as_csv(path, lambda vector: ["a.jpg", " ".join(map(str, vector))], ("source", "vector")),
    "wide.csv": lambda path: as_csv(path, lambda vector: vector, ("x0", "x1", "x2", "x3")),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_of_vectors_is_read(tmp_path, name):
    WRITERS[name](tmp_path / name)
    sample = sample_of_file(tmp_path / name, LOOK)
    np.testing.assert_allclose(sample.rows.vectors, VECTORS / np.linalg.norm(VECTORS, axis=1)[:, None], atol=1e-6)
    assert (sample.rows.labels.tolist(), list(sample.rows.photo_ids)) == (LABELS.tolist(), IDS)
    assert (sample.spaces[0].model, sample.spaces[0].dimension) == ("look", 4)


def test_several_embeddings_stand_in_columns_of_their_names(tmp_path):
    table = {"label": LABELS, "clip": VECTORS.tolist(), "dinov2": VECTORS[:, :2].tolist()}
    parquet.write_table(pa.table(table), tmp_path / "a.parquet")
    sample = sample_of_file(tmp_path / "a.parquet", Focus.of("clip+dinov2"))
    assert (sample.rows.dimensions, sample.models) == ((4, 2), ("clip-b32", "dinov2-base"))
    assert sample.rows.photo_ids[0] == "row 1"


BAD = {
    "semicolons": ("a.csv", "label;x\n1;2\n", "columns must have commas between them, got 'label;x'; save it with"),
    "no label": ("a.csv", "photo_id,embedding\n1,[1]\n", "columns must contain label, got photo_id, embedding"),
    "only labels": ("a.csv", "photo_id,label\n1,1\n", "must contain vectors, got only labels; call their column"),
    "words": ("a.csv", "label,name,x\n1,rex,2\n", "must be numbers, got 'rex'; drop the others"),
    "odd vector": ("a.csv", "label,embedding\n1,[1 x\n", r"must be a list of numbers, got '\[1 x'"),
    "ragged": ("a.csv", "label,x,y\n1,2\n", "expected CSV, got 2 cells in row 2, 3 titles; mend the file"),
    "empty": ("a.csv", "", "columns must contain label, got none"),
    "no rows": ("a.csv", "label,embedding\n", "training data must have rows, got none"),
    "no json": ("a.jsonl", "{", "expected JSONL, got Expecting property name"),
    "no object": ("a.jsonl", "[1]", "expected JSONL, got a line that is no object"),
    "a key less": ("a.jsonl", '{"label": 1, "embedding": [1]}\n{"label": 0}', "got line 2 without embedding"),
    "no parquet": ("a.parquet", "PAR1", "expected PARQUET, got "),
    "no text": ("a.csv", b"\xff\xff", "expected CSV, got 'utf-8' codec can't decode"),
}


@pytest.mark.parametrize(("name", "content", "words"), BAD.values(), ids=BAD)
def test_a_file_that_is_no_training_data_says_why(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=rf"{name}: .*{words}"):
        sample_of_file(tmp_path / name, LOOK)


def test_an_embedding_without_a_column_is_named(tmp_path):
    as_jsonl(tmp_path / "a.jsonl")
    with pytest.raises(DataError, match="must contain one of vectors per embedding, got none named clip, dinov2"):
        sample_of_file(tmp_path / "a.jsonl", Focus.of("clip+dinov2"))


def test_a_file_that_is_not_there_or_of_another_kind_is_told(tmp_path):
    with pytest.raises(SourceError, match="expected a readable file, got No such file or directory; check the path"):
        sample_of_file(tmp_path / "a.csv", LOOK)
    with pytest.raises(OptionError, match=r"must be a file ending in \.csv, \.jsonl, \.ndjson, \.parquet, got \.xlsx"):
        sample_of_file(tmp_path / "a.xlsx", LOOK)


def test_a_folder_gives_rows_named_after_its_files(tmp_path, looker):
    folder = draw_folder(tmp_path / "reds", count=3)
    (folder / "yes/.hidden.png").write_bytes(b"")
    (folder / "yes/notes.txt").write_text("not a picture")
    sample = sample_of_folder(folder, looker)
    assert sample.rows.photo_ids == tuple(f"{label}/{i}.png" for label in ("yes", "no") for i in range(3))
    assert (sample.rows.labels.tolist(), sample.notes, sample.models) == ([1, 1, 1, 0, 0, 0], (), ("look",))
    expected = looker.embedders[0](folder / "no/2.png").vector
    np.testing.assert_allclose(sample.rows.vectors[-1], expected, atol=1e-6)


def test_bad_pictures_and_copies_are_left_out_and_told(tmp_path, looker):
    folder = draw_folder(tmp_path / "reds", count=3)
    (folder / "yes/bad.jpg").write_bytes(b"nonsense")
    shutil.copy(folder / "no/0.png", folder / "no/z.png")
    sample = sample_of_folder(folder, looker)
    assert len(sample.rows) == 6
    assert sample.notes[0].startswith(f"{folder}/yes/bad.jpg: expected a JPEG")
    assert sample.notes[1] == f"{folder}/no/z.png: left out, it is the same file as {folder}/no/0.png"


def test_one_file_with_both_labels_is_refused(tmp_path, looker):
    folder = draw_folder(tmp_path / "reds", count=2)
    shutil.copy(folder / "yes/0.png", folder / "no/z.png")
    with pytest.raises(DataError, match=r"z\.png: expected one label for one picture, got it in yes .* too; delete"):
        sample_of_folder(folder, looker)


def test_folders_without_what_they_need_say_why(tmp_path, looker):
    with pytest.raises(SourceError, match="reds: expected a folder of pictures, got no such folder; check the path"):
        sample_of_folder(tmp_path / "reds", looker)
    (tmp_path / "reds/yes").mkdir(parents=True)
    with pytest.raises(DataError, match="expected folders yes and no, got yes; put the pictures there"):
        sample_of_folder(tmp_path / "reds", looker)
    (tmp_path / "reds/no").mkdir()
    with pytest.raises(DataError, match="expected pictures that can be embedded, got none"):
        sample_of_folder(tmp_path / "reds", looker)
