"""One picture, many pictures: what every task inherits."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from pixwise import registry
from pixwise.errors import CardError, OptionError, PictureError, SetupError, ShapeError, UnknownModelError
from pixwise.loading import load_card, load_model
from pixwise.picture import Picture
from pixwise.pixels import Recipe
from pixwise.registry import Card
from pixwise.results import Classes
from pixwise.samples import jpeg_like
from pixwise.session import FakeSession
from pixwise.task import Task, check_range

CARD = Card(id="mean", task="mean", head="mean", recipe=Recipe(resize="none", scale=1.0), batch=4, licence="MIT")


@dataclass(frozen=True, kw_only=True)
class MeanTask(Task):
    """Answers with the mean grey of the picture, as its fake session computes it."""

    name: ClassVar[str] = "mean"
    result_type: ClassVar[type] = Classes
    heads: ClassVar[dict] = {"mean": None}
    card_options: ClassVar[dict] = {"darkest": "share", "pairs": "count"}
    plus: float = 0.0

    def check_options(self):
        check_range("plus", self.plus, 0, 9)

    def postprocess(self, raw, fit):
        return Classes(labels=["grey"], label_ids=[0], scores=[raw["mean"][0] + self.plus])


def mean(feeds):
    return {"mean": feeds["image"].mean(axis=(1, 2, 3))}


def grey(level, size=(4, 6)):
    return np.full((*size, 3), level, np.uint8)


@pytest.fixture
def task():
    return MeanTask(card=CARD, session=FakeSession(mean))


def test_one_source_gives_one_answer(task):
    answer = task(grey(7))
    assert answer.scores[0] == 7
    assert (answer.model.id, answer.model.licence) == ("mean", "MIT")
    assert (answer.image.width, answer.image.height) == (6, 4)
    assert set(answer.timings_ms) == {"open", "preprocess", "model", "postprocess"}


def test_a_list_gives_a_list_in_order_whatever_the_sizes(task):
    levels = [3, 9, 27, 81, 243, 1]
    answers = task([grey(level, (4, 6) if level % 2 else (5, 5)) for level in levels])
    assert [float(answer.scores[0]) for answer in answers] == levels


def test_pictures_of_equal_shape_run_as_one_batch(task):
    task([grey(level) for level in range(6)])
    assert [len(feeds["image"]) for feeds in task.session.fed] == [4, 2]


def test_a_bad_item_gives_its_error_in_its_place(task):
    answers = task([grey(1), b"no picture", grey(2)], on_error="return")
    assert isinstance(answers[1], PictureError)
    assert [answers[0].scores[0], answers[2].scores[0]] == [1, 2]


def test_a_bad_item_raises_unless_told_otherwise(task):
    with pytest.raises(PictureError):
        task([grey(1), b"no picture"])


def test_when_a_batch_fails_only_the_culprit_fails():
    def fussy(feeds):
        if (feeds["image"] == 13).any():
            raise ShapeError("thirteen")
        return mean(feeds)

    answers = MeanTask(card=CARD, session=FakeSession(fussy))(
        [grey(level) for level in (12, 13, 14)], on_error="return"
    )
    assert isinstance(answers[1], ShapeError)
    assert [answers[0].scores[0], answers[2].scores[0]] == [12, 14]


def test_an_output_without_a_batch_axis_is_told(task):
    broken = replace(task, session=FakeSession(lambda feeds: {"mean": np.zeros(7)}))
    with pytest.raises(ShapeError, match=r"output 'mean' must have 1 rows, got shape \(7,\)"):
        broken(grey(1))


def test_a_changed_copy_shares_the_session(task):
    other = replace(task, plus=2.0)
    assert other.session is task.session
    assert other(grey(1)).scores[0] == 3


def test_options_out_of_range_are_refused(task):
    with pytest.raises(OptionError, match="plus must be a number from 0 to 9, got 10; give one in this range"):
        replace(task, plus=10)


def test_a_misspelt_option_names_the_right_one():
    with pytest.raises(OptionError, match="option of mean must be known, got 'pluss'; did you mean 'plus'"):
        MeanTask.load(pluss=1)


def test_a_misspelt_argument_of_load_names_the_right_one():
    with pytest.raises(OptionError, match="got 'devise'; did you mean 'device'"):
        MeanTask.load(devise="cpu")


def test_a_card_of_another_task_is_refused():
    with pytest.raises(CardError, match="must answer 'mean', got one for 'detect'"):
        MeanTask(card=replace(CARD, task="detect"), session=FakeSession(mean))


def test_a_negative_batch_is_refused(task):
    with pytest.raises(OptionError, match="batch must be a number from 0 to 4096, got -1"):
        replace(task, batch=-1)


def test_a_built_in_asked_for_on_cuda_says_that_it_cannot():
    with pytest.raises(SetupError, match="device cuda needs a model that can use it, got the built-in 'haar-frontal'"):
        load_model(registry.card("haar-frontal"), device="cuda")


def test_an_unknown_head_is_refused():
    with pytest.raises(CardError, match="head must be one of mean, got 'median'"):
        MeanTask(card=replace(CARD, head="median"), session=FakeSession(mean))


def test_a_stream_holds_one_batch_at_a_time(task):
    taken = []
    sources = (taken.append(level) or grey(level) for level in range(100))
    next(task.stream(sources))
    assert len(taken) == 4


def test_a_stream_of_broken_pictures_is_told_as_it_comes(task):
    taken = []
    sources = (taken.append(level) or b"no picture" for level in range(100))
    assert isinstance(next(task.stream(sources)), PictureError)
    assert len(taken) == 4


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"device": "gpu"}, "device must be one of auto, cpu, cuda, got 'gpu'; auto takes CUDA"),
     ({"threads": -1}, "threads must be a whole number from 0 up, got -1; 0 takes all"),
     ({"threads": "2"}, "threads must be a whole number from 0 up, got '2'")],
)  # fmt: skip
def test_a_wrong_device_or_number_of_threads_is_refused_for_built_ins_too(settings, words):
    with pytest.raises(OptionError, match=words):
        load_model(registry.card("haar-frontal"), **settings)
    with pytest.raises(OptionError, match=words):
        MeanTask.load("no-such-model", **settings)  # before the model is looked for


@pytest.mark.parametrize(("resample", "side"), [("bilinear", 250), ("linear", 2000), ("nearest", 2000)])
def test_only_antialiased_filters_may_start_from_a_scaled_decode(task, resample, side):
    recipe = Recipe(size_hw=(100, 100), resample=resample)
    decoded = replace(task, card=replace(CARD, recipe=recipe)).decoded(Picture.open(jpeg_like(2000, 2000)))
    assert decoded.width == side


def test_transparent_parts_are_laid_on_the_background_that_is_asked_for(task):
    clear = np.zeros((4, 6, 4), np.uint8)
    assert [replace(task, background=(level,) * 3)(clear).scores[0] for level in (0, 255)] == [0, 255]
    with pytest.raises(OptionError, match=r"background must be three whole numbers from 0 to 255 \(RGB\), got 'black'"):
        replace(task, background="black")


@pytest.mark.parametrize(
    ("options", "words"),
    [({"darkes": 0.5}, "card 'mean': options must be known, got 'darkes'; did you mean 'darkest'"),
     ({"darkest": 7}, "options.darkest must be a number from 0 to 1, got 7"),
     ({"pairs": 0}, "options.pairs must be a whole number above 0, got 0"),
     ({"engine": "hog"}, "options must be known, got 'engine'")],
)  # fmt: skip
def test_options_that_a_task_does_not_know_of_a_card_are_refused(options, words):
    with pytest.raises(CardError, match=words):
        MeanTask(card=replace(CARD, options=options), session=FakeSession(mean))


def test_a_task_is_shown_by_its_model_and_what_was_set(task):
    assert repr(task) == "MeanTask('mean')"
    assert repr(replace(task, plus=2.0, batch=8)) == "MeanTask('mean', batch=8, plus=2.0)"


def test_a_model_may_be_a_path_object(tmp_path):
    (tmp_path / "card.toml").write_text('head = "softmax"\n[input]\nsize_hw = [8, 8]\n')
    (tmp_path / "a.onnx").touch()
    assert load_card(tmp_path, "classify").folder == str(tmp_path)
    with pytest.raises(UnknownModelError, match="got 'nowhere', which is not there"):
        load_card(Path("nowhere"), "classify")


@pytest.mark.parametrize("model", [None, 3, ["dfine-s"]])
def test_a_model_of_another_type_is_refused(model):
    with pytest.raises(OptionError, match=f"model must be an id, .* got {type(model).__name__}; leave it out"):
        load_card(model, "detect")


def test_a_wrong_word_for_on_error_is_told_with_what_the_right_ones_do(task):
    with pytest.raises(OptionError, match="must be 'raise' or 'return', got 'ignore'; 'return' puts each error"):
        task(grey(1), on_error="ignore")


@dataclass(frozen=True, kw_only=True)
class FaceMeans(MeanTask):
    """A row per face that another task found."""

    needs: ClassVar[tuple] = ("faces",)

    def preprocess(self, picture, faces):
        return {"image": np.stack([picture.pixels()] * len(faces)) if faces else np.zeros((0, 1, 1, 3))}, faces

    def postprocess(self, raw, fit):
        assert bool(raw) == bool(fit)
        return Classes(labels=fit, label_ids=range(len(fit)), scores=raw.get("mean", ()))


def test_answers_of_other_tasks_are_asked_of_the_helpers():
    helpers = {"faces": lambda picture: ["one", "two"][: picture.width - 4]}
    task = FaceMeans(card=CARD, session=FakeSession(mean), helpers=helpers)
    assert [answer.labels for answer in task([grey(1), grey(2, (4, 5))])] == [("one", "two"), ("one",)]


def test_a_picture_without_rows_is_answered_without_the_model():
    task = FaceMeans(card=CARD, session=FakeSession(mean), helpers={"faces": lambda picture: []})
    assert len(task(grey(1))) == 0
    assert task.session.fed == []


def test_a_helper_that_is_missing_is_told():
    with pytest.raises(OptionError, match=r"mean needs the answer of faces, got none; use \.given\(faces=…\) or load"):
        FaceMeans(card=CARD, session=FakeSession(mean))(grey(1))


def test_an_answer_that_is_known_is_not_asked_again(task):
    known = task(grey(5))
    class_of = FaceMeans(card=CARD, session=FakeSession(mean)).given(faces=known)
    assert class_of.helpers["faces"](Picture.open(grey(5))) is known
    with pytest.raises(ShapeError, match="picture must be 6 x 4 px"):
        class_of(grey(1, (9, 9)))


@pytest.mark.parametrize(
    ("helpers", "words"),
    [
        ({"face": print}, "helper of mean must be of a task that it needs, got 'face'; did you mean 'faces'"),
        ({"faces": 3}, "helper 'faces' must be a loaded task or a function of a picture, got int; load it"),
        ({"faces": "models/yunet"}, r"got str; load it, or give the model's name or folder to load\(\) of mean"),
        ([print], "helpers must be a dict of tasks and what answers them, got list"),
    ],
)
def test_helpers_that_cannot_be_asked_are_refused(helpers, words):
    with pytest.raises(OptionError, match=words):
        FaceMeans(card=CARD, session=FakeSession(mean), helpers=helpers)


def test_a_task_that_needs_no_other_takes_no_helpers(task):
    with pytest.raises(OptionError, match=r"helper of mean must be .* got 'faces'; leave helpers out"):
        task.given(faces=None)
