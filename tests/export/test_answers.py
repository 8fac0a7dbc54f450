"""An exported folder answers as its checkpoint does in `transformers`, from JPEG bytes on, through the task.

The reference: the checkpoint loaded by `transformers`, its own image processor (PIL), its own post-processing.
Tolerances: cosines 0.9999 and scores 1e-3, as promised for all tasks; boxes 0.05 pixels of the picture.
"""

import functools
import io
from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers
from export import checkpoints
from PIL import Image

from pixwise.errors import ShapeError
from pixwise.export.tracing import quiet
from pixwise.samples import jpeg_like
from pixwise.tasks.caption import Captioner
from pixwise.tasks.classify import Classifier
from pixwise.tasks.detect import Detector
from pixwise.tasks.embed import Embedder
from pixwise.tasks.zeroshot import ZeroShot
from pixwise.vectors import unit

pytestmark = pytest.mark.oracle

PICTURES = [jpeg_like(240, 320, 1), jpeg_like(400, 180, 2), jpeg_like(131, 97, 3)]
LABELS = ["w1 w2", "w3", "w4 w5 w6 w7"]


@functools.cache
def processor(source):
    with quiet():
        return transformers.AutoImageProcessor.from_pretrained(source)


def prepared(source, jpeg):
    return processor(source)(Image.open(io.BytesIO(jpeg)), return_tensors="pt")


def features(model, pixels):
    """The vector of a picture, by the words of each family's paper."""
    if hasattr(model, "get_image_features"):
        found = model.get_image_features(pixel_values=pixels)
        return found if isinstance(found, torch.Tensor) else found.pooler_output
    answer = model(pixel_values=pixels)
    if "image_embeds" in answer:
        return answer.image_embeds
    return answer.pooler_output if model.config.model_type == "convnext" else answer.last_hidden_state[:, 0]


def cosines(embedder, model, source):
    with torch.no_grad():
        wanted = [features(model, prepared(source, jpeg)["pixel_values"])[0].numpy() for jpeg in PICTURES]
    return (np.stack([each.vector for each in embedder(PICTURES)]) * unit(wanted)).sum(axis=1)


@pytest.mark.parametrize("name", ["clip", "clip_vision", "siglip", "dinov2", "dinov2_with_registers"])
def test_vectors_are_those_of_the_checkpoint(cases, name):
    case = cases(name)
    assert cosines(Embedder.load(str(case.done.folder), exact=True), case.model, case.source).min() >= 0.9999


@pytest.mark.parametrize(("name", "base"), [("vit", "vit"), ("convnext", "convnext")])
def test_a_classifier_gives_vectors_when_told_so(cases, name, base):
    case = cases(name, task="embed")
    embedder = Embedder.load(str(case.done.folder), exact=True)
    assert cosines(embedder, getattr(case.model, base), case.source).min() >= 0.9999


@pytest.mark.parametrize("name", ["vit", "convnext"])
def test_classes_are_those_of_the_checkpoint(cases, name):
    case = cases(name)
    classifier = Classifier.load(str(case.done.folder), exact=True, top=0, min_score=0.0)
    for jpeg in PICTURES:
        with torch.no_grad():
            wanted = case.model(**prepared(case.source, jpeg)).logits.softmax(-1)[0].numpy()
        ours = classifier(jpeg)
        np.testing.assert_allclose(ours.scores, wanted[ours.label_ids], atol=1e-3)
        assert ours.labels[0] == case.model.config.id2label[int(wanted.argmax())]


