"""Letters for drawing: Pillow's own scalable font, and the machine's fonts for what it lacks.

Pillow's font (Aileron) is the same everywhere, but holds little more than ASCII. For other letters the first font of
`FALLBACKS` that is installed and has them is taken. What no font has becomes its base letter (é → e) or a visible `?`,
never nothing, and that is said. PIXWISE_FONT names a font file that goes before all of these.
"""

from __future__ import annotations

import logging
import os
import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache

from PIL import ImageFont

from pixwise.errors import OptionError

__all__ = ["FALLBACKS", "font_for", "load", "shortened", "tell_missing"]

_LOG = logging.getLogger("pixwise")

# File names, as Pillow looks them up in the system's font folders: Linux, macOS, Windows.
FALLBACKS = (
    "DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "Arial.ttf", "segoeui.ttf",
    "NotoSansCJK-Regular.ttc", "NotoSansCJKsc-Regular.otf", "wqy-microhei.ttc", "wqy-zenhei.ttc",
    "DroidSansFallbackFull.ttf", "PingFang.ttc", "Hiragino Sans GB.ttc", "msyh.ttc", "meiryo.ttc", "malgun.ttf",
    "Arial Unicode.ttf", "NotoSansArabic-Regular.ttf", "NotoSansHebrew-Regular.ttf", "NotoSansDevanagari-Regular.ttf",
    "NotoSansThai-Regular.ttf", "Nirmala.ttf", "leelawui.ttf",
)  # fmt: skip
_BUILT_IN = ""
_NOWHERE = "\U0010ffff"  # no font has a letter here, so its picture is the font's "missing"
_NUMBER = re.compile(r" -?\d\.\d\d(, from \d\.\d\d)?$")  # a score at the end of a label
_TOLD: set[str] = set()  # letters that were told to be missing, once each
_UNSEEN = ("Cc", "Cf", "Mn", "Me", "Zs", "Zl", "Zp")  # controls, joiners, accents, spaces


def font_for(text: str, px: int) -> tuple[ImageFont.FreeTypeFont, str]:
    """A font for a text, and the text with what the font lacks replaced.

    Args:
        text: any; line breaks and controls become spaces.
        px: height of the letters' square, pixels.
    """
    text = _line(text)
    name, best = _BUILT_IN, -1
    for candidate in _candidates(text):
        have = sum(_has(candidate, letter) for letter in text)
        if have > best:
            name, best = candidate, have
        if have == len(text):
            break
    if best < len(text):
        text = "".join(letter if _has(name, letter) else _replacement(name, letter) for letter in text)
    return load(name, px), text


def tell_missing(texts: Iterable[str]) -> None:
    """Warn of letters that no font has, which are drawn as `?`; of each once."""
    missing: set[str] = set()
    for text in texts:
        missing |= {
            letter for letter, shown in zip(_line(text), font_for(text, 16)[1], strict=True) if letter != shown == "?"
        }
    if missing - _TOLD:
        told = " ".join(sorted(missing - _TOLD)[:20])
        _TOLD.update(missing)
        _LOG.warning("drawn as ? for want of a font: %s; PIXWISE_FONT may name the file of one that has them", told)


def shortened(text: str, px: int, wide: float) -> str:
    """The text, its words cut with "…" where it is wider than `wide`; a score at its end stays while there is room."""
    font, shown = font_for(text, px)
    if font.getlength(shown) <= wide:
        return shown
    number = found[0] if (found := _NUMBER.search(shown)) else ""
    words = shown.removesuffix(number)
    room, cut = max(0.0, wide - font.getlength(number)), len(words)
    while cut and font.getlength(words[:cut] + "…") > room:
        cut = min(cut - 1, int(cut * room / max(1.0, font.getlength(words[:cut] + "…"))))
    if cut:
        return words[:cut].rstrip() + "…" + number
    return shortened(words, px, wide) if number else ""


def _line(text: str) -> str:
    return " ".join(text.encode("utf-8", "replace").decode().split())


def _candidates(text: str) -> tuple[str, ...]:
    wanted = os.environ.get("PIXWISE_FONT", "")
    first = (wanted,) if wanted else ()
    return (*first, _BUILT_IN) if text.isascii() else (*first, _BUILT_IN, *_installed())


@cache
def _installed() -> tuple[str, ...]:
    return tuple(name for name in FALLBACKS if _opens(name))


def _opens(name: str) -> bool:
    try:
        ImageFont.truetype(name, 16)
    except OSError:
        return False
    return True


@lru_cache(maxsize=256)
def load(name: str, px: int) -> ImageFont.FreeTypeFont:
    """A font by file name; empty is Pillow's own.

    Raises:
        OptionError: it cannot be opened.
    """
    if name == _BUILT_IN:
        return ImageFont.load_default(px)
    try:
        return ImageFont.truetype(name, px)
    except OSError as error:
        raise OptionError(f"PIXWISE_FONT must be a font file, got {name!r}; unset it or mend the path") from error


@lru_cache(maxsize=65536)
def _has(name: str, letter: str) -> bool:
    """Pillow tells no font's table of letters, so its picture is compared with that of a letter that is missing."""
    return unicodedata.category(letter) in _UNSEEN or _picture(name, letter) != _picture(name, _NOWHERE)


@lru_cache(maxsize=4096)
def _picture(name: str, letter: str) -> tuple[tuple[int, int], bytes]:
    mask = load(name, 24).getmask(letter, mode="L")
    return mask.size, bytes(mask)


def _replacement(name: str, letter: str) -> str:
    base = unicodedata.normalize("NFKD", letter)[0]
    return base if base != letter and _has(name, base) else "?"
