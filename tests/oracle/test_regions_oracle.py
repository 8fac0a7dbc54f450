"""Texts with places against the post-processing of `transformers`' Florence-2 processor: the same text, the same boxes.

Its places are cut to whole pixels, ours are not: equal when ours are cut. Four things are ours on purpose: what remains
of a broken tag is no part of a label ("loc_7>dog"), a label without words is no label, letters outside ASCII stay
("Gemüse", where it says "Gemse"), and a line break within a phrase does not lose its boxes.
"""

import random
import re

import numpy as np
import pytest
from oracle import florences

from pixwise.language.regions import boxes_in, quads_in

pytestmark = pytest.mark.oracle

WIDTH, HEIGHT = 640, 427
PIECES = [
    "cat", " a red dog", "here it is: ", "Gemüse", "猫", "a < b", "x>y", " ", "<s>", "</s>", "<pad>", "<sep>", "<poly>",
    "</poly>", "<od>", "<", ">", "<loc_", "🐈", "5%", "and then", ",", ".",
]  # fmt: skip
BY_HAND = [
    "", "cat", "<loc_1>", "cat<loc_1><loc_2><loc_3><loc_4>", "cat<loc_1><loc_2><loc_3><loc_4><loc_5>",
    "cat" + "<loc_0>" * 8 + "dog" + "<loc_999>" * 3, "a<loc_1><loc_2><loc_3>b<loc_1><loc_2><loc_3><loc_4>",
    "<loc_1><loc_2><loc_3><loc_4>late", "cat<poly><loc_1><loc_2><loc_3><loc_4><loc_5><loc_6></poly>",
    "EXIT" + "<loc_7>" * 8 + "WAY OUT" + "<loc_300>" * 9, "EXIT" + "<loc_7>" * 7, "</s><s>a" + "<loc_10>" * 12 + "</s>",
]  # fmt: skip


def written(seed):
    """A text as a confused model might write it: words, runs of places of any length, broken tags."""
    draw = random.Random(seed)
    parts = []
    for _ in range(draw.randrange(12)):
        places = "".join(f"<loc_{draw.randrange(1000)}>" for _ in range(draw.choice([0, 1, 3, 4, 4, 5, 8, 8, 9, 16])))
        parts.append(draw.choice(PIECES) + places)
    return "".join(parts)


TEXTS = [*BY_HAND, *map(written, range(600))]


@pytest.fixture(scope="module")
def processor():
    return florences.processor()


def plain(label):
    """A label of the reference without what remains of a tag, and as it would be with all letters."""
    return " ".join(re.sub(r"<[^<>]*>", "", label).encode("ascii", "ignore").decode().split())


def boxes_of_reference(processor, text, task, size=(WIDTH, HEIGHT)):
    answer = processor.post_process_generation(text, task=task, image_size=size)[task]
    corners = np.array(answer["bboxes"], np.float64).reshape(len(answer["bboxes"]), 2, 2)
    return answer["labels"], np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


def without_remains(text, labels):
    """(N,) labels of the reference, cut behind what remains of a tag: `loc_3>dog`, when the text has `<loc_3>dog`."""
    text = text.encode("ascii", "ignore").decode()
    return [re.sub(r"^/?\w*>", "", label).strip() if f"<{label}" in text else label for label in labels]


def pixels(points, size=(WIDTH, HEIGHT)):
    """(N, P, 2) → (N, 2 P) whole pixels; first freed of what float32 rounds off."""
    return np.floor(points.astype(np.float64).round(6) * size + 1e-6).reshape(-1, 2 * points.shape[1])


def inner(text):
    """A text as the session hands it on: without what marks begin and end, which the reference takes away itself."""
    return re.sub("</?s>|<pad>", "", text)


@pytest.mark.parametrize("task", ["<OD>", "<CAPTION_TO_PHRASE_GROUNDING>"])
def test_boxes_are_those_of_the_reference(processor, task):
    found = 0
    for text in TEXTS:
        labels, boxes = boxes_of_reference(processor, text, task)
        phrases, points, _ = boxes_in(inner(text))
        ours = list(zip(map(plain, phrases), pixels(points).tolist(), strict=True))
        theirs = list(zip(without_remains(inner(text), labels), boxes.tolist(), strict=True))
        assert [row for row in ours if row[0]] == [row for row in theirs if row[0]], text
        found += len(ours)
    assert found > 1000


def test_lines_and_quads_are_those_of_the_reference(processor):
    found = 0
    for text in TEXTS:
        answer = processor.post_process_generation(text, task="<OCR_WITH_REGION>", image_size=(WIDTH, HEIGHT))
        answer = answer["<OCR_WITH_REGION>"]
        lines, points, _ = quads_in(inner(text))
        theirs = [" ".join(re.sub(r"<[^<>]*>", "", label).split()) for label in answer["labels"]]
        rows = [row for row in zip(theirs, answer["quad_boxes"], strict=True) if row[0]]
        assert list(zip(lines, pixels(points).tolist(), strict=True)) == rows, text
        found += len(lines)
    assert found > 200


@pytest.mark.parametrize("fault", [-0.5, 0.5])
def test_an_edge_of_the_bin_for_its_middle_is_seen(processor, fault):
    text, size = "cat<loc_10><loc_334><loc_501><loc_998>", (4000, 3000)
    _, boxes = boxes_of_reference(processor, text, "<OD>", size)
    points = boxes_in(text).points
    np.testing.assert_array_equal(pixels(points, size), boxes)
    assert (pixels(points + fault / 1000, size) != boxes).all()
