"""Depth against `transformers`: the same weights, its own way in, its torch model, its own way back to the picture.

Tolerance: 1e-3 of the range of a map, mostly 1e-5. Between the model's map and the picture, torch computes places in
32 bits and is off by 1e-4 of a step from one pixel to the next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from oracle import depths, tiny

from pixwise.results import MetricDepth, RelativeDepth
from pixwise.tasks.depth import DepthEstimator

pytestmark = pytest.mark.oracle

SIZES = ((181, 241), (240, 133), (97, 380), (640, 471))
NAMES = tuple(depths.REFERENCES)
KINDS = {"depth_anything": RelativeDepth, "dpt": RelativeDepth}  # the others are metric


class Case:
    """A model saved to a folder, and the reference's maps of the pictures."""

    def __init__(self, name: str, folder: Path):
        model = depths.make(name)
        self.pictures = depths.jpegs(SIZES)
        self.wanted = [depths.wanted(name, model, data) for data in self.pictures]
        self.estimator = DepthEstimator.load(str(depths.save(name, model, folder / name)), exact=True, threads=1)

    def off(self, estimator: DepthEstimator, index: int) -> float:
        """The largest distance as a share of the map's range."""
        return share(estimator(self.pictures[index]).map(), self.wanted[index])


def share(got: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.abs(got - wanted).max() / np.ptp(wanted))


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Case]:
    return tiny.made_once(Case, tmp_path_factory)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("index", range(len(SIZES)))
def test_the_map_is_the_references(cases, name, index):
    case = cases(name)
    assert np.std(case.wanted[index]) > 0.02 * np.mean(case.wanted[index])  # a flat map would agree with anything
    assert case.off(case.estimator, index) < 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_mixed_sizes_is_the_same_and_says_what_it_is(cases, name):
    case = cases(name)
    answers = replace(case.estimator, batch=5)([*case.pictures, *case.pictures])
    assert all(share(a.map(), w) < 1e-3 for a, w in zip(answers, [*case.wanted, *case.wanted], strict=True))
    assert {type(answer) for answer in answers} == {KINDS.get(name, MetricDepth)}


def test_the_field_of_view_gives_the_focal_length(cases):
    case = cases("depth_pro")
    answer = case.estimator(case.pictures[0])
    view = np.degrees(2 * np.arctan(SIZES[0][1] / 2 / answer.focal_px))
    assert 40 < view < 70
    assert len(answer.points(case.pictures[0], step=10)) > 0


FAULTS = {
    "channels": {"channels": "BGR"},
    "stretched": {"resize": "stretch"},
    "another filter": {"resample": "bilinear"},
    "sides of another multiple": {"multiples": "below"},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_seen(cases, fault):
    case = cases("depth_anything")
    card = case.estimator.card
    wrong = replace(case.estimator, card=replace(card, recipe=replace(card.recipe, **FAULTS[fault])))
    assert max(case.off(wrong, index) for index in range(len(SIZES))) > 5e-3


@pytest.mark.parametrize("fault", [{"reflect": 0.0}, {"resample": "sampled"}], ids=str)
def test_a_fault_in_what_zoedepth_sees_is_seen(cases, fault):
    case = cases("zoedepth")
    card = case.estimator.card
    assert case.off(replace(case.estimator, card=replace(card, recipe=replace(card.recipe, **fault))), 0) > 5e-3


def test_a_shift_of_half_a_pixel_and_another_way_back_are_seen(cases):
    case = cases("depth_anything")
    answer, wanted = case.estimator(case.pictures[3]), case.wanted[3]
    full = answer.map()
    assert share((full + np.roll(full, 1, axis=1))[:, 1:] / 2, wanted[:, 1:]) > 5e-3
    assert share(replace(answer.depths, filter="bilinear").open(), wanted) > 5e-3


def test_the_mirror_image_is_the_mirror_image(cases):
    case = cases("depth_anything")
    answer = replace(case.estimator, mirrored=True)(case.pictures[0])
    assert 1e-3 < share(answer.map(), case.wanted[0]) < 1
    assert answer.map().shape == SIZES[0]
