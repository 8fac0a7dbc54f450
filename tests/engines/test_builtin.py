"""The engines that need no download: ragged answers, odd pictures, many threads, no socket, no noise."""

import itertools
import logging
import socket
import subprocess
import sys
import threading

import numpy as np
import pytest
from draw_examples import receipt, scene
from PIL import Image

from pixwise import registry
from pixwise.engines.builtin import ENGINES, BuiltinSession, load_builtin, stack_ragged
from pixwise.engines.engine import shrink
from pixwise.errors import CardError, SetupError
from pixwise.samples import photo_like
from pixwise.text import even_spans

CARDS = [card for card in registry.cards() if card.runtime == "builtin"]
BOXED = ["hog", "haar-frontal"]


@pytest.fixture(scope="module")
def sessions():
    return {card.options["engine"]: load_builtin(card, threads=1) for card in CARDS}


def test_every_engine_has_a_card_and_every_card_an_engine():
    assert {card.options["engine"] for card in CARDS} == set(ENGINES)


def test_an_unknown_engine_is_refused_with_the_nearest_name():
    card = registry.card_from_table(
        {"id": "x", "task": "faces", "options": {"engine": "haar-front"}, "input": {"resize": "none"}}, "here"
    )
    with pytest.raises(CardError, match=r"card 'x': options.engine must be known, got 'haar-front'; did you mean"):
        load_builtin(card)


def test_answers_of_different_lengths_are_filled_up():
    one = {"scores": np.float32([0.5]), "texts": np.array(["a"]), "boxes": np.ones((1, 4), np.float32)}
    none = {"scores": np.zeros(0, np.float32), "texts": np.array([], np.str_), "boxes": np.zeros((0, 4), np.float32)}
    stacked = stack_ragged([one, none])
    assert stacked["scores"].tolist() == [[0.5], [-1]]
    assert stacked["texts"].tolist() == [["a"], [""]]
    assert np.isnan(stacked["boxes"][1]).all()
    assert stacked["boxes"].shape == (2, 1, 4)


def test_texts_of_different_lengths_are_not_cut():
    answers = [{"scores": np.ones(1), "texts": np.array([text])} for text in ("a", "longer")]
    assert stack_ragged(answers)["texts"].tolist() == [["a"], ["longer"]]


@pytest.mark.parametrize(("length", "most"), [(10, 20), (100, 20), (99, 33), (1000, 21)])
def test_spans_cover_everything_and_overlap(length, most):
    spans = even_spans(length, most, overlap=5)
    assert spans[0][0] == 0
    assert spans[-1][1] == length
    assert all(end - start == min(most, length) for start, end in spans)
    assert all(after[0] <= before[1] - 5 for before, after in itertools.pairwise(spans))


def test_shrink_never_enlarges():
    pixels = np.zeros((30, 40, 3), np.uint8)
    assert shrink(pixels, 100)[1] == 1
    assert shrink(pixels, 20)[0].shape == (15, 20, 3)
    assert shrink(np.zeros((10, 20_000, 3), np.uint8), 800)[0].shape == (1, 800, 3)


@pytest.mark.parametrize("engine", [*BOXED, "codes", "rapidocr"])
@pytest.mark.parametrize("size_hw", [(1, 1), (10, 20_000), (20_000, 10), (130, 70)])
@pytest.mark.parametrize("content", ["flat", "noise"])
def test_odd_pictures_are_answered_in_good_time(sessions, engine, size_hw, content):
    random = np.random.default_rng(0)
    noise = random.integers(0, 255, (*size_hw, 3), dtype=np.uint8)
    answer = sessions[engine].run({"image": np.full_like(noise, 128)[None] if content == "flat" else noise[None]})
    assert answer["scores"].shape[0] == 1
    assert content == "noise" or answer["scores"].size == 0


@pytest.mark.parametrize("value", [0, 128, 255])
def test_no_text_is_seen_in_a_flat_picture(sessions, value):
    assert sessions["rapidocr"].run({"image": np.full((1, 640, 640, 3), value, np.uint8)})["scores"].size == 0


@pytest.mark.parametrize("factor", [1, 3])
def test_haar_finds_a_drawn_portrait_at_any_size(sessions, factor):
    drawn = scene().resize((800 * factor, 600 * factor), Image.Resampling.BICUBIC)
    answer = sessions["haar-frontal"].run({"image": np.array(drawn)[None]})
    assert answer["boxes"][0, 0] / factor == pytest.approx([116, 112, 266, 262], abs=10)
    assert answer["scores"][0, 0] > 0.8


