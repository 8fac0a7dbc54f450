"""Maps of whole numbers as data addresses of grey PNGs: small in JSON, and shown by pages as they stand.

(H, W) uint8 or uint16 ─▶ uri_from_grey ─▶ data:image/png;base64,… ─▶ grey_from_uri ─▶ (H, W)
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, PngImagePlugin

from pixwise.errors import ShapeError

__all__ = ["SCHEMA", "grey_from_uri", "png_from_grey", "texts_of_uri", "uri_from_grey"]

_PREFIX = "data:image/png;base64,"
_RUNS = 3  # zlib's strategy for long runs: half the time, and smaller
SCHEMA: dict[str, Any] = {"type": "string", "pattern": f"^({_PREFIX}.*)?$"}


def png_from_grey(pixels: npt.NDArray[np.unsignedinteger], texts: Mapping[str, str] | None = None) -> bytes:
    """A PNG file of (H, W) uint8 or uint16; `texts` are written into it, keyword → text, for who reads it back."""
    data, info = io.BytesIO(), PngImagePlugin.PngInfo()
    for keyword, text in (texts or {}).items():
        info.add_text(keyword, text)
    Image.fromarray(pixels).save(data, "PNG", compress_level=1, compress_type=_RUNS, pnginfo=info)
    return data.getvalue()


def uri_from_grey(pixels: npt.NDArray[np.unsignedinteger], texts: Mapping[str, str] | None = None) -> str:
    """`data:image/png;base64,…` of (H, W) uint8 or uint16; empty for no pixels."""
    return _PREFIX + base64.b64encode(png_from_grey(pixels, texts)).decode() if pixels.size else ""


def grey_from_uri(text: str, what: str, modes: Sequence[str]) -> npt.NDArray[np.integer]:
    """What `uri_from_grey` gave.

    Args:
        text: the address; not empty.
        what: how messages call it.
        modes: Pillow's modes that are taken: `L`, `I;16`.

    Raises:
        ShapeError: it is no such address, or cut, or a picture of another mode.
    """
    wanted = f"{what} must be a grey PNG as {_PREFIX}…"
    image = _opened(text, wanted)
    if image.mode not in modes:
        raise ShapeError(f"{wanted}, got one of mode {image.mode}; convert it to {' or '.join(modes)}")
    return np.asarray(image)


def texts_of_uri(text: str, what: str) -> dict[str, str]:
    """What was written into the PNG of an address; raises `ShapeError` as `grey_from_uri` does."""
    image = _opened(text, f"{what} must be a grey PNG as {_PREFIX}…")
    return {keyword: str(told) for keyword, told in getattr(image, "text", {}).items()}


def _opened(text: str, wanted: str) -> Image.Image:
    if not text.startswith(_PREFIX):
        raise ShapeError(f"{wanted}, got {text[:40]!r}; give what to_uri() gave")
    try:
        image = Image.open(io.BytesIO(base64.b64decode(text[len(_PREFIX) :], validate=True)), formats=("PNG",))
        image.load()
    except (binascii.Error, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ShapeError(f"{wanted}, got {error}; check where it was cut") from error
    return image
