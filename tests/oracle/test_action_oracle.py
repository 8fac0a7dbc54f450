"""Labels of clips against `transformers`: the same weights, processors, torch models and ways to sample frames.

Tolerance: logits and scores 1e-3, from pixels that its PIL processors prepare bit by bit alike. Frames: identical.
"""

from __future__ import annotations

import inspect
import json
import re
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers
from oracle import clips, tiny
from PIL import Image
from transformers.models.videomae.image_processing_pil_videomae import VideoMAEImageProcessorPil
from transformers.models.vivit.image_processing_vivit import VivitImageProcessor
from transformers.pipelines import video_classification as pipeline
from transformers.video_utils import VideoMetadata, default_sample_indices_fn

from pixwise.own.processors import recipe_from_config
from pixwise.pixels import prepare
from pixwise.tasks.action import ActionRecognizer, frames_of_stretch, frames_spread

pytestmark = pytest.mark.oracle

STRETCHES = ((8, 1), (8, 4), (16, 4), (32, 2), (16, 3))  # frames wanted, stride
CLIPS = ((40, 133, 97), (61, 90, 161), (64, 75, 75))  # frames, height, width: more frames than any model takes


class Case:
    """A model saved to a folder, and the reference's logits and scores of the clips."""

    def __init__(self, name: str, folder: Path):
        self.model, self.processor = clips.make(name), clips.PROCESSORS[name]
        self.folder = clips.save(name, self.model, folder / name)
        self.clips = [clips.photo_clip(*size, seed=7 + i) for i, size in enumerate(CLIPS)]
        self.task = ActionRecognizer.load(str(self.folder), threads=1, exact=True, top=0, min_score=0.0)
        self.logits = np.stack([self.answer(clip) for clip in self.clips])
        self.wanted = np.exp(self.logits) / np.exp(self.logits).sum(axis=1, keepdims=True)

    def answer(self, clip: list[np.ndarray]) -> np.ndarray:
        """(C,) logits of the reference, of the frames that its video processors take."""
        metadata = VideoMetadata(total_num_frames=len(clip))
        frames = default_sample_indices_fn(metadata, num_frames=self.model.config.num_frames)
        pixels = self.processor([clip[i] for i in frames], return_tensors="pt")["pixel_values"]
        with torch.no_grad():
            return self.model(pixel_values=pixels.float()).logits[0].numpy()

    def scores(self, task: ActionRecognizer, clip: list) -> np.ndarray:
        """(C,) ours, in the order of the classes."""
        answer = task(clip)
        return answer.scores[np.argsort(answer.label_ids)]


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Case]:
    return tiny.made_once(Case, tmp_path_factory)


@pytest.mark.parametrize("name", clips.PROCESSORS)
def test_scores_are_the_references(cases, name):
    case = cases(name)
    assert np.ptp(case.wanted, axis=0).max() > 0.05  # clips differ, else anything would agree
    for clip, wanted in zip(case.clips, case.wanted, strict=True):
        np.testing.assert_allclose(case.scores(case.task, clip), wanted, atol=1e-3)


@pytest.mark.parametrize("name", clips.PROCESSORS)
def test_logits_are_the_references(cases, name):
    case = cases(name)
    for clip, wanted in zip(case.clips, case.logits, strict=True):
        feeds, _ = case.task.preprocess(clip)
        np.testing.assert_allclose(case.task.run(feeds)["logits"][0], wanted, atol=1e-3)


@pytest.mark.parametrize("name", clips.PROCESSORS)
def test_a_batch_of_clips_of_several_sizes_is_the_same(cases, name):
    case = cases(name)
    answers = replace(case.task, batch=3)(case.clips)
    for answer, wanted in zip(answers, case.wanted, strict=True):
        np.testing.assert_allclose(answer.scores, wanted[answer.label_ids], atol=1e-3)


def test_yes_or_no_classes_are_scored_each_by_itself(cases):
    case = cases("videomae")
    task = replace(case.task, card=replace(case.task.card, head="sigmoid"))
    wanted = torch.from_numpy(case.logits[0]).sigmoid().numpy()
    np.testing.assert_allclose(case.scores(task, case.clips[0]), wanted, atol=1e-3)


