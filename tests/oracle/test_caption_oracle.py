"""Captions against `transformers.generate` with the same weights, from JPEG bytes on: the same tokens, the same text.

Encoder and decoder are ONNX in two forms: as `pixwise export` writes them, and merged with a branch as on the hub.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tokenizers
import torch
import transformers
from oracle import captioners, tiny
from PIL import Image

from pixwise.errors import CardError
from pixwise.language import beams
from pixwise.language.decoder import Decoder
from pixwise.session import OnnxSession
from pixwise.tasks import caption
from pixwise.tasks.caption import Captioner
from pixwise.text import clean_line

pytestmark = pytest.mark.oracle

PICTURES = [tiny.jpeg(60, 80, seed=0), tiny.jpeg(60, 80, seed=1), tiny.jpeg(90, 50, seed=2)]
PROMPT = "a photo of"
KINDS = {
    "plain": {},
    "beams": {"beams": 4},
    "prompt": {"prompt": PROMPT},
    "beams_prompt": {"beams": 4, "prompt": PROMPT},
    "least": {"min_tokens": 18},
    "beams_least": {"beams": 4, "min_tokens": 18},
    "repetition": {"repetition_penalty": 1.8},
    "beams_repetition": {"beams": 4, "repetition_penalty": 1.8},
    "long": {"beams": 4, "length_penalty": 2.5},
    "short": {"beams": 4, "length_penalty": -1.5},
}
CARDS = {
    "ngrams": {"no_repeat_ngram": 2},
    "ngrams_beams": {"no_repeat_ngram": 2, "beams": 4},
    "early": {"beams": 4, "early_stopping": True},
}
THEIRS = {
    "beams": "num_beams",
    "min_tokens": "min_new_tokens",
    "repetition_penalty": "repetition_penalty",
    "length_penalty": "length_penalty",
    "no_repeat_ngram": "no_repeat_ngram_size",
    "early_stopping": "early_stopping",
}


class Case:
    """A model, and its folder in one form; named `model form`."""

    def __init__(self, name: str, folder: Path):
        self.name, form = name.split()
        self.model = captioners.make(self.name)
        self.folder = captioners.FORMS[form](self.name, self.model, folder)
        self.captioner = Captioner.load(str(self.folder), threads=1, exact=True, max_tokens=20, batch=4)
        self.tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(self.folder / "tokenizer.json"))
        pictures = [Image.open(io.BytesIO(data)).convert("RGB") for data in PICTURES]
        self.pixels = captioners.MODELS[self.name][2](pictures, return_tensors="pt")["pixel_values"]

    @torch.no_grad()
    def wanted(self, prompt: str = "", **options) -> list[list[int]]:
        """All tokens by the reference, one by one: a sentence that ended early is not filled up."""
        given = {THEIRS[key]: setting for key, setting in options.items()}
        if prompt:
            key = "input_ids" if self.name == "blip" else "decoder_input_ids"
            given[key] = self.tokenizer(prompt, return_tensors="pt", return_token_type_ids=False).input_ids
        rows = [pixels[None] for pixels in self.pixels]
        given |= {"max_new_tokens": 20, "do_sample": False}
        return [self.model.generate(pixel_values=row, **given)[0].tolist() for row in rows]

    def said(self, captioner: Captioner) -> list[list[int]]:
        """All tokens by us, in one batch."""
        feeds = np.concatenate(
            [captioner.preprocess(caption.Picture.open(data))[0]["pixel_values"] for data in PICTURES]
        )
        raw = captioner.run({"pixel_values": feeds})
        begin = captioner._begin[0].tolist()
        return [begin + row[:count].tolist() for row, count in zip(raw["tokens"], raw["count"], strict=True)]


CASES = ("blip exported", "blip merged", "vit_gpt2 exported", "vit_gpt2 merged")
each_case = pytest.mark.parametrize("name", CASES, ids=lambda name: name.replace(" ", "_"))
exported = pytest.mark.parametrize("name", CASES[::2], ids=lambda name: name.split()[0])


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Case]:
    return tiny.made_once(Case, tmp_path_factory)


def with_card(captioner, **options):
    """The same with other options of its card."""
    return replace(captioner, card=replace(captioner.card, options={**captioner.card.options, **options}))


@each_case
@pytest.mark.parametrize("kind", KINDS)
def test_tokens_are_those_of_generate(cases, name, kind):
    case = cases(name)
    assert case.said(replace(case.captioner, **KINDS[kind])) == case.wanted(**KINDS[kind])


@exported
@pytest.mark.parametrize("kind", CARDS)
def test_rules_of_the_card_are_those_of_generate(cases, name, kind):
    case = cases(name)
    assert case.said(with_card(case.captioner, **CARDS[kind])) == case.wanted(**CARDS[kind])


@each_case
@pytest.mark.parametrize("prompt", ["", PROMPT], ids=["alone", "prompt"])
def test_texts_are_those_of_the_reference(cases, name, prompt):
    case = cases(name)
    texts = [case.tokenizer.decode(row, skip_special_tokens=True) for row in case.wanted(prompt=prompt)]
    told = replace(case.captioner, prompt=prompt)(PICTURES)
    assert [one.text for one in told] == [clean_line(text) for text in texts]
    assert all(one.text.startswith(PROMPT) for one in told) or not prompt


@each_case
def test_sentences_of_a_batch_end_at_different_lengths(cases, name):
    told = cases(name).captioner(PICTURES)
    assert len({one.tokens for one in told}) >= 2
    assert [one.stop for one in told] == ["end" if one.tokens < 20 else "length" for one in told]


@each_case
@pytest.mark.parametrize("options", [{}, {"beams": 4}, {"temperature": 1.0, "seed": 7}], ids=["one", "four", "drawn"])
def test_a_batch_says_what_one_by_one_says(cases, name, options):
    captioner = replace(cases(name).captioner, **options)
    together, alone = captioner(PICTURES), [captioner(data) for data in PICTURES]
    assert [(one.text, one.tokens, one.stop) for one in together] == [(one.text, one.tokens, one.stop) for one in alone]
    np.testing.assert_allclose([one.score for one in together], [one.score for one in alone], rtol=1e-4)


@each_case
def test_the_score_is_the_mean_probability_of_the_references_tokens(cases, name):
    case = cases(name)
    told, rows = case.captioner(PICTURES), case.wanted()
    for one, row, pixels in zip(told, rows, case.pixels, strict=True):
        key = "input_ids" if case.name == "blip" else "decoder_input_ids"
        with torch.no_grad():
            logits = case.model(pixel_values=pixels[None], **{key: torch.tensor([row])}).logits[0]
        own = logits.log_softmax(-1)[torch.arange(len(row) - 1), torch.tensor(row[1:])]
        assert one.score == pytest.approx(own.mean().exp().item(), rel=1e-3)


@each_case
def test_words_as_they_come_are_the_caption(cases, name):
    captioner = replace(cases(name).captioner, prompt=PROMPT)
    for data in PICTURES:
        pieces = list(captioner.tokens(data))
        assert "".join(pieces) == captioner(data).text
        assert len(pieces) > 2


@each_case
def test_each_step_reads_one_token(cases, name):
    captioner, seen = cases(name).captioner, []
    spied = Spied(captioner.session, seen)
    replace(captioner, session=spied, min_tokens=20)(PICTURES[0])
    assert seen[0]["input_ids"].shape[1] == 1
    assert {feeds["input_ids"].shape for feeds in seen[1:]} == {(1, 1)}
    own = next(name for name in seen[0] if ".decoder.key" in name)
    assert [feeds[own].shape[2] for feeds in seen] == list(range(20))


@each_case
def test_pictures_have_captions_of_their_own(cases, name):
    assert len({one.text for one in cases(name).captioner(PICTURES)}) == 3


class Spied:
    """A session that notes what its decoder is fed."""

    def __init__(self, session: OnnxSession, seen: list):
        self.session, self.seen, self.files = session, seen, session.files

    def inputs(self, part):
        return self.session.inputs(part)

    def run(self, feeds, part="model"):
        if part == "decoder":
            self.seen.append(feeds)
        return self.session.run(feeds, part)


@each_case
def test_words_of_another_model_are_refused(cases, name, tmp_path):
    session = cases(name).captioner.session
    words = tokenizers.models.WordLevel({f"w{number}": number for number in range(999)}, unk_token="w0")
    tokenizers.Tokenizer(words).save(str(tmp_path / "tokenizer.json"))
    other = SimpleNamespace(inputs=session.inputs, run=session.run, files={"tokenizer": tmp_path / "tokenizer.json"})
    with pytest.raises(CardError, match=r"which scores \d+ words, got one of 999; take both from one model"):
        replace(cases(name).captioner, session=other).run({"pixel_values": np.zeros((1, 3, 32, 32), np.float32)})


# ---------------------------------------------------------------------------------------------------------------------
# Planted faults turn these red


def is_seen(case, **options):
    captioner = replace(case.captioner, **options)
    return case.said(captioner) != case.wanted(**options)


@each_case
def test_a_cache_that_is_not_reordered_is_seen(cases, name, monkeypatch):
    def forgetful(self, rows):
        if len(rows) != len(self._told):
            return right(self, rows)
        self._told = self._told[rows]

    right = Decoder._continue
    monkeypatch.setattr(Decoder, "_continue", forgetful)
    assert is_seen(cases(name), beams=4, min_tokens=10)


@each_case
def test_a_wrong_start_is_seen(cases, name):
    case = cases(name)
    wrong = with_card(case.captioner, start_id=9)
    assert [row[1:] for row in case.said(wrong)] != [row[1:] for row in case.wanted()]


@each_case
def test_a_position_off_by_one_is_seen(cases, name, monkeypatch):
    def longer(self, fresh, first):
        feeds = right(self, fresh, first)
        own = [] if first else [name for name in feeds if ".decoder." in name]
        return feeds | {name: feeds[name][:, :, [0, *range(feeds[name].shape[2])]] for name in own}

    right = Decoder._feeds
    monkeypatch.setattr(Decoder, "_feeds", longer)
    assert is_seen(cases(name))


@exported
def test_a_length_penalty_upside_down_is_seen(cases, name, monkeypatch):
    class Inverse(beams._Row):
        def _keep_ended(self, which, scores, told, log_probs):
            length = told.shape[1] - self.start
            super()._keep_ended(which, scores * length ** (2 * self.settings.length_penalty), told, log_probs)

    monkeypatch.setattr(beams, "_Row", Inverse)
    assert is_seen(cases(name), beams=4, length_penalty=2.5)


@exported
def test_swapped_channels_are_seen(cases, name):
    case = cases(name)
    recipe = replace(case.captioner.card.recipe, channels="BGR")
    assert case.said(replace(case.captioner, card=replace(case.captioner.card, recipe=recipe))) != case.wanted()
