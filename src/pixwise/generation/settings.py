"""How a diffusion model was trained and wants to be sampled: `scheduler_config.json` in diffusers' form, checked.

    {"_class_name": "DDPMScheduler", "beta_schedule": "linear", …} ─▶ settings_from_config ─▶ NoiseSettings

The keys keep their names, so that a file can be read beside this one. What is not known here is refused: a setting that
is passed over would give other pictures without a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pixwise.errors import CardError, check_range, nearest
from pixwise.own.configs import read_json

__all__ = ["KINDS", "NoiseSettings", "read_settings", "settings_from_config"]

KINDS = ("ddim", "ddpm")
_CLASSES = {"DDPMScheduler": "ddpm", "DDIMScheduler": "ddim"}
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "beta_schedule": ("linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid"),
    "prediction_type": ("epsilon", "sample", "v_prediction"),
    "timestep_spacing": ("leading", "linspace", "trailing"),
    "variance_type": ("fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log"),
}
_RANGES: Mapping[str, tuple[float, float]] = {  # what lies outside gives noise or NaN, and never a picture
    "num_train_timesteps": (1, 1_000_000),
    "beta_start": (0, 0.999999),
    "beta_end": (0, 0.999999),
    "clip_sample_range": (1e-6, 1e6),
    "dynamic_thresholding_ratio": (0, 1),
    "sample_max_value": (1, 1e6),
    "steps_offset": (0, 1_000_000),
}
_FORMS = {"bool": (bool, "true or false"), "int": (int, "a whole number"), "float": (int | float, "a number")}
_OF_MEMORY = ("tensor_format", "timestep_values")  # of diffusers before 0.4: how arrays were held, nothing of pictures


@dataclass(frozen=True)
class NoiseSettings:
    """How much noise each step of the training had, and how it is taken away again.

    Attributes:
        kind: the scheduler that the file names: `ddpm` or `ddim`.
        num_train_timesteps: steps of the training.
        beta_start, beta_end: variance of the noise that the first and the last of them added.
        beta_schedule: how it grows in between: `linear`, `scaled_linear`, `squaredcos_cap_v2` or `sigmoid`.
        trained_betas: one per step, in the place of a schedule; empty for none.
        variance_type: of the noise that DDPM adds again at each step.
        clip_sample: the picture that a step foresees is kept within ±`clip_sample_range`.
        prediction_type: what the model gives: the noise (`epsilon`), the picture (`sample`), or `v_prediction`.
        thresholding: instead of clipping, divide by the quantile `dynamic_thresholding_ratio` where it is above 1, by
            `sample_max_value` at most.
        timestep_spacing: which of the training's steps fewer steps take.
        steps_offset: added to each of them, with `leading`.
        rescale_betas_zero_snr: the last step of the training is noise alone.
        set_alpha_to_one: DDIM ends without noise; else with that of the training's first step.
    """

    kind: str = "ddpm"
    num_train_timesteps: int = 1000
    beta_start: float = 0.0001
    beta_end: float = 0.02
    beta_schedule: str = "linear"
    trained_betas: tuple[float, ...] = ()
    variance_type: str = "fixed_small"
    clip_sample: bool = True
    clip_sample_range: float = 1.0
    prediction_type: str = "epsilon"
    thresholding: bool = False
    dynamic_thresholding_ratio: float = 0.995
    sample_max_value: float = 1.0
    timestep_spacing: str = "leading"
    steps_offset: int = 0
    rescale_betas_zero_snr: bool = False
    set_alpha_to_one: bool = True


def read_settings(path: Path) -> NoiseSettings:
    """The settings of a `scheduler_config.json`.

    Raises:
        CardError: it is no JSON object, or holds what is not known here.
    """
    return settings_from_config(read_json(path), str(path))


def settings_from_config(config: Mapping[str, Any], where: str) -> NoiseSettings:
    """Check the settings of a DDPM or DDIM scheduler.

    Args:
        config: as diffusers writes it; what is left out is as usual there.
        where: for messages.

    Raises:
        CardError: another scheduler, a key that is not known, or a value that cannot be.
    """
    named = config.get("_class_name", "DDPMScheduler")
    if named not in _CLASSES:
        raise CardError(
            f"{where}: _class_name must be one of {', '.join(_CLASSES)}, got {named!r}; choose a model that was made "
            "for these, or write their settings in its place"
        )
    given = {key: entry for key, entry in config.items() if not key.startswith("_") and key not in _OF_MEMORY}
    known = {spec.name: str(spec.type) for spec in fields(NoiseSettings)}
    for key in given:
        if key not in known or key == "kind":
            raise CardError(f"{where}: settings must be known, got {key!r}; {nearest(key, set(known) - {'kind'})}")
    for key, entry in given.items():
        _check(key, entry, known[key], where)
    betas = given.pop("trained_betas", None) or ()
    settings = NoiseSettings(kind=_CLASSES[named], **given, trained_betas=tuple(map(float, betas)))
    if betas and len(betas) != settings.num_train_timesteps:
        raise CardError(
            f"{where}: trained_betas must be one per step of the training ({settings.num_train_timesteps}), got "
            f"{len(betas)}; mend num_train_timesteps"
        )
    return settings


def _check(key: str, entry: Any, form: str, where: str) -> None:
    if key == "trained_betas":
        _check_betas(entry, where)
    elif key in _CHOICES and entry not in _CHOICES[key]:
        raise CardError(
            f"{where}: {key} must be one of {', '.join(_CHOICES[key])}, got {entry!r}; choose another model"
        )
    elif form in _FORMS:
        kind, words = _FORMS[form]
        if not isinstance(entry, kind) or (form != "bool" and isinstance(entry, bool)):
            raise CardError(f"{where}: {key} must be {words}, got {entry!r}; mend the file")
        if key in _RANGES:
            _check_range(key, entry, where)


def _check_betas(betas: Any, where: str) -> None:
    if betas is None:
        return
    if not isinstance(betas, list) or not all(isinstance(beta, int | float) and 0 <= beta < 1 for beta in betas):
        raise CardError(
            f"{where}: trained_betas must be numbers from 0 to below 1, got {str(betas)[:60]}; mend the file"
        )


def _check_range(key: str, entry: float, where: str) -> None:
    try:
        check_range(key, entry, *_RANGES[key])
    except ValueError as error:
        raise CardError(f"{where}: {error}") from error
