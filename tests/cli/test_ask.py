"""The verbs of the single tasks, in this process."""

import csv
import io
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_encoder import write_encoder

from pixwise.task_table import TASKS


def test_one_input_is_a_table(cli, pictures):
    code, out, err = cli("quality", pictures / "a.png")
    assert (code, err) == (0, "")
    assert out.startswith(f"{pictures / 'a.png'}  64 x 48  ")
    assert "sharpness" in out


def test_one_input_as_json_is_one_document(cli, pictures):
    document = json.loads(cli("quality", pictures / "a.png", "--json").out)
    assert document["schema"] == "pixwise/quality/1"
    assert (document["image"]["source"], document["image"]["width"]) == (str(pictures / "a.png"), 64)
    assert document["model"]["id"] == "measures"


@pytest.mark.parametrize("format", ["json", "jsonl"])
def test_a_folder_is_a_document_each_and_a_bad_file_has_its_own(cli, pictures, format):
    (pictures / "bad.png").write_text("text")
    code, out, err = cli("quality", pictures, f"--{format}")
    documents = json.loads(out) if format == "json" else [json.loads(line) for line in out.splitlines()]
    assert (code, err.count("\n")) == (1, 1)
    names = [os.path.relpath(document["image"]["source"], pictures) for document in documents]
    assert names == ["a.png", "b.jpg", "bad.png", os.path.join("sub", "c.png")]
    assert documents[2]["error"] == {"type": "PictureError", "message": err.removeprefix("pixwise: ").strip()}


def test_csv_of_a_folder_has_a_header_and_a_line_each(cli, pictures):
    rows = list(csv.DictReader(io.StringIO(cli("quality", pictures, "--csv").out)))
    assert [Path(row["source"]).name for row in rows] == ["a.png", "b.jpg", "c.png"]
    assert all(float(row["exposure"]) > 0 for row in rows)


def test_many_answers_are_those_of_one_by_one(cli, pictures):
    together = json.loads(cli("quality", pictures, "--json", "--batch", 3).out)
    alone = [json.loads(cli("quality", document["image"]["source"], "--json").out) for document in together]
    assert [{**one, "timings_ms": 0} for one in together] == [{**one, "timings_ms": 0} for one in alone]


def test_options_of_the_task_reach_it(cli, pictures):
    document = json.loads(cli("detect", pictures / "a.png", "--json", "--min-score", 0, "--model", "hog-people").out)
    assert document["schema"] == "pixwise/detections/1"
    told = cli("detect", pictures / "a.png", "--min-score", 7, "--model", "hog-people")
    assert (told.code, told.err) == (
        2,
        "pixwise: min_score must be a number from 0 to 1, got 7.0; give one in this range\n",
    )


def test_an_unknown_label_names_the_nearest(cli, pictures):
    told = cli("detect", pictures / "a.png", "--model", "yolox-nano", "--label", "persn")
    assert told.code == 2
    assert "got 'persn'; did you mean 'person'" in told.err


def test_out_with_a_data_suffix_writes_the_data_there(cli, pictures):
    assert cli("quality", pictures, "-o", "new/all.jsonl") == (0, "", "")
    assert len(Path("new/all.jsonl").read_text().splitlines()) == 3
    assert os.listdir("new") == ["all.jsonl"]


def test_out_with_txt_writes_the_table_there(cli, pictures):
    assert cli("quality", pictures / "a.png", "-o", "a.txt") == (0, "", "")
    assert "sharpness" in Path("a.txt").read_text()


def test_out_with_a_picture_suffix_draws_there(cli, pictures):
    code, out, _ = cli("codes", pictures / "a.png", "-o", "seen.webp")
    assert (code, "drawn: seen.webp" in out) == (0, True)
    with Image.open("seen.webp") as drawn:
        assert (drawn.format, drawn.size) == ("WEBP", (64, 48))


