"""Words of the user, and what is said when they cannot be asked."""

from dataclasses import replace

import numpy as np
import pytest
from fakes import fake_session, tokenizer_file
from oracle import finders

from pixwise import registry
from pixwise.errors import CardError, OptionError, ShapeError
from pixwise.language.tokens import load_tokenizer
from pixwise.own.folder import card_from_configs
from pixwise.samples import photo_like
from pixwise.session import FakeSession, Tensor
from pixwise.tasks.find import Finder

OWL, DINO = registry.card("owlvit-b32"), registry.card("grounding-dino-tiny")
PICTURE = photo_like(40, 80, seed=1)


def answering(card, logits, boxes, rows=-1, **options):
    """A finder whose model says the same of every picture."""
    inputs = (Tensor("input_ids", (rows, -1), "int64"), Tensor("pixel_values", (1, 3, -1, -1), "float"))
    said = {"logits": np.float32([logits]), "pred_boxes": np.float32([boxes])}
    session = FakeSession(said, inputs, files={"tokenizer": tokenizer_file()})
    return Finder(card=card, session=session, **{"labels": ["a dog", "a cat"], **options})


def asked(card=OWL, **options):
    return Finder(card=card, session=fake_session(card), **options)


def test_a_box_gets_the_label_that_fits_best_best_box_first():
    boxes = [[0.5, 0.5, 0.2, 0.2], [0.25, 0.5, 0.5, 1.0]]
    found = answering(OWL, [[-1, -3], [-2, 2]], boxes)(PICTURE)
    assert (found.labels, found.label_ids.tolist()) == (("a cat", "a dog"), [1, 0])
    np.testing.assert_allclose(found.boxes, [[0, 0, 40, 40], [32, 16, 48, 24]], atol=1e-4)


def test_weak_boxes_and_all_but_the_best_go():
    finder = answering(OWL, [[-5, -6], [2, 1], [3, 1]], [[0.5, 0.5, 0.2, 0.2]] * 3)
    assert len(finder(PICTURE)) == 2
    assert len(replace(finder, top=1)(PICTURE)) == 1
    assert len(replace(finder, min_score=0.0)(PICTURE)) == 3


def test_boxes_on_boxes_stay_unless_told_otherwise():
    finder = answering(OWL, [[2, 1], [3, 1], [1, 2]], [[0.5, 0.5, 0.2, 0.2]] * 3)
    assert len(finder(PICTURE)) == 3
    assert len(replace(finder, max_overlap=0.5)(PICTURE)) == 2  # one per label


def test_blanks_around_a_label_are_not_asked():
    plain, wide = (answering(OWL, [[1]], [[0.5, 0.5, 1, 1]], labels=[label]) for label in ("a dog", " a dog\n"))
    plain(PICTURE), wide(PICTURE)
    assert plain.session.fed[0]["input_ids"].tolist() == wide.session.fed[0]["input_ids"].tolist()


def test_many_labels_are_asked_in_several_runs(monkeypatch):
    finder = answering(OWL, [[-1] * 400 + [1] * 100], [[0.5, 0.5, 1, 1]], labels=[f"no {i}" for i in range(1000)])
    monkeypatch.setattr("pixwise.tasks.find.LABELS_AT_ONCE", 500)
    found = finder(PICTURE)
    assert [len(fed["input_ids"]) for fed in finder.session.fed] == [500, 500]
    assert found.labels == ("no 400",)


def test_a_model_for_one_label_at_a_time_is_asked_one_by_one():
    finder = answering(OWL, [[1]], [[0.5, 0.5, 1, 1]], rows=1)
    assert finder(PICTURE).labels == ("a dog",)
    assert [fed["input_ids"].shape for fed in finder.session.fed] == [(1, 16)] * 2


def test_a_phrase_is_answered_as_the_label_that_owns_its_best_word():
    tokens = np.full((2, 256), -np.inf)
    tokens[0, [1, 7]] = [-0.5, 1]  # [CLS] a · d o g . a …
    tokens[1, [2, 0]] = [-2, 3]  # [CLS] alone is no label
    found = answering(DINO, tokens, [[0.5, 0.5, 0.2, 0.2]] * 2, min_score=0.1)(PICTURE)
    assert found.labels == ("a cat",)
    np.testing.assert_allclose(found.scores, 1 / (1 + np.exp(-1)), atol=1e-6)