@pytest.mark.parametrize("engine", [*BOXED, "codes", "rapidocr"])
def test_eight_threads_get_the_answer_of_one(sessions, engine):
    pictures = [np.array(receipt().crop((0, 0, 640, 200 + 60 * i))) for i in range(4)]
    alone = [sessions[engine].run({"image": picture[None]}) for picture in pictures]
    answers = [None] * 8

    def work(i):
        answers[i] = sessions[engine].run({"image": pictures[i % 4][None]})

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    _ = [thread.start() for thread in threads], [thread.join() for thread in threads]
    for i, answer in enumerate(answers):
        assert all(np.array_equal(answer[name], array) for name, array in alone[i % 4].items())


@pytest.mark.parametrize("engine", [*BOXED, "codes", "rapidocr"])
def test_the_picture_is_not_written_to(sessions, engine):
    picture = np.array(receipt().resize((320, 500)))[None]
    picture.setflags(write=False)
    before = picture.copy()
    sessions[engine].run({"image": picture})
    assert np.array_equal(picture, before)


def test_a_batch_is_as_one_by_one(sessions):
    pictures = np.stack([photo_like(300, 200), np.array(receipt().resize((200, 300)))])
    together = sessions["rapidocr"].run({"image": pictures})
    alone = sessions["rapidocr"].run({"image": pictures[1:]})
    count = alone["texts"].shape[1]
    assert together["texts"][1, :count].tolist() == alone["texts"][0].tolist()


def test_loading_and_asking_open_no_socket(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    image = np.array(receipt().resize((128, 200)))[None]
    for card in CARDS:
        session = load_builtin(card, threads=1)
        if isinstance(session, BuiltinSession):  # a clip is a row of frames
            session.run({"image": image[:, None].repeat(4, axis=1) if card.task == "action" else image})


def test_missing_model_files_of_rapidocr_are_an_error_and_not_a_download(tmp_path, monkeypatch):
    import rapidocr

    monkeypatch.setattr(rapidocr, "__file__", str(tmp_path / "__init__.py"))
    card = registry.card("rapidocr")
    with pytest.raises(SetupError, match=r"rapidocr must carry PP-OCRv6_det_small.onnx, got none in .*; run: pip"):
        load_builtin(card)


def test_rapidocr_says_nothing_and_other_loggers_stay_as_they_were():
    code = (
        "import logging; root = logging.getLogger(); before = (root.level, list(root.handlers), root.disabled);"
        "from pixwise.tasks.ocr import TextReader; import numpy as np;"
        "TextReader.load(threads=1)(np.zeros((40, 40, 3), np.uint8));"
        "assert (root.level, list(root.handlers), root.disabled) == before; assert logging.root.manager.disable == 0"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_loading_leaves_opencvs_settings_alone():
    import cv2

    before = cv2.getNumThreads(), cv2.useOptimized()
    for card in CARDS:
        load_builtin(card, threads=1)
    assert (cv2.getNumThreads(), cv2.useOptimized()) == before
    assert logging.getLogger("pixwise").level == logging.NOTSET


@pytest.mark.parametrize("engine", BOXED)
def test_time_does_not_grow_with_the_picture(sessions, engine):
    engine = sessions[engine].engine
    large = np.zeros((3000, 4000, 3), np.uint8)
    assert max(shrink(large, engine.max_side)[0].shape) == engine.max_side <= 1024


@pytest.mark.assets
def test_hog_finds_a_standing_person(sessions, assets):
    pixels = np.array(Image.open(assets / "data/photos/basketball1.png").convert("RGB"))
    answer = sessions["hog"].run({"image": pixels[None]})
    assert answer["boxes"][0, 0] == pytest.approx([38, 85, 165, 475], abs=40)  # drawn around him by hand
    assert answer["scores"][0, 0] > 0.9
    assert answer["scores"][0, 1] < 0.75


@pytest.mark.assets
def test_hog_boxes_are_in_the_pixels_of_a_large_picture(sessions, assets):
    small = Image.open(assets / "data/photos/basketball1.png").convert("RGB")
    pixels = np.array(small.resize((small.width * 5, small.height * 5), Image.Resampling.BICUBIC))
    best = sessions["hog"].run({"image": pixels[None]})["boxes"][0, 0] / 5
    assert best == pytest.approx([38, 85, 165, 475], abs=45)
