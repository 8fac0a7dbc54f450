"""Texts and own labels against `transformers`: the same weights and tokenizers, its torch models, from JPEG bytes on.

Tolerances as promised: cosine 0.9999 for vectors, 0.001 for scores. The planted faults (no end of the text,
another filling, capitals, lengths left in, the other kind of score, another scale) all go beyond.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from oracle import texts, tiny, towers
from PIL import Image

from pixwise import embed_text
from pixwise.errors import CardError
from pixwise.export import export
from pixwise.language.towers import TextTower
from pixwise.samples import photo_like
from pixwise.scores import sigmoid, softmax
from pixwise.session import OnnxSession
from pixwise.tasks.embed import Embedder
from pixwise.tasks.zeroshot import ZeroShot
from pixwise.vectors import PICTURE_OUTPUTS, rows_of, similarity, unit

pytestmark = pytest.mark.oracle

TEXTS = ["a dog", "A Photo of a Dog, at night!", "ein Haus am See " * 9, "日本語 🐕", "don't", "  two   blanks ", "x"]
LABELS = ("a dog", "Two CATS", "ein Haus", "a 猫 🐈", "the sky at night", "a bird's nest")
TEMPLATES = ("a photo of {label}", "This is {label}.")
SIGLIPS = ("siglip", "siglip2", "siglip2_left")
each_model = pytest.mark.parametrize("name", texts.PAIRS)


def large() -> bytes:
    """A JPEG of 12 megapixels."""
    buffer = io.BytesIO()
    Image.fromarray(photo_like(750, 1000, seed=5)).resize((4000, 3000)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


PICTURES = [tiny.jpeg(240, 320, seed=21), tiny.jpeg(400, 180, seed=22), large()]


class Case:
    """A model saved to a folder, the reference's vectors of the texts, and its tensors of the pictures."""

    def __init__(self, name: str, folder: Path):
        self.made = texts.make(name)
        self.folder = str(texts.save(self.made, folder / name))
        self.wanted = unit(self.made.features(TEXTS).numpy())  # (N, D)
        processor = towers.TOWERS[self.made.pair.picture].processor
        opened = [Image.open(io.BytesIO(data)) for data in PICTURES]
        self.pixels = torch.cat([processor(image, return_tensors="pt")["pixel_values"] for image in opened])
        self.task = ZeroShot.load(self.folder, labels=LABELS, exact=True, threads=1)

    def tower(self, **options: object) -> TextTower:
        card = self.task.card
        return TextTower(replace(card, options={**card.options, **options}), self.task.session)

    def cosines(self, tower: TextTower) -> np.ndarray:
        return (tower.vectors(TEXTS) * self.wanted).sum(axis=1)

    def scores(self, sentences: list[str]) -> np.ndarray:
        """(B, C) by the reference."""
        logits = self.made.logits(self.pixels, sentences)
        return (logits.sigmoid() if hasattr(self.made.model, "logit_bias") else logits.softmax(-1)).numpy()

    def worst(self, task: ZeroShot) -> float:
        """The largest difference of a score from the reference's."""
        wanted = self.scores([str(task.template).format(label=label) for label in LABELS])
        return float(np.abs(ours(task) - wanted).max())


def ours(task: ZeroShot) -> np.ndarray:
    """(B, C) in the order of the labels."""
    return np.stack([answer.scores[np.argsort(answer.label_ids)] for answer in map(task, PICTURES)])


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Case]:
    return tiny.made_once(Case, tmp_path_factory)


# Texts


@each_model
def test_vectors_of_texts_are_those_of_transformers(cases, name):
    case = cases(name)
    answers = embed_text(TEXTS, case.folder)
    assert (np.stack([answer.vector for answer in answers]) * case.wanted).sum(axis=1).min() >= 0.9999


@each_model
def test_texts_alone_and_together_have_the_same_vector(cases, name):
    case = cases(name)
    tasks = [ZeroShot.load(case.folder, labels=["a"], threads=1) for _ in TEXTS]  # that have read nothing
    alone = [TextTower(task.card, task.session).vectors([text])[0] for task, text in zip(tasks, TEXTS, strict=True)]
    np.testing.assert_allclose(case.tower().vectors(TEXTS), alone, atol=1e-5)


@each_model
def test_texts_and_pictures_of_a_card_compare(cases, name):
    case = cases(name)
    seen = Embedder.load(case.folder, exact=True, threads=1)(PICTURES)
    cosines = similarity(seen, embed_text(TEXTS, case.folder))
    logits = case.made.logits(case.pixels, TEXTS).numpy()
    bias = texts.BIAS if hasattr(case.made.model, "logit_bias") else 0
    np.testing.assert_allclose(cosines, (logits - bias) / texts.SCALE, atol=1e-3)


@each_model
def test_a_text_without_its_end_is_seen(cases, name, tmp_path):
    case = cases(name)
    files = dict(case.task.session.files)
    told = json.loads(files["tokenizer"].read_text("utf-8"))
    files["tokenizer"] = tmp_path / "tokenizer.json"
    files["tokenizer"].write_text(json.dumps({**told, "post_processor": None}), "utf-8")
    onnx = {"text": Path(case.folder, "onnx", "text_model.onnx")}
    session = OnnxSession.load({**onnx, **files}, threads=1)
    assert case.cosines(TextTower(case.task.card, session)).min() < 0.9999  # SigLIP's end also fills up: seen if cut


