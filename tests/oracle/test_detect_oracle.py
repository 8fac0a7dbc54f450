"""Detectors against `transformers`: the same weights, its PIL image processors, its torch model, its post-processing.

RF-DETR has no PIL processor: its tensor is prepared here with Pillow by the words of its config (stretch, 1/255,
ImageNet).

Tolerances: scores 1e-3 (D-FINE's exported arithmetic differs from torch's by up to 3e-3 in the logits), boxes 0.05
pixels of the full picture: a tenth of what is promised, so that a shift by half a pixel is seen.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from oracle import tiny
from PIL import Image

from pixwise.errors import ShapeError
from pixwise.results import Detections
from pixwise.tasks.detect import Detector

pytestmark = pytest.mark.oracle

SIZES = ((240, 320), (400, 180), (194, 262))  # pictures are larger than the model's input, and none is square
MODELS = ("rt_detr", "rt_detr_v2", "d_fine", "rf_detr", "detr")
_RT = {"image_processor_type": "RTDetrImageProcessor", "size": {"height": 128, "width": 128}}
PREPROCESSORS = {
    "rt_detr": _RT,
    "rt_detr_v2": _RT,
    "d_fine": _RT,
    "rf_detr": {
        "image_processor_type": "RfDetrImageProcessor", "do_resize": True, "size": {"height": 112, "width": 112},
        "resample": 2, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True,
        "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225],
    },
    "detr": {"image_processor_type": "DetrImageProcessor", "size": {"shortest_edge": 96, "longest_edge": 160}},
}  # fmt: skip


class Case:
    """A model saved to a folder, and the reference's answers for the pictures."""

    def __init__(self, name: str, folder: Path):
        self.model, self.preprocessor = tiny.make(name), PREPROCESSORS[name]
        self.folder = tiny.save(name, self.model, self.preprocessor, folder / name)
        self.pictures = [tiny.jpeg(*size, seed=11 + i) for i, size in enumerate(SIZES)]
        self.raw = [self._answer(picture) for picture in self.pictures]
        self.min_score = self._gap()
        self.wanted = [self._post_process(self.min_score, i) for i in range(len(self.pictures))]
        self.detector = Detector.load(str(self.folder), exact=True, threads=1, min_score=self.min_score)

    @torch.no_grad()
    def _answer(self, picture: bytes) -> object:
        image = Image.open(io.BytesIO(picture))
        if "RfDetr" in self.preprocessor["image_processor_type"]:
            mean, std = (np.float32(self.preprocessor[key]) for key in ("image_mean", "image_std"))
            pixels = np.asarray(image.resize((112, 112), Image.Resampling.BILINEAR), np.float32) / 255
            return self.model(torch.from_numpy(((pixels - mean) / std).transpose(2, 0, 1)[None].copy()))
        return self.model(**self._processor()(image, return_tensors="pt"))

    def _processor(self) -> Callable:
        from transformers.models.detr.image_processing_pil_detr import DetrImageProcessorPil
        from transformers.models.rt_detr.image_processing_pil_rt_detr import RTDetrImageProcessorPil

        kinds = {"DetrImageProcessor": DetrImageProcessorPil}
        return kinds.get(self.preprocessor["image_processor_type"], RTDetrImageProcessorPil)(
            size=self.preprocessor["size"]
        )

    def _post_process(self, min_score: float, index: int) -> dict[str, np.ndarray]:
        """RF-DETR's own post-processing is line by line that of RT-DETR with its focal loss."""
        found = self._processor().post_process_object_detection(
            self.raw[index], threshold=min_score, target_sizes=[SIZES[index]]
        )[0]
        return {key: value.numpy() for key, value in found.items()}

    def _gap(self) -> float:
        """The threshold in the widest gap between scores that leaves at least four boxes of every picture."""
        each = [np.sort(self._post_process(0.0, i)["scores"])[::-1] for i in range(len(self.pictures))]
        scores = np.sort(np.concatenate(each))
        scores = scores[scores <= min(ranked[3] for ranked in each)][-16:]
        widest = int(np.diff(scores).argmax())
        return float((scores[widest] + scores[widest + 1]) / 2)

    def complaints(self, detector: Detector, index: int) -> list[str]:
        return differences(detector(self.pictures[index]), self.wanted[index], SIZES[index], self.model.config.id2label)