def test_out_as_a_folder_draws_all(cli, pictures):
    assert cli("codes", pictures, "-o", "out/").code == 0
    assert sorted(str(path) for path in Path("out").rglob("*.*")) == [
        "out/a.pixwise.png", "out/b.pixwise.jpg", "out/sub/c.pixwise.png",
    ]  # fmt: skip


def test_out_as_a_folder_with_json_writes_a_document_each(cli, pictures):
    assert cli("codes", pictures, "-o", "out/", "--json") == (0, "", "")
    names = sorted(path.relative_to("out").as_posix() for path in Path("out").rglob("*.json"))
    assert names == ["a.json", "b.json", "sub/c.json"]
    assert json.loads(Path("out/sub/c.json").read_text())["schema"] == "pixwise/codes/1"


def test_drawing_does_not_change_the_data(cli, pictures):
    plain, drawn = (json.loads(cli("codes", pictures, "--json", *more).out) for more in ((), ("--draw",)))
    assert [{**one, "timings_ms": 0} for one in plain] == [{**one, "timings_ms": 0} for one in drawn]
    assert Path("a.pixwise.png").exists()


def test_an_input_is_not_overwritten(cli, pictures):
    before = (pictures / "a.png").read_bytes()
    told = cli("codes", pictures / "a.png", "-o", pictures / "a.png")
    assert (told.code, "must not overwrite an input" in told.err) == (2, True)
    assert (pictures / "a.png").read_bytes() == before


def test_limits_can_be_set(cli, pictures):
    told = cli("quality", pictures / "a.png", "--max-side", 63)
    assert (told.code, told.out) == (1, "")
    assert "side must be at most 63, got 64" in told.err


def test_no_model_is_loaded_when_no_input_can_be_read(cli):
    told = cli("classify", "nowhere.png", "--model", "no-such-folder/model.onnx")
    assert (told.code, told.err) == (1, "pixwise: nowhere.png: expected a picture, got no such file; check the path\n")


def test_a_url_is_refused_without_being_asked(cli):
    told = cli("quality", "https://example.org/a.png", "--json")
    assert (told.code, json.loads(told.out)["error"]["type"]) == (1, "SourceError")


def test_an_unknown_model_names_the_nearest(cli, pictures):
    told = cli("faces", pictures / "a.png", "--model", "yunnet")
    assert told.code == 2
    assert "got 'yunnet'; did you mean 'yunet'" in told.err


def test_a_model_for_another_task_is_told_with_those_that_fit(cli, pictures):
    told = cli("faces", pictures / "a.png", "--model", "rapidocr")
    assert told.code == 2
    assert "model 'rapidocr' must answer 'faces', got one for 'ocr'; choose one of: " in told.err


