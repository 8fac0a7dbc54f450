"""Whole runs of our schedulers beside those of diffusers: the same noise, and a model that answers what it is shown.

The tolerance is 1e-4 of pictures that go from -1 to 1, after up to a thousand steps; where nothing is clipped, samples
are larger, and the difference is a share of the largest number. Only where training ended in nearly pure noise (the
cosine schedule, asked for its very last step) is it more: what is left of the picture is divided by √ᾱ there, and with
it the last bit of √(1 − ᾱ), which torch rounds in another way than IEEE says.
"""

import dataclasses

import diffusers
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pixwise.generation.schedulers import Schedule, alphas_bar_of, betas_of, timesteps_of
from pixwise.generation.settings import settings_from_config

pytestmark = pytest.mark.oracle
SHAPE = (2, 3, 5, 7)
CLASSES = {"ddpm": diffusers.DDPMScheduler, "ddim": diffusers.DDIMScheduler}
CONFIGS = st.fixed_dictionaries(
    {
        "num_train_timesteps": st.sampled_from([1000, 250, 37]),
        "beta_schedule": st.sampled_from(["linear", "scaled_linear", "squaredcos_cap_v2"]),
        "prediction_type": st.sampled_from(["epsilon", "sample", "v_prediction"]),
        "timestep_spacing": st.sampled_from(["leading", "linspace", "trailing"]),
        "clip_sample": st.booleans(),
        "clip_sample_range": st.sampled_from([1.0, 0.5, 2.0]),
        "thresholding": st.booleans(),
        "sample_max_value": st.sampled_from([1.0, 1.5]),
        "dynamic_thresholding_ratio": st.sampled_from([0.995, 0.9]),
        "steps_offset": st.sampled_from([0, 1]),
    }
)


def model(sample, timestep):
    """Stands for a network: bounded, different for each step, and it hands every difference on."""
    return torch.tanh(0.9 * sample + 0.3 * torch.sin(torch.tensor(timestep / 50.0)))


def noise_of(seed, count):
    """(1 + S, B, C, H, W) as torch draws them one after another."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(SHAPE, generator=generator) for _ in range(1 + count)]


def theirs(kind, config, steps, eta, seed):
    """Samples and foreseen pictures of diffusers, step by step."""
    scheduler, generator = CLASSES[kind].from_config(config), torch.Generator().manual_seed(seed)
    sample, told = torch.randn(SHAPE, generator=generator), []
    scheduler.set_timesteps(steps)
    extra = {"eta": eta} if kind == "ddim" else {}
    for timestep in scheduler.timesteps:
        step = scheduler.step(model(sample, timestep.item()), timestep, sample, generator=generator, **extra)
        sample = step.prev_sample
        told.append((sample.numpy(), step.pred_original_sample.numpy()))
    return told


def ours(schedule, seed):
    noise = noise_of(seed, schedule.steps)
    sample, told = noise.pop(0).numpy(), []
    for index, timestep in enumerate(schedule.timesteps):
        drawn = noise.pop(0).numpy() if schedule.draws(index) else None
        output = model(torch.from_numpy(sample), int(timestep)).numpy()
        sample, clean = schedule.step(index, sample, output, drawn)
        assert sample.dtype == clean.dtype == np.float32
        told.append((sample, clean))
    return told


def farthest(kind, config, steps, eta=0.0, seed=0, change=lambda schedule: schedule):
    """The largest difference of any step, of numbers that are 1 or more as a share of the largest.

    diffusers 0.42 gives NaN where all noise is to be new and rounding leaves less than none of the old; ours never.
    """
    schedule = Schedule(settings_from_config(config, "test"), steps, kind, eta)
    pairs = zip(ours(change(schedule), seed), theirs(kind, config, steps, eta, seed), strict=True)
    arrays = [(a, b) for mine, other in pairs for a, b in zip(mine, other, strict=True)]
    assert all(np.isfinite(a).all() for a, _ in arrays)
    return max(float(np.abs(a - b).max() / max(1, np.abs(b).max())) for a, b in arrays if np.isfinite(b).all())


def allowed(config, steps):
    """1e-4, or two last bits where a prediction of the noise divides them by less than that."""
    schedule = Schedule(settings_from_config(config, "test"), steps)
    left = float(schedule.alphas_bar[schedule.timesteps[0]]) ** 0.5
    return max(1e-4, 2**-22 / left) if config["prediction_type"] == "epsilon" else 1e-4


@settings(max_examples=60)
@given(CONFIGS, st.sampled_from([1, 2, 7, 30]), st.integers(0, 99))
def test_ddpm_goes_diffusers_way_step_by_step(config, steps, seed):
    assert farthest("ddpm", config, steps, seed=seed) <= allowed(config, steps)


@settings(max_examples=60)
@given(CONFIGS, st.sampled_from([1, 2, 7, 30]), st.sampled_from([0.0, 0.3, 0.9]), st.booleans())
def test_ddim_goes_diffusers_way_step_by_step(config, steps, eta, to_one):
    assert farthest("ddim", {**config, "set_alpha_to_one": to_one}, steps, eta) <= allowed(config, steps)


@pytest.mark.parametrize("kind", ["ddpm", "ddim"])
@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize("schedule", ["linear", "scaled_linear", "squaredcos_cap_v2"])
def test_a_run_of_all_thousand_steps_stays_together(kind, clip, schedule):
    config = {"beta_schedule": schedule, "clip_sample": clip}
    assert farthest(kind, config, 1000, eta=0.5 if kind == "ddim" else 0.0) <= 1e-4


@pytest.mark.parametrize("spacing", ["leading", "linspace", "trailing"])
@pytest.mark.parametrize("prediction", ["epsilon", "sample", "v_prediction"])
def test_ddim_may_renew_all_noise(spacing, prediction):
    """Not with the cosine schedule: there the root of a difference of last bits is larger than what is compared."""
    assert farthest("ddim", {"timestep_spacing": spacing, "prediction_type": prediction}, 50, 1.0) <= 1e-4


@pytest.mark.parametrize("variance", ["fixed_small", "fixed_small_log", "fixed_large"])
def test_the_noise_that_is_added_again_is_diffusers(variance):
    assert farthest("ddpm", {"variance_type": variance}, 50) <= 1e-4


def test_the_logarithm_of_the_large_variance_is_that_variance():
    """diffusers 0.42 takes the root of a logarithm there, which is NaN; the paper's code means the same variance."""
    assert np.isnan(theirs("ddpm", {"variance_type": "fixed_large_log"}, 5, 0, 0)[0][0]).all()
    told = [settings_from_config({"variance_type": kind}, "") for kind in ("fixed_large", "fixed_large_log")]
    plain, log = (ours(Schedule(each, 5, "ddpm"), 0)[-1][0] for each in told)
    np.testing.assert_array_equal(plain, log)


