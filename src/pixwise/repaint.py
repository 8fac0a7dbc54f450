"""Networks that give pixels for pixels, run tile by tile, so that only bytes of what was made are kept.

rows (R, 3, h, w) ─▶ a few at a time ─▶ network ─▶ (r, 3, sh, sw) numbers ─▶ decode_* ─▶ (R, sh, sw, 3) uint8
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pixwise.errors import CardError, LimitError, OptionError, ShapeError
from pixwise.registry import Card
from pixwise.session import Session

__all__ = ["HEADS", "check_made", "check_progress", "decode_bytes", "decode_shares", "fixed_hw", "repainted"]

Arrays = Mapping[str, np.ndarray]
Pixels = npt.NDArray[np.uint8]
Told = Callable[[int, int], Any] | None

_AT_ONCE = 2**16  # pixels of tiles: more are no quicker, and attention takes a kilobyte for each


def decode_shares(output: np.ndarray) -> Pixels:
    """(R, H, W, 3) of (R, 3, H, W) numbers from 0 to 1; what lies beyond is cut off, halves go to the even number."""
    return _channels_last(np.rint(np.clip(output.astype(np.float32, copy=False), 0, 1) * np.float32(255)))


def decode_bytes(output: np.ndarray) -> Pixels:
    """(R, H, W, 3) of (R, 3, H, W) numbers from 0 to 255; what lies beyond is cut off."""
    return _channels_last(np.rint(np.clip(output.astype(np.float32, copy=False), 0, 255)))


def _channels_last(planes: np.ndarray) -> Pixels:
    return np.ascontiguousarray(planes.astype(np.uint8).transpose(0, 2, 3, 1))


HEADS: Mapping[str, Callable[[np.ndarray], Pixels]] = {"rgb_shares": decode_shares, "rgb_bytes": decode_bytes}


def repainted(session: Session, feeds: Arrays, card: Card, scale: int = 1, progress: Told = None) -> dict[str, Pixels]:
    """Run a network on rows of pixels, a few at a time.

    Args:
        session: what runs it; one that takes a row at a time is given one.
        feeds: (R, ...) each, R above 0; the first are the pixels, (R, 3, h, w).
        card: its `head` says what the numbers mean, `options.output` which output they are.
        scale: how many times larger the output is.
        progress: told of (rows done, rows in all).

    Returns:
        `pixels` (R, scale * h, scale * w, 3).

    Raises:
        CardError, ShapeError: the output is not there, of another shape, or not finite.
    """
    rows = next(iter(feeds.values()))
    wanted = (3, *(side * scale for side in rows.shape[2:]))
    made = np.empty((len(rows), *wanted[1:], 3), np.uint8)
    taken = next((tensor.shape[0] for tensor in session.inputs() if tensor.shape), -1)
    step = taken if taken > 0 else max(1, _AT_ONCE // (rows.shape[2] * rows.shape[3]))
    for start in range(0, len(rows), step):
        raw = session.run({name: array[start : start + step] for name, array in feeds.items()})
        made[start : start + step] = HEADS[card.head](_output(raw, card, wanted))
        if progress:
            progress(min(start + step, len(rows)), len(rows))
    return {"pixels": made}


def _output(raw: Arrays, card: Card, wanted: tuple[int, ...]) -> np.ndarray:
    """(r, 3, H, W) of the output that the card names, else of the first; finite."""
    name = card.options.get("output", next(iter(raw)))
    if name not in raw:
        raise CardError(f"model {card.id!r} must have the output {name!r}, got {', '.join(raw)}; mend options")
    output = raw[name]
    if output.shape[1:] != wanted:
        shape = ", ".join(map(str, output.shape[1:]))
        raise ShapeError(
            f"output {name!r} of model {card.id!r} must be pixels {wanted} for each tile, got ({shape}); mend scale, "
            "size_hw or pad_multiple in its card, or name another output"
        )
    if not np.isfinite(output).all():
        raise ShapeError(f"output {name!r} of model {card.id!r} must be finite, got NaN or infinity; try fp32 files")
    return output


def fixed_hw(shape: tuple[int, ...]) -> tuple[int, int] | None:
    """Height and width of an input (B, 3, H, W) that takes no others; None where they may vary, or nothing is told."""
    return (shape[2], shape[3]) if len(shape) == 4 and min(shape[2:]) > 0 else None


def check_made(size_hw: tuple[int, int], most: int) -> None:
    """Raise `LimitError` before a picture is made that is larger than allowed."""
    height, width = size_hw
    if height * width > most:
        raise LimitError(
            f"picture that is made must have at most {most:,} pixels, got {width} x {height} = {height * width:,}; "
            "make the picture smaller first, or raise max_output (it takes up to 9 bytes of memory for each)"
        )


def check_progress(progress: Any) -> None:
    """Raise `OptionError` for what cannot be told of progress."""
    if progress is not None and not callable(progress):
        raise OptionError(f"progress must be a function of (done, total), got {type(progress).__name__}")