def test_labels_are_read_as_the_reference_joins_them(tmp_path):
    finders.bert_tokenizer().save(str(tmp_path / "tokenizer.json"))
    text = Finder.askers["grounding_dino"](load_tokenizer(tmp_path / "tokenizer.json"), ("A Cat", "red dog"), 64, 1)
    wanted = finders.words("grounding_dino", ["A Cat", "red dog"])
    for name, rows in wanted.items():
        assert text.feeds[0][name].tolist() == rows.tolist(), name
    assert text.owner.tolist() == [-1, 0, 0, 0, 0, -1, 1, 1, 1, 1, 1, 1, -1, -1]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([], r'labels must say what to find, got none; give some: \["a red car", "a dog"\]'),
        (["a dog", "a cat", "A  dog "], "labels must differ, got 'a dog' and 'A  dog '; leave one out"),
        (["a dog", " "], "label must have words, got ' ' as label 2; leave it out"),
        ([b"a dog"], r"labels must be words for what to find, got \[b'a dog'\]; pass a list of strings"),
        (7, "labels must be words for what to find, got 7"),
        (
            ["cat", "a very long dog's"],
            "label must have at most 16 tokens, got 17 in .a very long dog's.; say it shorter",
        ),
        (["half \ud83d"], "text must be whole characters, got "),
    ],
)
def test_labels_that_cannot_be_asked_are_told(labels, words):
    with pytest.raises(OptionError, match=words):
        asked(labels=labels)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (
            ["a cat. a dog."],
            r"label must have no '\.' and no '\?', .*, got 'a cat\. a dog\.'; leave them out, and give sev",
        ),
        (["dog", "what?"], r"got 'what\?'"),
        (["dog", "🐕"], "label must have a word that the model knows, got '🐕'; say it in words of its language"),
        (
            [f"{a}{b}aaaa" for a in "abcde" for b in "abcdefghij"],
            "fit into 256 tokens together, got more from label 37 of 50 on, 'dgaaaa'; ask in",
        ),
    ],
)
def test_labels_that_grounding_dino_cannot_take_are_told(labels, words, tmp_path):
    finders.bert_tokenizer().save(str(tmp_path / "tokenizer.json"))
    session = FakeSession({}, files={"tokenizer": tmp_path / "tokenizer.json"})
    with pytest.raises(OptionError, match=words):
        Finder(card=DINO, session=session, labels=labels)


@pytest.mark.parametrize("label", ["собака", "犬", "🐕", "كلب", 'a dog\'s "bone"'])
def test_owl_takes_any_script(label, tmp_path):
    finders.clip_tokenizer().save(str(tmp_path / "tokenizer.json"))
    text = Finder.askers["owl"](load_tokenizer(tmp_path / "tokenizer.json"), (label,), 32, 1)
    assert text.feeds[0]["attention_mask"].sum() == len(label.encode()) + 2


def test_one_label_may_stand_alone():
    assert asked(labels="a dog").labels == ("a dog",)


@pytest.mark.parametrize(
    ("card", "template", "words"),
    [
        (OWL, "a photo", r"template must hold \{label\} and no other braces, got 'a photo'; say where the label goes"),
        (OWL, "{label} {x}", r"template must hold \{label\} and no other braces, got '\{label\} \{x\}'"),
        (
            DINO,
            "a {label}",
            "template is for OWL models, got .* for 'grounding-dino-tiny'; put the words into the labels",
        ),
    ],
)
def test_a_template_that_cannot_be_used_is_told(card, template, words):
    with pytest.raises(OptionError, match=words):
        asked(card, labels=["dog"], template=template)


@pytest.mark.parametrize("option", ["min_score", "min_word_score", "max_overlap"])
def test_shares_out_of_range_are_told(option):
    with pytest.raises(OptionError, match=f"{option} must be a number from 0 to 1, got 1.5"):
        asked(labels=["dog"], **{option: 1.5})


@pytest.mark.parametrize(("card", "width"), [(OWL, 3), (DINO, 5)], ids=["owl", "dino"])
def test_outputs_that_do_not_fit_the_labels_are_told(card, width):
    with pytest.raises(ShapeError, match=r"logits must have shape .*; check the head of the card"):
        answering(card, [[1.0] * width], [[0.5, 0.5, 1, 1]])(PICTURE)


@pytest.mark.parametrize(("card", "width"), [(OWL, 2), (DINO, 40)], ids=["owl", "dino"])
def test_scores_that_are_no_numbers_are_not_nothing_found(card, width):
    with pytest.raises(ShapeError, match="scores of the model must be numbers, got NaN; use another precision"):
        answering(card, [[np.nan] * width], [[0.5, 0.5, 1, 1]])(PICTURE)


