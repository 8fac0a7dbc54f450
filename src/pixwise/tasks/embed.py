"""A picture as one vector: alike pictures lie near one another.

    picture → resize, crop → (1, 3, S, S) → model → decode_* → (D,) → length 1 → Embedding

Heads:
    image_embeds   a projection that texts share (CLIP)
    pooler         the output of attention pooling (SigLIP, SigLIP 2)
    cls            the first token (DINOv2)
    mean_patches   the mean of all tokens that are patches (DINOv2)
    pooled         the mean over the picture before the classes (ConvNeXt, ResNet)
    look           colours and edges, arithmetic without weights
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pixwise.errors import ShapeError
from pixwise.language.towers import TEXT_OPTIONS, check_pixels_only
from pixwise.reading.colours import lab_from_rgb
from pixwise.results import Embedding
from pixwise.task import Task
from pixwise.vectors import PICTURE_OUTPUTS, rows_of, unit

__all__ = ["Embedder"]

Raw = Mapping[str, np.ndarray]
Options = Mapping[str, Any]
_GRID = 4  # the picture is looked at in so many rows and columns
_TURNS = 8  # orientations of edges, over half a circle
_LEVELS = {"L": (0, 100, 5), "a": (-60, 60, 6), "b": (-60, 60, 6)}  # lowest, highest, how many
_SHARES = {"colours": 0.3, "places": 0.35, "edges": 0.35}  # what each part adds to the cosine


def decode_image_embeds(raw: Raw, options: Options) -> np.ndarray:
    """(D,) the projection."""
    return rows_of(raw, PICTURE_OUTPUTS["image_embeds"])[0]


def decode_pooler(raw: Raw, options: Options) -> np.ndarray:
    """(D,) the pooled output."""
    return rows_of(raw, PICTURE_OUTPUTS["pooler"])[0]


def decode_cls(raw: Raw, options: Options) -> np.ndarray:
    """(D,) the first token of (1, 1 + P, D), after the last norm."""
    return _tokens(raw)[0]


def decode_mean_patches(raw: Raw, options: Options) -> np.ndarray:
    """(D,) the mean of the patches of (1, F + P, D); `first_patch` counts the F tokens that are none, 1 unless told."""
    return _tokens(raw)[options.get("first_patch", 1) :].mean(axis=0)


def decode_pooled(raw: Raw, options: Options) -> np.ndarray:
    """(D,) of (1, D) or (1, D, 1, 1): named `pooler_output`, else the only output."""
    return rows_of(raw, ("pooler_output",) if len(raw) > 1 else tuple(raw))[0]


def decode_look(raw: Raw, options: Options) -> np.ndarray:
    """(356,) colours anywhere, mean colours and edges by place, of `image` (1, S, S, 3) uint8; S a multiple of 4.

    Parts are weighed so that the cosine of two pictures is, nearly, the weighted mean of their parts' cosines.
    """
    pixels = raw["image"][0]
    lab = lab_from_rgb(pixels.reshape(-1, 3)).reshape(pixels.shape)  # (S, S, 3)
    parts = {"colours": colours_of(lab), "places": places_of(lab), "edges": edges_of(lab[..., 0])}
    return np.concatenate([_SHARES[name] ** 0.5 * part for name, part in parts.items()])


def colours_of(lab: np.ndarray) -> np.ndarray:
    """(180,) square roots of the shares of 5 x 6 x 6 colours, so of length 1; a pixel counts to its eight nearest."""
    pixels = lab.reshape(-1, 3)  # (N, 3)
    index, weight = np.zeros((1, len(pixels)), np.int64), np.ones((1, len(pixels)))  # (2 per channel so far, N)
    for channel, (low, high, count) in zip(pixels.T, _LEVELS.values(), strict=True):
        place = np.clip((channel - low) / (high - low), 0, 1) * (count - 1)
        below = np.minimum(place.astype(np.int64), count - 2)
        above = place - below
        index = np.concatenate([index * count + below, index * count + below + 1])
        weight = np.concatenate([weight * (1 - above), weight * above])
    total = np.prod([count for _, _, count in _LEVELS.values()])
    return np.sqrt(np.bincount(index.reshape(-1), weight.reshape(-1), total) / len(pixels))


def places_of(lab: np.ndarray) -> np.ndarray:
    """(48,) mean colour of each cell against mid grey, of length 1; plain mid grey is shorter."""
    means = _cells(lab - [50, 0, 0]).mean(axis=(1, 3))  # (4, 4, 3)
    return (means / _softened(means, 1.0)).reshape(-1)


def edges_of(lightness: np.ndarray) -> np.ndarray:
    """(128,) how strong the edges of each direction are in each cell (Dalal and Triggs 2005, without blocks).

    The mean is taken away: most pictures have edges of all directions everywhere, and would all be alike.
    """
    dy, dx = np.gradient(lightness)  # (S, S), L* per pixel
    turn = np.arctan2(dy, dx)[..., None] / np.pi % 1 * _TURNS  # half a circle: dark to light is light to dark
    below, above = np.floor(turn), turn % 1
    each = np.arange(_TURNS)
    votes = (1 - above) * (each == below % _TURNS) + above * (each == (below + 1) % _TURNS)  # (S, S, 8)
    means = np.sqrt(_cells(votes * np.hypot(dy, dx)[..., None]).mean(axis=(1, 3)))  # (4, 4, 8)
    means = means - means.mean()
    return (means / _softened(means, 0.1)).reshape(-1)


def _cells(array: np.ndarray) -> np.ndarray:
    """(S, S, C) → (4, S/4, 4, S/4, C)."""
    side = array.shape[0] // _GRID
    return array.reshape(_GRID, side, _GRID, side, -1)


def _softened(array: np.ndarray, floor: float) -> float:
    """The length of an array, with `floor` added to each number: what is nearly nothing stays nearly nothing."""
    return float(np.sqrt((array**2).sum() + array.size * floor**2))


def _tokens(raw: Raw) -> np.ndarray:
    """(T, D) the one row of `last_hidden_state`."""
    if "last_hidden_state" not in raw or raw["last_hidden_state"].ndim != 3:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in raw.items())
        raise ShapeError(
            f"outputs of the model must contain 'last_hidden_state' (n, tokens, D), got {shapes}; check the head"
        )
    return raw["last_hidden_state"][0].astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Embedder(Task):
    """Turn a picture into a vector of length 1; `px.similarity` compares two."""

    name: ClassVar[str] = "embed"
    result_type: ClassVar[type] = Embedding
    heads: ClassVar[Mapping[str, Any]] = {
        "image_embeds": decode_image_embeds,
        "pooler": decode_pooler,
        "cls": decode_cls,
        "mean_patches": decode_mean_patches,
        "pooled": decode_pooled,
        "look": decode_look,
    }
    card_options: ClassVar[Mapping[str, str]] = {"first_patch": "count", **TEXT_OPTIONS}

    def check_options(self) -> None:
        """Also refuse the joint export of a picture and a text model: it cannot run without words."""
        check_pixels_only(self.card, self.session)

    def postprocess(self, raw: Raw, fit: Any) -> Embedding:
        return Embedding(vector=unit(self.heads[self.card.head](raw, self.card.options)))
