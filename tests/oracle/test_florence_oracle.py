"""Florence-2 against `transformers`: the same weights, its own processor, `generate` and post-processing, from JPEG on.

The tiny model is exported to the files of the hub's form. Tolerance: none for tokens, text and labels; boxes are equal
when cut to whole pixels, as the reference cuts them; scores within 1e-3, for exported logits differ by about 1e-5.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from oracle import florences, tiny
from PIL import Image

from pixwise.language.florence import FlorenceSession
from pixwise.loading import load_card, load_model
from pixwise.picture import Picture
from pixwise.pool import Pool
from pixwise.tasks.caption import Captioner
from pixwise.tasks.detect import Detector
from pixwise.tasks.find import Finder
from pixwise.tasks.ocr import TextReader
from pixwise.text import clean_line

pytestmark = pytest.mark.oracle

MOST = 64
SIZES = ((200, 300), (310, 170), (97, 61), (240, 320))
PICTURES = [tiny.jpeg(*size, seed) for seed, size in enumerate(SIZES)]
ASKED = ["<CAPTION>", "<MORE_DETAILED_CAPTION>", "<OD>", "<OCR_WITH_REGION>", "<CAPTION_TO_PHRASE_GROUNDING>a red dog",
         "<OPEN_VOCABULARY_DETECTION>Gemüse, 猫 🐈"]  # fmt: skip
each_beams = pytest.mark.parametrize("beams", [1, 3])


class Case:
    """The model in a folder, and the reference."""

    def __init__(self, folder: Path):
        self.folder = str(florences.save(florences.make(), folder / "florence"))
        self.model, self.processor = florences.make(), florences.processor()
        self.bare = load_model(replace(load_card(self.folder, "detect"), head=""), threads=1)

    def session(self, beams: int, most: int = MOST, question: str = "") -> FlorenceSession:
        return FlorenceSession(self.bare, {"beams": beams, "max_tokens": most, "question": question})

    def task(self, cls: type, beams: int = 3, **options):
        card = load_card(self.folder, cls.name)
        return cls(card=card, session=self.session(beams, question=card.options["question"]), **options)

    @torch.no_grad()
    def generate(self, data: bytes, asked: str, beams: int, **more):
        inputs = self.processor(text=asked, images=Image.open(io.BytesIO(data)), return_tensors="pt")
        return self.model.generate(
            **inputs, num_beams=beams, early_stopping=beams > 1, do_sample=False, **{"max_new_tokens": MOST, **more}
        )

    def text(self, data: bytes, asked: str, beams: int) -> str:
        return self.processor.batch_decode(self.generate(data, asked, beams), skip_special_tokens=False)[0]

    def answer(self, data: bytes, asked: str, beams: int = 3, words: str = "") -> dict:
        size = Image.open(io.BytesIO(data)).size
        text = self.text(data, asked + words, beams)
        return self.processor.post_process_generation(text, task=asked, image_size=size)[asked]

    def question(self, asked: str) -> str:
        return self.processor._construct_prompts(asked)[0]

    def pixels(self, data: bytes) -> np.ndarray:
        return self.task(Detector).preprocess(Picture.open(data))[0]["pixel_values"]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(tmp_path_factory.mktemp("oracle"))


def inner(text: str) -> str:
    return re.sub("</?s>|<pad>", "", text)


def said(case: Case, session: FlorenceSession, asked: str, change: Callable = lambda pixels: pixels) -> list[str]:
    question = np.array([case.question(asked)])
    answers = [session.run({"pixel_values": change(case.pixels(data)), "question": question}) for data in PICTURES]
    return [str(answer["text"][0]) for answer in answers]


def test_pixels_are_those_of_the_processor(case):
    for data in PICTURES:
        theirs = case.processor.image_processor(Image.open(io.BytesIO(data)), return_tensors="np")["pixel_values"]
        np.testing.assert_allclose(case.pixels(data), theirs, atol=1e-5)


@each_beams
@pytest.mark.parametrize("asked", ASKED)
def test_what_is_written_is_what_generate_writes(case, asked, beams):
    ours = said(case, case.session(beams), asked)
    assert ours == [inner(case.text(data, asked, beams)) for data in PICTURES]
    assert len(set(ours)) > len(PICTURES) / 2


def test_different_questions_are_answered_differently(case):
    answers = [case.text(PICTURES[0], asked, 1) for asked in ASKED]
    assert len(set(answers)) > 3


@each_beams
def test_detections_are_those_of_the_reference(case, beams):
    found = 0
    for data in PICTURES:
        ours, theirs = case.task(Detector, beams)(data), case.answer(data, "<OD>", beams)
        wanted = list(zip(map(plain, theirs["labels"]), upright(theirs["bboxes"]), strict=True))
        got = [(plain(label), cut(box)) for label, box in zip(ours.labels, ours.boxes, strict=True)]
        assert sorted(row for row in got if row[0]) == sorted(row for row in wanted if row[0])
        found += len(got)
    assert found >= 3


@each_beams
def test_lines_are_those_of_the_reference(case, beams):
    found = 0
    for data in PICTURES:
        ours, theirs = case.task(TextReader, beams)(data), case.answer(data, "<OCR_WITH_REGION>", beams)
        wanted = [(letters(text), quad) for text, quad in zip(theirs["labels"], theirs["quad_boxes"], strict=True)]
        got = [(letters(text), cut(quad)) for text, quad in zip(ours.texts, ours.quads, strict=True)]
        assert sorted(got) == sorted(row for row in wanted if row[0])
        found += len(got)
    assert found >= 3


@each_beams
def test_captions_are_those_of_the_reference(case, beams):
    for data in PICTURES:
        ours = Captioner.load(case.folder, threads=1, max_tokens=MOST, beams=beams)(data)
        ids = case.generate(data, "<CAPTION>", beams)[0]
        assert ours.text == clean_line(case.processor.tokenizer.decode(ids, skip_special_tokens=True))
        assert (ours.tokens, ours.stop) == (len(ids) - 1, "end" if len(ids) <= MOST else "length")


def test_a_prompt_begins_the_caption(case):
    captioner = Captioner.load(case.folder, threads=1, max_tokens=MOST, prompt="the cat")
    for data in PICTURES:
        begin = case.processor.tokenizer("the cat", add_special_tokens=False)["input_ids"]
        begin = torch.tensor([[2, 0, *begin]])
        ids = case.generate(data, "<CAPTION>", 3, decoder_input_ids=begin)[0]
        text = captioner(data).text
        assert text == clean_line(case.processor.tokenizer.decode(ids, skip_special_tokens=True))
        assert text.startswith("the cat")


def test_a_caption_comes_word_by_word(case):
    captioner = Captioner.load(case.folder, threads=1, max_tokens=MOST, beams=1)
    for data in PICTURES:
        assert clean_line("".join(captioner.tokens(data))) == captioner(data).text


LABELS = ("a red dog", "a cat on the lawn", "Gemüse")


@each_beams
def test_phrases_are_grounded_as_by_the_reference(case, beams):
    """A box that has no letters of ASCII in its label may be one of ours, or have no words at all."""
    found = 0
    for data in PICTURES:
        ours = case.task(Finder, beams, labels=LABELS)(data)
        for number, label in enumerate(LABELS):
            theirs = case.answer(data, "<CAPTION_TO_PHRASE_GROUNDING>", beams, label)
            boxes = list(zip(map(plain, theirs["labels"]), upright(theirs["bboxes"]), strict=True))
            mine = Counter(tuple(cut(box)) for box in ours.boxes[ours.label_ids == number])
            assert mine <= Counter(tuple(box) for _, box in boxes)
            assert mine >= Counter(tuple(box) for label, box in boxes if label)
            found += mine.total()
        assert set(ours.labels) <= set(LABELS)  # random weights never say what they were asked
    assert found >= 3


def upright(bboxes: list[list[int]]) -> list[list[float]]:
    """(N, 4) boxes of the reference with their corners put right."""
    corners = np.array(bboxes, float).reshape(len(bboxes), 2, 2)
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1).tolist()


def plain(label: str) -> str:
    """As the reference has it: without letters outside ASCII; and without what remains of a broken tag."""
    return re.sub(r"^/?\w*>", "", label.encode("ascii", "ignore").decode()).strip()


def letters(text: str) -> str:
    return " ".join(re.sub("<[^<>]*>", "", text).split())


def cut(points: np.ndarray) -> list[float]:
    return np.floor(points.astype(np.float64).round(3)).reshape(-1).tolist()


def test_scores_are_the_probabilities_of_the_tokens(case):
    for data in PICTURES:
        told = case.generate(data, "<OD>", 1, output_logits=True, return_dict_in_generate=True)
        ids = told.sequences[0, 1:]
        wanted = torch.stack(told.logits, dim=1)[0].log_softmax(-1)[torch.arange(len(ids)), ids]
        written = ~torch.isin(ids, torch.tensor([0, 1, 2]))
        question = np.array([case.question("<OD>")])
        raw = case.session(1).run({"pixel_values": case.pixels(data), "question": question})
        np.testing.assert_allclose(np.exp(raw["log_probs"][0]), wanted[written].exp(), atol=1e-3)


def test_a_batch_equals_one_by_one(case):
    detector = case.task(Detector)
    together = replace(detector, batch=3)(PICTURES)
    for one, alone in zip(together, map(detector, PICTURES), strict=True):
        assert one.labels == alone.labels
        np.testing.assert_allclose(one.boxes, alone.boxes)


def test_several_questions_about_one_picture_equal_one_by_one(case):
    session, pixels = case.session(3), case.pixels(PICTURES[0])
    questions = np.array([case.question(asked) for asked in ASKED])
    together = session.run({"pixel_values": pixels, "question": questions})["text"]
    alone = [
        session.run({"pixel_values": pixels, "question": questions[i : i + 1]})["text"][0] for i in range(len(ASKED))
    ]
    assert together.tolist() == alone


def test_several_pictures_and_questions_equal_one_by_one(case):
    session, asked = case.session(1), np.array([case.question(each) for each in ASKED[:3]] * 2)
    pixels = [case.pixels(data) for data in PICTURES[:2]]
    together = session.run({"pixel_values": np.concatenate(pixels), "question": asked})["text"]
    alone = [session.run({"pixel_values": each, "question": asked[:3]})["text"] for each in pixels]
    assert together.tolist() == np.concatenate(alone).tolist()
    assert alone[0].tolist() != alone[1].tolist()


def test_an_answer_is_as_long_as_the_model_can_hold(case):
    texts, detector, pictures = [], Detector.load(case.folder, threads=1), [PICTURES[0], tiny.jpeg(200, 300, seed=4)]
    for data in pictures:
        ids = case.generate(data, "<OD>", 3, max_new_tokens=256)
        texts.append((len(ids[0]), inner(case.processor.batch_decode(ids, skip_special_tokens=False)[0])))
    ours = [str(detector.session.run({"pixel_values": case.pixels(data)})["text"][0]) for data in pictures]
    assert ours == [text for _, text in texts]
    assert max(length for length, _ in texts) == 257


def test_tasks_share_the_parts_of_one_model(case):
    pool = Pool()
    detector, reader = (pool.task(name, case.folder, threads=1) for name in ("detect", "ocr"))
    captioner = pool.task("caption", case.folder, threads=1)
    finder = pool.task("find", case.folder, threads=1, labels=["a dog"])
    assert len(finder(PICTURES[0])) >= 0
    assert all(detector.session.of(part) is reader.session.of(part) for part in ("encoder", "decoder", "text_encoder"))
    assert captioner.session.of("decoder") is reader.session.of("decoder")
    assert len(pool) == 5


FAULTS = {
    "channels": lambda pixels: pixels[:, ::-1],
    "half a pixel": lambda pixels: (pixels + np.roll(pixels, 1, axis=-1)) / 2,
    "mirrored": lambda pixels: pixels[..., ::-1],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_pixels_that_are_wrong_are_seen(case, fault):
    wrong = said(case, case.session(1), "<OD>", FAULTS[fault])
    assert wrong != [inner(case.text(data, "<OD>", 1)) for data in PICTURES]


class WithoutMarks(FlorenceSession):
    """A planted fault: the question is not put between begin and end."""

    def _question_ids(self, question, most):
        return super()._question_ids(question, most)[:, 1:-1]


class WordsFirst(FlorenceSession):
    """A planted fault: the words stand before the picture."""

    def _encoded(self, features, question):
        turned = np.concatenate([features[:, 1:], features[:, :1]], axis=1)
        return super()._encoded(turned, question)


@pytest.mark.parametrize("faulty", [WithoutMarks, WordsFirst])
def test_a_prompt_that_is_put_together_otherwise_is_seen(case, faulty):
    session = faulty(case.bare, {"beams": 1, "max_tokens": MOST})
    assert said(case, session, "<OD>") != [inner(case.text(data, "<OD>", 1)) for data in PICTURES]