@pytest.mark.parametrize("name", SIGLIPS)
def test_a_text_that_is_not_filled_up_is_seen(cases, name):
    case = cases(name)
    alone = case.tower(fill_text=False).vectors(TEXTS[:1])
    assert float(alone[0] @ case.wanted[0]) < 0.9999


@pytest.mark.parametrize(("name", "token"), [("siglip", "<unk>"), ("siglip2", "<eos>")])
def test_another_filling_is_seen(cases, name, token):
    case = cases(name)
    assert case.cosines(case.tower(pad_token=token))[0] < 0.9999


@pytest.mark.parametrize(("name", "left"), [("siglip", True), ("siglip2", True), ("siglip2_left", False)])
def test_filling_on_the_other_side_is_seen(cases, name, left):
    case = cases(name)
    assert case.cosines(case.tower(pad_left=left))[0] < 0.9999


def test_capitals_are_seen_by_siglip_2(cases):
    case = cases("siglip2")
    assert TEXTS[1] != TEXTS[1].lower()
    assert case.cosines(case.tower(lowercase=False))[1] < 0.9999


@each_model
def test_a_text_that_is_cut_shorter_is_seen(cases, name):
    case = cases(name)
    assert case.cosines(case.tower(text_length=texts.LENGTH - 2))[2] < 0.9999


# Labels


@each_model
@pytest.mark.parametrize("template", [None, *TEMPLATES])
def test_scores_are_those_of_transformers(cases, name, template):
    case = cases(name)
    wanted = case.scores([(template or "{label}").format(label=label) for label in LABELS])
    np.testing.assert_allclose(ours(replace(case.task, template=template)), wanted, atol=1e-3)


@each_model
def test_several_templates_are_the_mean_direction_of_the_references_vectors(cases, name):
    case = cases(name)
    each = [unit(case.made.features([form.format(label=label) for label in LABELS]).numpy()) for form in TEMPLATES]
    found = replace(case.task, template=TEMPLATES).label_vectors
    np.testing.assert_allclose(found, unit(sum(each)), atol=1e-4)


@each_model
def test_a_list_of_pictures_is_answered_as_one_by_one(cases, name):
    task = replace(cases(name).task, batch=3)
    for together, alone in zip(task(PICTURES), map(task, PICTURES), strict=True):
        np.testing.assert_allclose(together.scores, alone.scores, atol=1e-5)


@each_model
def test_scores_differ_between_labels_and_pictures(cases, name):
    scores = ours(cases(name).task)
    assert scores.max(axis=1).min() - scores.min(axis=1).max() > 0.01
    assert np.abs(scores[0] - scores[1]).max() > 0.01


@each_model
@pytest.mark.parametrize("fault", ["scale", "scoring", "length"])
def test_a_planted_fault_is_seen(cases, name, fault):
    case = cases(name)
    card = case.task.card
    options = {"logit_bias": 0.0, **card.options} | ({"logit_scale": 1.2 * texts.SCALE} if fault == "scale" else {})
    given = {key: getattr(case.task, key) for key in ("session", "labels", "template", "exact")}
    wrong = FAULTS.get(fault, ZeroShot)(card=replace(card, options=options), **given)
    assert case.worst(case.task) <= 1e-3 < case.worst(wrong)


@pytest.mark.parametrize("name", SIGLIPS)
def test_another_bias_is_seen(cases, name):
    case = cases(name)
    card = replace(case.task.card, options={**case.task.card.options, "logit_bias": texts.BIAS + 0.1})
    assert case.worst(replace(case.task, card=card)) > 1e-3


@pytest.mark.parametrize("name", ["clip", "siglip2_left"])
def test_what_pixwise_exports_scores_as_the_checkpoint(cases, name, tmp_path):
    case, source = cases(name), tmp_path / "checkpoint"
    case.made.model.save_pretrained(source)
    case.made.tokenizer.save_pretrained(source)
    shutil.copy(Path(case.folder, "preprocessor_config.json"), source)
    export(source, tmp_path / "out")
    task = ZeroShot.load(tmp_path / "out", labels=LABELS, exact=True, threads=1)
    assert case.worst(task) <= 1e-3


def test_a_folder_that_does_not_tell_its_scale_compares_but_does_not_score(cases):
    case = cases("siglip")
    path = Path(case.folder, "config.json")
    told = path.read_text("utf-8")
    path.write_text(json.dumps({key: entry for key, entry in json.loads(told).items() if not key.startswith("logit")}))
    with pytest.raises(CardError, match=r"must have options.logit_scale to answer 'zeroshot', got none"):
        ZeroShot.load(case.folder, labels=LABELS)
    assert embed_text("a dog", case.folder).dimension == 32
    path.write_text(told)


class OtherScoring(ZeroShot):
    """A planted fault: the other kind of score."""

    heads: ClassVar = {"image_embeds": sigmoid, "pooler": softmax}


class NoUnitLength(ZeroShot):
    """A planted fault: vectors of pictures as long as they come."""

    def run(self, feeds):
        return {"cosines": rows_of(self.session.run(feeds), PICTURE_OUTPUTS[self.card.head]) @ self.label_vectors.T}


FAULTS = {"scoring": OtherScoring, "length": NoUnitLength}
