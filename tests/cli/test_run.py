"""One run: answers in the order of the inputs, errors in their place, what was done is written."""

import contextlib
import io
import json
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from pixwise.cli.files import Plan
from pixwise.cli.inputs import Input, expand
from pixwise.cli.run import Answered, about, answered, held_back, write_all
from pixwise.errors import PictureError, ShapeError, SourceError
from pixwise.pixels import Recipe
from pixwise.registry import Card
from pixwise.results import Classes, ImageInfo
from pixwise.session import FakeSession
from pixwise.task import Task

ANSWER = Classes(image=ImageInfo("a.png"), labels=("cat",), label_ids=[0], scores=[1])


@dataclass(frozen=True, kw_only=True)
class Namer(Task):
    name: ClassVar[str] = "name"
    result_type: ClassVar[type] = Classes
    heads: ClassVar[dict] = {"name": None}

    def postprocess(self, raw, fit):
        return Classes(labels=("cat",), label_ids=[0], scores=raw["score"][0])


@pytest.fixture
def namer():
    session = FakeSession({"score": np.ones((1, 1), np.float32)})
    return Namer(
        card=Card(id="namer", task="name", head="name", recipe=Recipe(size_hw=(8, 8))), session=session, batch=2
    )


def written(items, plan=Plan("json"), one=False):  # noqa: B008 (frozen)
    return write_all(
        items, plan, 9, one=one, render=lambda answer, drawn: f"{answer.image.source} {drawn}\n", kind=Classes
    )


def sources(items):
    return [(item.input.name, type(item.answer).__name__) for item in items]


@pytest.mark.parametrize("keep", [False, True])
def test_errors_stand_where_their_inputs_stood(namer, pictures, keep):
    (pictures / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    names = ["no.png", "a.png", "broken.jpg", "b.jpg", "sub/c.png", "nor.png"]
    found = list(answered(namer, expand([str(pictures / name) for name in names]), keep=keep))
    assert [item.input.source for item in found] == [str(pictures / name) for name in names]
    kinds = ["SourceError", "Classes", "PictureError", "Classes", "Classes", "SourceError"]
    assert [type(item.answer).__name__ for item in found] == kinds


def test_pictures_are_kept_only_where_they_are_drawn(namer, pictures):
    given = expand([str(pictures / "a.png")])
    assert next(answered(namer, given, keep=False)).picture is None
    assert next(answered(namer, given, keep=True)).picture.width == 64


def test_pictures_run_in_batches(namer, pictures):
    list(answered(namer, expand([str(pictures / "a.png")] * 4), keep=False))
    assert [len(next(iter(feeds.values()))) for feeds in namer.session.fed] == [2, 2]


def test_a_failed_input_makes_the_code_1_and_a_line_on_stderr(capfd):
    items = [Answered(Input("a.png", "a.png"), ANSWER), Answered(Input("b", "b"), PictureError("b: broken"))]
    assert written(items) == 1
    out, err = capfd.readouterr()
    assert [document["schema"] for document in json.loads(out)] == ["pixwise/classes/1", "pixwise/error/1"]
    assert err == "pixwise: b: broken\n"


def test_an_error_that_does_not_name_its_input_gets_the_name():
    assert about(Answered(Input("a.png", "a.png"), ShapeError("model must\ntake"))) == ["a.png: model must take"]
    assert about(Answered(Input("a.png", "a.png"), SourceError("a.png: gone"))) == ["a.png: gone"]
    assert about(Answered(Input("a.png", "a.png"), ANSWER, problems=("ocr: no",))) == ["a.png: ocr: no"]


def interrupted():
    yield Answered(Input("a.png", "a.png"), ANSWER)
    raise KeyboardInterrupt


@pytest.mark.parametrize(("format", "whole"), [("json", json.loads), ("jsonl", json.loads), ("csv", str)])
def test_an_interrupt_leaves_what_was_done_whole(format, whole, capfd, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        written(interrupted(), Plan(format))
    assert whole(capfd.readouterr().out)
    with pytest.raises(KeyboardInterrupt):
        written(interrupted(), Plan(format, tmp_path / "out"))
    assert whole((tmp_path / "out").read_text())


class Hit(io.StringIO):
    """Standard output that is hit by Ctrl-C while the first document is written."""

    def write(self, text):
        count = super().write(text)
        if text.startswith("[\n{"):
            signal.raise_signal(signal.SIGINT)
        return count


def test_an_interrupt_in_the_middle_of_a_document_waits_for_its_end():
    items = [Answered(Input("a.png", "a.png"), ANSWER)] * 3
    with contextlib.redirect_stdout(Hit()) as out, pytest.raises(KeyboardInterrupt):
        written(items)
    assert json.loads(out.getvalue()) == [ANSWER.to_dict()]


def test_a_second_interrupt_does_not_wait():
    def hit_twice():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("waited")

    with pytest.raises(KeyboardInterrupt), held_back():
        hit_twice()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_any_other_end_leaves_no_file(tmp_path):
    def faulty():
        yield Answered(Input("a.png", "a.png"), ANSWER)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        written(faulty(), Plan("json", tmp_path / "out.json"))
    assert list(tmp_path.iterdir()) == []


def test_each_input_has_its_own_document(tmp_path):
    items = [Answered(Input("a.png", "a.png"), ANSWER), Answered(Input("b", "b"), PictureError("b: broken"))]
    assert written(items, Plan("json", documents=(tmp_path / "a.json", tmp_path / "b.json"))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert json.loads(Path("a.json").read_text()) == ANSWER.to_dict()
