"""Decoding against `transformers.generate`: the same tokens, with the same tiny language model.

Only the choosing is compared here, so the logits come from the reference's own model, without ONNX.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers

from pixwise.language import beams
from pixwise.language.decoding import Decoding, decode, stream
from pixwise.language.penalties import narrowed, penalised

pytestmark = pytest.mark.oracle

WORDS, END, OTHER_END, PAD = 40, 7, 11, 0
PROMPT = np.array([[3, 5], [9, 2], [31, 30], [12, 12]])
RULES = {
    "plain": {},
    "min_tokens": {"min_tokens": 9},
    "repetition": {"repetition_penalty": 1.7},
    "encouraged": {"repetition_penalty": 0.8},
    "ngrams": {"no_repeat_ngram": 2},
    "triples": {"no_repeat_ngram": 3, "min_tokens": 15},
    "suppressed": {"suppressed_ids": (4, 8, 20)},
    "last": {"last_id": END, "min_tokens": 20},
    "all": {"min_tokens": 4, "repetition_penalty": 1.3, "no_repeat_ngram": 3, "suppressed_ids": (4,), "last_id": END},
}
SEARCHES = {
    "four": {"beams": 4},
    "two": {"beams": 2},
    "long": {"beams": 4, "length_penalty": 2.0},
    "short": {"beams": 4, "length_penalty": -1.0},
    "even": {"beams": 3, "length_penalty": 0.0},
    "early": {"beams": 4, "early_stopping": True},
    "early_long": {"beams": 3, "early_stopping": True, "length_penalty": 1.5},
}


@pytest.fixture(scope="module")
def model():
    """Random, with logits that are far from flat, and an end that is likely enough for lengths to differ."""
    with torch.random.fork_rng():
        torch.manual_seed(11)
        size = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64, "vocab_size": WORDS}
        config = transformers.GPT2Config(**size, bos_token_id=None, eos_token_id=None, tie_word_embeddings=False)
        made = transformers.GPT2LMHeadModel(config).eval()
        for name, weight in made.named_parameters():
            gain = 0.4 if "lm_head" in name else 1 if "wte" in name or "wpe" in name else weight.shape[0] ** -0.5
            if "ln" not in name:
                weight.data.normal_(0, gain if weight.dim() > 1 else 0.1)
        made.generation_config = transformers.GenerationConfig(pad_token_id=PAD)
    return made


class Recomputed:
    """Logits by the reference's model, of all tokens each time."""

    def __init__(self, model):
        self.model, self.told, self.calls = model, None, []

    @torch.no_grad()
    def logits(self, tokens, rows):
        self.told = tokens if self.told is None else np.concatenate([self.told[rows], tokens], axis=1)
        self.calls.append(len(rows))
        return self.model(torch.from_numpy(self.told)).logits[:, -1].numpy()


def wanted(model, settings: Decoding, prompt=PROMPT):
    """The reference's new tokens of each row, and its scores."""
    given = transformers.GenerationConfig(
        max_new_tokens=settings.max_tokens, min_new_tokens=settings.min_tokens or None, num_beams=settings.beams,
        length_penalty=settings.length_penalty, early_stopping=settings.early_stopping, do_sample=False,
        repetition_penalty=float(settings.repetition_penalty), no_repeat_ngram_size=settings.no_repeat_ngram,
        suppress_tokens=list(settings.suppressed_ids) or None, pad_token_id=PAD,
        eos_token_id=list(settings.end_ids) or None,
        forced_bos_token_id=settings.first_id if settings.first_id >= 0 else None,
        forced_eos_token_id=settings.last_id if settings.last_id >= 0 else None,
        output_scores=True, return_dict_in_generate=True,
    )  # fmt: skip
    ids = torch.from_numpy(prompt)
    out = model.generate(ids, generation_config=given, attention_mask=torch.ones_like(ids))
    rows = [trimmed(row, settings.end_ids) for row in out.sequences[:, prompt.shape[1] :].tolist()]
    return rows, (out.sequences_scores.tolist() if settings.beams > 1 else None)


def trimmed(tokens, ends):
    """Up to the first end; what comes behind fills up."""
    places = [place for place, token in enumerate(tokens) if token in ends]
    return tokens[: places[0] + 1] if places else tokens


def settings_of(**rules):
    return Decoding(**{"max_tokens": 20, "end_ids": (END, OTHER_END)} | rules)


def said(model, settings, prompt=PROMPT):
    return [row.tokens.tolist() for row in decode(Recomputed(model), prompt, settings)]


@pytest.mark.parametrize("rules", RULES)
def test_the_most_probable_tokens_are_those_of_generate(model, rules):
    settings = settings_of(**RULES[rules])
    assert said(model, settings) == wanted(model, settings)[0]


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("kind", SEARCHES)
def test_a_beam_search_is_that_of_generate(model, kind, rules):
    settings = settings_of(**SEARCHES[kind], **RULES[rules])
    tokens, scores = wanted(model, settings)
    answers = decode(Recomputed(model), PROMPT, settings)
    assert [row.tokens.tolist() for row in answers] == tokens
    np.testing.assert_allclose([row.beam_score for row in answers], scores, rtol=1e-5)


