"""A card for a keypoint model of one's own: what its keypoints are called, which are joined, whose experts it has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pixwise.errors import CardError
from pixwise.registry import names

__all__ = ["POSE_HEADS", "check_crops", "keypoint_names", "pose_options"]

Config = Mapping[str, Any]

POSE_HEADS = {"vitpose": "heatmaps"}  # model_type → head of tasks/pose.py
_USUAL = {17: "coco_keypoints", 133: "coco_wholebody"}  # sets that are meant where a config leaves names out
_NORMALIZE_FACTOR = 200.0


def keypoint_names(told: Sequence[str]) -> tuple[str, ...]:
    """Names as the config has them; those of the usual set of as many where it only numbers them (`LABEL_0`)."""
    unnamed = all(re.fullmatch(r"LABEL_\d+|", name) for name in told)
    return names(_USUAL[len(told)]) if unnamed and len(told) in _USUAL else tuple(told)


def pose_options(config: Config, where: str) -> dict[str, Any]:
    """What tasks/pose.py needs to know: lines between keypoints, and how many sets of keypoints there are experts for.

    Raises:
        CardError: the edges are no pairs of keypoints.
    """
    edges = config.get("edges") or []
    if not all(isinstance(edge, list | tuple) and len(edge) == 2 for edge in edges):
        raise CardError(f"{where}: edges of config.json must be pairs of keypoints, got {edges!r:.80}; mend it")
    experts = int((config.get("backbone_config") or {}).get("num_experts") or 1)
    return {
        **({"edges": [list(map(int, edge)) for edge in edges]} if edges else {}),
        **({"datasets": experts} if experts > 1 else {}),
    }


def check_crops(preprocessor: Config, where: str) -> None:
    """Refuse a processor that cuts people out in another way.

    Raises:
        CardError: `do_affine_transform` is off, or `normalize_factor` is not 200.
    """
    factor = preprocessor.get("normalize_factor")
    if preprocessor.get("do_affine_transform") is False or (factor or _NORMALIZE_FACTOR) != _NORMALIZE_FACTOR:
        raise CardError(
            f"{where}: preprocessor_config.json must cut people out by an affine map with normalize_factor "
            f"{_NORMALIZE_FACTOR:g}, got another way; write a card.toml (docs/pose.md)"
        )
