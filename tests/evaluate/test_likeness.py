"""PSNR and SSIM: against scikit-image and torchmetrics, and what is refused."""

import numpy as np
import pytest
import torch
from skimage import metrics
from torchmetrics.functional.image import structural_similarity_index_measure

from pixwise.errors import OptionError, ShapeError
from pixwise.evaluate.likeness import psnr, ssim, ssim_map
from pixwise.samples import photo_like

GAUSSIAN = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
TOLERANCE = 1e-9  # both compute in 64 bits, the sums in another order


def pair(hw=(67, 91), noise=12.0, seed=0):
    truth = photo_like(*hw, seed=seed)
    noisy = truth + np.random.default_rng(seed).normal(0, noise, truth.shape)
    return truth, np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("noise", [0.3, 5, 40])
@pytest.mark.parametrize("hw", [(11, 11), (11, 200), (67, 91)])
def test_ssim_and_psnr_are_those_of_scikit_image(hw, noise):
    truth, found = pair(hw, noise)
    options = {"channel_axis": 2, "data_range": 255}
    assert psnr(truth, found) == pytest.approx(metrics.peak_signal_noise_ratio(truth, found), abs=TOLERANCE)
    theirs = metrics.structural_similarity(truth, found, **options)
    assert ssim(truth, found, "uniform") == pytest.approx(theirs, abs=TOLERANCE)
    theirs = metrics.structural_similarity(truth, found, **options, **GAUSSIAN)
    assert ssim(truth, found) == pytest.approx(theirs, abs=TOLERANCE)


def test_the_map_is_that_of_scikit_image_too():
    truth, found = pair()
    _, theirs = metrics.structural_similarity(truth, found, channel_axis=2, full=True, **GAUSSIAN)
    np.testing.assert_allclose(ssim_map(truth, found), theirs[5:-5, 5:-5], atol=TOLERANCE)
    assert ssim_map(truth[..., 0], found[..., 0], "uniform").shape == (61, 85)


def test_grey_pictures_and_shares_of_one_are_taken():
    truth, found = (each[..., 0] / 255 for each in pair())
    theirs = metrics.structural_similarity(truth, found, data_range=1, **GAUSSIAN)
    assert ssim(truth, found, value_range=1) == pytest.approx(theirs, abs=TOLERANCE)
    assert psnr(truth, found, 1) == pytest.approx(metrics.peak_signal_noise_ratio(truth, found, data_range=1))


def test_ssim_is_that_of_torchmetrics():
    truth, found = pair()
    shaped = [torch.from_numpy(each).permute(2, 0, 1)[None].double() for each in (found, truth)]
    theirs = structural_similarity_index_measure(*shaped, data_range=255.0, return_full_image=True)[1]
    inner = theirs[0, :, 5:-5, 5:-5].numpy()  # at the edges it mirrors
    np.testing.assert_allclose(ssim_map(truth, found), inner.transpose(1, 2, 0), atol=1e-6)


def test_a_picture_is_like_itself():
    truth, _ = pair()
    assert (psnr(truth, truth), ssim(truth, truth), ssim(truth, truth, "uniform")) == (float("inf"), 1, 1)


def test_half_a_pixel_and_swapped_channels_are_seen():
    truth, _ = pair()
    moved = ((truth[:, 1:].astype(float) + truth[:, :-1]) / 2).round()
    assert ssim(truth[:, 1:], moved) < 0.999
    assert psnr(truth, truth[..., ::-1]) < 40


def test_by_hand():
    black, white = np.zeros((20, 20), np.uint8), np.full((20, 20), 255, np.uint8)
    assert psnr(black, white) == 0
    assert psnr(black, black + 1) == pytest.approx(48.1308, abs=1e-4)
    c1 = (0.01 * 255) ** 2
    assert ssim(black, white) == pytest.approx(c1 / (255**2 + c1))


@pytest.mark.parametrize("measure", [psnr, ssim])
@pytest.mark.parametrize(
    ("truth", "found", "said"),
    [
        (np.zeros((30, 40, 3)), np.zeros((40, 30, 3)), "found must be of the size of the truth, 40 x 30 x 3, got 30 x"),
        (np.zeros((30, 40, 3)), np.zeros((30, 40)), "got 40 x 30; bring both to one size and form"),
        (np.zeros(5), np.zeros(5), r"truth must have shape \(H, W\) or \(H, W, C\), got \(5,\)"),
        (np.zeros((0, 4)), np.zeros((0, 4)), r"got \(0, 4\)"),
        (np.full((20, 20), np.nan), np.zeros((20, 20)), "pictures must be finite"),
    ],
)
def test_what_cannot_be_compared_is_refused(measure, truth, found, said):
    with pytest.raises(ShapeError, match=said):
        measure(truth, found)


def test_what_is_smaller_than_the_window_has_no_ssim():
    small = np.zeros((10, 40))
    with pytest.raises(
        ShapeError, match="pictures must be of 11 x 11 pixels at least for window 'gaussian', got 40 x 10"
    ):
        ssim(small, small)
    assert ssim(small, small, "uniform") == 1
    assert psnr(small[:1, :1], small[:1, :1] + 1) > 0


def test_options_out_of_range_are_refused():
    with pytest.raises(OptionError, match="window must be known, got 'gausian'; did you mean 'gaussian'"):
        ssim(np.zeros((20, 20)), np.zeros((20, 20)), "gausian")
    with pytest.raises(OptionError, match="value_range must be above 0, got 0"):
        psnr(np.zeros((2, 2)), np.zeros((2, 2)), 0)