@pytest.mark.parametrize("search", [{}, {"beams": 4}], ids=["one", "four"])
def test_a_forced_first_token_is_that_of_generate(model, search):
    settings, start = settings_of(first_id=13, **search), PROMPT[:, :1]
    assert said(model, settings, start) == wanted(model, settings, start)[0]


@pytest.mark.parametrize("search", [{}, {"beams": 4}], ids=["one", "four"])
@pytest.mark.parametrize("ends", [(), (END,)], ids=["none", "one"])
def test_any_number_of_ends_is_as_in_generate(model, search, ends):
    settings = settings_of(end_ids=ends, max_tokens=12, **search)
    assert said(model, settings) == wanted(model, settings)[0]


@pytest.mark.parametrize("search", [{}, {"beams": 4}], ids=["one", "four"])
def test_rows_end_at_different_lengths_and_leave_the_batch(model, search):
    steps = Recomputed(model)
    lengths = {len(row.tokens) for row in decode(steps, PROMPT, settings_of(**search))}
    assert len(lengths) >= 3
    after = steps.calls[1:]
    assert after == sorted(after, reverse=True)
    assert after[-1] < after[0]


@pytest.mark.parametrize("search", [{}, {"beams": 4}, {"temperature": 1.0, "seed": 3}], ids=["one", "four", "drawn"])
def test_a_batch_says_what_one_by_one_says(model, search):
    settings = settings_of(**search)
    alone = [said(model, settings, row[None])[0] for row in PROMPT]
    assert said(model, settings) == alone


@pytest.mark.parametrize("search", [{}, {"beams": 4}], ids=["one", "four"])
def test_log_probabilities_are_the_models_own(model, search):
    for row, prompt in zip(decode(Recomputed(model), PROMPT, settings_of(**search)), PROMPT, strict=True):
        ids = torch.from_numpy(np.concatenate([prompt, row.tokens]))
        with torch.no_grad():
            own = model(ids[None]).logits[0].log_softmax(-1)
        mine = own[torch.arange(1, len(ids) - 1), ids[2:]].numpy()
        np.testing.assert_allclose(row.log_probs, mine, atol=1e-5)


def test_the_reason_why_it_stopped_is_told(model):
    assert {row.stop for row in decode(Recomputed(model), PROMPT, settings_of(max_tokens=6))} == {"end", "length"}


def test_tokens_as_they_come_are_those_of_the_whole(model):
    rows = [[] for _ in PROMPT]
    for word in stream(Recomputed(model), PROMPT, settings_of()):
        for row, token in zip(word.rows, word.tokens, strict=True):
            rows[row].append(int(token))
    assert rows == said(model, settings_of())


@pytest.mark.parametrize("drawn", [{"top_k": 5}, {"top_p": 0.8}, {"top_k": 12, "top_p": 0.6}], ids=str)
@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.8])
def test_what_may_be_drawn_is_what_generate_draws_from(model, drawn, temperature):
    settings = settings_of(temperature=temperature, repetition_penalty=1.3, no_repeat_ngram=2, min_tokens=6, **drawn)
    random = np.random.default_rng(0)
    told, scores = random.integers(0, WORDS, (50, 7)), random.normal(0, 3, (50, WORDS)).astype(np.float32)
    config = transformers.GenerationConfig(
        do_sample=True, temperature=temperature, repetition_penalty=1.3, no_repeat_ngram_size=2, min_new_tokens=6,
        eos_token_id=[END, OTHER_END], **{"top_k": 0, **drawn},
    )  # fmt: skip
    config._eos_token_tensor = torch.tensor([END, OTHER_END])
    theirs = model._get_logits_processor(config, input_ids_seq_length=2)(torch.from_numpy(told), torch.tensor(scores))
    ours = narrowed(penalised(scores, told, 2, settings), settings)
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-5)


def test_a_seed_draws_the_same_sentences_and_another_seed_others(model):
    drawn = [said(model, settings_of(temperature=1.2, seed=seed)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def unlike(model, monkeypatch, name, fault, **search):
    """A planted fault changes an answer."""
    settings = settings_of(beams=4, min_tokens=3, **search)
    right = wanted(model, settings)[0]
    assert said(model, settings) == right
    monkeypatch.setattr(beams, name, fault)
    return said(model, settings) != right


def test_a_length_penalty_upside_down_is_seen(model, monkeypatch):
    class Inverse(beams._Row):
        def _keep_ended(self, which, scores, told, log_probs):
            scores = scores * (told.shape[1] - self.start) ** (2 * self.settings.length_penalty)
            super()._keep_ended(which, scores, told, log_probs)

    assert unlike(model, monkeypatch, "_Row", Inverse, length_penalty=2.0)


def test_beams_that_do_not_say_where_they_came_from_are_seen(model, monkeypatch):
    class Unordered(beams._Row):
        def extend(self, plain):
            super().extend(plain)
            self.origin = np.arange(len(self.origin))

    assert unlike(model, monkeypatch, "_Row", Unordered)


def test_penalties_on_logits_in_a_search_are_seen(model, monkeypatch):
    assert unlike(model, monkeypatch, "log_softmax", lambda logits: logits - 3, repetition_penalty=1.7)
