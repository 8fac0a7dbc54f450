"""`pixwise collections` and `pixwise learn-head`, in this process."""

import json

import numpy as np
import pytest
from learning import CollectionServer, cloud, draw_folder

from pixwise.collections import Shelf


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    monkeypatch.setenv("PIXWISE_HOME", str(tmp_path / "home"))


@pytest.fixture
def reds(tmp_path):
    return draw_folder(tmp_path / "reds", count=6)


@pytest.fixture
def trained(cli, reds):
    code, out, err = cli("collections", "train", reds, "--embedding", "look")
    assert (code, err) == (0, "")
    assert out.startswith("reds  12 rows, 6 yes  20")
    return reds


def test_a_folder_is_trained_listed_shown_asked_and_deleted(cli, trained, tmp_path):
    assert Shelf().ids() == ["reds"] == Shelf(tmp_path / "home/collections").ids()
    assert "reds  reds  whole_image  look        12    6" in cli("collections", "list").out
    assert "look no revision known fp32 356" in cli("collections", "show", "reds").out
    asked = cli("collections", "classify", "reds", trained / "yes/1.png", "--json")
    told = json.loads(asked.out)["membership"]
    assert (asked.code, told["is_in_collection"], told["collection"]) == (0, True, "reds")
    assert told["probability"] > 0.5
    assert cli("collections", "rm", "reds").out == "reds deleted\n"
    assert cli("collections", "list").err.startswith("pixwise: no collections in")


def test_every_verb_tells_json(cli, trained):
    (best,) = json.loads(cli("collections", "list", "--json").out)
    shown = json.loads(cli("collections", "show", "reds", "--json").out)
    measured = json.loads(cli("collections", "eval", "reds", trained, "--json").out)
    again = json.loads(cli("collections", "train", trained, "--embedding", "look", "--json").out)
    assert shown["version"] == best["version"] == measured["in_force"]
    assert measured["versions"][best["version"]]["rows"] == 12
    assert [each["status"] for each in again["collections"]] == ["trained"]


def test_pictures_are_drawn_and_written_in_every_form(cli, trained):
    code, out, _ = cli("collections", "classify", "reds", trained, "--csv")
    assert (code, len(out.splitlines())) == (0, 13)
    assert cli("collections", "classify", "reds", trained / "yes/0.png", "--draw").code == 0
    lines = cli("collections", "classify", "reds", trained, "--jsonl").out.splitlines()
    assert len([line for line in lines if json.loads(line)["membership"]["is_in_collection"]]) == 6


def test_a_bad_picture_is_told_and_the_others_are_answered(cli, trained):
    (trained / "yes/bad.png").write_bytes(b"nonsense")
    code, out, err = cli("collections", "train", trained, "--embedding", "look")
    assert (code, "12 rows" in out, "bad.png: expected a JPEG" in err) == (1, True, True)
    assert cli("collections", "classify", "reds", trained / "yes", "--jsonl").code == 1


