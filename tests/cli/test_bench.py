"""`pixwise bench`."""

import json

import pytest
from tiny_encoder import write_encoder

from pixwise.cli import main
from pixwise.cli.bench import measure
from pixwise.samples import jpeg_like
from pixwise.tasks.quality import QualityMeter


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(["bench", *arguments])
    told = capsys.readouterr()
    return ended.value.code, told.out, told.err


@pytest.fixture
def photo_path(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg_like(60, 80))
    return str(path)


def test_times_are_per_picture_and_the_model_is_inside():
    row = measure(QualityMeter.load(), [jpeg_like(60, 80)] * 3, 4, "small")
    assert (row.task, row.model, row.batch) == ("quality", "measures", 3)
    assert 0 <= row.model_ms < row.median_ms <= row.worst_ms
    assert row.per_second == pytest.approx(1e3 / row.median_ms, rel=0.05)


def test_rows_are_one_document(capsys, photo_path):
    code, out, _ = run(capsys, "quality", "--picture", photo_path, "--rounds", "2", "--batches", "1,2", "--json")
    rows = json.loads(out)["rows"]
    assert code == 0
    assert [(row["model"], row["batch"]) for row in rows] == [("measures", 1), ("measures", 2)]


def test_the_table_has_a_line_per_row(capsys, photo_path):
    code, out, _ = run(capsys, "codes", "--picture", photo_path, "--rounds", "1", "--batches", "1")
    assert (code, len(out.splitlines())) == (0, 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "yunet"], "--model needs the one task that it answers, got 0 tasks"),
        (["quality", "--batches", "1,none"], "--batches must be numbers from 1 up, with commas between, got '1,none'"),
        (["quality", "--rounds", "0"], "--rounds must be a whole number from 1 up, got '0'"),
        (["qality"], "got 'qality'; did you mean 'quality'"),
        (["quality", "--picture", "nowhere.jpg"], "nowhere.jpg: expected a picture, got no such file"),
    ],
)
def test_wrong_usage_is_told_in_one_line(capsys, arguments, words):
    code, out, err = run(capsys, *arguments)
    assert code in (1, 2)
    assert words in err
    assert "Traceback" not in err
    assert out == ""


def test_a_device_that_cannot_be_had_is_code_2(capsys):
    code, _, err = run(capsys, "codes", "--device", "cuda", "--rounds", "1")
    assert (code, err.startswith("pixwise: codes: device cuda needs")) == (2, True)


def test_a_model_that_has_no_such_precision_does_not_keep_others_from_it(capsys, photo_path, tmp_path, monkeypatch):
    monkeypatch.setenv("PIXWISE_HOME", str(tmp_path / "home"))
    asked = ("--picture", photo_path, "--rounds", "1", "--batches", "1", "--precision", "int8")
    code, out, _ = run(capsys, "embed", "--model", str(write_encoder(tmp_path / "tiny")), "--json", *asked)
    assert (code, json.loads(out)["rows"][0]["precision"]) == (0, "int8")
    code, _, err = run(capsys, "quality", "codes", *asked)
    assert (code, err.count("needs a model with files")) == (2, 2)