@pytest.mark.parametrize("wanted", [8, 16, 32])
@pytest.mark.parametrize("count", [32, 33, 47, 64, 100, 9_999])
def test_frames_are_spread_as_the_reference_spreads_them(count, wanted):
    theirs = default_sample_indices_fn(VideoMetadata(total_num_frames=count), num_frames=wanted)
    np.testing.assert_array_equal(frames_spread(count, wanted), theirs)


class FakeFilm:
    """A container of PyAV's form whose frames are their own numbers."""

    def seek(self, place):
        pass

    def decode(self, video):
        return (SimpleNamespace(to_ndarray=lambda format, i=i: np.array([i])) for i in range(300))


@pytest.mark.parametrize(("wanted", "stride"), STRETCHES)
def test_frames_of_a_stretch_are_those_of_the_references_pipeline(wanted, stride, monkeypatch):
    seen = []

    def take(frames, return_tensors):
        seen.extend(int(frame[0]) for frame in frames)
        return transformers.BatchFeature({})

    monkeypatch.setattr(pipeline, "np", np, raising=False)  # both are there with PyAV only
    monkeypatch.setattr(pipeline, "av", SimpleNamespace(open=lambda film: FakeFilm()), raising=False)
    asked = SimpleNamespace(video_processor=None, image_processor=take, dtype=torch.float32)
    pipeline.VideoClassificationPipeline.preprocess(asked, "film.mp4", wanted, stride)
    assert frames_of_stretch(300, wanted, stride).tolist() == seen


def sampler_of_the_example():
    """The function that the documentation of TimeSformer shows; its stretch begins anywhere."""
    shown = inspect.getdoc(transformers.TimesformerForVideoClassification.forward)
    lines = re.search(r">>> def sample_frame_indices.*?\.\.\. +return indices", shown, re.DOTALL)[0].splitlines()
    names = {"np": np}
    exec(textwrap.dedent("\n".join(re.sub(r"^ *(>>>|\.\.\.) ?", "", line) for line in lines)), names)
    return names["sample_frame_indices"]


@pytest.mark.parametrize(("wanted", "stride"), STRETCHES)
def test_frames_of_a_stretch_are_within_one_of_the_references_example(wanted, stride):
    np.random.seed(3)
    theirs = sampler_of_the_example()(clip_len=wanted, frame_sample_rate=stride, seg_len=300)
    ours = frames_of_stretch(300, wanted, stride, start=int(theirs[0]))
    assert np.abs(ours - theirs).max() <= 1  # it counts to the end of the stretch, the pipeline to its last frame


@pytest.mark.parametrize("fault", ["frames reversed", "BGR", "a frame late", "no crop", "another mean"])
def test_a_planted_fault_is_seen(cases, fault):
    case = cases("videomae")
    task, clip, recipe = case.task, case.clips[0], case.task.card.recipe
    if fault == "frames reversed":
        clip = clip[::-1]
    elif fault == "a frame late":
        clip = [*clip[1:], clip[-1]]
    else:
        changes = {"BGR": {"channels": "BGR"}, "another mean": {"mean": (0.485, 0.456, 0.406)},
                   "no crop": {"resize": "stretch", "crop_hw": (0, 0)}}  # fmt: skip
        task = replace(task, card=replace(task.card, recipe=replace(recipe, **changes[fault])))
    assert np.abs(case.scores(task, clip) - case.wanted[0]).max() > 5e-3


@pytest.mark.parametrize("kind", [VideoMAEImageProcessorPil, VivitImageProcessor])
@pytest.mark.parametrize("size", [(97, 131), (301, 200), (31, 400)], ids=str)
def test_a_recipe_prepares_what_the_processor_of_clips_prepares(kind, size):
    processor, name = kind(), kind.__name__.removesuffix("Pil")
    frame = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    wanted = np.asarray(processor([frame], return_tensors="np")["pixel_values"])[0, 0]
    for config in (json.loads(processor.to_json_string()), {"image_processor_type": name}):
        recipe = recipe_from_config(config, {}, name)
        np.testing.assert_allclose(prepare(Image.fromarray(frame), size, recipe)[0], wanted, atol=1e-5, rtol=0)
