"""Captions: what is told, what is refused."""

import inspect
from dataclasses import replace

import numpy as np
import pytest
import tokenizers
from fakes import speaking_session
from tokenizers import decoders, models, pre_tokenizers

import pixwise as px
from pixwise import registry
from pixwise.errors import CardError, ModelFileError, OptionError, SourceError
from pixwise.samples import photo_like
from pixwise.tasks.caption import Captioner

CARD = registry.card("vit-gpt2", "caption")
PICTURE = photo_like(60, 80, 0)


def captioner(card=CARD, **options):
    return Captioner(card=card, session=speaking_session(card), **options)


def all_bytes(path):
    """A tokenizer of single bytes, as GPT-2 falls back to."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = tokenizers.Tokenizer(models.BPE({letter: number for number, letter in enumerate(letters)}, []))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    made.save(str(path))
    return path


def with_options(**options):
    return replace(CARD, options={**CARD.options, **options})


def test_a_caption_has_text_score_tokens_and_the_reason_why_it_ended():
    said = captioner(min_tokens=3, max_tokens=5)(PICTURE)
    assert said.text
    assert 0 < said.score < 1
    assert 3 <= said.tokens <= 5
    assert said.stop in ("end", "length")


def test_what_reaches_max_tokens_stopped_by_length():
    said = captioner(min_tokens=5, max_tokens=5)(PICTURE)
    assert (said.tokens, said.stop) == (5, "length")


def test_the_prompt_begins_the_text():
    assert captioner(prompt="a photo of")(PICTURE).text.startswith("a p h o t o o f ")  # the fake's tokens are letters


def test_a_prompt_of_blanks_is_none():
    assert captioner(prompt=" \n ")(PICTURE).text == captioner()(PICTURE).text


@pytest.mark.parametrize("prompt", ["ein Foto von", "写真", "صورة", "🐕‍🦺 of", "a" * 300, "\x00\x1b[31m"])
def test_a_prompt_may_be_in_any_script_that_the_model_has_tokens_for(prompt, tmp_path):
    session = speaking_session(CARD)
    session.files = {"tokenizer": all_bytes(tmp_path / "tokenizer.json")}
    text = Captioner(card=CARD, session=session, prompt=prompt)(PICTURE).text
    assert text.replace("\u200d", "").isprintable()  # what joins two emoji stays


def test_words_of_a_prompt_that_the_model_lacks_are_named():
    words = "prompt must be in words that vit-gpt2 knows, got '猫', '🐕', which it would leave out; say it in others"
    with pytest.raises(OptionError, match=words):
        captioner(prompt="猫 🐕 photo")


def test_a_prompt_of_half_a_character_is_refused():
    with pytest.raises(OptionError, match="text must be whole characters, got "):
        captioner(prompt="a \ud800")


def test_a_prompt_longer_than_the_context_is_refused_before_anything_is_asked():
    words = r"at most 40 tokens together \(the context of vit-gpt2\), got 51 \+ 1; shorten the prompt$"
    with pytest.raises(OptionError, match=words):
        captioner(with_options(context=40), prompt="p" * 50)


def test_without_a_number_of_tokens_a_caption_takes_what_room_the_prompt_leaves():
    card = with_options(context=40, min_tokens=25)
    settings = captioner(card, prompt="p" * 20).decoding
    assert (settings.min_tokens, settings.max_tokens) == (19, 19)
    assert captioner(with_options(context=40, max_tokens=50)).decoding.max_tokens == 39
    with pytest.raises(OptionError, match=r"got 21 \+ 20; shorten the prompt or lower max_tokens"):
        captioner(card, prompt="p" * 20, max_tokens=20)


def test_more_tokens_than_the_context_has_are_refused_without_a_model():
    with pytest.raises(OptionError, match=r"at most 1024 tokens together .*, got 1 \+ 1024; lower max_tokens"):
        Captioner.check(CARD, {"max_tokens": 1024})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_tokens": 0}, "max_tokens must be a number from 1 to 100000, got 0"),
        ({"min_tokens": 9, "max_tokens": 8}, r"min_tokens must be at most max_tokens \(8\), got 9"),
        ({"beams": 4, "temperature": 0.5}, "temperature must be 0 with 4 beams, got 0.5"),
        ({"prompt": 7}, "prompt must be a string, got int"),
        ({"top_p": 0.5}, "top_k and top_p must come with a temperature above 0"),
        ({"seed": 1.5}, "seed must be a whole number, got 1.5"),
        ({"beams": True}, "beams must be a whole number, got True"),
    ],
)
def test_options_that_cannot_be_are_refused_with_words(options, words):
    with pytest.raises(OptionError, match=words):
        Captioner.check(CARD, options)


def test_rules_come_from_the_card_unless_they_are_given():
    card = with_options(beams=4, max_tokens=12, min_tokens=6, no_repeat_ngram=3, early_stopping=True)
    settings = captioner(card).decoding
    assert (settings.beams, settings.max_tokens, settings.no_repeat_ngram, settings.early_stopping) == (4, 12, 3, True)
    assert captioner(card, beams=2, max_tokens=20).decoding.beams == 2
    assert captioner(card, max_tokens=3).decoding.min_tokens == 3
    assert captioner(card, temperature=0.5).decoding.beams == 1


def test_several_tokens_may_end_a_sentence():
    assert captioner(with_options(end_id=[50256, 69])).decoding.end_ids == (50256, 69)


def test_a_seed_draws_the_same_caption_again():
    texts = [captioner(temperature=1.5, seed=seed)(PICTURE).text for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_words_come_one_by_one():
    task = captioner(prompt="a", min_tokens=6)
    pieces = task.tokens(PICTURE)
    assert inspect.isgenerator(pieces)
    assert "".join(pieces) == task(PICTURE).text


def test_words_do_not_come_one_by_one_with_beams():
    with pytest.raises(OptionError, match="tokens can only be told as they come with beams=1, got 4; set beams=1"):
        captioner(beams=4).tokens(PICTURE)


def test_a_broken_source_is_told_before_the_first_word():
    with pytest.raises(SourceError):
        captioner().tokens("nowhere.jpg")


@pytest.mark.parametrize("size", [(1, 1), (3, 900)], ids=str)
def test_a_picture_without_content_is_answered(size):
    assert captioner()(np.zeros((*size, 3), np.uint8)).tokens > 0


def test_a_card_without_its_tokens_is_refused():
    card = replace(CARD, options={"start_id": 1, "end_id": 2})
    with pytest.raises(CardError, match=r"card 'vit-gpt2' must have options.context, got none; add it"):
        Captioner.check(card, {})


def test_a_card_with_odd_tokens_is_refused():
    with pytest.raises(CardError, match=r"options.end_id must be whole numbers from 0 up, one or a list, got -1"):
        Captioner.check(with_options(end_id=-1), {})


def test_a_decoder_that_needs_what_nobody_gives_is_named():
    session = speaking_session(CARD)
    session.parts["encoder"] = lambda feeds: {"pooled": np.zeros((len(feeds["pixel_values"]), 4), np.float32)}
    with pytest.raises(CardError, match="input 'encoder_hidden_states' of the decoder must come from the encoder"):
        Captioner(card=CARD, session=session)(PICTURE)


def test_a_damaged_tokenizer_is_named(tmp_path):
    session = speaking_session(CARD)
    session.files = {"tokenizer": tmp_path / "tokenizer.json"}
    session.files["tokenizer"].write_text("{}")
    with pytest.raises(ModelFileError, match=r"tokenizer.json: expected a tokenizer.json, got"):
        Captioner(card=CARD, session=session)


def test_alternative_text_begins_with_a_capital():
    text = captioner(min_tokens=5)(PICTURE).alt_text
    assert text[0].isupper()
    assert len(text) <= 125


def test_the_one_line_function_has_the_options():
    parameters = inspect.signature(px.caption).parameters
    assert {"prompt", "beams", "max_tokens", "min_tokens", "seed"} <= set(parameters)
