"""What holds without a reference; `oracle/test_schedulers_oracle.py` has diffusers beside it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixwise.errors import CardError
from pixwise.generation.schedulers import Schedule, alphas_bar_of, betas_of, timesteps_of
from pixwise.generation.settings import NoiseSettings


@given(st.sampled_from(["leading", "linspace", "trailing"]), st.integers(1, 400), st.integers(1, 400))
def test_steps_are_of_the_training_each_once_the_noisiest_first(spacing, trained, steps):
    steps = min(steps, trained)
    taken = timesteps_of(NoiseSettings(num_train_timesteps=trained, timestep_spacing=spacing), steps)
    assert len(taken) == steps
    assert (np.diff(taken) < 0).all()
    assert 0 <= taken[-1] <= taken[0] < trained


@given(st.sampled_from(["linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid"]), st.integers(2, 1200))
def test_each_step_of_the_training_leaves_less_of_the_picture(schedule, steps):
    left = alphas_bar_of(NoiseSettings(beta_schedule=schedule, num_train_timesteps=steps))
    assert left.dtype == np.float32
    assert (np.diff(left) <= 0).all()
    assert 0 < left[-1] <= left[0] < 1


def test_zero_snr_leaves_nothing_at_the_end_and_the_first_step_as_it_was():
    plain, rescaled = (alphas_bar_of(NoiseSettings(rescale_betas_zero_snr=zero)) for zero in (False, True))
    assert (rescaled[-1], rescaled[0]) == (0, pytest.approx(plain[0]))
    assert (betas_of(NoiseSettings(rescale_betas_zero_snr=True)) <= 1).all()


@pytest.mark.parametrize("prediction", ["epsilon", "sample", "v_prediction"])
@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_a_model_that_knows_the_picture_brings_it_back(prediction, eta):
    """From any noise: Song et al. 2020, what a step foresees is the picture if the noise was foreseen rightly."""
    random = np.random.default_rng(0)
    picture = random.uniform(-1, 1, (2, 3, 4, 5)).astype(np.float32)
    schedule = Schedule(NoiseSettings(prediction_type=prediction), 20, "ddim", eta)
    sample = random.normal(size=picture.shape).astype(np.float32)
    for index, timestep in enumerate(schedule.timesteps):
        left = schedule.alphas_bar[timestep]
        noise = (sample - np.sqrt(left) * picture) / np.sqrt(1 - left)
        velocity = np.sqrt(left) * noise - np.sqrt(1 - left) * picture
        output = {"epsilon": noise, "sample": picture, "v_prediction": velocity}[prediction]
        drawn = random.normal(size=picture.shape).astype(np.float32) if schedule.draws(index) else None
        sample, clean = schedule.step(index, sample, output, drawn)
        np.testing.assert_allclose(clean, picture, atol=1e-3)
    np.testing.assert_allclose(sample, picture, atol=1e-3)


def test_arguments_are_untouched():
    given = [np.ones((1, 3, 2, 2), np.float32) * n for n in (0.5, 0.2, 0.1)]
    before = [array.copy() for array in given]
    Schedule(NoiseSettings(), 10, "ddpm").step(0, *given)
    assert all(np.array_equal(a, b) for a, b in zip(given, before, strict=True))


def test_thresholding_looks_at_each_picture_by_itself():
    settings = NoiseSettings(thresholding=True, sample_max_value=3.0, prediction_type="sample")
    output = np.stack([np.full((3, 2, 2), 2.0), np.full((3, 2, 2), 0.25)]).astype(np.float32)
    clean = Schedule(settings, 10).step(0, output, output).clean
    assert (clean[0] == 1).all()
    assert (clean[1] == 0.25).all()


def test_an_offset_beyond_the_training_is_told():
    with pytest.raises(
        CardError, match="steps_offset must lead to steps of the training, 0 to 999, got 1000 with 1000"
    ):
        Schedule(NoiseSettings(steps_offset=1), 1000)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}, "got shares of the picture from 0 to 0.99"),
        ({"beta_start": 0.0}, "got shares of the picture from .* to 1; see beta_start"),
    ],
)
def test_betas_that_would_divide_by_nothing_are_refused(settings, words):
    with pytest.raises(CardError, match=words):
        Schedule(NoiseSettings(**settings), 50)