def test_one_bad_collection_does_not_end_the_run(cli, reds, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    code, out, err = cli("collections", "train", tmp_path / "empty", reds, "--embedding", "look")
    assert (code, out[:14]) == (1, "reds  12 rows,")
    assert "empty: skipped: " in err
    monkeypatch.chdir(tmp_path)
    err_here = cli("collections", "train", "empty", "--embedding", "look").err
    assert err_here.startswith("pixwise: empty: skipped: expected folders yes and no")
    assert "expected folders yes and no, got none; put the pictures there" in err


def test_a_collection_that_cannot_be_written_does_not_end_the_run(cli, reds, tmp_path):
    Shelf().folder.mkdir(parents=True)
    (Shelf().folder / "cats").write_text("a file in its place")
    code, out, err = cli("collections", "train", draw_folder(tmp_path / "cats", 6), reds, "--embedding", "look")
    assert (code, out[:14]) == (1, "reds  12 rows,")
    assert "cats: skipped: " in err
    assert "expected to be written, got" in err


def test_what_a_service_says_does_not_steer_the_terminal(cli):
    server, focus = CollectionServer(), {"derivative_type_name": "whole_image", "embedding_type_name": "embed_clip"}
    server.say("collections.json", [{"id": 1, "name": "\x1b[2Jred\n", "collection_focus": focus}])
    rows = [
        {"embedding": v.tolist(), "label": int(y), "photo_id": i} for i, (v, y) in enumerate(zip(*cloud(), strict=True))
    ]
    server.say("collections/1/training_data.json", rows)
    told = [
        cli("collections", "train", "--service", server.url),
        cli("collections", "list"),
        cli("collections", "show", 1),
    ]
    server.close()
    assert [("\x1b" in each.out, "\\x1b[2Jred\\n" in each.out) for each in told] == [(False, True)] * 3


def test_a_service_is_trained_one_bad_collection_aside(cli):
    server, focus = CollectionServer(), {"derivative_type_name": "whole_image", "embedding_type_name": "embed_clip"}
    listed = [{"id": id, "name": f"c{id}", "collection_focus": focus} for id in range(1, 6)]
    server.say("collections.json", [*listed, {"id": 6, "name": "odd", "collection_focus": None}])
    vectors, labels = cloud(60)
    for id, kept in (("1", slice(None)), ("2", labels == 1), ("3", slice(6))):
        rows = [
            {"embedding": v.tolist(), "label": int(y), "photo_id": i}
            for i, (v, y) in enumerate(zip(vectors[kept], labels[kept], strict=True))
        ]
        server.say(f"collections/{id}/training_data.json", rows)
    server.say("collections/4/training_data.json", b"<html>It works!</html>")
    code, out, err = cli("collections", "train", "--service", server.url, "--json")
    server.close()
    told = json.loads(out)["collections"]
    assert (code, [each["status"] for each in told]) == (1, ["trained", *["skipped"] * 5])
    for word in ("must have both labels", "at least 5 rows", "expected JSON, got <html>", "404 Not Found", "got None"):
        assert word in err
    assert Shelf().best(1).name == "c1"


def test_a_file_of_vectors_is_trained_and_measured(cli, tmp_path):
    vectors, labels = cloud(60)
    lines = [json.dumps({"label": int(y), "embedding": v.tolist()}) for v, y in zip(vectors, labels, strict=True)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    assert cli("collections", "train", "--data", tmp_path / "a.jsonl", "--id", "dogs").code == 0
    assert "macro precision" in cli("collections", "eval", "dogs", "--data", tmp_path / "a.jsonl").out
    assert np.isfinite(Shelf().best("dogs").bias)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["train"], 2, "source must be given, got none; name a FOLDER, --service URL, or --data FILE with --id"),
        (["train", "--data", "a.csv"], 2, "source must be given"),
        (["train", "--service", "ftp://x"], 2, "address of a service must be http(s)://host/path"),
        (["train", "--service", "http://127.0.0.1:9", "--timeout", "1"], 2, "expected an answer, got"),
        (["train", "x", "--of", "whole"], 2, "must be known, got 'whole'"),
        (["train", ".", "--offline"], 3, "(command line: --embedding look)"),
        (["show", "dogs"], 2, "collection must be in"),
        (["classify", "dogs", "a.png"], 2, "collection must be in"),
        (["eval", "dogs"], 2, "source must be given once"),
        (["rm", "dogs"], 2, "collection must be in"),
        (["trian"], 2, "did you mean 'train'"),
    ],
)
def test_what_cannot_be_done_says_why(cli, words, code, told):
    ended = cli("collections", *words)
    assert (ended.code, told in ended.err, ended.out) == (code, True, "")


def test_a_damaged_collection_does_not_hide_the_others(cli, trained, tmp_path):
    cli("collections", "train", trained, "--embedding", "look", "--id", "other")
    (tmp_path / "home/collections/other/best.json").write_text("{")
    code, out, err = cli("collections", "list")
    assert (code, "reds" in out, "train it anew" in err) == (3, True, True)


def test_a_head_is_learnt_and_used(cli, reds, tmp_path):
    code, out, err = cli("learn-head", reds, "--model", "look", "-o", tmp_path / "my head")
    assert (code, err) == (0, "")
    assert out.startswith("accuracy 1.000 (0.439 to 1.000 with 95 %) on 3 pictures that it had not seen, over look")
    assert f"pixwise classify PICTURE --model '{tmp_path}/my head'" in out
    found = json.loads(cli("classify", reds / "no/2.png", "--model", tmp_path / "my head", "--json").out)
    assert found["classes"][0]["label"] == "no"


def test_learn_head_tells_json_and_what_was_left_out(cli, reds):
    draw_folder(reds, count=2, tints={"maybe": (0, 0, 0)})
    code, out, err = cli("learn-head", reds, "--model", "look", "--json")
    assert (code, json.loads(out)["folder"]) == (1, "reds-head")
    assert "class 'maybe': expected at least 5 pictures, got 2; left out" in err


@pytest.mark.parametrize("verb", [("learn-head",), ("collections", "train")], ids=" ".join)
def test_a_folder_that_is_not_there_is_told_before_a_model_is_looked_for(cli, verb, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    code, _, err = cli(*verb, "nowhere", "--offline")
    assert (code, "nowhere: expected a folder of pictures, got no such folder; check the path" in err) == (2, True)
