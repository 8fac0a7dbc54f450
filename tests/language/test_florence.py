"""A Florence-2 as one session: asked in words, answered in text; its own parts stay as they are."""

import logging
from dataclasses import replace

import numpy as np
import pytest
import tokenizers
from tokenizers import decoders, models, pre_tokenizers

from pixwise import registry
from pixwise.errors import CardError, OptionError
from pixwise.language.florence import FlorenceSession
from pixwise.language.regions import boxes_in
from pixwise.loading import dressing
from pixwise.session import FakeSession, Tensor

WORDS = ["<s>", "<pad>", "</s>", "<unk>", *sorted(pre_tokenizers.ByteLevel.alphabet()), "cat", "dog"]
PLACES = [f"<loc_{bin}>" for bin in range(1000)]
IDS = {word: number for number, word in enumerate([*WORDS, *PLACES])}
SAYS = {  # how many tokens are asked → what is answered
    5: ["cat", *PLACES[1:5], "dog", *PLACES[5:9]],  # "cat"
    6: ["dog", *PLACES[:4]],  # "cats"
    2: [],
}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    made = tokenizers.Tokenizer(models.BPE({word: IDS[word] for word in WORDS}, [], unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([*WORDS[:4], *PLACES])
    path = tmp_path_factory.mktemp("florence") / "tokenizer.json"
    made.save(str(path))
    return path


def decoder(feeds):
    """The next word of the answer, for each row; the state says how many tokens were asked."""
    logits = np.zeros((*feeds["input_ids"].shape, len(IDS)), np.float32)
    for row, state in zip(logits, feeds["encoder_hidden_states"], strict=True):
        said = ["<s>", *SAYS[int(state[-1, 0])], "</s>"]
        row[-1, IDS[said[min(len(row), len(said)) - 1]]] = 20
    return {"logits": logits}


def asked(path, **options):
    ids = Tensor("input_ids", (-1, -1), "int64")
    parts = {
        "encoder": lambda feeds: {"image_features": np.zeros((len(feeds["pixel_values"]), 3, 1), np.float32)},
        "embed_tokens": lambda feeds: {
            "inputs_embeds": np.full((*feeds["input_ids"].shape, 1), feeds["input_ids"].size)
        },
        "text_encoder": lambda feeds: {"last_hidden_state": feeds["inputs_embeds"]},
    }
    inputs = (ids, Tensor("encoder_hidden_states", (-1, -1, 1), "float"))
    return FlorenceSession(FakeSession(decoder, inputs, files={"tokenizer": path}, parts=parts), options)


def pixels(rows=1):
    return np.zeros((rows, 3, 8, 8), np.float32)


def test_it_writes_text_without_the_marks_of_begin_and_end(path):
    raw = asked(path, question="cat").run({"pixel_values": pixels(2)})
    assert raw["text"].tolist() == ["cat<loc_1><loc_2><loc_3><loc_4>dog<loc_5><loc_6><loc_7><loc_8>"] * 2
    assert raw["token_ends"][0, :3].tolist() == [3, 10, 17]
    assert raw["log_probs"].shape == raw["token_ends"].shape


def test_a_question_of_a_picture_goes_before_that_of_the_card(path):
    session = asked(path, question="cat")
    assert session.run({"pixel_values": pixels(), "question": np.array(["cats"])})["text"] == "dog" + "".join(
        PLACES[:4]
    )


def test_several_questions_about_each_picture_are_answered_in_their_order(path):
    session, questions = asked(path), np.array(["cat", "cats", "", "cats", "cat", "cat"])
    texts = session.run({"pixel_values": pixels(2), "question": questions})["text"]
    assert [text[:3] for text in texts] == ["cat", "dog", "", "dog", "cat", "cat"]


def test_nothing_written_is_an_empty_text(path):
    raw = asked(path).run({"pixel_values": pixels()})
    assert (raw["text"].tolist(), raw["token_ends"].shape) == ([""], (1, 0))
    assert boxes_in("").words == ()


def test_what_was_cut_is_said_and_what_is_whole_counts(path, caplog):
    with caplog.at_level(logging.WARNING, "pixwise"):
        raw = asked(path, question="cat", max_tokens=9).run({"pixel_values": pixels()})
    assert "1 of 1 answers were cut after 9 tokens" in caplog.text
    assert boxes_in(str(raw["text"][0])).words == ("cat",)


@pytest.mark.parametrize("question", ["x" * 1020, "猫" * 400, "🐈" * 300])
def test_a_question_that_is_too_long_is_told(path, question):
    with pytest.raises(OptionError, match=r"question must have at most 1019 tokens, got 1\d\d\d in .*ask for less"):
        asked(path, question=question).run({"pixel_values": pixels()})


def test_a_task_that_decodes_by_itself_gets_what_the_encoder_saw(path):
    state = asked(path, question="cat").run({"pixel_values": pixels(2)}, "encoder")["last_hidden_state"]
    assert state.shape == (2, 3 + 5, 1)


def test_other_parts_are_those_of_the_files(path):
    session = asked(path)
    assert session.of("decoder") is session.of("model")
    assert [tensor.name for tensor in session.inputs("decoder")] == ["input_ids", "encoder_hidden_states"]
    assert session.run({"input_ids": np.ones((1, 2), np.int64)}, "embed_tokens")["inputs_embeds"].shape == (1, 2, 1)


def test_a_card_that_lacks_a_part_is_refused():
    card = registry.card("florence2-base-ocr").only(("encoder", "decoder", "tokenizer"))
    with pytest.raises(
        CardError, match=r"must have the parts encoder, .* got no embed_tokens and no text_encoder; name"
    ):
        dressing(card)


@pytest.mark.parametrize(("task", "question"), [("ocr", ""), ("find", "Locate the dog"), ("find", "")])
def test_a_card_that_does_not_say_what_is_asked_is_refused(task, question):
    card = registry.card(f"florence2-base-{task}")
    with pytest.raises(CardError, match=r"options\.question must say what a Florence-2 is asked"):
        dressing(replace(card, options={"question": question}))


def test_a_card_with_another_head_stays_as_it_is():
    session = FakeSession({})
    assert dressing(registry.card("dfine-s"))(session) is session
