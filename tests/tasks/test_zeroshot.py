"""Own labels with sessions that answer as told."""

import time

import numpy as np
import pytest
import tokenizers

from pixwise.errors import CardError, ModelFileError, OptionError, ShapeError
from pixwise.recipe import Recipe
from pixwise.registry import Card
from pixwise.samples import photo_like
from pixwise.session import FakeSession
from pixwise.tasks.zeroshot import ZeroShot

PICTURE = np.zeros((20, 30, 3), np.uint8)
WORDS = {"<unk>": 0, "<pad>": 1, "dog": 2, "cat": 3, "bird": 4, "x": 5}
SCRIPTS = ("Straße", "猫", "собака", "כלב", "ไก่", "🐕‍🦺", "e\u0301", "é", "{label}", "{x}")
MORE = {word: 6 + i for i, word in enumerate(("label", *SCRIPTS, *map(str, range(10_000))))}
DIRECTIONS = np.float32([[1, 0, 0], [1, 0, 0], [0.6, 0.8, 0], [0, 1, 0], [0, 0, 1], [0, 0, -2]])  # one per word
RECIPE = Recipe(size_hw=(8, 8))
LABELS = ("dog", "cat", "bird")
SEEN = [[3.0, 4.0, 0.0]]  # cosines with dog, cat, bird: 0.36 + 0.64, 0.8, 0


@pytest.fixture
def path(tmp_path):
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(WORDS | MORE, unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    made.add_special_tokens(["<unk>", "<pad>"])
    made.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


def by_words(feeds):
    """The mean of the directions of all words."""
    return {"text_embeds": DIRECTIONS[np.minimum(feeds["input_ids"], WORDS["x"])].mean(axis=1)}


def asked(path, labels=LABELS, template=None, head="image_embeds", seen=SEEN, text=by_words, **options):
    said = {"logit_scale": 10.0, "pad_token": "<pad>"} | ({"logit_bias": -5.0} if head == "pooler" else {})
    card = Card(id="fake", task="embed", recipe=RECIPE, head=head, options=said | options.pop("card", {}))
    name = "image_embeds" if head == "image_embeds" else "pooler_output"
    session = FakeSession({name: np.float32(seen)}, files={"tokenizer": path}, parts={"text": text})
    return ZeroShot(card=card, session=session, labels=labels, template=template, **options)


def test_clip_shares_out_among_the_labels(path):
    found = asked(path)(PICTURE)
    exact = np.exp([10 * 1.0, 10 * 0.8, 0])
    assert found.labels == ("dog", "cat", "bird")
    assert (found.label(), found.scoring) == ("dog", "softmax")
    np.testing.assert_allclose(found.cosines, [1, 0.8, 0], atol=1e-6)
    np.testing.assert_allclose(found.scores, exact / exact.sum(), atol=1e-6)


def test_siglip_says_yes_or_no_to_each(path):
    found = asked(path, head="pooler")(PICTURE)
    np.testing.assert_allclose(found.scores, 1 / (1 + np.exp(-(np.array([10, 8, 0]) - 5.0))), atol=1e-6)
    assert found.scoring == "sigmoid"


def test_labels_keep_the_numbers_of_their_places(path):
    found = asked(path, ("bird", "cat", "dog"))(PICTURE)
    assert (found.labels, found.label_ids.tolist()) == (("dog", "cat", "bird"), [2, 1, 0])


def test_below_the_threshold_the_answer_is_other_and_the_rows_stay(path):
    found = asked(path, other=0.9)(PICTURE)
    assert (found.label(), found.other, len(found)) == ("other", pytest.approx(0.9), 3)
    assert found.scores[0] < 0.9
    assert asked(path, other=0.8)(PICTURE).label() == "dog"


def test_a_score_that_reaches_the_threshold_is_no_other(path):
    assert asked(path, ("bird",), other=1)(PICTURE).label() == "bird"


def test_where_scores_round_to_one_number_the_cosine_tells_the_order(path):
    found = asked(path, ("bird", "cat", "dog"), card={"logit_scale": 1e4})(PICTURE)
    assert (found.labels, found.scores.tolist()) == (("dog", "cat", "bird"), [1, 0, 0])


def test_a_model_of_small_letters_knows_words_in_capitals(path):
    assert asked(path, ("DOG", "CAT"), card={"lowercase": True})(PICTURE).label() == "DOG"


def test_the_best_so_many_are_kept_and_scores_stay_those_among_all(path):
    assert asked(path, top=1)(PICTURE) == asked(path)(PICTURE)[:1]


def test_the_template_is_put_around_each_label(path):
    np.testing.assert_allclose(
        asked(path, template="x {label}").label_vectors[0], np.array([0.6, 0.8, -2]) / 5**0.5, atol=1e-6
    )
    assert np.array_equal(asked(path, template="{label}").label_vectors, asked(path).label_vectors)


def test_of_several_templates_the_mean_of_unit_vectors_counts(path):
    found = asked(path, ("dog",), template=("{label}", "x x x {label}")).label_vectors[0]
    alone = DIRECTIONS[[2]].mean(axis=0), DIRECTIONS[[5, 5, 5, 2]].mean(axis=0)
    mean = sum(each / np.linalg.norm(each) for each in alone)
    np.testing.assert_allclose(found, mean / np.linalg.norm(mean), atol=1e-6)


def test_braces_of_a_label_are_its_own(path):
    assert asked(path, ("{label}", "{x}"), template="x {label}")(PICTURE).labels == ("{label}", "{x}")


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ((), "labels must be one text or more, got none; say what the picture might show"),
        (None, "labels must be a list of texts, got None"),
        ({"dog", "cat"}, "labels must be a list of texts, got {"),
        (("dog", "cat", "dog"), "labels must differ, got 'dog' and 'dog'; they would share a score, keep one"),
        (("a dog", "A  Dog "), "labels must differ, got 'a dog' and 'A  Dog '"),
        (("Straße", "STRASSE"), "labels must differ, got 'Straße' and 'STRASSE'"),
        (("dog", 3), "labels: text 2 must be a string, got int 3"),
        (("dog", ""), "labels: text 2 must say something, got ''"),
        ((" \n",), "labels: text 1 must say something"),
        (("\ud800",), "labels: text 1 must be whole characters"),
    ],
)
def test_labels_that_cannot_be_asked_for_are_told(path, labels, words):
    with pytest.raises(OptionError, match=words):
        asked(path, labels)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (("dog", "犬"), "label must have a word that model 'fake' knows, got '犬'; say it in its language"),
        (
            ("dog x", "dog ?", "dog !"),
            "labels must differ for model 'fake', got 'dog [?]' and 'dog !', which it reads as",
        ),
        (("dog dog cat", "dog dog bird"), "got 'dog dog cat' and 'dog dog bird', which it reads as the same"),
    ],
)
def test_labels_that_the_model_cannot_tell_are_told_before_a_picture_is_decoded(path, labels, words):
    with pytest.raises(OptionError, match=words):
        asked(path, labels, card={"text_length": 2})


