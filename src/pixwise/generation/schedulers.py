"""DDPM and DDIM: from what the model sees in the noise to the picture with a little less of it. Pure numpy.

    (B, C, H, W) noise ─▶ for each step: model ─▶ ddpm_step | ddim_step ─▶ (B, C, H, W) picture, −1 to 1

Names as in the papers: β is the variance that a step of the training adds, ᾱ (`alphas_bar`) the share of the picture
that is left. All of it is 32-bit and in diffusers' order, since a run of a thousand steps keeps every difference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pixwise.errors import CardError, OptionError, check_range, nearest
from pixwise.generation.settings import KINDS, NoiseSettings
from pixwise.lazy import kept

__all__ = ["Denoised", "Schedule", "alphas_bar_of", "betas_of", "timesteps_of"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
_ONE = np.float32(1)
_LEAST = np.float32(1e-20)  # of a variance, whose logarithm is taken


class Denoised(NamedTuple):
    """What a step gives.

    Attributes:
        sample: (B, C, H, W) with a little less noise.
        clean: (B, C, H, W) the picture without noise, as far as the model can see it now.
    """

    sample: Floats
    clean: Floats


@dataclass(frozen=True)
class Schedule:
    """The steps of one run.

    Args:
        settings: of the model.
        steps: how many; at most those of the training.
        scheduler: `ddpm` (Ho et al. 2020, arXiv:2006.11239) or `ddim` (Song et al. 2020, arXiv:2010.02502).
        eta: of DDIM, how much noise each step adds again: 0 none, 1 as much as DDPM.

    Raises:
        OptionError: an option is out of range.
        CardError: an offset leads beyond the training's steps.
    """

    settings: NoiseSettings
    steps: int = 50
    scheduler: str = "ddim"
    eta: float = 0.0

    def __post_init__(self) -> None:
        if self.scheduler not in KINDS:
            raise OptionError(f"scheduler must be known, got {self.scheduler!r}; {nearest(str(self.scheduler), KINDS)}")
        check_range("eta", self.eta, 0, 1)
        if self.eta and self.scheduler == "ddpm":
            raise OptionError(f"eta must be 0 with ddpm, got {self.eta:g}; it is of ddim: leave one of the two out")
        shares = self.alphas_bar[self.timesteps]
        if not (shares.max() < 1 and (shares.min() > 0 or self.settings.prediction_type != "epsilon")):
            raise CardError(
                "betas must leave noise in each step, and of the picture some where the model foresees the noise, got "
                f"shares of the picture from {shares.min():g} to {shares.max():g}; see beta_start, beta_end and "
                "rescale_betas_zero_snr of the scheduler's settings"
            )

    @kept
    def timesteps(self) -> Ints:
        """(S,) of the training, the noisiest first."""
        return timesteps_of(self.settings, self.steps)

    @kept
    def alphas_bar(self) -> Floats:
        """(T,) share of the picture's variance that is left after each step of the training."""
        return alphas_bar_of(self.settings)

    def draws(self, index: int) -> bool:
        """Whether a step takes new noise."""
        return self.eta > 0 if self.scheduler == "ddim" else bool(self.timesteps[index] > 0)

    def step(self, index: int, sample: Floats, output: Floats, noise: Floats | None = None) -> Denoised:
        """Take the noise of one step away.

        Args:
            index: which step, from 0.
            sample: (B, C, H, W) as it is before.
            output: (B, C, H, W) what the model gave for it.
            noise: (B, C, H, W) of variance 1, for a step that `draws`.
        """
        if self.scheduler == "ddim":
            return self._ddim(index, sample, output, noise)
        return self._ddpm(index, sample, output, noise)

    def _ddpm(self, index: int, sample: Floats, output: Floats, noise: Floats | None) -> Denoised:
        """Ho et al. 2020, equations 6, 7 and 15."""
        before = self._alpha_bar(int(self.timesteps[index + 1]) if index + 1 < self.steps else -1, _ONE)
        now = self.alphas_bar[self.timesteps[index]]
        clean, _ = self._foreseen(now, sample, output)
        alpha = now / before
        beta = _ONE - alpha
        of_clean = np.sqrt(before) * beta / (_ONE - now)
        of_sample = np.sqrt(alpha) * (_ONE - before) / (_ONE - now)
        mean = of_clean * clean + of_sample * sample
        if not self.draws(index):
            return Denoised(mean, clean)
        return Denoised(mean + self._deviation(now, before) * noise, clean)

    def _deviation(self, now: np.float32, before: np.float32) -> np.float32:
        """Standard deviation of the noise that DDPM adds again. The endings `_log` only name another way to it."""
        beta = _ONE - now / before
        if self.settings.variance_type.startswith("fixed_large"):
            return np.sqrt(beta)
        return np.sqrt(np.maximum((_ONE - before) / (_ONE - now) * beta, _LEAST))

    def _ddim(self, index: int, sample: Floats, output: Floats, noise: Floats | None) -> Denoised:
        """Song et al. 2020, equations 12 and 16."""
        timestep = int(self.timesteps[index])
        last = _ONE if self.settings.set_alpha_to_one else self.alphas_bar[0]
        before = self._alpha_bar(timestep - self.settings.num_train_timesteps // self.steps, last)
        now = self.alphas_bar[timestep]
        clean, seen = self._foreseen(now, sample, output)
        variance = (_ONE - before) / (_ONE - now) * (_ONE - now / before)
        deviation = np.float32(self.eta) * np.sqrt(variance)
        rest = np.maximum(_ONE - before - deviation * deviation, 0)  # of nothing, rounding may leave less than that
        ahead = np.sqrt(before) * clean + np.sqrt(rest) * seen
        return Denoised(ahead + deviation * noise if self.draws(index) else ahead, clean)

    def _alpha_bar(self, timestep: int, last: np.float32) -> np.float32:
        return self.alphas_bar[timestep] if timestep >= 0 else last

    def _foreseen(self, now: np.float32, sample: Floats, output: Floats) -> tuple[Floats, Floats]:
        """The picture and the noise of which a sample consists, as the model sees it; the picture within its range."""
        of_clean, of_noise = np.sqrt(now), np.sqrt(_ONE - now)
        if self.settings.prediction_type == "epsilon":
            clean, noise = (sample - of_noise * output) / of_clean, output
        elif self.settings.prediction_type == "sample":
            clean, noise = output, (sample - of_clean * output) / of_noise
        else:
            clean = of_clean * sample - of_noise * output
            noise = of_clean * output + of_noise * sample
        return self._within(clean), noise

    def _within(self, clean: Floats) -> Floats:
        """Clipped; or divided by what nearly all numbers of a picture are below (Saharia et al. 2022, section 2.3)."""
        settings = self.settings
        if settings.thresholding:
            rows = np.abs(clean).reshape(len(clean), -1)
            most = np.quantile(rows, settings.dynamic_thresholding_ratio, axis=1).astype(np.float32)
            most = np.clip(most, 1, settings.sample_max_value).reshape(-1, 1, 1, 1)  # (B, 1, 1, 1)
            return np.clip(clean, -most, most) / most
        if settings.clip_sample:
            return np.clip(clean, -settings.clip_sample_range, settings.clip_sample_range)
        return clean


def betas_of(settings: NoiseSettings) -> Floats:
    """(T,) variance of the noise that each step of the training added."""
    count, first, last = settings.num_train_timesteps, settings.beta_start, settings.beta_end
    if settings.trained_betas:
        betas = np.array(settings.trained_betas, np.float32)
    elif settings.beta_schedule == "linear":
        betas = _evenly(first, last, count)
    elif settings.beta_schedule == "scaled_linear":
        betas = np.square(_evenly(first**0.5, last**0.5, count))
    elif settings.beta_schedule == "sigmoid":
        betas = _ONE / (_ONE + np.exp(-_evenly(-6, 6, count))) * np.float32(last - first) + np.float32(first)
    else:
        betas = _cosine(count)
    return _without_signal_at_the_end(betas) if settings.rescale_betas_zero_snr else betas


def alphas_bar_of(settings: NoiseSettings) -> Floats:
    """(T,) share of the picture's variance that is left after each step of the training."""
    return _products(_ONE - betas_of(settings))


def timesteps_of(settings: NoiseSettings, steps: int) -> Ints:
    """(S,) steps of the training that are taken, the noisiest first.

    Raises:
        OptionError: no step, or more than the training had.
        CardError: an offset leads beyond them.
    """
    count = settings.num_train_timesteps
    if not isinstance(steps, int) or isinstance(steps, bool) or not 1 <= steps <= count:
        raise OptionError(f"steps must be a whole number from 1 to {count}, those of the training, got {steps!r}")
    if settings.timestep_spacing == "linspace":
        taken = np.linspace(0, count - 1, steps).round()[::-1]
    elif settings.timestep_spacing == "leading":
        taken = (np.arange(steps) * (count // steps))[::-1] + settings.steps_offset
    else:
        taken = np.round(np.arange(count, 0, -count / steps))[:steps] - 1
    if taken[0] >= count:
        raise CardError(
            f"steps_offset must lead to steps of the training, 0 to {count - 1}, got {int(taken[0])} with "
            f"{steps} steps; take fewer steps"
        )
    return taken.astype(np.int64)


def _evenly(first: float, last: float, count: int) -> Floats:
    """(N,) from both ends to the middle, as torch's `linspace` rounds."""
    begin, end = np.float32(first), np.float32(last)
    step = np.float64((end - begin) / np.float32(max(count - 1, 1)))  # torch adds a product without rounding it
    places = np.arange(count)
    return np.where(places < count // 2, begin + step * places, end - step * (count - 1 - places)).astype(np.float32)


def _cosine(count: int) -> Floats:
    """(T,) Nichol and Dhariwal 2021, section 3.2 (arXiv:2102.09672)."""

    def left(share: float) -> float:
        return math.cos((share + 0.008) / 1.008 * math.pi / 2) ** 2

    return np.array([min(1 - left((i + 1) / count) / left(i / count), 0.999) for i in range(count)], np.float32)


def _products(alphas: Floats) -> Floats:
    """(T,) of the first, the first two …; in 64 bits, as torch's `cumprod`."""
    return np.cumprod(alphas.astype(np.float64)).astype(np.float32)


def _without_signal_at_the_end(betas: Floats) -> Floats:
    """(T,) so that nothing of the picture is left at the last step (Lin et al. 2023, algorithm 1, arXiv:2305.08891)."""
    roots = np.sqrt(_products(_ONE - betas))
    first, last = roots[0], roots[-1]
    bars = np.square((roots - last) * (first / (first - last)))
    return _ONE - np.concatenate([bars[:1], bars[1:] / bars[:-1]])
