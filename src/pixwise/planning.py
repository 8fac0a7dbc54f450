"""To which size a picture is resized: pure, and equal to the reference's own rounding."""

from __future__ import annotations

import math

from pixwise.recipe import Recipe

__all__ = ["margins", "plan"]


def plan(picture_hw: tuple[int, int], recipe: Recipe) -> tuple[int, int]:
    """The size to which a picture is resized, before cropping and padding.

    Args:
        picture_hw: upright size.
        recipe: kind of resize and its target.

    Returns:
        (height, width), both >= 1.
    """
    height, width = (side + 2 * margin for side, margin in zip(picture_hw, margins(picture_hw, recipe), strict=True))
    most = recipe.max_side / max(height, width) if recipe.max_side else math.inf
    if recipe.resize == "none":
        size = (height * min(1, most), width * min(1, most))
    elif recipe.resize == "stretch":
        size = recipe.size_hw
    elif recipe.resize == "square":
        size = tuple(
            side * target / max(height, width) for side, target in zip(picture_hw, recipe.size_hw, strict=True)
        )
    elif recipe.resize == "longest":
        ratio = min(recipe.size_hw[0] / height, recipe.size_hw[1] / width)
        ratio = ratio if recipe.enlarge else min(ratio, 1.0)
        half = 0.5 if recipe.rounding == "nearest" else 0.0
        size = (int(height * ratio + half), int(width * ratio + half))
    elif recipe.resize == "closest":
        ratios = (recipe.size_hw[0] / height, recipe.size_hw[1] / width)
        ratio = min(most, min(ratios, key=lambda each: abs(1 - each)))
        size = (height * ratio, width * ratio)  # real numbers: rounded once, below
    else:
        size = _shortest_edge(picture_hw, recipe.size_hw[0], recipe.max_side)
    step, whole = recipe.multiple_of, {"below": math.floor, "above": math.ceil}.get(recipe.multiples, round)
    rows, columns = (max(1, whole(side / step)) * step for side in size)
    return rows, columns


def margins(picture_hw: tuple[int, int], recipe: Recipe) -> tuple[int, int]:
    """How far a picture is mirrored beyond its edges: (above and below, left and right), pixels."""
    above, beside = (int(math.sqrt(side / 2) * recipe.reflect) for side in picture_hw)
    return above, beside


def _shortest_edge(picture_hw: tuple[int, int], target: int, max_side: int) -> tuple[int, int]:
    height, width = picture_hw
    exact: float = target
    if max_side and max(height, width) / min(height, width) * target > max_side:
        exact = max_side * min(height, width) / max(height, width)
    target = round(exact)
    if target == min(height, width):
        return height, width
    if height <= width:  # the longer side follows from the unrounded shorter one, as in the reference processors
        return target, int(exact * width / height)
    return int(exact * height / width), target
