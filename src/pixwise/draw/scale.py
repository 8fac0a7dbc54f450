"""A scale: the colours of a map from one end to the other, with numbers under them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from pixwise.draw.canvas import Canvas
from pixwise.draw.fonts import font_for
from pixwise.draw.palette import BLACK, WHITE, Colour

__all__ = ["draw_scale"]

_WIDE = 0.6  # of the picture, at most


def draw_scale(canvas: Canvas, colours: Sequence[Colour], ticks: Sequence[str]) -> None:
    """Draw a scale into the lower right corner; nothing where the picture has no room for its numbers.

    Args:
        canvas: what is drawn on.
        colours: from left to right.
        ticks: texts, spread evenly from the left end to the right one.
    """
    px, image = canvas.letter_px, canvas.image
    pad = max(2, px // 3)
    fonts = [font_for(text, px) for text in ticks]
    widths = [font.getlength(shown) for font, shown in fonts]
    wide = round(max(sum(widths) + 2 * px * (len(ticks) - 1), 12 * px))
    high = 2 * px + 3 * pad
    if wide + 4 * pad > max(_WIDE * image.width, min(image.width, 20 * px)) or high + 2 * pad > image.height:
        return
    left, top = image.width - wide - 3 * pad, image.height - pad - high
    pen = ImageDraw.Draw(image)
    pen.rectangle((left, top, left + wide + 2 * pad - 1, top + high - 1), BLACK)
    bar = Image.fromarray(np.array([colours], np.uint8)).resize((wide, px), Image.Resampling.NEAREST)
    image.paste(bar, (left + pad, top + pad))
    for number, ((font, shown), width) in enumerate(zip(fonts, widths, strict=True)):
        x = left + pad + number / max(1, len(ticks) - 1) * (wide - width)
        pen.text((x, top + 2 * pad + px + round(0.8 * px)), shown, fill=WHITE, font=font, anchor="ls")
