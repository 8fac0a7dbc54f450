"""Colours of labels: the same label has the same colour in every picture, process and version.

Hues are spread evenly in OKLCH (Ottosson 2020), where equal steps look equally large, at three lightnesses.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from functools import cache

__all__ = ["BLACK", "PALETTE", "WHITE", "colour_of", "colours_of", "contrast", "on", "srgb_from_oklch"]

Colour = tuple[int, int, int]
BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def srgb_from_oklch(lightness: float, chroma: float, hue_deg: float) -> Colour:
    """Convert OKLCH to 8-bit sRGB; chroma is lowered until the colour exists.

    Args:
        lightness: 0 to 1.
        chroma: 0 to about 0.37.
        hue_deg: 29 is red, 142 green, 264 blue.
    """
    a, b = math.cos(math.radians(hue_deg)), math.sin(math.radians(hue_deg))
    linear = _linear_from_oklab(lightness, chroma * a, chroma * b)
    while chroma > 0 and not all(-1e-4 <= part <= 1.0001 for part in linear):
        chroma -= 0.002
        linear = _linear_from_oklab(lightness, chroma * a, chroma * b)
    return tuple(round(255 * _encoded(min(1.0, max(0.0, part)))) for part in linear)  # type: ignore[return-value]


def _linear_from_oklab(lightness: float, a: float, b: float) -> tuple[float, float, float]:
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _encoded(linear: float) -> float:
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055


def _decoded(byte: int) -> float:
    part = byte / 255
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


# Twelve hues at three lightnesses, each ring turned against the one before.
PALETTE: tuple[Colour, ...] = tuple(
    srgb_from_oklch(lightness, 0.19, 30 * step + turn)
    for lightness, turn in ((0.70, 25), (0.82, 35), (0.55, 15))
    for step in range(12)
)


@cache
def colour_of(label: str) -> Colour:
    """The colour of a label. Not Python's `hash`, which differs from process to process."""
    digest = hashlib.blake2b(label.encode("utf-8", "replace"), digest_size=8).digest()
    return PALETTE[int.from_bytes(digest, "big") % len(PALETTE)]


def colours_of(labels: Iterable[str]) -> list[Colour]:
    """A colour for each of some labels that stand side by side: their own, or the next free one where two share it.

    With more labels than colours some come twice.
    """
    taken: dict[str, Colour] = {}
    for label in labels:
        start = PALETTE.index(colour_of(label))
        turned = PALETTE[start:] + PALETTE[:start]
        free = (colour for colour in turned if colour not in taken.values())
        taken.setdefault(label, next(free, turned[0]))
    return list(taken.values())


def contrast(a: Colour, b: Colour) -> float:
    """Contrast ratio of two colours (WCAG 2.2): 1 to 21; text wants at least 4.5."""
    dark, light = sorted(_luminance(colour) for colour in (a, b))
    return (light + 0.05) / (dark + 0.05)


def on(colour: Colour) -> Colour:
    """Black or white, whichever reads better on this colour; never below a contrast of 4.5."""
    return max((BLACK, WHITE), key=lambda text: contrast(text, colour))


def _luminance(colour: Colour) -> float:
    red, green, blue = map(_decoded, colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
