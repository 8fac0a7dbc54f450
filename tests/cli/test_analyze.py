"""`pixwise analyze`: everything about a picture, with what is on this machine."""

import json
import os
from pathlib import Path

import pytest
from PIL import Image

from pixwise.pool import shared_pool
from pixwise.session import installed_providers

TASKS = "quality,codes"  # the quick ones


@pytest.fixture(autouse=True)
def no_models(monkeypatch, tmp_path):
    monkeypatch.setenv("PIXWISE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


def test_a_table_has_a_block_per_task_and_the_drawn_picture(cli, pictures):
    code, out, err = cli("analyze", pictures / "a.png", "--tasks", TASKS)
    assert (code, err) == (0, "")
    starts = [line.split()[0] for line in out.splitlines() if line and not line.startswith(" ")]
    assert starts == [str(pictures / "a.png"), "quality", "codes", "drawn"]
    assert out.endswith("drawn     a.pixwise.png\n")
    with Image.open("a.pixwise.png") as drawn:
        assert drawn.size == (64, 48)


def test_the_folder_of_the_picture_is_left_alone(cli, pictures):
    before = sorted(os.listdir(pictures))
    cli("analyze", pictures / "b.jpg", "--tasks", "quality")
    assert sorted(os.listdir(pictures)) == before
    assert Path("b.pixwise.jpg").exists()


def test_json_is_one_document_and_draws_nothing(cli, pictures):
    code, out, err = cli("analyze", pictures / "a.png", "--tasks", TASKS, "--json")
    document = json.loads(out)
    assert (code, err, document["schema"]) == (0, "", "pixwise/analysis/1")
    assert {task: answer["status"] for task, answer in document["results"].items()} == {"quality": "ok", "codes": "ok"}
    assert not Path("a.pixwise.png").exists()


def test_several_pictures_are_a_list_and_draw_only_when_asked(cli, pictures):
    assert len(json.loads(cli("analyze", pictures, "--tasks", "quality", "--json").out)) == 3
    assert "drawn" not in cli("analyze", pictures, "--tasks", "quality").out
    cli("analyze", pictures, "--tasks", "quality", "-o", "out/")
    assert sorted(os.listdir("out")) == ["a.pixwise.png", "b.pixwise.jpg", "sub"]


def test_what_needs_a_model_says_how_to_fetch_it(cli, pictures):
    code, out, _ = cli("analyze", pictures / "a.png", "--tasks", "classify")
    assert code == 0
    assert out.splitlines()[1].startswith("classify  skipped: needs pixwise models pull ")


def test_a_built_in_answer_says_what_would_answer_better(cli, pictures):
    assert "pixwise models pull yunet" in cli("analyze", pictures / "a.png", "--tasks", "faces").out


def test_a_bad_picture_is_told_and_the_others_are_answered(cli, pictures):
    (pictures / "bad.png").write_text("text")
    code, out, err = cli("analyze", pictures, "--tasks", "quality", "--jsonl")
    schemas = [json.loads(line)["schema"] for line in out.splitlines()]
    assert (code, err.count("\n")) == (1, 1)
    assert schemas == ["pixwise/analysis/1", "pixwise/analysis/1", "pixwise/error/1", "pixwise/analysis/1"]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--tasks", "codes,qualty"), "task must be known, got 'qualty'; did you mean 'quality'?"),
        (("--pull", "--offline"), "--pull needs a network, got --offline or HF_HUB_OFFLINE too"),
        (("-o", "x.csv"), "-o must end in .json, .jsonl or .txt here, got 'x.csv'; analyze gives"),
        (
            ("--csv",),
            "form must be --json or --jsonl here, got --csv; analyze gives several kinds of answers: ask one task",
        ),
        (("--model", "yunet"), "--model belongs to the single tasks, got 'yunet' for analyze, which takes the best"),
    ],
)
def test_wrong_usage_is_code_2(cli, pictures, args, told):
    code, out, err = cli("analyze", pictures / "a.png", *args)
    assert (code, out, told in err) == (2, "", True)


def test_a_pull_that_fails_is_told_and_the_built_in_answers(cli, pictures, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    code, out, err = cli("analyze", pictures / "a.png", "--tasks", "faces,quality", "--pull", "--no-draw")
    assert (code, err.count("\n")) == (3, 1)
    assert err.startswith("pixwise: yunet: ")
    assert "by haar-frontal" in out
    assert "sharpness" in out


def test_a_task_that_fails_is_told_and_makes_the_code_1(cli, pictures, monkeypatch):
    monkeypatch.setenv("PIXWISE_THREADS", "none")  # every model asks for it when it is loaded
    shared_pool().clear()
    code, out, err = cli("analyze", pictures / "a.png", "--tasks", "ocr,quality", "--no-draw")
    assert (code, err.count("\n")) == (1, 1)
    assert f"{pictures / 'a.png'}: ocr: PIXWISE_THREADS must be a positive number, got 'none'" in err
    assert "ocr       error: " in out
    assert "sharpness" in out


def test_cuda_where_there_is_none_ends_the_run_with_code_2(cli, pictures):
    code = cli("analyze", pictures, "--tasks", "quality", "--device", "cuda").code
    assert code == (0 if "CUDAExecutionProvider" in installed_providers() else 2)


@pytest.mark.parametrize("task", ["zeroshot", "find"])
def test_what_needs_words_is_refused_at_once_and_not_offered(cli, pictures, task):
    code, out, err = cli("analyze", pictures / "a.png", "--tasks", f"quality,{task}")
    assert (code, out) == (2, "")
    assert f"got '{task}', which needs labels; ask it alone: pixwise {task} PICTURE --label …" in err
    assert task not in cli("analyze", "--help").out
