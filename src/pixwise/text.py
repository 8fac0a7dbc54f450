"""Pure functions on lines of text: their quads, the order in which they are read, the bytes of codes.

A quad is four corners (4, 2), clockwise from the top left of the text as it is read.
"""

from __future__ import annotations

import itertools
import re
import unicodedata

import numpy as np

from pixwise.points import quad_size

_OPENING = re.compile(r"(?:there (?:is|are) )?(?:an? |the )?(?:photo(?:graph)?|picture|image)s? of +", re.IGNORECASE)
_HANGING = frozenset({
    "a", "an", "and", "are", "as", "at", "behind", "beside", "but", "by", "for", "from", "has", "have", "her", "his",
    "in", "into", "is", "its", "near", "next", "of", "on", "onto", "or", "over", "that", "the", "their", "them", "to",
    "under", "very", "was", "were", "which", "while", "who", "with",
})  # fmt: skip

__all__ = [
    "clean_line",
    "even_spans",
    "lay_down",
    "prefer_large",
    "reading_order",
    "short_line",
    "split_line",
    "text_of_bytes",
]


def clean_line(text: str) -> str:
    """One line of whole characters (NFC): blanks are single ones, control and replacement characters are gone."""
    kept = (sign for sign in unicodedata.normalize("NFC", text) if sign.isspace() or not _is_noise(sign))
    return " ".join("".join(kept).split())


def _is_noise(sign: str) -> bool:
    return sign == "\ufffd" or unicodedata.category(sign) in ("Cc", "Cs", "Co")


def short_line(text: str, most: int = 125, *, whole: bool = True) -> str:
    """A sentence as alternative text: without "a picture of", first letter upper case, cut between words.

    Args:
        text: a sentence.
        most: characters; what is longer loses its last sentences, else its last part after a comma, else its last
            words, and words that lead to nothing ("with a").
        whole: the sentence is complete; else it ends like one that was cut.
    """
    line = clean_line(text)
    line = _OPENING.sub("", line, count=1) if _OPENING.match(line) else line
    if len(line) > most or not whole:
        line = _cut(line, most)
    capital = line[:1].upper()
    return capital + line[1:] if len(capital) == 1 else line  # that of ß is two letters


def _cut(line: str, most: int) -> str:
    """The longest beginning of at most `most` characters that can stand alone: sentences, else a part."""
    room = line[: most + 1]
    for stop, worth in ((r"[.!?](?= )|[.!?]$", 3), (r"[,;:](?= )", 2)):
        ends = [match for match in re.finditer(stop, room) if match.end() <= most]
        if ends and ends[-1].end() * worth >= min(most, len(line)):
            return line[: ends[-1].end()].rstrip(",;:")
    words = (room if len(line) <= most else room.rpartition(" ")[0]).split()
    if not words:
        return line[:most]  # one word without end
    while len(words) > 1 and words[-1].lower().strip(",;:-–") in (*_HANGING, ""):
        words.pop()
    return " ".join(words).rstrip(",;:-– ")


def text_of_bytes(payload: bytes) -> str:
    """UTF-8 where it is that, else Latin-1, which is what the standard of QR codes means by default."""
    try:
        return payload.decode("utf-8")
    except UnicodeDecodeError:
        return payload.decode("latin-1")


def lay_down(quad: np.ndarray) -> np.ndarray:
    """Text that stands (higher than 1.5 times its width) is read after a turn to the left: it starts top right."""
    width, height = quad_size(quad)
    return np.roll(quad, -1, axis=0) if height >= 1.5 * width else quad


def split_line(quad: np.ndarray, longest: float) -> list[np.ndarray]:
    """Cut a (4, 2) quad across into equal pieces, none longer than `longest` times its height."""
    width, height = quad_size(quad)
    parts = max(1, int(np.ceil(width / max(height, 1) / longest)))
    at = np.linspace(0, 1, parts + 1, dtype=np.float32)[:, None]
    above, below = quad[0] + at * (quad[1] - quad[0]), quad[3] + at * (quad[2] - quad[3])
    return [np.stack([above[i], above[i + 1], below[i + 1], below[i]]) for i in range(parts)]


def prefer_large(fine: np.ndarray, coarse: np.ndarray, least: float) -> np.ndarray:
    """Join the lines of two looks at a picture: where the coarse one saw a line of large letters, its word counts.

    A block of many small lines can look like one large line from afar. So a coarse line counts only where the fine look
    saw nothing, or several parts of a line of about its height.

    Args:
        fine, coarse: (N, 4, 2), (M, 4, 2).
        least: height from which letters are large.

    Returns:
        (K, 4, 2).
    """
    heights = np.array([min(quad_size(quad)) for quad in fine])
    replaced, kept = np.zeros(len(fine), bool), []
    for quad in coarse:
        height = min(quad_size(quad))
        inside = _inside(fine.mean(axis=1), quad)
        if height >= least and inside.sum() != 1 and (heights[inside] >= 0.6 * height).all():
            replaced |= inside
            kept.append(quad)
    return np.concatenate([fine[~replaced], np.array(kept, np.float32).reshape(-1, 4, 2)])