def test_each_model_has_its_usual_score_and_a_card_may_say_another():
    assert [asked(card, labels=["dog"]).min_score for card in (OWL, DINO)] == [0.1, 0.25]
    assert asked(replace(OWL, options={"min_score": 0.4}), labels=["dog"]).min_score == 0.4


CONFIG = {"architectures": ["OwlViTForObjectDetection"], "model_type": "owlvit"}
FILES = ["config.json", "onnx/model.onnx", "tokenizer.json"]


def derive(config=CONFIG, kind="OwlViT", files=FILES, task="find"):
    return card_from_configs(config, {"image_processor_type": f"{kind}ImageProcessor"}, files, task=task, id="mine")


@pytest.mark.parametrize(
    ("name", "kind", "card"),
    [
        ("owlvit", "OwlViT", OWL),
        ("owlv2", "Owlv2", registry.card("owlv2-b16")),
        ("grounding-dino", "GroundingDino", DINO),
    ],
)
def test_a_folder_gives_the_card_that_we_would_write(name, kind, card):
    made = derive({**CONFIG, "model_type": name, "architectures": [f"{kind}ForObjectDetection"]}, kind)
    assert (made.task, made.head, made.recipe, made.parts) == ("find", card.head, card.recipe, card.parts)


def test_a_context_of_its_own_is_read_from_the_config():
    assert derive({**CONFIG, "text_config": {"max_position_embeddings": 9}}).options == {"tokens": 9}
    dino = {"model_type": "grounding-dino", "architectures": ["GroundingDinoForObjectDetection"], "max_text_len": 99}
    assert derive(dino, "GroundingDino").options == {"tokens": 99}


def test_a_folder_that_cannot_be_asked_is_told():
    with pytest.raises(CardError, match=r"mine: expected tokenizer.json beside config.json, got none; copy it"):
        derive(files=FILES[:2])
    with pytest.raises(CardError, match=r"must answer 'detect' .* got one for 'find' \(OwlViTForObjectDetection\)"):
        derive(task="detect")
    with pytest.raises(
        CardError, match=r"must answer 'find' \(model_type grounding-dino, owlv2, owlvit\), got one for"
    ):
        derive({"architectures": ["DetrForObjectDetection"], "model_type": "detr"}, "Detr")


def written(*texts, labels, **options):
    """A finder whose Florence-2 writes one text per label, each token as sure as the others."""
    raw = {"text": np.array(texts), "token_ends": np.tile([[999]], (len(texts), 1))}
    raw["log_probs"] = np.float32(np.tile([[-1]], (len(texts), 1)))
    session = FakeSession(lambda feeds: raw, files={"tokenizer": tokenizer_file()})
    return Finder(card=registry.card("florence2-base-find"), session=session, labels=labels, **options)


BOX = "<loc_100><loc_200><loc_300><loc_400>"


def test_a_written_box_belongs_to_the_label_that_was_asked():
    found = written(f"a dog{BOX}", f"A CAT{BOX}{BOX}", labels=["a dog", "a cat"])(PICTURE)
    assert (found.labels, found.label_ids.tolist()) == (("a dog", "A CAT", "A CAT"), [0, 1, 1])
    np.testing.assert_allclose(found.boxes[0], [8.04, 8.02, 24.04, 16.02], atol=1e-3)


def test_things_of_a_sentence_get_their_own_words_and_others_the_label():
    texts = f"a dog{BOX}a red car{BOX}the moon{BOX}at{BOX}"
    found = written(texts, labels=["a dog looks at a red car"])(PICTURE)
    assert found.labels == ("a dog", "a red car", "a dog looks at a red car", "at")


def test_labels_of_which_nothing_was_written_are_not_found():
    found = written("", "no such thing", labels=["a dog", "ein Häuschen 🏡"])(PICTURE)
    assert len(found) == 0


def test_a_label_that_is_too_long_to_ask_is_told():
    with pytest.raises(OptionError, match=r"at most 400 tokens with its question, got 5.. in .*say it shorter"):
        written("", labels=["x" * 500])


@pytest.mark.parametrize("labels", [[], [""], ["  "]])
def test_an_empty_phrase_is_refused(labels):
    with pytest.raises(OptionError, match=r"labels? must"):
        written("", labels=labels)
