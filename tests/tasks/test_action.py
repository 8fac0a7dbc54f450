"""Labels of clips, with sessions that answer as told: which frames a model sees, and what becomes of its answer."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
from PIL import Image

import pixwise as px
from pixwise.errors import CardError, OptionError, PictureError, ShapeError
from pixwise.pixels import Recipe
from pixwise.registry import Card, default_card
from pixwise.results import Actions, result_from_dict
from pixwise.session import FakeSession, Tensor
from pixwise.tasks.action import ActionRecognizer, frames_of_stretch, frames_spread

NAMES = ("walk", "run", "", "swim")


def grey(level, height=20, width=30):
    return np.full((height, width, 3), level, np.uint8)


def recognizer(values=(1, 3, -50, 2), head="softmax", takes=-1, made_for=4, recipe=None, **options):
    card = Card(id="fake", task="action", head=head, names=NAMES, options={"frames": made_for} if made_for else {},
                recipe=recipe or Recipe(size_hw=(8, 8), scale=1.0))  # fmt: skip
    inputs = (Tensor("pixel_values", (-1, takes, 3, 8, 8), "float"),)
    return ActionRecognizer(card=card, session=FakeSession({"logits": np.float32([values])}, inputs), **options)


def seen_by(task, clip):
    """The grey level of each frame that the model saw."""
    task(clip)
    [feeds] = task.session.fed
    assert feeds["pixel_values"].shape[2:] == (3, 8, 8)
    return feeds["pixel_values"][0, :, 0, 0, 0].tolist()


def test_the_answer_has_labels_scores_and_the_frames_that_were_used():
    answer = recognizer(min_score=0)([grey(i) for i in range(10)])
    assert answer.labels == ("run", "swim", "walk")
    np.testing.assert_allclose(answer.scores, np.exp([0, -1, -2]) / np.exp([0, -1, -2]).sum(), atol=1e-6)
    assert (answer.frames.tolist(), answer.count) == ([0, 2, 5, 7], 10)
    assert (answer.image.width, answer.image.height) == (30, 20)


def test_the_model_sees_these_frames_in_their_order():
    assert seen_by(recognizer(), [grey(10 * i) for i in range(10)]) == [0, 20, 50, 70]


def test_a_stride_takes_a_stretch_from_the_first_frame_on():
    assert seen_by(recognizer(stride=1), [grey(i) for i in range(10)]) == [0, 1, 2, 3]
    assert seen_by(recognizer(stride=2), [grey(i) for i in range(10)]) == [0, 2, 4, 7]


def test_too_few_frames_are_shown_more_than_once_and_that_is_told(caplog):
    with caplog.at_level(logging.INFO, "pixwise"):
        assert seen_by(recognizer(), [grey(1), grey(2)]) == [1, 1, 2, 2]
    assert "model fake sees 4 frames of 4, the clip has 2; some are shown more than once" in caplog.text


def test_a_still_picture_is_a_clip_that_stands():
    assert seen_by(recognizer(), grey(9)) == [9, 9, 9, 9]


@pytest.mark.parametrize(("count", "wanted"), [(1, 1), (1, 16), (7, 16), (16, 16), (10_000, 32), (5, 3)])
def test_frames_are_in_order_and_inside_the_clip(count, wanted):
    for frames in (frames_spread(count, wanted), frames_of_stretch(count, wanted, 3)):
        assert len(frames) == wanted
        assert (np.diff(frames) >= 0).all()
        assert frames[0] == 0
        assert frames[-1] < count


def test_how_many_frames_is_the_users_word_then_the_cards_then_the_graphs_then_sixteen():
    assert recognizer().wanted == 4
    assert recognizer(frames=9).wanted == 9
    assert recognizer(made_for=0, takes=8).wanted == 8
    assert recognizer(made_for=0).wanted == 16


def test_a_list_of_lists_is_several_clips_and_errors_stay_in_their_places():
    task, good = recognizer(batch=3), [grey(1), grey(2)]
    answers = task([good, [], [grey(1), b"no picture"], good], on_error="return")
    assert [type(answer) for answer in answers] == [Actions, OptionError, PictureError, Actions]
    assert "frame 1 of the clip: <bytes>: expected a JPEG" in str(answers[2])


def test_clips_of_a_batch_are_run_together():
    task = recognizer(batch=3)
    assert len(task([[grey(1)], [grey(2, 9, 9)], [grey(3)]])) == 3
    assert [len(feeds["pixel_values"]) for feeds in task.session.fed] == [3]


def test_a_frame_that_cannot_be_decoded_is_named():
    cut_off = px.samples.jpeg_like(64, 64, 1)[:700]
    with pytest.raises(PictureError, match="frame 2 of the clip: <bytes>: expected a whole JPEG picture"):
        recognizer()([grey(1), grey(2), cut_off, grey(3)])


def test_frames_of_different_sizes_are_each_prepared_by_themselves():
    assert seen_by(recognizer(), [grey(1), grey(2, 1, 1), grey(3, 300, 7), grey(4)]) == [1, 2, 3, 4]


def test_frames_that_are_prepared_to_different_sizes_are_refused():
    task = recognizer(recipe=Recipe(size_hw=(8, 8), resize="longest"))
    with pytest.raises(ShapeError, match=r"frame 1 of the clip must be prepared to the size of the first, .* recipe"):
        task([grey(1), grey(2, 30, 20)])


def test_of_ten_thousand_frames_only_those_that_are_used_are_opened():
    broken = [b"no picture"] * 10_000
    for index in (0, 2500, 5000, 7500):
        broken[index] = grey(index // 100)
    assert seen_by(recognizer(), broken) == [0, 25, 50, 75]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_outputs_that_are_no_numbers_are_told(value):
    with pytest.raises(ShapeError, match=r"must be (numbers|finite), got (NaN|infinity)"):
        recognizer((1, value, 2, 3))([grey(1)])


def test_a_label_file_that_is_too_short_is_told():
    with pytest.raises(ShapeError, match="must have 4 values, one per label, got shape"):
        recognizer((1, 2, 3))([grey(1)])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"top": -1}, "top must be a number from 0"),
        ({"min_score": 2}, "min_score must be a number from 0 to 1"),
        ({"frames": 2_000}, "frames must be a number from 0 to 1024"),
        ({"stride": -1}, "stride must be a number from 0"),
        ({"takes": 16, "frames": 8}, "frames of model 'fake' must be 16, got 8; leave it out"),
    ],
)
def test_options_out_of_range_are_told(options, words):
    with pytest.raises(OptionError, match=words):
        recognizer(**options)


def test_yes_or_no_classes_are_answered_from_a_half_on():
    assert recognizer((5, 4, 9, -3), "sigmoid")([grey(1)]).labels == ("walk", "run")


def test_the_answer_survives_json():
    answer = recognizer()([grey(i) for i in range(6)])
    told = json.loads(json.dumps(answer.to_dict()))
    assert told["clip"] == {"frames": [0, 1, 3, 4], "count": 6}
    assert result_from_dict(told).to_dict() == told


def test_drawn_it_shows_the_first_frame_and_those_that_were_used_below():
    clip = [np.asarray(Image.fromarray(grey(60 * i)).resize((320, 240))) for i in range(4)]
    drawn = np.asarray(recognizer()(clip).draw(clip))
    assert drawn.shape[1] == 320
    assert drawn.shape[0] > 240
    small = drawn[240 + (drawn.shape[0] - 240) // 2]  # a line through the small ones
    assert [small[x, 0] for x in (40, 120, 200, 280)] == [0, 60, 120, 180]


def test_a_clip_of_another_size_is_not_drawn_into():
    answer = recognizer()([grey(1), grey(2)])
    with pytest.raises(ShapeError, match="picture must be 30 x 20 px like"):
        answer.draw([grey(1, 7, 7), grey(2)])


def test_the_built_in_one_answers_in_one_line():
    assert px.action([grey(1)] * 20).labels == ("still",)
    assert [answer.labels[0] for answer in px.action([[grey(1)], [grey(2), grey(2)]])] == ["still", "still"]
    assert default_card("action").id == "motion"


def test_a_card_for_another_task_is_refused():
    with pytest.raises(CardError, match="must answer 'action', got one for 'quality'"):
        ActionRecognizer.load("measures")