@pytest.mark.parametrize("text", ["{", '{"model": 3}'])
def test_a_damaged_tokenizer_is_told_before_a_picture_is_decoded(path, text):
    path.write_text(text)
    with pytest.raises(ModelFileError, match=r"tokenizer.json: expected a tokenizer.json"):
        asked(path)


def test_a_tokenizer_of_another_model_is_told_before_a_picture_is_decoded(path):
    with pytest.raises(ModelFileError, match="tokenizer must know '<end>'"):
        asked(path, card={"pad_token": "<end>"})


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("a photo", "template must hold {label} and no other braces, got 'a photo'; write .* or '{label}' where"),
        ("{label} of {place}", "no other braces, got '{label} of {place}'"),
        ("{label} {}", "no other braces"),
        ("}{label}", "no other braces"),
        ("", "template: text 1 must say something"),
        ((), "template must be a sentence or several, got none"),
        (("{label}", 3), "template: text 2 must be a string, got int 3"),
        (3, "template: text 1 must be a string, got int 3"),
    ],
)
def test_templates_that_have_no_place_for_a_label_are_told(path, template, words):
    with pytest.raises(OptionError, match=words):
        asked(path, template=template)


@pytest.mark.parametrize(("option", "given"), [("other", 1.5), ("other", "x"), ("top", -1), ("top", 1.5)])
def test_options_out_of_range_are_told(path, option, given):
    with pytest.raises(OptionError, match=rf"{option} must be"):
        asked(path, **{option: given})


def test_labels_in_any_script_are_texts(path):
    assert set(asked(path, SCRIPTS)(PICTURE).labels) == set(SCRIPTS)


def test_one_label_alone_has_all_of_softmax_and_that_is_said(path, caplog):
    assert asked(path, ("bird",))(PICTURE).scores.tolist() == [1]
    told = "one label: scores of fake are shares among the labels, so its score is always 1; give what else it could be"
    assert caplog.text.count(told) == 1
    assert "repeat --label" in caplog.text


def test_a_yes_or_no_to_one_label_needs_no_note(path, caplog):
    asked(path, ("bird",), head="pooler")(PICTURE)
    assert caplog.text == ""


def test_one_string_is_one_label(path):
    assert asked(path, "dog").labels == ("dog",)


def test_towers_of_different_dimensions_are_told(path):
    with pytest.raises(ShapeError, match="must give vectors of one dimension, got 2 for pictures and 3 for texts"):
        asked(path, seen=[[3.0, 4.0]])(PICTURE)


def test_a_sigmoid_without_its_bias_is_refused():
    card = Card(id="fake", task="embed", recipe=RECIPE, head="pooler", options={"logit_scale": 1.0})
    with pytest.raises(CardError, match=r"model 'fake' must have options.logit_bias to answer 'zeroshot'"):
        ZeroShot(card=card, session=FakeSession({}), labels=LABELS)


@pytest.mark.parametrize("name", ["dinov2-small", "look", "siglip-base"])
def test_a_model_that_cannot_answer_names_those_that_can(name):
    with pytest.raises(
        CardError, match=rf"model '{name}' must have .* to answer 'zeroshot', .*one of: clip-b32, clip-l14"
    ):
        ZeroShot.load(name, labels=LABELS)


# Each once


def test_a_thousand_labels_against_a_thousand_pictures_encode_each_once(path):
    labels = tuple(f"label {i}" for i in range(1000))
    task = asked(
        path, labels, template=("{label}", "x {label}"), seen=np.random.default_rng(0).normal(size=(1, 3)), top=1
    )
    pictures = [np.full((4, 4, 3), i % 256, np.uint8) for i in range(1000)]
    assert len(task(pictures)) == 1000
    texts = [feeds["input_ids"] for feeds in task.session.fed if "input_ids" in feeds]
    seen = [array for feeds in task.session.fed if "input_ids" not in feeds for array in feeds.values()]
    assert (sum(map(len, texts)), sum(map(len, seen))) == (2000, 1000)


def test_ten_thousand_labels_take_their_time_once(path):
    labels = tuple(f"label {i}" for i in range(10_000))
    task = asked(path, labels)
    task(PICTURE)
    started = time.perf_counter()
    assert len(task(photo_like(20, 30))) == 10_000
    assert time.perf_counter() - started < 1  # 0.02 s were seen
