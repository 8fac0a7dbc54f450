"""Whether an ONNX file answers as the checkpoint does.

A difference is the largest distance of two numbers as a share of the largest number: outputs of any scale compare.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from pixwise.errors import CardError, ModelFileError, ShapeError
from pixwise.export.parts import Part, Trial
from pixwise.session import OnnxSession

__all__ = ["Difference", "compare_pixels", "differences"]

_PIXELS = 0.03  # torchvision rounds after each step where Pillow does not; another filter is farther away
_QUERIES = 100  # of a detector's candidates, those that anybody reads


class Difference(NamedTuple):
    """How far one output of a part is from the checkpoint's own.

    Attributes:
        part, output: names.
        shapes: of the runs that were compared, as words.
        share: the largest distance over the largest number, of the worst run.
    """

    part: str
    output: str
    shapes: str
    share: float


def compare_pixels(wanted: np.ndarray, got: np.ndarray) -> Difference:
    """How far prepared pixels are from those of the checkpoint's own processor.

    Raises:
        CardError: so far that another recipe must be meant.
    """
    share = _share(wanted, got) if wanted.shape == got.shape else float("inf")
    shapes = "x".join(map(str, got.shape))
    if not share <= _PIXELS:
        raise CardError(
            f"pixels must be those of the checkpoint's own processor within {_PIXELS:g}, got {share:.1e} "
            f"({shapes} for {'x'.join(map(str, wanted.shape))}); its preprocessor_config.json is of a kind that is not "
            "known: write a card.toml (docs/own-models.md)"
        )
    return Difference("recipe", "pixel_values", shapes, share)


def differences(part: Part, path: Path) -> list[Difference]:
    """Run every trial of a part.

    Raises:
        ModelFileError: the file does not open, does not take another batch or length, or has other outputs.
    """
    session = OnnxSession.load({part.name: path}, device="cpu")
    worst: dict[str, list[float]] = {}
    for trial in part.trials:
        for name, share in _one(part, session, trial).items():
            worst.setdefault(name, []).append(share)
    first = next(iter(part.trials[0].feeds))
    shapes = ", ".join("x".join(map(str, trial.feeds[first].shape)) for trial in part.trials)
    return [Difference(part.name, name, shapes, max(shares)) for name, shares in worst.items()]


def _one(part: Part, session: OnnxSession, trial: Trial) -> dict[str, float]:
    feeds = {name: tensor.detach().numpy() for name, tensor in trial.feeds.items()}
    wanted = {name: tensor.detach().numpy() for name, tensor in trial.wanted.items()}
    try:
        got = session.run(feeds, part.name)
    except ShapeError as error:
        raise ModelFileError(
            f"{part.name} of the export must take any batch and length, got {error}; a length became a number while "
            "it was traced: mend the wrapper of this family"
        ) from error
    for name, array in wanted.items():
        if name not in got or got[name].shape != array.shape:
            shape = got[name].shape if name in got else "none"
            raise ModelFileError(
                f"output {name!r} of part {part.name!r} must have shape {array.shape}, got {shape}; a length became a "
                "number while it was traced: mend the wrapper of this family"
            )
    if part.queries:
        got = _alike(wanted, got)
        wanted = {name: _best(wanted, array) for name, array in wanted.items()}
    return {name: _share(array, got[name]) for name, array in wanted.items()}


def _share(wanted: np.ndarray, got: np.ndarray) -> float:
    """Numbers that are not finite in one of the two are infinitely far apart."""
    distance = np.abs(wanted.astype(np.float64) - got).max(initial=0)
    largest = np.abs(wanted).max(initial=0)
    return float(distance / (largest or 1)) if np.isfinite(distance) else float("inf")


def _best(wanted: dict[str, np.ndarray], array: np.ndarray) -> np.ndarray:
    """The rows of the queries with the highest scores."""
    return np.take_along_axis(array, _order(wanted)[..., None], axis=1)


def _order(wanted: dict[str, np.ndarray]) -> np.ndarray:
    """(B, K) queries from the highest score down."""
    return np.argsort(-wanted["logits"].max(axis=-1), axis=1, kind="stable")[:, :_QUERIES]


def _alike(wanted: dict[str, np.ndarray], got: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """For each of the best queries of the checkpoint the one of ours that is most like it.

    A detector picks its queries by score; where two scores tie in the last digit, two right answers have them in
    another order.
    """
    rows = []
    for number, order in enumerate(_order(wanted)):
        theirs, ours = (
            np.concatenate([raw["logits"][number], raw["pred_boxes"][number]], axis=1) for raw in (wanted, got)
        )  # (Q, C + 4)
        rows.append([int(np.abs(ours - one).max(axis=1).argmin()) for one in theirs[order]])
    chosen = np.array(rows)[..., None]  # (B, K, 1)
    return {name: np.take_along_axis(got[name], chosen, axis=1) for name in wanted}