def test_a_missing_model_offline_is_code_3_with_the_command_that_fetches_it(cli, pictures, monkeypatch, tmp_path):
    monkeypatch.setenv("PIXWISE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    code, out, err = cli("faces", pictures / "a.png", "--model", "yunet", "--offline")
    assert (code, out) == (3, "")
    assert "pixwise models pull yunet" in err
    assert "haar-frontal" in err


@pytest.fixture
def own(tmp_path):
    """A folder with a card for a detector and no model file yet."""
    folder = tmp_path / "own"
    folder.mkdir()
    card = 'head = "detr_sigmoid"\nnames = ["cat"]\n[input]\nsize_hw = [8, 8]\n'
    (folder / "card.toml").write_text(card + '[[files]]\npart = "model"\npath = "model.onnx"\n')
    return folder


def test_a_model_cut_in_half_is_told(cli, pictures, own):
    import onnx
    from onnx import TensorProto, helper

    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 8, 8]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", value[:1], value[1:])
    whole = helper.make_model(graph).SerializeToString()
    assert onnx.load_from_string(whole)
    (own / "model.onnx").write_bytes(whole[: len(whole) // 2])
    code, out, err = cli("detect", pictures / "a.png", "--model", own)
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert "model.onnx: expected an ONNX model that onnxruntime" in err


def test_a_card_without_a_key_says_which(cli, pictures, own):
    (own / "model.onnx").write_bytes(b"")
    (own / "card.toml").write_text('names = ["cat"]\n[input]\nsize_hw = [8, 8]\n')
    code, out, err = cli("detect", pictures / "a.png", "--model", own)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "head must be one of" in err


@pytest.mark.parametrize("task", TASKS)
def test_help_of_every_task_has_its_parts_in_80_columns(cli, task):
    code, out, err = cli(task, "--help")
    assert (code, err) == (0, "")
    for part in (TASKS[task].help, "Output:", "--max-pixels N", "INPUT:", "Models:", "Exit code:"):
        assert part in out
    assert max(map(len, out.splitlines())) <= 80


def test_odd_pictures_are_answered(cli, tmp_path):
    Image.fromarray(np.zeros((1, 1, 3), np.uint8)).save("one.png")
    Image.fromarray(np.zeros((10, 20_000, 3), np.uint8)).save("long.png")
    assert [len(json.loads(cli(task, "one.png", "long.png", "--json").out)) for task in ("quality", "codes")] == [2, 2]


def test_a_list_of_numbers_is_one_line_of_json(cli, pictures):
    out = cli("quality", pictures / "a.png", "--json").out
    rows = [line.strip() for line in out.splitlines() if '"rgb"' in line]
    assert rows
    assert all(re.fullmatch(r'"rgb": \[\d+, \d+, \d+\],?', row) for row in rows)


@pytest.mark.parametrize("verb", ["quality", "analyze"])
def test_transparent_parts_are_laid_on_the_background(cli, verb):
    Image.new("RGBA", (40, 40)).save("clear.png")
    only = ("--tasks", "quality") if verb == "analyze" else ()
    black, white = (cli(verb, "clear.png", "--json", *only, *more) for more in (("--background", "#000000"), ()))
    told = [json.loads(each.out) for each in (black, white)]
    told = [each["results"]["quality"] if verb == "analyze" else each for each in told]
    assert [each["colours"][0]["hex"] for each in told] == ["#000000", "#ffffff"]


def test_a_device_that_the_model_cannot_use_is_code_2(cli, pictures):
    told = cli("quality", pictures / "a.png", "--device", "cuda")
    assert (told.code, told.out, "device cuda needs" in told.err) == (2, "", True)


def test_a_card_that_does_not_fit_its_model_is_code_2(cli, pictures, own):
    import onnx
    from onnx import TensorProto, helper

    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 9, 9]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", values[:1], values[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), own / "model.onnx")
    told = cli("detect", pictures / "a.png", "--model", own)
    assert (told.code, told.out, told.err.count("\n")) == (2, "", 1)


def test_a_precision_is_told_with_the_answer_and_a_wrong_one_refused(cli, pictures, tmp_path, monkeypatch):
    monkeypatch.setenv("PIXWISE_HOME", str(tmp_path / "home"))
    asked = ("embed", pictures / "a.png", "--model", write_encoder(tmp_path / "encoder"), "--precision")
    assert "by encoder (int8) in" in cli(*asked, "int8").out
    assert json.loads(cli(*asked, "int8", "--json").out)["model"]["precision"] == "int8"
    code, _, err = cli(*asked, "int9")
    assert code == 2
    assert "--precision must be known, got 'int9'; did you mean 'int8'?" in err


def test_alternative_texts_are_a_line_per_picture(cli, pictures, tmp_path):
    from oracle import captioners

    folder = captioners.save_merged("blip", captioners.make("blip"), tmp_path / "blip")
    told = [
        json.loads(line)["caption"] for line in cli("caption", pictures, "--model", folder, "--jsonl").out.splitlines()
    ]
    code, out, _ = cli("caption", pictures, "--model", folder, "--alt")
    assert (code, out.splitlines()) == (0, [one["alt_text"] for one in told])
    assert len(told) == 3
