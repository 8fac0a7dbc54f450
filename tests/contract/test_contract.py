"""What every task promises, for every card: one contract over all."""

import json
import threading

import numpy as np
import pytest
from fakes import HEADS, POINTED, QUESTIONS, SPEAKING, fake_helpers, fake_session

from pixwise import registry
from pixwise.picture import Picture
from pixwise.samples import photo_like
from pixwise.task_table import TASKS, cards_of, task_class

CARDS = registry.cards()
ASKED = [(task, card) for task in TASKS for card in registry.cards(task)]  # a card may answer several tasks
ALWAYS = {"action", "caption", "classify", "embed", "moderate", "quality", "zeroshot"}  # always say something


def made(name, card, *, nothing=False, **options):
    session, helpers = fake_session(card, nothing=nothing), fake_helpers(name, nothing=nothing)
    return task_class(name)(card=card, session=session, helpers=helpers, **QUESTIONS.get(name, {}), **options)


def plain(result):
    """The answer without what may differ between two runs."""
    return {key: value for key, value in result.to_dict().items() if key not in ("timings_ms", "image")}


def small(height=60, width=80, seed=0):
    return photo_like(height, width, seed)


each_card = pytest.mark.parametrize(("name", "card"), ASKED, ids=lambda each: getattr(each, "id", each))


def test_every_task_has_a_card_and_every_card_a_task():
    assert all(registry.cards(task) for task in TASKS)
    assert set(registry.tasks()) == {cards_of(task) for task in TASKS}


def test_every_head_of_a_fetched_card_has_a_fake():
    assert {card.head for card in CARDS if card.runtime == "onnx"} <= {*HEADS, *POINTED, *SPEAKING}


@each_card
def test_the_answer_has_the_declared_type_and_names_its_model(name, card):
    task = made(name, card)
    result = task(small())
    assert isinstance(result, task.result_type)
    assert (result.model.id, result.model.licence) == (card.id, card.licence)
    assert (result.image.width, result.image.height) == (80, 60)


@pytest.mark.parametrize(
    ("name", "card"),
    [(name, card) for name, card in ASKED if name not in ALWAYS and not (name == "semantic" and not card.options)],
    ids=lambda each: getattr(each, "id", each),
)
def test_nothing_there_is_an_answer_of_length_zero(name, card):
    task = made(name, card, nothing=True)
    assert len(task(np.full((64, 64, 3), 200, np.uint8))) == 0


@each_card
@pytest.mark.parametrize("size", [(1, 1), (10, 2000), (2000, 10)], ids=str)
def test_odd_sizes_are_answered(name, card, size):
    result = made(name, card)(np.full((*size, 3), 90, np.uint8))
    assert (result.image.height, result.image.width) == size
    check_inside(result)


@each_card
def test_the_longest_picture_is_answered(name, card):
    check_inside(made(name, card)(np.zeros((10, 20_000, 3), np.uint8)))


def check_inside(result):
    """Boxes lie inside the picture."""
    boxes = getattr(result, "boxes", np.zeros((0, 4)))
    assert (boxes >= 0).all()
    assert (boxes[:, [0, 2]] <= result.image.width).all()
    assert (boxes[:, [1, 3]] <= result.image.height).all()


@each_card
def test_arrays_may_be_read_only_strided_and_stay_as_they_were(name, card):
    task, strided = made(name, card), small(120, 160)[::2, ::-2]
    strided.setflags(write=False)
    before = strided.copy()
    assert plain(task(strided)) == plain(task(np.ascontiguousarray(strided)))
    np.testing.assert_array_equal(strided, before)


@each_card
def test_the_same_picture_gives_the_same_answer(name, card):
    task = made(name, card)
    assert plain(task(small())) == plain(task(small()))


@each_card
def test_a_picture_that_was_decoded_before_gives_the_same_answer(name, card):
    task, seen = made(name, card), Picture.open(small())
    seen.pixels()
    assert plain(task(seen)) == plain(task(small()))


@each_card
def test_a_list_gives_what_one_by_one_gives(name, card):
    task = made(name, card, batch=3)
    pictures = [small(seed=0), small(40, 50, seed=1), small(seed=2), small(seed=3)]
    several = [[picture] for picture in pictures] if task.of_clips else pictures  # a list of frames is one clip
    assert [plain(answer) for answer in task(several)] == [plain(task(picture)) for picture in pictures]


@each_card
def test_eight_threads_share_one_task(name, card):
    task, answers = made(name, card), {}
    pictures = [small(seed=seed) for seed in range(4)]
    wanted = [plain(task(picture)) for picture in pictures]

    def ask(number):
        answers[number] = plain(task(pictures[number % 4]))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert [answers[number] for number in range(8)] == wanted * 2


@each_card
def test_the_answer_survives_json(name, card):
    told = made(name, card)(small()).to_dict()
    assert json.loads(json.dumps(told, allow_nan=False)) == told


@each_card
def test_the_answer_can_be_drawn(name, card):
    picture = small(240, 320)
    drawn = made(name, card)(picture).draw(picture)
    assert (drawn.mode, drawn.width) == ("RGB", 320)
    assert drawn.height > 240 if name == "caption" else drawn.height == 240  # on a strip below


@each_card
def test_feeds_are_as_the_card_says(name, card):
    task, picture = made(name, card), Picture.open(small())
    feeds, _ = task.preprocess(picture, **task.answers_needed(picture))
    pixels = feeds[task.input_name]
    pixels = pixels[:, 0] if task.of_clips else pixels  # a frame
    recipe = card.recipe
    assert pixels.dtype == recipe.dtype
    assert pixels.shape[1 if recipe.layout == "CHW" else 3] == 3
    if recipe.resize in ("stretch", "square") and not any(recipe.crop_hw):
        assert (pixels.shape[2:] if recipe.layout == "CHW" else pixels.shape[1:3]) == recipe.size_hw
    assert all(len(array) == len(pixels) for array in feeds.values())
