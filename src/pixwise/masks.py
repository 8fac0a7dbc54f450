"""Masks: run lengths of a crop, opened on demand; COCO's two forms; outlines as polygons and back.

    (H, W) bool ─▶ Mask ─▶ .open() (H, W) · .crop() (h, w) · .area · .to_rle() · .polygons()

Runs go down the columns, first of zeros, as COCO has them. A mask of a 12-megapixel picture takes some ten kilobytes
instead of twelve megabytes; area, box and overlaps are read from the runs without opening it.

Conventions: boxes are integer `xyxy`, right and bottom exclusive. Outlines: see `polygons.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pixwise.errors import ShapeError, check_shape
from pixwise.polygons import mask_from_polygons, polygons_from_mask

__all__ = [
    "Mask",
    "counts_from_mask",
    "counts_from_text",
    "iou",
    "mask_from_counts",
    "text_from_counts",
]

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Polygons = Iterable[npt.ArrayLike]

_MOST_GROUPS = 7  # of five bits: COCO's runs have 32 bits, their differences 33


def counts_from_mask(mask: npt.ArrayLike) -> Ints:
    """Lengths of the runs down the columns, first of zeros (may be 0), then of ones, and so on.

    Args:
        mask: (H, W) bool, or 0 and 1.

    Returns:
        (R,) that sum to H * W.
    """
    mask = np.asarray(mask).astype(bool, copy=False)
    check_shape("mask", mask, ("H", "W"))
    column_major = mask.T.reshape(-1)
    changes = np.flatnonzero(column_major[1:] != column_major[:-1]) + 1
    first = [0] if column_major.size and column_major[0] else []
    return np.diff(np.concatenate([[0], first, changes, [column_major.size]]).astype(np.int64))


def mask_from_counts(counts: npt.ArrayLike, size_hw: tuple[int, int]) -> Bools:
    """Open run lengths.

    Args:
        counts: (R,) as `counts_from_mask` gives.
        size_hw: of the mask.

    Returns:
        (H, W) bool.

    Raises:
        ShapeError: a run is negative, or they do not sum to H * W.
    """
    counts = _checked_counts(counts, size_hw)
    ones = np.arange(len(counts)) % 2 == 1
    return np.repeat(ones, counts).reshape(size_hw[1], size_hw[0]).T


def _checked_counts(counts: npt.ArrayLike, size_hw: tuple[int, int]) -> Ints:
    counts = np.asarray(counts, np.int64).reshape(-1)
    if counts.sum() != size_hw[0] * size_hw[1] or (counts < 0).any() or min(size_hw) < 0:
        raise ShapeError(
            f"runs of a {size_hw[0]} x {size_hw[1]} mask must sum to {size_hw[0] * size_hw[1]} and be positive, "
            f"got {counts.sum()}; check that size is (height, width)"
        )
    return counts


def text_from_counts(counts: npt.ArrayLike) -> str:
    """COCO's compressed form of run lengths.

    From the fourth on, each run is stored as the difference to the one two before. Numbers are cut into groups of five
    bits, lowest first; a sixth bit says that more follow; 48 is added to make a letter. The last group's top bit is
    the sign.

    Args:
        counts: (R,) run lengths.
    """
    counts = np.asarray(counts, np.int64).reshape(-1)
    stored = counts.copy()
    stored[3:] -= counts[1:-2]
    groups = np.ones(len(stored), np.int64)  # how many each number needs
    for bits in range(5, 60, 5):
        groups += (stored < -(1 << (bits - 1))) | (stored >= 1 << (bits - 1))
    owner = np.repeat(np.arange(len(stored)), groups)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(groups) - groups, groups)
    letters = (stored[owner] >> (5 * place)) & 31
    letters += 32 * (place < groups[owner] - 1) + 48
    return letters.astype(np.uint8).tobytes().decode("ascii")


def counts_from_text(text: str | bytes) -> Ints:
    """Run lengths from COCO's compressed form; see `text_from_counts`.

    Returns:
        (R,) run lengths.

    Raises:
        ShapeError: a letter that cannot be there, or an end in the middle of a number.
    """
    data = text.encode() if isinstance(text, str) else bytes(text)
    letters = np.frombuffer(data, np.uint8).astype(np.int64) - 48
    last = letters < 32  # of its number
    if ((letters < 0) | (letters > 63)).any() or (len(letters) and not last[-1]):
        raise ShapeError(f"run-length text must be COCO's compressed form, got {text[:40]!r}; check where it was cut")
    ends = np.flatnonzero(last)
    starts = np.concatenate([[0], ends + 1])[:-1].astype(np.int64)
    groups = ends - starts + 1
    if len(groups) and groups.max() > _MOST_GROUPS:
        raise ShapeError(f"run lengths must be below 2**32, got {5 * groups.max()} bits; the text is damaged")
    place = np.arange(len(letters)) - np.repeat(starts, groups)
    stored = np.add.reduceat((letters & 31) << (5 * place), starts) if len(starts) else np.zeros(0, np.int64)
    stored -= np.where(letters[ends] & 16, np.int64(1) << (5 * groups), 0)
    counts = stored.copy()
    counts[1::2] = np.cumsum(stored[1::2])
    counts[2::2] = np.cumsum(stored[2::2])
    return counts


@dataclass(frozen=True, eq=False, repr=False)
class Mask:
    """Some pixels of a picture.

    Attributes:
        size_hw: of the picture.
        box: (x1, y1, x2, y2), the tight box; four zeros when no pixel is set.
        counts: (R,) run lengths of the crop, down its columns; read-only.
    """

    size_hw: tuple[int, int]
    box: tuple[int, int, int, int]
    counts: npt.NDArray[np.int32]

    def __post_init__(self) -> None:
        x1, y1, x2, y2 = self.box
        stored = _checked_counts(self.counts, (y2 - y1, x2 - x1)).astype(np.int32)
        stored.setflags(write=False)
        object.__setattr__(self, "counts", stored)

    def __repr__(self) -> str:
        return f"<Mask {self.area} px of {self.size_hw[1]} x {self.size_hw[0]}>"

    @classmethod
    def from_array(cls, mask: npt.ArrayLike) -> Mask:
        """Compress (H, W) bool, or 0 and 1."""
        mask = np.asarray(mask).astype(bool, copy=False)
        check_shape("mask", mask, ("H", "W"))
        columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
        if not len(rows):
            return cls(mask.shape, (0, 0, 0, 0), np.zeros(1, np.int32))
        x1, y1, x2, y2 = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
        return cls(mask.shape, (x1, y1, x2, y2), counts_from_mask(mask[y1:y2, x1:x2]))

    @classmethod
    def from_rle(cls, rle: Mapping[str, Any]) -> Mask:
        """Read COCO's form: `{"size": [H, W], "counts": text, bytes or list}`.

        Raises:
            ShapeError: the runs do not fill the size.
        """
        if not {"size", "counts"} <= set(rle) or len(rle["size"]) != 2:
            raise ShapeError(f'run lengths must have "size": [H, W] and "counts", got {sorted(rle)}; see COCO\'s form')
        size_hw, counts = (int(rle["size"][0]), int(rle["size"][1])), rle["counts"]
        counts = counts_from_text(counts) if isinstance(counts, str | bytes) else counts
        return cls._from_runs(*_split(*_ones(_checked_counts(counts, size_hw)), size_hw[0]), size_hw)

    @classmethod
    def _from_runs(cls, starts: Ints, ends: Ints, size_hw: tuple[int, int]) -> Mask:
        """Of runs of ones down the columns of the whole picture, each in one column."""
        if not len(starts):
            return cls(size_hw, (0, 0, 0, 0), np.zeros(1, np.int32))
        columns, rows, lengths = starts // size_hw[0], starts % size_hw[0], ends - starts
        x1, y1, x2, y2 = columns.min(), rows.min(), columns.max() + 1, (rows + lengths).max()
        starts = (columns - x1) * (y2 - y1) + rows - y1  # in the crop
        counts = _counts_of(starts, starts + lengths, (x2 - x1) * (y2 - y1))
        return cls(size_hw, (int(x1), int(y1), int(x2), int(y2)), counts)

    @classmethod
    def stretched(cls, small: npt.ArrayLike, size_hw: tuple[int, int]) -> Mask:
        """Enlarge (h, w) bool to the picture, the nearest pixel each, without ever holding (H, W).

        Pixel i of H shows pixel floor(i * h / H), as torch's `interpolate(mode="nearest")` has it.
        """
        small = np.asarray(small, bool)
        check_shape("mask", small, ("h", "w"))
        rows, columns = (_nearest(have, want) for have, want in zip(small.shape, size_hw, strict=True))
        first = np.searchsorted(rows, np.arange(small.shape[0] + 1))  # pixel of the picture at which each row begins
        framed = np.pad(small.T, ((0, 0), (1, 1))).astype(np.int8)  # (w, h + 2)
        edges = np.diff(framed, axis=1)
        owner, tops = np.nonzero(edges == 1)  # column by column, as runs go
        tops, bottoms = first[tops], first[np.nonzero(edges == -1)[1]]
        begin = np.searchsorted(owner, np.arange(small.shape[1] + 1))
        pieces = np.diff(begin)[columns]  # (W,) runs of each column of the picture
        place = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        which, offset = np.repeat(begin[columns], pieces) + place, np.repeat(np.arange(size_hw[1]), pieces) * size_hw[0]
        starts, ends = tops[which] + offset, bottoms[which] + offset
        return cls._from_runs(starts[starts < ends], ends[starts < ends], size_hw)

    def within(self, size_hw: tuple[int, int], corner_xy: tuple[int, int]) -> Mask:
        """The same pixels in a larger picture, in which this one lies with its first pixel at a corner."""
        x, y = corner_xy
        moved = (
            tuple(edge + shift for edge, shift in zip(self.box, (x, y, x, y), strict=True)) if self.area else self.box
        )
        return Mask(size_hw, moved, self.counts)

    @classmethod
    def from_polygons(cls, polygons: Polygons, size_hw: tuple[int, int]) -> Mask:
        """Fill rings; see `mask_from_polygons`."""
        return cls.from_array(mask_from_polygons(polygons, size_hw))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mask):
            return NotImplemented
        same = self.size_hw == other.size_hw and self.box == other.box
        return same and np.array_equal(self.counts, other.counts)

    def __hash__(self) -> int:
        return hash((self.size_hw, self.box, self.counts.tobytes()))

    @property
    def area(self) -> int:
        """Number of pixels."""
        return int(self.counts[1::2].sum())

    def crop(self) -> Bools:
        """(y2 - y1, x2 - x1) bool: what lies in the box."""
        x1, y1, x2, y2 = self.box
        return mask_from_counts(self.counts, (y2 - y1, x2 - x1))

    def open(self) -> Bools:
        """(H, W) bool: the whole picture."""
        x1, y1, x2, y2 = self.box
        out = np.zeros(self.size_hw, bool)
        out[y1:y2, x1:x2] = self.crop()
        return out

    def to_rle(self) -> dict[str, Any]:
        """COCO's compressed form, ready for JSON: `{"size": [H, W], "counts": text}`."""
        counts = _counts_of(*self._runs(), self.size_hw[0] * self.size_hw[1])
        return {"size": list(self.size_hw), "counts": text_from_counts(counts)}

    def polygons(self) -> list[Floats]:
        """Outlines; see `polygons_from_mask`."""
        return [ring + np.float32(self.box[:2]) for ring in polygons_from_mask(self.crop())]

    def _runs(self) -> tuple[Ints, Ints]:
        """Where runs of ones start and end in the whole picture, column by column."""
        x1, y1, _, y2 = self.box
        high = max(1, y2 - y1)
        starts, ends = _split(*_ones(self.counts.astype(np.int64)), high)
        moved = (starts // high + x1) * self.size_hw[0] + starts % high + y1
        return moved, moved + ends - starts


def _nearest(have: int, want: int) -> Ints:
    """(want,) the place of the source that each place shows; in 32-bit floats, as torch computes it."""
    scale = np.float32(have) / np.float32(want)
    return np.minimum((np.arange(want, dtype=np.float32) * scale).astype(np.int64), have - 1)


def _ones(counts: Ints) -> tuple[Ints, Ints]:
    """Where the runs of ones start and end."""
    edges = np.cumsum(counts)
    starts, ends = edges[: len(edges) // 2 * 2 : 2], edges[1::2]
    return starts[starts < ends], ends[starts < ends]


def _split(starts: Ints, ends: Ints, high: int) -> tuple[Ints, Ints]:
    """Cut runs where a column ends, so that each lies in one."""
    pieces = (ends - 1) // high - starts // high + 1
    place = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    column = np.repeat(starts // high, pieces) + place
    starts, ends = np.repeat(starts, pieces), np.repeat(ends, pieces)
    return np.maximum(starts, column * high), np.minimum(ends, (column + 1) * high)


def _counts_of(starts: Ints, ends: Ints, total: int) -> Ints:
    """Run lengths from runs of ones in order; those that touch become one."""
    first, last = np.ones(len(starts), bool), np.ones(len(ends), bool)
    first[1:] = last[:-1] = starts[1:] > ends[:-1]
    edges = np.stack([starts[first], ends[last]], axis=1).reshape(-1)
    rest = [total] if not len(edges) or edges[-1] < total else []
    return np.diff(np.concatenate([[0], edges, rest]).astype(np.int64))


def iou(a: Sequence[Mask], b: Sequence[Mask]) -> npt.NDArray[np.float64]:
    """Intersection over union of every pair, from the runs.

    Args:
        a: N masks of one picture.
        b: M masks of the same picture.

    Returns:
        (N, M), 0 to 1; 0 where both are empty.

    Raises:
        ShapeError: the masks are of pictures of different sizes.
    """
    if len(sizes := {mask.size_hw for mask in (*a, *b)}) > 1:
        raise ShapeError(f"masks must be of one picture, got sizes {sorted(sizes)}; bring them to one size first")
    out = np.zeros((len(a), len(b)))
    runs = [mask._runs() for mask in b]
    for row, mine in enumerate(a):
        starts, ends = mine._runs()
        for column, other in enumerate(b):
            if _boxes_touch(mine.box, other.box):
                both = _common(starts, ends, *runs[column])
                out[row, column] = both / (mine.area + other.area - both)
    return out


def _boxes_touch(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])


def _common(starts: Ints, ends: Ints, other_starts: Ints, other_ends: Ints) -> int:
    """Length that two lists of runs share: with F(x) the other's length before x, the sum of F(end) - F(start)."""
    edges = np.stack([other_starts, other_ends], axis=1).reshape(-1)
    before = np.cumsum(np.stack([np.zeros_like(other_starts), other_ends - other_starts], axis=1).reshape(-1))
    return round(float((np.interp(ends, edges, before) - np.interp(starts, edges, before)).sum()))
