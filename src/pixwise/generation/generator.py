"""Unconditional generation: pictures of the kind that a model was trained on, from nothing but noise.

    seeds ─▶ (B, C, H, W) noise ─▶ S × (model ─▶ scheduler's step) ─▶ (B, C, H, W), −1 to 1 ─▶ Pictures

It takes no picture, so it is no task of the contract; everything else is as there: a card, a session, a typed answer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pixwise.answers.pictures import Pictures
from pixwise.answers.raster import Raster
from pixwise.ask import names_checked
from pixwise.errors import CardError, ShapeError, check_range
from pixwise.generation.noise import Draw, checked_noise, checked_seeds, given_noise, seeded_noise
from pixwise.generation.schedulers import Schedule
from pixwise.generation.settings import NoiseSettings, read_settings
from pixwise.lazy import kept
from pixwise.loading import as_loaded, load_card, load_model
from pixwise.pool import shared_pool
from pixwise.registry import Card
from pixwise.results import ImageInfo, ModelInfo
from pixwise.session import Session, Tensor, check_machine

__all__ = ["Generator", "generate", "generator_card"]

Floats = npt.NDArray[np.float32]
Progress = Callable[[int, int, Pictures], object]
_AT_ONCE = 4  # pictures per run, where the card does not say
_TYPES = {"float": np.float32, "float16": np.float16, "double": np.float64, "int64": np.int64, "int32": np.int32}


@dataclass(frozen=True)
class Generator:
    """Makes pictures of noise; one serves many threads.

    Attributes:
        card, session: the model: a UNet that is shown a noisy picture and the step, and its scheduler's settings.
    """

    card: Card
    session: Session = field(repr=False)

    def __post_init__(self) -> None:
        if self.card.task != "generate" or self.card.head != "ddpm":
            got = f"{self.card.task!r} with head {self.card.head!r}"
            raise CardError(
                f"model {self.card.id!r} must be for 'generate' with head 'ddpm', got {got}; choose another"
            )
        if "scheduler" not in self.session.files:
            raise CardError(
                f"model {self.card.id!r} must have scheduler/scheduler_config.json as its part 'scheduler', got none; "
                "copy it from the model's repository"
            )
        _check_inputs(self.card, self.session.inputs())
        _ = self.settings, self.shape

    def __repr__(self) -> str:
        return f"Generator({self.card.id!r})"

    @classmethod
    def load(
        cls,
        model: str | os.PathLike[str],
        *,
        device: str = "auto",
        threads: int = 0,
        precision: str = "",
        offline: bool | None = None,
        accept_licence: Sequence[str] = (),
    ) -> Self:
        """Load a model.

        Args:
            model: a folder that `pixwise export` wrote, or one in diffusers' layout with an ONNX file; or a card's id.
            device, threads, precision, offline, accept_licence: as for a task.

        Raises:
            OptionError, UnknownModelError, CardError: no such model, or none that makes pictures.
            ModelMissingError, FetchError, ModelFileError, LicenceError, SetupError: see there.
        """
        check_machine(device, threads)
        card = generator_card(model, offline=offline, precision=precision)
        session = load_model(card, device=device, threads=threads, offline=offline, accept_licence=accept_licence)
        return cls(as_loaded(card), session)

    @kept
    def settings(self) -> NoiseSettings:
        """How it was trained, and wants to be sampled."""
        return read_settings(self.session.files["scheduler"])

    @kept
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of a picture: the model's own; where it takes any size, its card's."""
        channels, *size_hw = self._sample.shape[1:]
        wanted = self.card.recipe.size_hw
        found = tuple(mine if mine > 0 else told for mine, told in zip(size_hw, wanted, strict=True))
        if channels not in (1, 3) or min(found) < 1 or (min(wanted) > 0 and found != tuple(wanted)):
            raise CardError(
                f"model {self.card.id!r} must take pictures of 1 or 3 channels and {wanted[0]} x {wanted[1]} px, as "
                f"its card says, got {[channels, *size_hw]}; choose another, or mend size_hw"
            )
        return channels, *found

    @property
    def _sample(self) -> Tensor:
        """The input that takes noisy pictures."""
        return next(each for each in self.session.inputs() if len(each.shape) == 4)

    @property
    def _timestep(self) -> Tensor:
        return next(each for each in self.session.inputs() if len(each.shape) < 4)

    def __call__(
        self,
        count: int = 4,
        *,
        seed: int = 0,
        steps: int = 50,
        scheduler: str = "ddim",
        eta: float = 0.0,
        batch: int = 0,
        progress: Progress | None = None,
    ) -> Pictures:
        """Make pictures.

        Args:
            count: how many.
            seed: of the first; each has its own, one higher than that before. The same seed, steps, scheduler and eta
                give the same picture, whatever is made with it.
            steps: how often the model is asked, at most as often as there were steps in its training. More make better
                pictures; 50 are enough for ddim.
            scheduler: `ddim`, or `ddpm`, which wants all the steps of the training.
            eta: of ddim, how much noise each step adds again, 0 to 1.
            batch: pictures per run; 0 is what the card says.
            progress: told after each step: how many are done, of how many, and what the model foresees of the pictures
                that are being made. What it raises stops the work.

        Raises:
            OptionError: an option is out of range.
            ShapeError: the model gives NaN, or no picture of this size.
        """
        made = list(
            self.stream(count, seed=seed, steps=steps, scheduler=scheduler, eta=eta, batch=batch, progress=progress)
        )
        return Pictures.joined(made)

    def stream(
        self,
        count: int = 4,
        *,
        seed: int = 0,
        steps: int = 50,
        scheduler: str = "ddim",
        eta: float = 0.0,
        batch: int = 0,
        progress: Progress | None = None,
    ) -> Iterator[Pictures]:
        """The same, batch by batch: each is given as soon as it is finished. Options are checked at once."""
        schedule = Schedule(self.settings, steps, scheduler, eta)
        seeds = checked_seeds(seed, count)
        return self._batches(
            schedule, seeds, lambda rows: seeded_noise(seeds[rows], self.shape), self._at_once(batch), progress
        )

    def from_noise(
        self,
        noise: npt.ArrayLike,
        step_noise: npt.ArrayLike | None = None,
        *,
        steps: int = 50,
        scheduler: str = "ddim",
        eta: float = 0.0,
        batch: int = 0,
        progress: Progress | None = None,
    ) -> Pictures:
        """Make pictures of noise that is given: what another program makes of it can be compared.

        Args:
            noise: (N, C, H, W) of variance 1, what is started from.
            step_noise: (D, N, C, H, W) for each step that draws, in order: with ddpm all but that of timestep 0, with
                ddim all when eta is above 0; None where none draws.
            steps, scheduler, eta, batch, progress: as for a call.

        Raises:
            ShapeError, OptionError: noise of another shape, or in too few or too many steps.
        """
        schedule = Schedule(self.settings, steps, scheduler, eta)
        draws = sum(map(schedule.draws, range(steps)))
        first, later = checked_noise(noise, step_noise, self.shape, draws)
        seeds = [-1] * len(first)
        at_once = self._at_once(batch)
        return Pictures.joined(
            list(self._batches(schedule, seeds, lambda rows: given_noise(first, later, rows), at_once, progress))
        )

    def _at_once(self, batch: int) -> int:
        check_range("batch", batch, 0, 4096)
        if self._sample.shape[0] == 1:  # exported for one picture
            return 1
        return int(batch) or (self.card.batch if self.card.batch > 1 else _AT_ONCE)

    def _batches(
        self,
        schedule: Schedule,
        seeds: list[int],
        noise: Callable[[slice], Draw],
        at_once: int,
        progress: Progress | None,
    ) -> Iterator[Pictures]:
        starts = range(0, len(seeds), at_once)
        for number, start in enumerate(starts):
            rows, before = slice(start, start + at_once), number * schedule.steps

            def tell(done: int, clean: Floats, rows: slice = rows, before: int = before) -> None:
                if progress is not None:
                    seen = self._answer(schedule, seeds[rows], clean, done, {})
                    progress(before + done, len(starts) * schedule.steps, seen)

            yield self._run(schedule, seeds[rows], noise(rows), tell)

    def _run(self, schedule: Schedule, seeds: list[int], draw: Draw, tell: Callable[[int, Floats], None]) -> Pictures:
        """One batch, from noise to pictures."""
        began, asked = time.perf_counter(), 0.0
        sample = draw()  # (B, C, H, W)
        for index, timestep in enumerate(schedule.timesteps.tolist()):
            place = f"at step {index + 1} of {schedule.steps} (timestep {timestep})"
            started = time.perf_counter()
            output = self._ask(sample, timestep, place)
            asked += time.perf_counter() - started
            noise = draw() if schedule.draws(index) else None
            with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is told in words
                sample, clean = schedule.step(index, sample, output, noise)
            if not np.isfinite(sample).all():
                raise ShapeError(f"pictures must stay finite, got numbers beyond 32 bits {place}; try other settings")
            tell(index + 1, clean if index + 1 < schedule.steps else sample)
        spent = {"model": 1e3 * asked, "scheduler": 1e3 * (time.perf_counter() - began - asked)}
        return self._answer(schedule, seeds, sample, schedule.steps, spent)

    def _ask(self, sample: Floats, timestep: int, place: str) -> Floats:
        """(B, C, H, W) what the model says of noisy pictures."""
        shape = tuple(length if length == 1 else len(sample) for length in self._timestep.shape)
        times = np.full(shape, timestep, _TYPES[self._timestep.dtype])
        feeds = {self._sample.name: sample.astype(_TYPES[self._sample.dtype], copy=False), self._timestep.name: times}
        output = next(iter(self.session.run(feeds).values())).astype(np.float32, copy=False)
        if output.shape != sample.shape:
            raise ShapeError(
                f"model {self.card.id!r} must give an array of shape {sample.shape}, as it is shown, got "
                f"{output.shape}; one that foresees variances too cannot be sampled here"
            )
        if not np.isfinite(output).all():
            raise ShapeError(
                f"model {self.card.id!r} must give finite numbers, got NaN or infinity {place}; use its fp32 files"
            )
        return output

    def _answer(
        self, schedule: Schedule, seeds: list[int], sample: Floats, done: int, spent: dict[str, float]
    ) -> Pictures:
        pixels = np.moveaxis(sample / 2 + np.float32(0.5), 1, -1)  # (B, H, W, C), 0 to 1
        pictures = tuple(Raster.from_shares(np.broadcast_to(one, (*one.shape[:2], 3))) for one in pixels)
        card = self.card
        return Pictures(
            image=ImageInfo("<noise>", width=self.shape[2], height=self.shape[1]),
            model=ModelInfo(card.id, card.revision, card.precision, card.licence),
            timings_ms=spent,
            scheduler=schedule.scheduler,
            steps=schedule.steps,
            done=done,
            eta=schedule.eta,
            seeds=seeds,
            pictures=pictures,
        )


