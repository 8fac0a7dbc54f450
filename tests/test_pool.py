"""Models loaded once, kept within a budget."""

import os
import random
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from learning import draw_folder
from test_session import write_model

from pixwise import registry
from pixwise.collections import Focus, Looker
from pixwise.collections.learn_head import learn_head
from pixwise.errors import CardError, LicenceError, OptionError, PixwiseError
from pixwise.pool import Pool
from pixwise.registry import CardFile
from pixwise.session import JoinedSession


def built_in(name):
    return registry.card(name)


def test_a_model_is_loaded_once():
    pool = Pool()
    assert pool.session(built_in("opencv-codes")) is pool.session(built_in("opencv-codes"))


def test_two_devices_or_thread_counts_are_two_sessions():
    pool = Pool()
    assert pool.session(built_in("opencv-codes"), threads=1) is not pool.session(built_in("opencv-codes"), threads=2)


def test_a_licence_that_one_accepted_is_not_accepted_for_the_next():
    pool, card = Pool(), replace(built_in("opencv-codes"), commercial=False)
    pool.session(card, accept_licence=["opencv-codes"])
    with pytest.raises(LicenceError, match="add --accept-licence opencv-codes"):
        pool.session(card)


def test_however_many_ask_at_once_it_is_loaded_once():
    pool, got = Pool(), []
    threads = [threading.Thread(target=lambda: got.append(pool.session(built_in("haar-frontal")))) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len({id(session) for session in got}) == 1


def test_above_the_budget_the_least_recently_used_goes_first():
    pool = Pool(budget=7)
    first, second, third = (replace(built_in("opencv-codes"), id=name) for name in "abc")
    for card in (first, second, first, third):
        pool.session(card).bytes = 4
    kept = [key[0] for key in pool._sessions]
    assert kept == ["a", "c"]


def test_what_is_in_use_or_pinned_is_not_dropped():
    pool = Pool(budget=0)
    pool.pin("quality")
    with pool.using("codes", "opencv-codes") as task:
        pool.session(built_in("haar-frontal")).bytes = 9
        pool.session(built_in("hog-people")).bytes = 9
        kept = {each.card.id: (each.users, each.pinned) for each in pool.loaded()}
        assert kept["opencv-codes"] == (1, False)
        assert task.card.id == "opencv-codes"
    assert [each.card.id for each in pool.loaded() if each.pinned] == ["measures"]


def test_what_is_idle_for_too_long_is_dropped_and_what_is_used_is_not():
    pool = Pool()
    pool.session(built_in("haar-frontal"))
    with pool.using("codes", "opencv-codes"):
        assert pool.drop_idle(0.0) == 1
    assert [each.card.id for each in pool.loaded()] == ["opencv-codes"]
    assert pool.drop_idle(60.0) == 0


def test_sessions_are_wrapped_when_they_are_loaded():
    pool = Pool(wrap=lambda session, card: JoinedSession({"model": session}))
    assert isinstance(pool.session(built_in("opencv-codes")), JoinedSession)


def test_a_dropped_session_lives_on_in_its_task(photo):
    pool = Pool(budget=0)
    task = pool.task("codes", "opencv-codes")
    pool.clear()
    assert len(task(photo)) == 0


def test_options_are_checked_before_anything_is_loaded():
    pool = Pool()
    with pytest.raises(OptionError, match="option of codes must be known, got 'min_scor'"):
        pool.task("codes", min_scor=0.5)
    with pytest.raises(OptionError, match="threads must be a whole number from 0 up, got 'two'"):
        pool.task("codes", "no-such-model", threads="two")
    with pytest.raises(CardError, match="model 'yunet' must answer 'codes'"):
        pool.task("codes", "yunet")
    assert len(pool) == 0


def test_a_file_of_ones_own_that_was_replaced_is_another_model(tmp_path):
    own = replace(built_in("opencv-codes"), folder=str(tmp_path), files=(registry.CardFile("m.onnx", "model"),))
    pool, path = Pool(), tmp_path / "m.onnx"
    path.write_bytes(b"one")
    first = pool.session(own)
    assert pool.session(own) is first
    os.utime(path, ns=(1, 1))
    assert pool.session(own) is not first


def test_models_that_share_a_file_share_its_session(tmp_path):
    for name in ("vision.onnx", "text.onnx"):
        write_model(tmp_path / name)
    (tmp_path / "tokenizer.json").write_text("{}")
    files = tuple(map(CardFile, ("vision.onnx", "text.onnx", "tokenizer.json"), ("model", "text", "tokenizer")))
    both = replace(built_in("look"), id="both", runtime="onnx", folder=str(tmp_path), files=files)
    pool = Pool()
    joined, alone = pool.session(both), pool.session(both.only(("model",)))
    assert joined.of("model") is alone
    assert (joined.files["tokenizer"], len(pool)) == (tmp_path / "tokenizer.json", 3)
    assert joined.of("text") is pool.session(both).of("text")


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    """A folder with a head that was learnt on the built-in `look`."""
    place = tmp_path_factory.mktemp("learnt")
    pictures = draw_folder(place / "pictures", 8, {"red": (90, -40, -40), "blue": (-40, -40, 90)})
    learn_head(pictures, place / "head", Looker.load(Focus.of("look"), threads=1))
    return place / "head"


def test_the_embedder_of_a_head_is_loaded_once_counted_once_and_used_with_it(head):
    pool = Pool()
    look = pool.session(registry.card("look", "embed"))
    with pool.using("classify", head):
        kept = {each.card.id: each for each in pool.loaded()}
        assert (kept["look"].users, kept["head"].users, kept["look"].session) == (1, 1, look)
        assert kept["head"].bytes == kept["head"].session.bytes - look.bytes
    assert {each.users for each in pool.loaded()} == {0}


def test_an_embedder_goes_only_with_the_heads_that_stand_on_it(head):
    pool = Pool()
    pool.load("classify", head)
    kept = {each.card.id: each for each in pool._sessions.values()}
    kept["look"].last = 0.0
    assert pool.drop_idle(60) == 0
    kept["head"].last = 0.0
    assert pool.drop_idle(60) == 2


def test_what_is_pinned_keeps_what_it_stands_on(head):
    pool = Pool()
    pool.pin("classify", head)
    assert (pool.drop_idle(0.0), len(pool)) == (0, 2)


def test_whether_a_task_is_loaded_is_told_for_its_machine_and_its_helpers():
    pool = Pool()
    assert not pool.holds("quality")
    pool.load("quality", threads=1)
    assert (pool.holds("quality", threads=1), pool.holds("quality", threads=2)) == (True, False)
    assert pool.holds("quality", registry.card("measures"), threads=1)


def test_a_task_that_needs_words_can_be_loaded_without_them(tmp_path):
    for name in ("vision.onnx", "text.onnx"):
        write_model(tmp_path / name)
    (tmp_path / "tokenizer.json").write_text("{}")
    files = tuple(map(CardFile, ("vision.onnx", "text.onnx", "tokenizer.json"), ("model", "text", "tokenizer")))
    card = replace(registry.card("clip-b32", "zeroshot"), id="both", folder=str(tmp_path), files=files)
    pool = Pool()
    pool.load("zeroshot", card)
    assert (pool.holds("zeroshot", card), len(pool)) == (True, 3)


def test_what_fails_to_load_leaves_nothing_in_use(tmp_path):
    pool = Pool()
    with pytest.raises(PixwiseError), pool.using("codes", tmp_path / "nothing"):
        raise AssertionError("it was loaded")
    with pytest.raises(OptionError), pool.using("codes", "opencv-codes", min_score="much"):
        raise AssertionError("it was loaded")
    assert all(each.users == 0 for each in pool.loaded())


def test_many_threads_and_a_small_budget_never_lose_count():
    pool, wrong = Pool(budget=0), []
    names = ("opencv-codes", "haar-frontal", "hog-people", "measures", "look")
    tasks = dict(zip(names, ("codes", "faces", "detect", "quality", "embed"), strict=True))

    def work(seed):
        draw = random.Random(seed)
        for _ in range(30):
            name = draw.choice(names)
            with pool.using(tasks[name], name) as task:
                if task.card.id != name:
                    wrong.append(name)
            if draw.random() < 0.2:
                pool.drop_idle(0.0)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(12)]
    [thread.start() for thread in threads]
    [thread.join(60) for thread in threads]
    assert (wrong, {each.users for each in pool.loaded()} <= {0}) == ([], True)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_of_a_dropped_model_goes_back_to_the_system():
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    pool = Pool()
    pool.session(registry.card("measures")).junk = [bytearray(2**16) for _ in range(3000)]  # small enough for the heap
    holds = bytearray(2**16)  # above them, so that the heap cannot shrink by itself
    before = resident()
    pool.drop_idle(0.0)
    assert before - resident() > 150_000_000
    del holds