def test_one_step_that_renews_all_noise_is_a_picture():
    config = {"beta_schedule": "squaredcos_cap_v2", "num_train_timesteps": 250, "timestep_spacing": "trailing"}
    config |= {"set_alpha_to_one": False}
    assert np.isnan(theirs("ddim", config, 1, 1.0, 0)[0][0]).all()
    assert np.isfinite(ours(Schedule(settings_from_config(config, ""), 1, "ddim", 1.0), 0)[0][0]).all()


@pytest.mark.parametrize("kind", ["ddpm", "ddim"])
def test_training_that_ended_in_noise_alone(kind):
    config = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing", "prediction_type": "v_prediction"}
    assert farthest(kind, config, 20) <= 1e-4


@pytest.mark.parametrize("kind", ["ddpm", "ddim"])
def test_betas_of_the_training_itself(kind):
    config = {"trained_betas": np.linspace(0.001, 0.3, 20).tolist(), "num_train_timesteps": 20}
    assert farthest(kind, config, 9) <= 1e-4


def test_the_sigmoid_schedule():
    assert farthest("ddpm", {"beta_schedule": "sigmoid", "beta_end": 0.05}, 40) <= 1e-4


@pytest.mark.parametrize("schedule", ["linear", "scaled_linear", "squaredcos_cap_v2"])
@pytest.mark.parametrize("steps", [1000, 37])
def test_betas_and_their_products_are_diffusers_numbers(schedule, steps):
    other = diffusers.DDPMScheduler(beta_schedule=schedule, num_train_timesteps=steps)
    mine = settings_from_config(dict(other.config), "test")
    np.testing.assert_allclose(betas_of(mine), other.betas.numpy(), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(alphas_bar_of(mine), other.alphas_cumprod.numpy(), rtol=1e-6)


@settings(max_examples=200)
@given(st.sampled_from(["leading", "linspace", "trailing"]), st.integers(1, 300), st.integers(1, 300))
def test_the_steps_that_are_taken_are_diffusers(spacing, trained, steps):
    steps = min(steps, trained)
    other = diffusers.DDIMScheduler(timestep_spacing=spacing, num_train_timesteps=trained)
    other.set_timesteps(steps)
    mine = timesteps_of(settings_from_config(dict(other.config), "test"), steps)
    assert mine.tolist() == other.timesteps.tolist()[:steps]
    assert other.timesteps.tolist()[steps:] in ([], [-1])  # diffusers 0.42 rounds one step too many into some


def changed(**settings):
    return lambda schedule: dataclasses.replace(schedule, settings=dataclasses.replace(schedule.settings, **settings))


@pytest.mark.parametrize(
    ("kind", "config", "fault"),
    [
        ("ddpm", {}, changed(variance_type="fixed_large")),
        ("ddpm", {}, changed(clip_sample=False)),
        ("ddim", {}, changed(prediction_type="v_prediction")),
        ("ddim", {"steps_offset": 1}, changed(steps_offset=0)),
        ("ddim", {"beta_start": 0.01}, changed(set_alpha_to_one=False)),
        ("ddim", {}, changed(beta_end=0.0201)),
    ],
)
def test_a_planted_fault_is_seen(kind, config, fault):
    assert farthest(kind, config, 20, change=fault) > 1e-4
