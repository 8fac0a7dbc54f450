"""What the check looks at: a real picture where one is given, and drawn ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from pixwise.crops import crop_frame, frames_around
from pixwise.picture import Picture, Source
from pixwise.pixels import normalise, prepare
from pixwise.recipe import Recipe
from pixwise.samples import photo_like

__all__ = ["picture_for", "pictures_for", "prepared"]


def picture_for(picture: Source | None) -> Image.Image:
    """The picture that is looked at, decoded."""
    return Picture.open(photo_like(480, 640) if picture is None else picture).image()


def prepared(image: Image.Image, recipe: Recipe, task: str) -> tuple[np.ndarray, Mapping[str, Any]]:
    """A picture as a task prepares it, and what its processor of `transformers` takes beside it.

    Args:
        image: the picture.
        recipe: of the checkpoint.
        task: `pose` cuts people out, here one who nearly fills the picture.

    Returns:
        (1, 3, H, W), and arguments.
    """
    if task != "pose":
        return prepare(image, (image.height, image.width), recipe)[0][None], {}
    x, y, width, height = 0.1 * image.width, 0.2 * image.height, 0.7 * image.width, 0.75 * image.height
    frames = frames_around([[x, y, x + width, y + height]], recipe.size_hw)
    crop = crop_frame(np.asarray(image), frames.centres[0], frames.sizes[0], recipe.size_hw)
    return normalise(crop, recipe)[None], {"boxes": [[[x, y, width, height]]]}


def pictures_for(recipe: Recipe, image: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """Pixels for the trials, as a recipe prepares them.

    Args:
        recipe: of the checkpoint.
        image: the picture.

    Returns:
        (2, 3, H, W) float32, the picture and its mirror image; (3, 3, h, w) of drawn upright pictures, so of another
        height and width where the recipe lets them vary.
    """
    tall_hw = (640, 512)
    if recipe.resize == "none":  # what looks at every pixel would take minutes for a large one
        unit = max(8, recipe.multiple_of)
        image, tall_hw = image.resize((11 * unit, 9 * unit), Image.Resampling.BICUBIC), (10 * unit, 8 * unit)
    mirrored = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    upright = [Image.fromarray(photo_like(*tall_hw, seed)) for seed in (1, 2, 3)]
    return _rows([image, mirrored], recipe), _rows(upright, recipe)


def _rows(images: list[Image.Image], recipe: Recipe) -> np.ndarray:
    return np.stack([prepare(image, (image.height, image.width), recipe)[0] for image in images]).astype(np.float32)
