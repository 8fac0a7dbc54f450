import itertools
import math
import subprocess
import sys

import cv2
import numpy as np
import pytest

from pixwise.draw.palette import BLACK, PALETTE, WHITE, colour_of, contrast, on, srgb_from_oklch


@pytest.mark.parametrize(
    ("oklch", "srgb"),
    [
        ((0.62796, 0.25768, 29.234), (255, 0, 0)),  # published values of the sRGB primaries
        ((0.86644, 0.29483, 142.495), (0, 255, 0)),
        ((0.45201, 0.31321, 264.052), (0, 0, 255)),
        ((1.0, 0.0, 0.0), (255, 255, 255)),
        ((0.0, 0.0, 0.0), (0, 0, 0)),
    ],
)
def test_oklch_gives_the_published_primaries(oklch, srgb):
    assert srgb_from_oklch(*oklch) == srgb


def test_a_colour_that_does_not_exist_is_made_paler_not_clipped():
    pale, wanted = srgb_from_oklch(0.8, 0.4, 264), srgb_from_oklch(0.8, 0.0, 264)
    assert max(pale) <= 255
    assert pale != wanted
    assert pale[2] > pale[0]  # still blue


@pytest.mark.parametrize("colour", [*PALETTE, BLACK, WHITE, (128, 128, 128), (119, 119, 119)])
def test_text_on_every_plate_reads_with_a_contrast_of_four_and_a_half(colour):
    assert contrast(colour, on(colour)) >= 4.5


def test_contrast_of_black_on_white_is_twenty_one():
    assert contrast(BLACK, WHITE) == pytest.approx(21)
    assert contrast((119, 119, 119), WHITE) == pytest.approx(4.48, abs=0.01)  # WCAG's well known nearest miss


def test_colours_of_a_label_stay_the_same_for_ever():
    golden = {"person": (237, 123, 6), "car": (254, 158, 234), "dog": (124, 116, 2), "face": (51, 231, 140)}
    assert {label: colour_of(label) for label in golden} == golden


def test_colours_are_the_same_in_another_process():
    code = "from pixwise.draw.palette import colour_of; print([colour_of(w) for w in ('cat', 'naïve', '中')])"
    for seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        )
        assert run.stdout.strip() == str([colour_of(word) for word in ("cat", "naïve", "中")])


def test_colours_of_the_palette_differ_to_the_eye():
    lab = cv2.cvtColor(np.float32([PALETTE]) / 255, cv2.COLOR_RGB2LAB)[0]  # CIELAB of OpenCV, not our OKLAB
    nearest = min(math.dist(a, b) for a, b in itertools.combinations(lab.tolist(), 2))
    assert nearest > 8  # 2.3 is just noticeable


def test_labels_spread_over_the_whole_palette():
    used = {colour_of(f"label {number}") for number in range(1000)}
    assert used == set(PALETTE)
