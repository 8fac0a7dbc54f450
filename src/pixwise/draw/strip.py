"""Sentences under a picture: a strip as wide as the picture, with lines as long as it has room for."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from pixwise.draw.fonts import font_for
from pixwise.draw.palette import BLACK, WHITE

__all__ = ["below", "wrapped"]

_LEAST = 6  # a strip narrower than so many letters says nothing


def below(image: Image.Image, sentences: Sequence[str], px: int) -> Image.Image:
    """The picture, with a strip under it for each sentence.

    Args:
        image: RGB.
        sentences: empty ones are passed over.
        px: size of the letters.

    Returns:
        A higher image; the same one where there is nothing to say, or no room to say it.
    """
    pad, row = max(3, px // 2), round(1.35 * px)
    room = image.width - 2 * pad
    lines = [line for sentence in sentences for line in wrapped(sentence, px, room)]
    if not lines or room < _LEAST * px / 2:
        return image
    out = Image.new("RGB", (image.width, image.height + 2 * pad + row * len(lines)), BLACK)
    out.paste(image, (0, 0))
    pen = ImageDraw.Draw(out)
    for number, line in enumerate(lines):
        font, shown = font_for(line, px)
        baseline = image.height + pad + number * row + round(0.95 * px)
        pen.text((pad, baseline), shown, fill=WHITE, font=font, anchor="ls")
    return out


def wrapped(text: str, px: int, room: float) -> list[str]:
    """Lines of at most `room` pixels; a word that is wider is cut, also in scripts that put no blanks between words."""
    lines: list[str] = []
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and _wide(joined, px) <= room:
            lines[-1] = joined
            continue
        lines.append(word)
        while len(lines[-1]) > 1 and _wide(lines[-1], px) > room:
            most = next(n for n in range(len(lines[-1]) - 1, 0, -1) if n == 1 or _wide(lines[-1][:n], px) <= room)
            lines[-1:] = [lines[-1][:most], lines[-1][most:]]
    return lines


def _wide(text: str, px: int) -> float:
    font, shown = font_for(text, px)
    return font.getlength(shown)
