"""A card for a mask transformer of one's own: which of its classes are stuff, and full names where the hub has gaps."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pixwise.registry import names

__all__ = ["UNIVERSAL_HEADS", "grid_option", "universal_names", "universal_options"]

UNIVERSAL_HEADS: Mapping[str, str] = {  # model_type → head, of panoptic, instances and semantic
    "detr": "detr_masks",
    "mask2former": "mask_queries",
    "maskformer": "mask_queries",
    "oneformer": "mask_queries",
}
_GRIDS = {"mask2former": 384}  # its reference brings masks to this square before they become shares
_COCO = "coco_panoptic"  # line i names category i
_LAST_THING = 90  # categories from there on are stuff
_NO_NAME = re.compile(r"LABEL_\d+|N/A|")


def grid_option(config: Mapping[str, Any]) -> dict[str, Any]:
    """The square in which masks become shares, where there is one."""
    kind = str(config.get("model_type"))
    return {"grid": _GRIDS[kind]} if kind in _GRIDS else {}


def universal_options(config: Mapping[str, Any], labels: Sequence[str]) -> dict[str, Any]:
    """What the heads of mask transformers need to know: the grid; which classes are stuff, where names are COCO's."""
    known = names(_COCO)
    stuff = set(known[_LAST_THING + 1 :]) - {""}
    all_known = set(labels) <= set(known) and bool(labels)
    found = [index for index, label in enumerate(labels) if label in stuff] if all_known else []
    return grid_option(config) | ({"stuff": found} if found else {})


def universal_names(labels: tuple[str, ...], config: Mapping[str, Any]) -> tuple[str, ...]:
    """COCO's own names in the place of a list that is numbered as COCO's categories and has gaps.

    The hub's DETR calls its classes LABEL_187 and the like, since the list that it was converted with ends at 90.
    """
    known = names(_COCO)
    if config.get("model_type") != "detr" or not _LAST_THING < len(labels) <= len(known):
        return labels
    named = [(mine, name) for mine, name in zip(labels, known, strict=False) if not _NO_NAME.fullmatch(mine)]
    return known if named and all(mine == name for mine, name in named) else labels
