"""Answers as JSON, JSON lines and CSV; valid wherever the run is cut off."""

import csv
import io
import json

import numpy as np
import pytest

from pixwise.cli.sinks import AltSink, CsvSink, JsonListSink, JsonSink, LinesSink, csv_header
from pixwise.errors import PictureError
from pixwise.results import Caption, Classes, Detections, Embedding, Faces, ImageInfo, LabelScores, Quality

SEEN = Detections(
    image=ImageInfo("straße, 1.jpg", 9, 9), labels=("cat", "dog"), label_ids=[1, 2], scores=[0.9, 0.5],
    boxes=[[0, 0, 4, 4], [1, 2, 3, 4.5]],
)  # fmt: skip
BROKEN = PictureError("x.png: expected a picture, got noise")


def written(make, *answers):
    """What a sink has written after each step."""
    text = io.StringIO()
    sink = make(text.write)
    for answer in answers:
        if isinstance(answer, Exception):
            sink.fail("x.png", answer)
        else:
            sink.add(answer, "")
    sink.close()
    return text.getvalue()


def test_one_input_is_one_document():
    assert json.loads(written(JsonSink, SEEN)) == SEEN.to_dict()


@pytest.mark.parametrize("answers", [(), (SEEN,), (SEEN, BROKEN, SEEN), (BROKEN,)])
def test_a_list_that_is_closed_is_valid_after_any_number(answers):
    assert len(json.loads(written(JsonListSink, *answers))) == len(answers)


def test_an_error_stands_in_its_place():
    error = json.loads(written(JsonListSink, SEEN, BROKEN, SEEN))[1]
    assert error == {
        "schema": "pixwise/error/1",
        "image": {"source": "x.png"},
        "error": {"type": "PictureError", "message": "x.png: expected a picture, got noise"},
    }


def test_lines_are_a_document_each():
    first, second = written(LinesSink, SEEN, BROKEN).splitlines()
    assert json.loads(first) == SEEN.to_dict()
    assert json.loads(second)["schema"] == "pixwise/error/1"
    assert "straße" in first  # readable, not escaped


def test_csv_has_a_line_per_row_and_none_for_an_error():
    rows = list(csv.DictReader(io.StringIO(written(lambda write: CsvSink(write, Detections), SEEN, BROKEN, SEEN))))
    assert len(rows) == 4
    assert rows[1] == {
        "source": "straße, 1.jpg", "label": "dog", "label_id": "2", "score": "0.5",
        "x1": "1.0", "y1": "2.0", "x2": "3.0", "y2": "4.5",
    }  # fmt: skip


def test_csv_of_nothing_is_its_header():
    assert written(lambda write: CsvSink(write, Classes)) == "source,label,label_id,score\n"


def test_csv_leaves_unknown_landmarks_empty():
    faces = Faces(scores=[0.5], boxes=[[0, 0, 1, 1]], landmarks=np.full((1, 5, 2), np.nan))
    assert csv_header(Faces)[6:8] == ["landmarks_x1", "landmarks_y1"]
    assert written(lambda write: CsvSink(write, Faces), faces).splitlines()[1].endswith(",,,,,,,,,")


def test_csv_of_a_whole_picture_is_one_line():
    quality = Quality.empty(colours=[[255, 0, 0], [0, 0, 9]], shares=[0.75, 0.25], hexes=("#ff0000", "#000009"))
    (row,) = csv.DictReader(io.StringIO(written(lambda write: CsvSink(write, Quality), quality)))
    assert (row["rgb"], row["share"], row["hex"]) == ("255 0 0;0 0 9", "0.75;0.25", "#ff0000;#000009")
    assert row["sharpness"] == "0.0"


def test_a_semicolon_of_a_text_is_told_from_one_between_texts():
    quality = Quality.empty(colours=[[0, 0, 0]] * 3, shares=[1, 0, 0], hexes=("a;b", "c\\", "d"))
    (row,) = csv.DictReader(io.StringIO(written(lambda write: CsvSink(write, Quality), quality)))
    assert row["hex"] == r"a\;b;c\\;d"


def test_csv_of_a_whole_picture_without_rows_is_one_line():
    rows = list(csv.DictReader(io.StringIO(written(lambda write: CsvSink(write, Quality), Quality.empty()))))
    assert [row["hex"] for row in rows] == [""]


def test_a_document_is_indented_but_boxes_and_points_are_one_line():
    faces = Faces(scores=[0.5], boxes=[[0, 0, 1, 1]], landmarks=np.ones((1, 5, 2)))
    text = written(JsonSink, faces)
    assert json.loads(text) == faces.to_dict()
    assert '      "box": [0.0, 0.0, 1.0, 1.0],\n' in text
    assert text.count("[1.0, 1.0]") == 5
    assert len(text.splitlines()) < 40


HOSTILE = Detections(labels=("\x1b[2J\x9b2J",), label_ids=[1], scores=[0.9], boxes=[[0, 0, 4, 4]])


def test_a_terminal_is_shown_no_control_signs_and_a_file_has_the_text_as_it_is():
    assert "\x1b[2J\x9b2J," in written(lambda write: CsvSink(write, Detections), HOSTILE)
    assert r"\x1b[2J\x9b2J," in written(lambda write: CsvSink(write, Detections, terminal=True), HOSTILE)


@pytest.mark.parametrize("sink", [JsonSink, JsonListSink, LinesSink])
def test_json_escapes_control_signs(sink):
    text = written(sink, HOSTILE)
    assert text.isascii()
    assert "\x1b" not in text
    assert r"\u001b[2J\u009b2J" in text


def test_a_vector_is_one_cell_in_full_precision():
    vector = np.float32([0.6, 0.8, 1e-9])
    (row,) = csv.DictReader(io.StringIO(written(lambda write: CsvSink(write, Embedding), Embedding(vector=vector))))
    assert row["dimension"] == "3"
    assert [np.float32(number) for number in row["vector"].split()] == vector.tolist()


def test_numbers_of_a_document_stand_in_a_line():
    text = written(JsonSink, Embedding(vector=[0.6, -0.8, 1e-9]))
    assert '"vector": [0.6, -0.8, 1e-09]\n' in text
    assert json.loads(text)["embedding"]["dimension"] == 3


def test_own_labels_are_a_line_each_so_that_any_sign_may_be_in_them():
    told = LabelScores.empty(labels=("a;b", "c"), label_ids=[0, 1], scores=[0.9, 0.1], cosines=[0, 0], decided="a;b")
    rows = list(csv.DictReader(io.StringIO(written(lambda write: CsvSink(write, LabelScores), told))))
    assert [(row["decided"], row["label"], row["score"]) for row in rows] == [
        ("a;b", "a;b", "0.9"),
        ("a;b", "c", "0.1"),
    ]


def test_alternative_texts_are_a_line_per_picture_and_an_empty_one_for_an_error():
    seen = Caption(text="a picture of a dog", score=1, tokens=1, stop="end")
    assert written(AltSink, seen, BROKEN, seen) == "A dog\n\nA dog\n"