def _inside(points: np.ndarray, quad: np.ndarray) -> np.ndarray:
    """(N,) is each of (N, 2) in the (4, 2) clockwise quad? To the right of all its edges, y being down."""
    edges = np.roll(quad, -1, axis=0) - quad
    to_points = points[:, None] - quad  # (N, 4, 2)
    return (edges[:, 0] * to_points[..., 1] - edges[:, 1] * to_points[..., 0] >= 0).all(axis=1)


def even_spans(length: int, most: int, overlap: int) -> list[tuple[int, int]]:
    """Cover `length` by equal spans of at most `most` that overlap by at least `overlap`."""
    count = 1 if length <= most else -(-(length - overlap) // (most - overlap))
    span = min(length, most)
    starts = [round(i * (length - span) / max(1, count - 1)) for i in range(count)]
    return [(start, start + span) for start in starts]


def reading_order(quads: np.ndarray) -> list[int]:
    """Rows from top to bottom, each from left to right; columns of running text one after the other.

    All of it as the reader sees it: on a page that lies on its side "down" is down the page. Two blocks count as
    columns when an empty strip parts them and both are as broad as running text is, so that the prices of a receipt
    stay beside its items.

    Args:
        quads: (N, 4, 2), from the text's own top left.

    Returns:
        N indices.
    """
    if len(quads) == 0:
        return []
    angle = _page_angle(quads[:, 1] - quads[:, 0])
    cos, sin = np.cos(angle), np.sin(angle)
    upright = quads @ np.array([[cos, -sin], [sin, cos]])  # turned by -angle
    boxes = np.concatenate([upright.min(axis=1), upright.max(axis=1)], axis=1)  # (N, 4)
    return _order(list(range(len(quads))), boxes)


def _page_angle(along: np.ndarray) -> float:
    """The direction (N, 2) → radians that is nearest to all, longer lines counting more."""
    angles = np.arctan2(along[:, 1], along[:, 0])
    apart = np.abs((angles[:, None] - angles + np.pi) % (2 * np.pi) - np.pi)  # (N, N)
    return float(angles[(apart @ np.linalg.norm(along, axis=1)).argmin()])


def _order(lines: list[int], boxes: np.ndarray) -> list[int]:
    columns = _columns(lines, boxes)
    if not columns:
        return _rows(lines, boxes)
    return [line for block in columns for line in _order(block, boxes)]


def _rows(lines: list[int], boxes: np.ndarray) -> list[int]:
    """Row by row: a line is in the row whose first line's middle is within half a line of its own."""
    middle, height = (boxes[:, 1] + boxes[:, 3]) / 2, boxes[:, 3] - boxes[:, 1]
    rows: list[list[int]] = []
    for line in sorted(lines, key=lambda i: middle[i]):
        first = rows[-1][0] if rows else line
        if rows and abs(middle[line] - middle[first]) < 0.5 * min(height[line], height[first]):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda i: boxes[i, 0])]


def _columns(lines: list[int], boxes: np.ndarray) -> list[list[int]]:
    """The largest pair of columns: what is above, left, right, below; empty when there is none."""
    mine, middle = boxes[lines], (boxes[lines, 1] + boxes[lines, 3]) / 2
    best: tuple[int, list[np.ndarray]] = (0, [])
    for x in np.unique(mine[:, 0]):
        right = mine[:, 0] >= x
        left = (mine[:, 2] <= x) & ~right
        crossing = np.sort(middle[~left & ~right])
        edges = np.concatenate([[-np.inf], crossing, [np.inf]])
        for top, bottom in itertools.pairwise(edges):
            inside = (middle > top) & (middle < bottom)
            size = int((inside & left).sum() + (inside & right).sum())
            if size > best[0] and _are_columns(mine[inside & left], mine[inside & right]):
                best = size, [middle <= top, inside & left, inside & right, middle >= bottom]
    return [[lines[i] for i in np.flatnonzero(block)] for block in best[1] if block.any()]


def _are_columns(left: np.ndarray, right: np.ndarray) -> bool:
    """Two blocks (K, 4) side by side, of three lines or more, six times as long as high and more."""
    both = (left, right)
    if min(map(len, both)) < 3:
        return False
    beside = min(left[:, 3].max(), right[:, 3].max()) - max(left[:, 1].min(), right[:, 1].min())
    lowest = min(np.ptp(left[:, [1, 3]]), np.ptp(right[:, [1, 3]]))
    broad = all(
        np.median(np.ptp(block[:, [0, 2]], axis=1) - 6 * np.ptp(block[:, [1, 3]], axis=1)) >= 0 for block in both
    )
    return bool(broad and beside > 0.5 * lowest)
