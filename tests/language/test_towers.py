"""Texts become vectors once each, filled up as their model wants it."""

import contextlib
import gc
import os
import threading

import numpy as np
import pytest
import tokenizers

from pixwise.errors import CardError, ModelFileError, ShapeError
from pixwise.language import towers
from pixwise.language.towers import TextTower, check_pixels_only
from pixwise.recipe import Recipe
from pixwise.registry import Card
from pixwise.session import FakeSession, Tensor

RECIPE = Recipe(size_hw=(8, 8))
LONG = "a b c d e f g h i j"


@pytest.fixture
def path(tmp_path):
    marks = {"<s>": 0, "</s>": 1, "<pad>": 2, "<unk>": 3}
    made = tokenizers.Tokenizer(
        tokenizers.models.WordLevel(marks | {chr(97 + i): 4 + i for i in range(26)}, unk_token="<unk>")
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        "<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    made.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


def answer(feeds):
    """The sum of the ids, and where the first end of a text is."""
    rows = [[1, row[row != 2].sum(), list(row).index(1)] for row in feeds["input_ids"]]
    return {"text_embeds": np.float32(rows)}


class Session(FakeSession):
    """A fake that tells what its text tower takes."""

    takes = (Tensor("input_ids", (-1, -1), "int64"),)

    def inputs(self, part="model"):
        return self.takes if part == "text" else ()


def tower(path, answer=answer, head="image_embeds", session=FakeSession, **options):
    card = Card(
        id="fake", task="embed", recipe=RECIPE, head=head, options={"text_length": 6, "pad_token": "<pad>", **options}
    )
    return TextTower(card, session({}, files={"tokenizer": path}, parts={"text": answer}))


def fed(tower):
    return [feeds["input_ids"].tolist() for feeds in tower.session.fed]


def test_vectors_have_length_1_and_come_in_the_order_of_their_texts(path):
    many = [" ".join("abcde"[: 4 - i % 4]) for i in range(7)]
    found = tower(path).vectors(many)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    for text, row in zip(many, found, strict=True):
        np.testing.assert_array_equal(tower(path).vectors([text])[0], row)


def test_texts_of_similar_length_run_together(path):
    asked = tower(path)
    asked.vectors(["a b c d", *(f"{a} {b}" for a in "abcdefgh" for b in "abcdefgh"), "c"])
    assert [np.shape(ids) for ids in fed(asked)] == [(64, 4), (2, 6)]


def test_what_is_too_long_is_cut_and_keeps_its_end(path):
    asked = tower(path)
    asked.vectors([LONG])
    assert fed(asked) == [[[0, 4, 5, 6, 7, 1]]]


def test_texts_are_filled_up_to_their_length_where_the_card_says_so(path):
    asked = tower(path, fill_text=True)
    asked.vectors(["a"])
    assert fed(asked) == [[[0, 4, 1, 2, 2, 2]]]


def test_lowercase_is_made_where_the_card_says_so(path):
    plain, lower = tower(path), tower(path, lowercase=True)
    plain.vectors(["A"])
    lower.vectors(["A"])
    assert (fed(plain), fed(lower)) == ([[[0, 3, 1]]], [[[0, 4, 1]]])


@pytest.mark.parametrize(("fill", "mask"), [(False, [1, 1, 1, 0]), (True, [1] * 6)])
def test_a_tower_is_fed_by_the_names_of_its_inputs(path, fill, mask):
    class Masked(Session):
        takes = (
            *(Tensor(name, (-1, -1), "int64") for name in ("input_ids", "attention_mask")),
            Tensor("position_ids", (-1, -1), "int32"),
        )

    asked = tower(path, session=Masked, fill_text=fill)
    asked.vectors(["a", "a b"])
    feeds = asked.session.fed[0]
    assert feeds["attention_mask"][0].tolist() == mask
    assert feeds["position_ids"].tolist() == [list(range(len(mask)))] * 2
    assert [feeds[name].dtype for name in feeds] == [np.int64, np.int64, np.int32]


def test_a_tower_that_wants_something_else_is_refused(path):
    class Joint(Session):
        takes = (Tensor("pixel_values", (-1, 3, 8, 8), "float"),)

    with pytest.raises(CardError, match="must take input_ids, attention_mask or position_ids, got 'pixel_values'"):
        tower(path, session=Joint).vectors(["a"])


def test_a_joint_export_is_no_picture_tower():
    inputs = (Tensor("input_ids", (-1, 77), "int64"), Tensor("pixel_values", (-1, 3, 8, 8), "float"))
    with pytest.raises(CardError, match=r"pixels only, got inputs input_ids, pixel_values; use its vision_model.onnx"):
        check_pixels_only(Card(id="fake", task="embed", recipe=RECIPE), FakeSession({}, inputs))


def test_clip_without_a_projection_is_refused(path):
    asked = tower(path, lambda feeds: {"pooler_output": np.ones((1, 3), np.float32)})
    with pytest.raises(ShapeError, match="must contain 'text_embeds', got pooler_output"):
        asked.vectors(["a"])


def test_a_tokenizer_of_another_model_is_told(path):
    with pytest.raises(ModelFileError, match="tokenizer must know '<eot>', got no such token"):
        tower(path, pad_token="<eot>").vectors(["a"])


def test_filling_up_without_knowing_with_what_is_refused(path):
    card = Card(id="fake", task="embed", recipe=RECIPE, head="pooler", options={"fill_text": True, "text_length": 6})
    asked = TextTower(card, FakeSession({}, files={"tokenizer": path}, parts={"text": answer}))
    with pytest.raises(CardError, match="must say text_length and pad_token in its options"):
        asked.vectors(["a"])


# Each text once


def rows_run(asked):
    return sum(len(ids) for ids in fed(asked))


def test_each_text_is_run_once_however_often_it_is_asked(path):
    asked = tower(path)
    for texts in (["a", "b", "a"], ["b", "c"], ["a", "b", "c"]):
        asked.vectors(texts)
    assert rows_run(asked) == 3


def test_cards_that_prepare_texts_otherwise_do_not_share_vectors(path):
    asked = tower(path)
    other = TextTower(tower(path, lowercase=True).card, asked.session)
    assert not np.array_equal(asked.vectors(["A"]), other.vectors(["A"]))


def test_eight_threads_that_ask_for_the_same_texts_run_each_once(path):
    asked, texts, found = tower(path), [f"{a} {b}" for a in "abcdefgh" for b in "abcdefgh"], {}
    barrier = threading.Barrier(8)

    def ask(number):
        barrier.wait()
        found[number] = asked.vectors(texts)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert rows_run(asked) == len(texts)
    assert all(np.array_equal(found[0], found[number]) for number in range(8))


def test_who_asks_for_texts_that_are_being_read_waits_and_reads_none():
    kept, made, started, ready = towers._Kept(), [], threading.Event(), threading.Event()

    def make(keys):
        made.extend(keys)
        started.set()
        ready.wait(10)
        return np.ones((len(keys), 2), np.float32)

    threads = [threading.Thread(target=kept.get, args=([("a",), ("b",)], make)) for _ in range(2)]
    threads[0].start()
    started.wait(10)
    threads[1].start()
    threads[1].join(0.2)  # long enough to look and to wait
    ready.set()
    for thread in threads:
        thread.join()
    assert made == [("a",), ("b",)]


def test_other_texts_are_read_at_the_same_time_so_that_runs_can_be_joined():
    kept, both = towers._Kept(), threading.Barrier(2, timeout=10)

    def make(keys):
        both.wait()  # breaks where one waits for the other
        return np.ones((len(keys), 2), np.float32)

    threads = [threading.Thread(target=kept.get, args=([("a",), (name,)], make)) for name in "bc"]
    kept.get([("a",)], lambda keys: np.ones((1, 2), np.float32))
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert not both.broken


def test_texts_whose_reading_failed_are_read_by_whoever_waited_for_them():
    kept, started, fail = towers._Kept(), threading.Event(), threading.Event()

    def failing(keys):
        started.set()
        fail.wait(10)
        raise ValueError

    def first():
        with contextlib.suppress(ValueError):
            kept.get([("a",)], failing)

    found = []
    reads = lambda: found.append(kept.get([("a",)], lambda keys: np.ones((1, 2), np.float32)))  # noqa: E731
    threads = [threading.Thread(target=first), threading.Thread(target=reads)]
    threads[0].start()
    started.wait(10)
    threads[1].start()
    fail.set()
    [thread.join() for thread in threads]
    assert len(found) == 1


def test_a_kept_vector_does_not_hold_on_to_those_that_were_made_with_it():
    kept, batch = towers._Kept(), np.ones((3, 2), np.float32)
    kept.get([("a",), ("b",), ("c",)], lambda keys: batch)
    (found,) = kept.get([("b",)], lambda keys: pytest.fail("it is kept"))
    assert not np.shares_memory(found, batch)


def test_a_replaced_tokenizer_reads_anew(path):
    asked = tower(path)
    before = asked.vectors(["a b"])
    path.write_text(path.read_text().replace('"b": 5', '"b": 50').replace('"b":5', '"b":50'))
    os.utime(path, ns=(1, 1))  # another time than before, however quick
    assert not np.array_equal(asked.vectors(["a b"]), before)


def test_what_was_not_asked_for_longest_goes_first_above_the_budget():
    def make(keys):
        made.extend(key[-1] for key in keys)
        return np.ones((len(keys), 25), np.float32)  # 100 bytes and what is around them

    made, kept = [], towers._Kept(most_bytes=3 * 610)
    for text in ("a", "b", "c", "a", "d", "a", "b"):
        kept.get([("model", text)], make)
    assert "".join(made) == "abcdb"


def test_more_than_the_budget_at_once_is_answered_all_the_same():
    kept = towers._Kept(most_bytes=1000)
    keys = [("model", str(i)) for i in range(50)]
    assert len(kept.get(keys, lambda keys: np.ones((len(keys), 25), np.float32))) == 50
    assert len(kept._rows) == 1


def test_an_error_keeps_nothing_and_locks_nobody_out(path):
    asked = tower(path, lambda feeds: {"text_embeds": np.zeros((1, 3), np.float32)})
    for _ in range(2):
        with pytest.raises(ShapeError, match="must be finite and not 0 throughout"):
            asked.vectors(["a"])


def test_kept_vectors_go_with_their_session(path):
    gc.collect()
    before = len(towers._KEPT)
    asked = tower(path)
    asked.vectors(["a"])
    assert len(towers._KEPT) == before + 1
    del asked
    gc.collect()
    assert len(towers._KEPT) == before
