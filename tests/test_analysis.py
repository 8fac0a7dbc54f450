"""Many questions about one picture."""

import json
import socket

import pytest

from pixwise.analysis import analyze, choose_card
from pixwise.errors import OptionError, PictureError
from pixwise.pool import Pool


@pytest.fixture(autouse=True)
def fresh_machine(tmp_path, monkeypatch):
    """No model on disk, and a network that must not be touched."""

    def refuse(*args):
        raise AssertionError("a socket was opened")

    for name in ("HF_HOME", "HF_HUB_CACHE", "PIXWISE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_what_needs_no_download_is_answered_and_the_rest_is_skipped(photo):
    analysis = analyze(photo)
    told = {task: outcome.status for task, outcome in analysis.results.items()}
    assert told == dict.fromkeys(("detect", "faces", "ocr", "codes", "quality"), "ok") | dict.fromkeys(
        ("classify", "caption"), "skipped"
    )
    assert "pixwise models pull" in analysis.results["classify"].message


def test_a_built_in_says_which_fetched_model_would_answer_better(photo):
    outcome = analyze(photo, ["detect"]).results["detect"]
    assert outcome.result.model.id == "hog-people"
    assert "pixwise models pull dfine-s" in outcome.message


def test_the_answer_is_one_document(photo):
    told = analyze(photo, ["quality", "codes"]).to_dict()
    assert list(told) == ["schema", "image", "results"]
    assert told["results"]["quality"]["status"] == "ok"
    assert "image" not in told["results"]["quality"]
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_answers_are_reached_by_task_and_the_reason_is_told_where_there_is_none(photo):
    analysis = analyze(photo, ["quality", "classify"])
    assert analysis["quality"].model.id == "measures"
    with pytest.raises(
        OptionError, match="task 'classify' must have an answer, got skipped: needs pixwise models pull"
    ):
        analysis["classify"]
    with pytest.raises(OptionError, match="task must be one that was asked, got 'faces'"):
        analysis["faces"]


def test_a_misspelt_task_is_refused(photo):
    with pytest.raises(OptionError, match="got 'qality'; did you mean 'quality'"):
        analyze(photo, ["qality"])


def test_a_misspelt_device_is_refused_though_built_ins_answer(photo):
    with pytest.raises(OptionError, match="device must be one of auto, cpu, cuda, got 'gpu'"):
        analyze(photo, ["quality"], device="gpu")


def test_a_broken_picture_fails_once_not_in_every_task(tmp_path):
    (tmp_path / "x.jpg").write_bytes(b"\xff\xd8\xff" + b"nothing" * 20)
    with pytest.raises(PictureError):
        analyze(tmp_path / "x.jpg")


def test_a_task_that_fails_does_not_stop_the_others(photo, monkeypatch):
    monkeypatch.setenv("PIXWISE_THREADS", "none")  # onnxruntime cannot be set up, OpenCV can
    results = analyze(photo, ["ocr", "quality"], pool=Pool()).results
    assert (results["ocr"].status, results["quality"].status) == ("error", "ok")
    assert "PIXWISE_THREADS must be a positive number" in results["ocr"].message


@pytest.mark.parametrize(
    ("on_disk", "pull", "model"), [(False, False, "hog-people"), (True, False, "dfine-s"), (False, True, "dfine-s")]
)
def test_a_fetched_model_is_used_where_it_is_or_may_be_fetched(on_disk, pull, model):
    assert choose_card("detect", pull=pull, is_ready=lambda card: on_disk)[0].id == model


def test_everything_is_drawn_into_one_picture(photo):
    assert analyze(photo, ["quality", "faces"]).draw(photo).size == (640, 480)


def test_several_pictures_are_refused_with_the_way_to_ask_for_each():
    with pytest.raises(OptionError, match=r"takes one picture, got a list of 2; ask for each: \[px.analyze\(one\)"):
        analyze(["a.png", "b.png"])


def test_one_task_may_be_named_without_a_list(photo):
    assert list(analyze(photo, tasks="quality").results) == ["quality"]


def test_a_misspelt_keyword_names_the_right_one(photo):
    with pytest.raises(OptionError, match="option of analyze must be known, got 'task'; did you mean 'tasks'"):
        analyze(photo, task=["quality"])


def test_a_wrong_number_of_threads_is_refused_once(photo):
    with pytest.raises(OptionError, match="threads must be a whole number from 0 up, got -1"):
        analyze(photo, ["quality"], threads=-1)


def test_an_analysis_is_shown_in_one_line_and_in_notebooks_by_task(photo):
    analysis = analyze(photo, ["quality", "classify"])
    assert repr(analysis) == "<Analysis of <array>: quality ok, classify skipped>"
    shown = analysis._repr_html_()
    assert analysis["quality"]._repr_html_() in shown
    assert "classify: skipped (needs pixwise models pull" in shown
    assert "&lt;array&gt; 640 x 480" in shown


def test_vectors_are_told_only_to_those_who_ask(photo):
    assert analyze(photo, ["embed"])["embed"].dimension == 356


@pytest.mark.parametrize(
    ("here", "said"),
    [((), "sface yunet"), (("sface",), "yunet"), (("yunet",), "sface")],
    ids=["none", "sface", "yunet"],
)
def test_a_task_whose_helpers_are_not_here_is_skipped_and_fetches_nothing(here, said):
    card, message = choose_card("identify", is_ready=lambda card: card.id in here)
    assert (card, message) == (None, f"needs pixwise models pull {said}")
    assert choose_card("identify", is_ready=lambda card: True)[0].id == "sface"


def test_a_task_that_needs_words_is_refused_before_the_picture_is_opened():
    with pytest.raises(OptionError, match=r"which needs labels; .*in Python: px\.zeroshot\(picture, labels\)"):
        analyze("nowhere.png", "zeroshot")
