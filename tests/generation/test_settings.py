import json

import pytest

from pixwise.errors import CardError
from pixwise.generation.settings import NoiseSettings, read_settings, settings_from_config


def test_what_is_left_out_is_as_usual():
    assert settings_from_config({}, "x") == NoiseSettings()
    assert settings_from_config({"_class_name": "DDIMScheduler", "_diffusers_version": "0.1.1"}, "x").kind == "ddim"


def test_keys_of_the_first_versions_that_say_nothing_of_pictures_are_passed_over():
    assert settings_from_config({"tensor_format": "pt", "timestep_values": None}, "x") == NoiseSettings()


def test_null_betas_are_none():
    assert settings_from_config({"trained_betas": None}, "x").trained_betas == ()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"_class_name": "PNDMScheduler"}, "_class_name must be one of DDPMScheduler, DDIMScheduler, got 'PNDMSch"),
        ({"skip_prk_steps": True}, "settings must be known, got 'skip_prk_steps'; "),
        ({"clip_sampel": True}, "settings must be known, got 'clip_sampel'; did you mean 'clip_sample'"),
        ({"kind": "ddim"}, "settings must be known, got 'kind'"),
        ({"variance_type": "learned_range"}, "variance_type must be one of fixed_small, .*, got 'learned_range'"),
        ({"prediction_type": "flow"}, "prediction_type must be one of epsilon, sample, v_prediction, got 'flow'"),
        ({"beta_schedule": "laplace"}, "beta_schedule must be one of linear, .*, got 'laplace'"),
        ({"timestep_spacing": None}, "timestep_spacing must be one of leading, linspace, trailing, got None"),
        ({"clip_sample": 1}, "clip_sample must be true or false, got 1"),
        ({"num_train_timesteps": 0}, "num_train_timesteps must be a number from 1 to"),
        ({"num_train_timesteps": 10.5}, "num_train_timesteps must be a whole number, got 10.5"),
        ({"steps_offset": True}, "steps_offset must be a whole number, got True"),
        ({"beta_end": 1.5}, "beta_end must be a number from 0 to 0.999999, got 1.5"),
        ({"beta_start": float("nan")}, "beta_start must be a number from 0 to"),
        ({"trained_betas": [0.1, 2]}, "trained_betas must be numbers from 0 to below 1, got "),
        ({"trained_betas": "linear"}, "trained_betas must be numbers from 0 to below 1, got linear"),
        ({"trained_betas": [0.1] * 9}, r"trained_betas must be one per step of the training \(1000\), got 9"),
    ],
)
def test_what_is_not_known_is_refused_and_never_passed_over(config, words):
    with pytest.raises(CardError, match=f"^here: {words}"):
        settings_from_config(config, "here")


@pytest.mark.parametrize(
    ("text", "words"), [("{", "expected JSON, got "), ("[]", "expected a JSON object, got list; mend the file")]
)
def test_a_file_that_holds_no_settings_is_told_with_its_path(tmp_path, text, words):
    path = tmp_path / "scheduler_config.json"
    path.write_text(text)
    with pytest.raises(CardError, match=f"scheduler_config.json: {words}"):
        read_settings(path)


def test_a_file_that_is_gone_is_told(tmp_path):
    with pytest.raises(CardError, match="expected JSON, got No such file"):
        read_settings(tmp_path / "scheduler_config.json")


def test_a_file_of_diffusers_is_read(tmp_path):
    path = tmp_path / "scheduler_config.json"
    path.write_text(json.dumps({"_class_name": "DDIMScheduler", "beta_schedule": "scaled_linear", "steps_offset": 1}))
    read = read_settings(path)
    assert (read.kind, read.beta_schedule, read.steps_offset) == ("ddim", "scaled_linear", 1)