@names_checked
def generate(
    model: str | os.PathLike[str],
    count: int = 4,
    *,
    seed: int = 0,
    steps: int = 50,
    scheduler: str = "ddim",
    eta: float = 0.0,
    batch: int = 0,
    progress: Progress | None = None,
    device: str = "auto",
    threads: int = 0,
    precision: str = "",
    offline: bool | None = None,
    accept_licence: Sequence[str] = (),
) -> Pictures:
    """Make pictures of the kind that a model was trained on: `px.generate("models/ddpm").grid().show()`.

    Args:
        model: a folder that `pixwise export` wrote, or one in diffusers' layout with an ONNX file; or a card's id.
        count, seed, steps, scheduler, eta, batch, progress: as for a call of `Generator`.
        device, threads, precision, offline, accept_licence: as for a task.

    Returns:
        `Pictures`, a row each.
    """
    card = generator_card(model, offline=offline, precision=precision)
    session = shared_pool().session(
        card, device=device, threads=threads, offline=offline, accept_licence=accept_licence
    )
    return Generator(as_loaded(card), session)(
        count, seed=seed, steps=steps, scheduler=scheduler, eta=eta, batch=batch, progress=progress
    )


def generator_card(model: str | os.PathLike[str], **options: Any) -> Card:
    """The card of a model that makes pictures.

    Args:
        model: as for `Generator.load`.
        **options: `offline` and `precision` of `load_card`.

    Raises:
        CardError: none is named, or it does something else.
    """
    if model == "":
        raise CardError(
            "model of generate must be named, got none; make a folder with pixwise export, there is no model that "
            "could be fetched (docs/generate.md)"
        )
    return load_card(model, "generate", **options)


def _check_inputs(card: Card, inputs: Sequence[Tensor]) -> None:
    """Pictures and their steps, and nothing else that somebody would have to give."""
    ranks = sorted(len(each.shape) for each in inputs)
    if ranks not in ([0, 4], [1, 4]) or not {each.dtype for each in inputs} <= set(_TYPES):
        told = ", ".join(f"{each.name} {each.dtype}{list(each.shape)}" for each in inputs) or "none"
        raise CardError(
            f"model {card.id!r} must take pictures (B, C, H, W) and their timesteps (B,), got {told}; "
            "choose a model that makes pictures from nothing"
        )