@pytest.mark.parametrize("name", ["rt_detr", "rt_detr_v2", "d_fine", "detr"])
def test_boxes_are_those_of_the_checkpoint(cases, name):
    case = cases(name)
    detector = Detector.load(str(case.done.folder), exact=True, min_score=0.0)
    for jpeg in PICTURES:
        with torch.no_grad():
            raw = case.model(**prepared(case.source, jpeg))
        size = Image.open(io.BytesIO(jpeg)).size[::-1]
        wanted = processor(case.source).post_process_object_detection(raw, threshold=0.0, target_sizes=[size])[0]
        best = wanted["scores"].argsort(descending=True)[:5]
        boxes = wanted["boxes"][best].numpy().clip(0, [size[1], size[0]] * 2)
        np.testing.assert_allclose(detector(jpeg).scores[:5], wanted["scores"][best], atol=1e-3)
        np.testing.assert_allclose(detector(jpeg).boxes[:5], boxes, atol=0.05)


@pytest.mark.parametrize("name", ["clip", "siglip"])
def test_scores_of_own_labels_are_those_of_the_checkpoint(cases, name):
    case = cases(name)
    ours = ZeroShot.load(str(case.done.folder), labels=LABELS, template=None, exact=True)
    end = len(checkpoints.WORDS) - 1
    rows = [[1, *(5 + int(word[1:]) for word in label.split()), end] for label in LABELS]
    width = 24 if name == "siglip" else max(map(len, rows))
    ids = torch.tensor([row + [end] * (width - len(row)) for row in rows])
    for jpeg in PICTURES:
        with torch.no_grad():
            logits = case.model(input_ids=ids, **prepared(case.source, jpeg)).logits_per_image[0]
        wanted = logits.sigmoid() if name == "siglip" else logits.softmax(-1)
        answer = ours(jpeg)
        np.testing.assert_allclose(answer.scores, wanted.numpy()[answer.label_ids], atol=1e-3)


@pytest.mark.parametrize("name", ["blip", "vit_gpt2", "vit_bert"])
@pytest.mark.parametrize("beams", [1, 4])
def test_captions_are_those_of_the_checkpoint_token_for_token(cases, name, beams):
    case = cases(name)
    captioner = Captioner.load(str(case.done.folder), exact=True, max_tokens=12, beams=beams)
    for jpeg in PICTURES:
        pixels = prepared(case.source, jpeg)["pixel_values"]
        with quiet():
            wanted = case.model.generate(pixel_values=pixels, max_new_tokens=12, num_beams=beams, do_sample=False)
        said = captioner(jpeg)
        assert said.tokens == wanted.shape[1] - 1  # without the one that begins
        assert said.text == captioner_words(wanted[0, 1:])


def captioner_words(tokens):
    return " ".join(word for word in (checkpoints.WORDS[token] for token in tokens) if word.startswith("w"))


# Planted faults: each must turn the comparison above red.


def with_bgr(task):
    recipe = replace(task.card.recipe, channels="BGR")
    return replace(task, card=replace(task.card, recipe=recipe))


@pytest.mark.parametrize("name", ["clip", "siglip", "dinov2_with_registers"])
def test_swapped_channels_are_seen_in_vectors(cases, name):
    case = cases(name)
    assert cosines(with_bgr(Embedder.load(str(case.done.folder), exact=True)), case.model, case.source).max() < 0.9999


@pytest.mark.parametrize(("name", "wrong"), [("clip", "mean_patches"), ("dinov2", "mean_patches")])
def test_another_head_is_seen_in_vectors(cases, name, wrong):
    embedder = Embedder.load(str(cases(name).done.folder), exact=True)
    spoiled = replace(embedder, card=replace(embedder.card, head=wrong))
    with pytest.raises((ShapeError, AssertionError)):
        assert cosines(spoiled, cases(name).model, cases(name).source).min() >= 0.9999


@pytest.mark.parametrize("name", ["blip", "vit_gpt2", "vit_bert"])
def test_another_picture_is_another_caption(cases, name):
    model, source = cases(name).model, cases(name).source
    with quiet():
        said = [model.generate(**prepared(source, jpeg), max_new_tokens=12, do_sample=False) for jpeg in PICTURES]
    assert len({tuple(each[0].tolist()) for each in said}) > 1
