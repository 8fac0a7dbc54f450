"""Pictures cut into tiles that overlap, and tiles joined without a seam. Pure functions on pixels.

    (H, W, 3) ─▶ mirrored up to whole tiles ─▶ .cut() (R, h, w, 3) ─▶ a network
              ─▶ (R, sh, sw, 3) ─▶ .joined() (sH, sW, 3)

Near its edge a tile lacks what lies beyond it, so three eighths of an overlap are not used of either tile; in the
quarter between, one fades into the next. A network that looks no farther than those three eighths gives, tile by tile,
what it gives for the whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixwise.pixels import mirrored

__all__ = ["Tiling", "plan_tiles"]

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Tiling:
    """Where the tiles of a picture lie.

    Attributes:
        size_hw: of what is cut.
        padded_hw: what the tiles cover: the picture goes on as its mirror image.
        tile_hw: of each tile.
        tops, lefts: where rows and columns of tiles begin.
        fades_hw: pixels in which one tile becomes the next.
    """

    size_hw: tuple[int, int]
    padded_hw: tuple[int, int]
    tile_hw: tuple[int, int]
    tops: tuple[int, ...]
    lefts: tuple[int, ...]
    fades_hw: tuple[int, int]

    def __len__(self) -> int:
        return len(self.tops) * len(self.lefts)

    def cut(self, pixels: Pixels) -> Iterator[Pixels]:
        """Tiles (h, w, 3), row by row; views where nothing is padded."""
        padded, (height, width) = mirrored(pixels, self.padded_hw), self.tile_hw
        return (padded[top : top + height, left : left + width] for top in self.tops for left in self.lefts)

    def joined(self, tiles: Pixels) -> Pixels:
        """Put tiles together again.

        Args:
            tiles: (R, s * h, s * w, 3) in the order of `cut`, s times as large.

        Returns:
            (s * H, s * W, 3), read-only.
        """
        scale, across = tiles.shape[1] // self.tile_hw[0], len(self.lefts)
        height, width = (side * scale for side in self.size_hw)
        if len(tiles) == 1:
            return tiles[0, :height, :width]
        out = np.empty((height, width, 3), np.uint8)
        end_before = 0
        for number, top in enumerate(self.tops):
            row = tiles[number * across : (number + 1) * across]
            strip = self._strip(row, width, scale)
            _lay_into(out, strip, top * scale, end_before, self.fades_hw[0] * scale)
            end_before = (top + self.tile_hw[0]) * scale
        out.setflags(write=False)
        return out

    def _strip(self, tiles: Pixels, width: int, scale: int) -> Pixels:
        """One row of tiles as (s * h, width, 3)."""
        strip = np.empty((tiles.shape[1], width, 3), np.uint8)
        end_before = 0
        for tile, left in zip(tiles, self.lefts, strict=True):
            _lay_into(strip.swapaxes(0, 1), tile.swapaxes(0, 1), left * scale, end_before, self.fades_hw[1] * scale)
            end_before = (left + self.tile_hw[1]) * scale
        return strip


def plan_tiles(
    size_hw: tuple[int, int],
    tile_hw: tuple[int, int],
    overlap: int,
    *,
    multiple: int = 1,
    least: int = 0,
    whole: bool = False,
) -> Tiling:
    """Decide where tiles lie: as few as there can be, evenly.

    Args:
        size_hw: of the picture.
        tile_hw: largest tile.
        overlap: of two neighbours, at least.
        multiple: tiles begin and end at multiples of this, which windows of attention need to lie as in the whole.
        least: pixels that are added to each side, at least, before it is a multiple.
        whole: a tile is never smaller than `tile_hw`: the network takes no other size.
    """
    padded = [-(-(side + least) // multiple) * multiple for side in size_hw]
    if whole:
        padded = [max(side, tile) for side, tile in zip(padded, tile_hw, strict=True)]
    axes = [_along(side, tile, overlap, multiple) for side, tile in zip(padded, tile_hw, strict=True)]
    (height, tops, fade_y), (width, lefts, fade_x) = axes
    return Tiling(tuple(size_hw), (padded[0], padded[1]), (height, width), tops, lefts, (fade_y, fade_x))


def _along(side: int, tile: int, overlap: int, multiple: int) -> tuple[int, tuple[int, ...], int]:
    """Along one side: length of a tile, where tiles begin, pixels in which one becomes the next."""
    tile = max(multiple, tile // multiple * multiple)
    if side <= tile:
        return side, (0,), 0
    # beyond half a tile, three would lie on one another
    overlap = min(-(-overlap // multiple), tile // 2 // multiple) * multiple
    steps = -(-(side - overlap) // (tile - overlap)) - 1
    starts = tuple(step * (side - tile) // steps // multiple * multiple for step in range(steps + 1))
    return tile, starts, overlap // 4


def _lay_into(out: Pixels, piece: Pixels, start: int, end_before: int, fade: int) -> None:
    """Lay a piece into `out` along the first axis; over what lies there up to `end_before` it fades in."""
    shared = max(0, end_before - start)
    fade = min(fade, shared)
    low = start + (shared - fade) // 2
    low, high, end = (min(place, len(out)) for place in (low, low + fade, start + len(piece)))
    if high > low:
        share = ((np.arange(high - low, dtype=np.float32) + 0.5) / fade)[:, None, None]
        before, after = (each.astype(np.float32) for each in (out[low:high], piece[low - start : high - start]))
        out[low:high] = np.rint(before + (after - before) * share)
    out[high:end] = piece[high - start : end - start]
