"""The noise of which pictures are made: drawn from seeds, or given.

A seed's numbers are those of numpy's `RandomState(seed).standard_normal`, whose stream numpy keeps the same in every
version. Each picture has a seed of its own and draws by itself, so it depends neither on how many are made with it nor
on which of them run together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from pixwise.errors import OptionError, ShapeError, check_shape

__all__ = ["MOST_SEEDS", "checked_noise", "checked_seeds", "given_noise", "seeded_noise"]

Floats = npt.NDArray[np.float32]
Draw = Callable[[], Floats]  # each call gives the next noise of a batch: what it starts from, then step by step
MOST_SEEDS = 2**32


def checked_seeds(seed: int, count: int) -> list[int]:
    """The seeds of so many pictures: one after another.

    Raises:
        OptionError: no picture, or a seed that is none.
    """
    for name, given, least in (("count", count, 1), ("seed", seed, 0)):
        if not isinstance(given, int) or isinstance(given, bool) or given < least:
            raise OptionError(f"{name} must be a whole number from {least} up, got {given!r}; give one")
    if seed + count > MOST_SEEDS:
        raise OptionError(
            f"seed must be below {MOST_SEEDS - count + 1:,} for {count} pictures, got {seed:,}; take a smaller one"
        )
    return list(range(seed, seed + count))


def seeded_noise(seeds: Sequence[int], shape: tuple[int, int, int]) -> Draw:
    """Noise for a batch, a picture's from its own seed.

    Args:
        seeds: one per picture.
        shape: (C, H, W).
    """
    sources = [np.random.RandomState(seed) for seed in seeds]
    return lambda: np.stack([source.standard_normal(shape) for source in sources]).astype(np.float32)


def checked_noise(
    noise: npt.ArrayLike, step_noise: npt.ArrayLike | None, shape: tuple[int, int, int], draws: int
) -> tuple[Floats, Floats]:
    """What pictures start from, and what their steps take, as they must be.

    Args:
        noise: (N, C, H, W).
        step_noise: (D, N, C, H, W), for each step that draws; None where none does.
        shape: (C, H, W) of the model.
        draws: how many steps draw.

    Raises:
        ShapeError: another shape, or numbers that are not finite.
        OptionError: steps draw and have no noise, or have some and do not draw.
    """
    first = np.asarray(noise, np.float32)
    check_shape("noise", first, ("N", *shape), finite=True)
    if not len(first):
        raise ShapeError("noise must be of one picture or more, got none; give (N, C, H, W) with N from 1 up")
    if bool(draws) != (step_noise is not None):
        got = "none" if step_noise is None else "some"
        raise OptionError(
            f"step_noise must be given just where steps draw, which {draws} of this run do, got {got}; "
            "ddpm draws, and ddim with eta above 0"
        )
    later = np.zeros((0, *first.shape), np.float32) if step_noise is None else np.asarray(step_noise, np.float32)
    check_shape("step_noise", later, (draws, *first.shape), finite=True)
    return first, later


def given_noise(noise: Floats, step_noise: Floats, rows: slice) -> Draw:
    """Noise for a batch from what was given, see `checked_noise`."""
    return _each(noise, step_noise, rows).__next__


def _each(noise: Floats, step_noise: Floats, rows: slice) -> Iterator[Floats]:
    yield noise[rows]
    for step in step_noise:
        yield step[rows]
