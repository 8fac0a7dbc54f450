"""Results drawn into their pictures: `draw(picture, result)`, open to others' results by `draw.register`."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from PIL import Image, ImageDraw

from pixwise.errors import OptionError
from pixwise.picture import Picture
from pixwise.results import Detections, Result

__all__ = ["draw"]


def draw(picture: Any, result: Result) -> Image.Image:
    """Draw an answer into its picture.

    Args:
        picture: the picture that was asked about; anything `Picture.open` takes.
        result: the answer.

    Returns:
        Pillow RGB image of the picture's size.
    """
    canvas = Picture.open(picture).image().copy()
    draw_into(result, canvas)
    return canvas


@singledispatch
def draw_into(result: Any, canvas: Image.Image) -> None:
    """Draw onto `canvas`; register a function for your own result type."""
    raise OptionError(
        f"result must be one that can be drawn, got {type(result).__name__}; register it with draw_into.register"
    )


@draw_into.register
def _(result: Detections, canvas: Image.Image) -> None:
    pen = ImageDraw.Draw(canvas)
    for row in result:
        pen.rectangle(tuple(row.box), outline=(255, 0, 0), width=3)
        pen.text((row.box[0], row.box[1]), f"{row.label} {row.score:.2f}", fill=(255, 0, 0))