def differences(ours: Detections, wanted: dict, size_hw: tuple[int, int], names: dict) -> list[str]:
    """What does not agree, in words; nothing when all does."""
    order = np.argsort(-wanted["scores"], kind="stable")
    labels = [names[int(i)] for i in wanted["labels"][order]]
    if list(ours.labels) != labels:
        return [f"labels {ours.labels} for {labels}"]
    found = []
    if np.abs(ours.scores - wanted["scores"][order]).max() > 1e-3:
        found.append(f"scores {ours.scores} for {wanted['scores'][order]}")
    boxes = np.clip(wanted["boxes"][order], 0, np.float32([size_hw[1], size_hw[0]] * 2))
    if np.abs(ours.boxes - boxes).max() > 0.05:
        found.append(f"boxes {ours.boxes} for {boxes}")
    return found


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Case]:
    return tiny.made_once(Case, tmp_path_factory)


@pytest.mark.parametrize("name", MODELS)
def test_a_detector_gives_the_answer_of_transformers(cases, name):
    case = cases(name)
    assert all(len(wanted["scores"]) >= 4 for wanted in case.wanted), "the oracle must say something"
    assert [case.complaints(case.detector, i) for i in range(len(SIZES))] == [[], [], []]


@pytest.mark.parametrize("name", MODELS)
def test_a_batch_of_different_sizes_equals_one_by_one(cases, name):
    case = cases(name)
    pictures = [*case.pictures, *case.pictures[:2]]  # DETR batches only those of equal size
    for alone, together in zip(map(case.detector, pictures), replace(case.detector, batch=5)(pictures), strict=True):
        assert together.labels == alone.labels
        np.testing.assert_allclose(together.scores, alone.scores, atol=1e-4)
        np.testing.assert_allclose(together.boxes, alone.boxes, atol=0.02)


@pytest.mark.parametrize("name", MODELS)
def test_swapped_channels_are_seen(cases, name):
    case = cases(name)
    recipe = replace(case.detector.card.recipe, channels="BGR")
    assert case.complaints(replace(case.detector, card=replace(case.detector.card, recipe=recipe)), 0)


@pytest.mark.parametrize("name", MODELS)
def test_a_shift_by_half_a_pixel_is_seen(cases, name):
    case = cases(name)
    assert case.complaints(Shifted(**vars(case.detector)), 0)


@pytest.mark.parametrize("name", MODELS)
def test_the_wrong_head_is_refused_by_its_number_of_classes(cases, name):
    case = cases(name)
    head = "detr_sigmoid" if name == "detr" else "detr_softmax"
    with pytest.raises(ShapeError, match=r"must tell \d+ classes, one per name of its card, got \d+"):
        case.complaints(replace(case.detector, card=replace(case.detector.card, head=head)), 0)


@pytest.mark.parametrize("name", ["rt_detr", "rt_detr_v2", "d_fine"])
def test_the_last_class_can_be_answered_by_a_sigmoid_head(cases, name):
    case = cases(name)
    last = max(case.model.config.id2label)
    everything = replace(case.detector, min_score=0.0)
    with_last = replace(everything, labels=(case.model.config.id2label[last],))
    found = [picture for picture in case.pictures if len(with_last(picture))]
    assert found, "no picture has the last class among its best pairs"


class Shifted(Detector):
    """A planted fault: everything lies half a tensor pixel off."""

    def preprocess(self, picture):
        feeds, views = super().preprocess(picture)
        offset = tuple(value + 0.5 for value in views[0].fit.offset_xy)
        return feeds, (replace(views[0], fit=replace(views[0].fit, offset_xy=offset)),)
