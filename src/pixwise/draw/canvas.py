"""A picture and a pen whose width and letters grow with it, so that drawings read at 200 px and at 6 000 px.

Shapes are drawn at once; labels, captions and legends are kept until `finish`, which finds places for all of them.
Every line has a thin halo of the opposite lightness, every letter stands on a plate: both read on any background.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from pixwise.draw.fonts import font_for, shortened, tell_missing
from pixwise.draw.palette import BLACK, WHITE, Colour, on
from pixwise.draw.placing import Box, Place, detail_of, place_label, place_legend
from pixwise.draw.strip import below
from pixwise.draw.wash import washed
from pixwise.masks import Mask

__all__ = ["Canvas", "LegendRow"]

_SHIFT = 4  # OpenCV draws at 1/16 px
_SMALLEST_PX = 7  # letters below this cannot be read
_CROWDED_PX = 10  # labels of a crowd are not made smaller than this
_MOST_COVERED = 0.35  # share of the picture that labels may cover before they are made smaller
_MOST_HIDDEN = 0.1  # share of a label that may lie on what must be seen
_OF_A_LINE = 0.45  # letters of a caption to the height of the line that was read: seen to be no part of the picture
_AIR = 0.12  # share of a line's height above and below its letters


def _tame(numbers: npt.ArrayLike) -> np.ndarray:
    """Coordinates that OpenCV and Pillow can take; what lies further out cannot be seen anyway."""
    return np.clip(np.asarray(numbers, np.float64), -1e5, 1e5)


def _around(points_xy: np.ndarray) -> Box:
    """The box around (K, 2) points, whole pixels."""
    return (*np.floor(points_xy.min(axis=0)).astype(int).tolist(), *np.ceil(points_xy.max(axis=0)).astype(int).tolist())


def _area(box: Box) -> int:
    return max(0, box[2] - box[0]) * max(0, box[3] - box[1])


def _holds(outer: Box, inner: Box, slack: int) -> bool:
    low = outer[0] - slack <= inner[0] and outer[1] - slack <= inner[1]
    return low and inner[2] <= outer[2] + slack and inner[3] <= outer[3] + slack


@dataclass(frozen=True)
class LegendRow:
    """A line of a legend: a text with an optional colour before it, or a strip of colours with their shares."""

    text: str = ""
    colour: Colour | None = None
    strip: tuple[tuple[Colour, float], ...] = ()


@dataclass(frozen=True)
class _Label:
    """A text that waits for its place.

    Attributes:
        beside: its box is there to be read, so it keeps off it.
        stays: it must touch its box; elsewhere it would seem to be another line's.
    """

    text: str
    box: Box
    colour: Colour
    beside: bool = False
    stays: bool = False


@dataclass(frozen=True)
class _Plate:
    """A label that has found its place."""

    label: _Label
    text: str
    place: Place
    px: int


@dataclass(frozen=True)
class _Grid:
    """A legend's rows, set column by column."""

    rows: Sequence[LegendRow]
    px: int
    down: int
    size_wh: tuple[int, int]


class Canvas:
    """What drawers draw on.

    Attributes:
        image: Pillow RGB image of the picture's size; may be drawn on directly.
        letter_px: size of the letters.
        line_px: width of lines.
        halo_px: width of the halo on each side of a line.
    """

    def __init__(self, image: Image.Image):
        self.image = image
        side = math.sqrt(image.width * image.height)
        wanted = max(12, round(4 + side / 50))
        self.letter_px = max(_SMALLEST_PX, min(wanted, round(image.height / 3)))
        self.line_px = max(1, round(self.letter_px / 9))
        self.halo_px = max(1, round(self.line_px / 4))
        self._pen = ImageDraw.Draw(image)
        self._detail = detail_of(image)  # of the picture itself: before anything is drawn
        self._labels: list[_Label] = []
        self._captions: list[tuple[_Label, float]] = []  # with the heights of their lines
        self._legend: list[LegendRow] = []
        self._sentences: list[str] = []
        self._read: list[Box] = []  # where texts and codes lie, which nothing should cover
        self._shapes: list[Box] = []

    @property
    def size_hw(self) -> tuple[int, int]:
        """(height, width), pixels."""
        return self.image.height, self.image.width

    # -- shapes ----------------------------------------------------------------------------------------------------

    def box(self, box_xyxy: Sequence[float], colour: Colour) -> None:
        """An outline; parts outside the picture are drawn along its border."""
        height, width = self.size_hw
        x1, y1, x2, y2 = _tame(box_xyxy).tolist()
        if x2 < 0 or y2 < 0 or x1 > width or y1 > height:
            return
        line = max(1, min(self.line_px, round(min(x2 - x1, y2 - y1) / 5)))
        out = line // 2 + self.halo_px
        self._shapes.append((round(x1), round(y1), round(x2), round(y2)))
        left, top = max(0, round(x1) - out), max(0, round(y1) - out)
        right, bottom = min(width, round(x2) + out) - 1, min(height, round(y2) + out) - 1
        thick, halo = line + 2 * self.halo_px, self.halo_px
        self._pen.rectangle((left, top, max(left, right), max(top, bottom)), outline=on(colour), width=thick)
        inner = (left + halo, top + halo, max(left + halo, right - halo), max(top + halo, bottom - halo))
        self._pen.rectangle(inner, outline=colour, width=line)

    def polygon(self, points_xy: np.ndarray, colour: Colour, *, thin: bool = False, most_px: float = math.inf) -> None:
        """An outline through (K, 2) points, smooth at any angle, two of which are a stroke.

        Thin ones are for what lies close together; lines are at most `most_px` wide.
        """
        import cv2

        points_xy = _tame(points_xy)
        line = max(1, round(min(most_px, self.line_px // 2 if thin else self.line_px)))

        def paint(pixels: np.ndarray, corner: np.ndarray) -> None:
            fixed = np.round((points_xy - corner - 0.5) * 2**_SHIFT).astype(np.int32)[None]
            for shade, thick in ((on(colour), line + 2 * self.halo_px), (colour, line)):
                cv2.polylines(pixels, fixed, True, shade, thick, cv2.LINE_AA, _SHIFT)

        self._shapes.append(_around(points_xy))
        self._paint(points_xy, self.line_px + self.halo_px + 1, paint)

    def mask(self, mask: Mask, colour: Colour) -> None:
        """Pixels washed with a colour, and their outline."""
        if mask.area:
            self._shapes.append(mask.box)
            part = washed(np.array(self.image.crop(mask.box)), mask.crop(), colour, self.line_px, self.halo_px)
            self.image.paste(Image.fromarray(part), mask.box[:2])

    def dot(self, point_xy: Sequence[float], colour: Colour, most_px: float = math.inf) -> None:
        """A filled circle, of a radius of at most `most_px`; NaN is no point."""
        import cv2

        point = _tame(point_xy)
        if not np.isfinite(point).all():
            return
        radius = max(1.0, min(most_px, 2.0 + 1.1 * (self.line_px - 1)))

        def paint(pixels: np.ndarray, corner: np.ndarray) -> None:
            centre = np.round((point - corner - 0.5) * 2**_SHIFT).astype(int).tolist()
            for shade, wide in ((on(colour), radius + self.halo_px), (colour, radius)):
                cv2.circle(pixels, centre, round(wide * 2**_SHIFT), shade, -1, cv2.LINE_AA, _SHIFT)

        self._paint(point[None], math.ceil(radius) + self.halo_px + 1, paint)

    def _paint(self, points_xy: np.ndarray, margin: int, paint: Callable[[np.ndarray, np.ndarray], None]) -> None:
        """Let OpenCV paint on the part of the image around some points."""
        low = np.maximum(np.floor(points_xy.min(axis=0)) - margin, 0).astype(int)
        high = np.minimum(np.ceil(points_xy.max(axis=0)) + margin, self.image.size).astype(int)
        if (low < high).all():
            pixels = np.array(self.image.crop((*low.tolist(), *high.tolist())))
            paint(pixels, low)
            self.image.paste(Image.fromarray(pixels), low.tolist())

    # -- texts -----------------------------------------------------------------------------------------------------

    def label(self, text: str, box_xyxy: Sequence[float], colour: Colour, *, beside: bool = False) -> None:
        """A plate with a text, at a box; earlier ones choose first.

        Args:
            text: one line.
            box_xyxy: what is labelled.
            colour: of the plate.
            beside: the box is there to be read: no plate covers it where there is room elsewhere.
        """
        x1, y1, x2, y2 = (round(edge) for edge in _tame(box_xyxy).tolist())
        out = self.line_px // 2 + self.halo_px  # flush with the outline's outer edge
        self._labels.append(_Label(text, (x1 - out, y1 - out + 1, x2 + out, y2 + out - 1), colour, beside))
        if beside:
            self._read.append((x1, y1, x2, y2))

    def caption(self, text: str, quad_xy: np.ndarray, colour: Colour) -> None:
        """What was read in a quad, on a small plate beside it; left out where it would cover what else was read.

        Args:
            text: one line.
            quad_xy: (4, 2) corners, clockwise from the text's top left.
            colour: of the plate.
        """
        quad_xy = _tame(quad_xy)
        high = min(float(np.linalg.norm(quad_xy[end] - quad_xy[0])) for end in (1, 3))
        x1, y1, x2, y2 = _around(quad_xy)
        out, air = self.halo_px, min(round(_AIR * high), (y2 - y1) // 2)
        label = _Label(text, (x1 - out, y1 - out, x2 + out, y2 + out), colour, beside=True, stays=True)
        self._captions.append((label, high))
        self._read.append((x1, y1 + air, x2, y2 - air))

    def legend(self, rows: Sequence[LegendRow]) -> None:
        """Lines on the plate at the border; all legends of a picture share it."""
        self._legend += rows

    def sentence(self, text: str) -> None:
        """What is said about the whole picture, on a strip below it."""
        self._sentences.append(text)

    def finish(self) -> Image.Image:
        """Place and draw what was kept; the image comes back, higher where there are sentences."""
        texts = [label.text for label in (*self._labels, *(label for label, _ in self._captions))]
        tell_missing((*texts, *(row.text for row in self._legend), *self._sentences))
        taken: list[Box] = []
        px = self._label_px()
        plates = [plate for label in self._labels if (plate := self._placed_label(label, px, taken))]
        plates += self._placed_captions(taken)
        self._draw_legend([plate.place.box for plate in plates])
        for plate in plates:
            self._draw_leader(plate)
        for plate in reversed(plates):  # the first on top
            self._draw_plate(plate)
        self._labels, self._captions, self._legend = [], [], []
        return below(self.image, self._sentences, self.letter_px)

    def _label_px(self) -> int:
        """Size of the letters: smaller where there are so many labels that they would cover the picture."""
        area = sum(math.prod(self._plate_wh(label.text, self.letter_px)) for label in self._labels)
        room = _MOST_COVERED * self.image.width * self.image.height
        crowded = round(self.letter_px * math.sqrt(room / max(area, room)))
        return max(crowded, min(self.letter_px, _CROWDED_PX))

    def _placed_captions(self, taken: Sequence[Box]) -> list[_Plate]:
        """Captions of one size: the largest at which all find room, else that at which most do."""
        least = min(self.letter_px, max(_CROWDED_PX, round(0.55 * self.letter_px)))
        usual = float(np.median([high for _, high in self._captions])) if self._captions else 0.0
        most = max(least, min(self.letter_px, round(_OF_A_LINE * usual)))
        best: list[_Plate] = []
        for px in dict.fromkeys(np.linspace(most, least, 4).astype(int).tolist()):
            tried = list(taken)
            plates = [plate for label, _ in self._captions if (plate := self._placed(label, px, tried))]
            best = max(best, plates, key=len)
            if len(best) == len(self._captions):
                break
        return best

    def _placed_label(self, label: _Label, px: int, taken: list[Box]) -> _Plate | None:
        """Beside what is read, or on it where there is no other room."""
        plate = self._placed(label, px, taken)
        if plate is None and label.beside:
            return self._placed(replace(label, beside=False), px, taken)
        return plate

    def _placed(self, label: _Label, px: int, taken: list[Box]) -> _Plate | None:
        """A label in its place; None where there is no room: its box keeps its colour."""
        text = shortened(label.text, px, self.image.width - 2 * self._pad(px))
        size_wh = self._plate_wh(text, px)
        if not text or size_wh[0] > self.image.width or size_wh[1] > self.image.height:
            return None
        area, slack = math.prod(size_wh), self.line_px + self.halo_px
        small = [shape for shape in self._shapes if _area(shape) < 2 * area]  # a label would hide them
        others = [shape for shape in self._shapes if not _holds(shape, label.box, slack)]
        others = [(0, 0, *self.image.size)] if label.stays else others
        seen, busy = ([*taken, *self._read], small) if label.beside else (taken, [*self._read, *small])
        detail = self._detail if label.beside else None
        place = place_label(size_wh, label.box, self.size_hw, seen, busy, others, detail)
        if place.hidden > (0 if label.stays else _MOST_HIDDEN * area):
            return None
        taken.append(place.box)
        return _Plate(label, text, place, px)

    def _plate_wh(self, text: str, px: int) -> tuple[int, int]:
        font, shown = font_for(text, px)
        return math.ceil(font.getlength(shown)) + 2 * self._pad(px), self._row_px(px)

    def _draw_leader(self, plate: _Plate) -> None:
        """A thin line from a label that had to move away to its box."""
        if plate.place.gap_px <= 1:
            return
        (x1, y1, x2, y2), (left, top, right, bottom) = plate.label.box, plate.place.box
        end = np.clip(((left + right) / 2, (top + bottom) / 2), (x1, y1), (x2, y2))
        end = np.clip(end, 0, np.array(self.image.size) - 1)
        start = np.clip(end, (left, top), (right, bottom))
        line, colour = [*start.tolist(), *end.tolist()], plate.label.colour
        self._pen.line(line, fill=on(colour), width=max(1, self.line_px // 2) + 2 * self.halo_px)
        self._pen.line(line, fill=colour, width=max(1, self.line_px // 2))

    def _draw_plate(self, plate: _Plate) -> None:
        x1, y1, x2, y2 = plate.place.box
        colour, px = plate.label.colour, plate.px
        self._pen.rectangle((x1, y1, x2 - 1, y2 - 1), fill=colour, outline=on(colour), width=self.halo_px)
        self._write(plate.text, x1 + self._pad(px), y1, px, on(colour))

    def _write(self, text: str, x: float, top: float, px: int, colour: Colour) -> None:
        font, shown = font_for(text, px)
        self._pen.text((x, top + self._pad(px) + round(0.8 * px)), shown, fill=colour, font=font, anchor="ls")

    @staticmethod
    def _pad(px: int) -> int:
        return max(2, px // 4)

    def _row_px(self, px: int) -> int:
        return px + 2 * self._pad(px)

    # -- legends ---------------------------------------------------------------------------------------------------

    def _draw_legend(self, taken: Sequence[Box]) -> None:
        """One column, or more of them where that hides less of the picture."""
        grids = [self._grid(columns) for columns in dict.fromkeys((1, 2, 3, max(1, len(self._legend))))]
        busy, options = [*taken, *self._read, *self._shapes], []
        for grid in filter(None, grids):
            place, cost = place_legend(grid.size_wh, self.size_hw, grid.px // 2, busy, self._detail)
            options.append((cost, place, grid))
        if not options:
            return
        _, place, grid = min(options, key=lambda option: option[0])
        self._shade(place)
        cell = grid.size_wh[0] // math.ceil(len(grid.rows) / grid.down)
        for index, row in enumerate(grid.rows):
            left = place[0] + index // grid.down * cell
            top = place[1] + self._pad(grid.px) + index % grid.down * self._row_px(grid.px)
            self._draw_row(row, left + self._pad(grid.px), top, left + cell, grid.px)

    def _grid(self, columns: int) -> _Grid | None:
        """The legend in so many columns; None where it has no room. One column is shrunk and cut until it fits."""
        rows, px, most = self._legend, self.letter_px, round(0.9 * self.image.height)
        down = math.ceil(len(rows) / columns)
        while px > _SMALLEST_PX and self._row_px(px) * down + 2 * self._pad(px) > most:
            px -= max(1, px // 10)
        down = min(down, max(0, most - 2 * self._pad(px)) // self._row_px(px))
        rows = rows[: down * columns]
        if not rows:
            return None
        wanted, room = self._cell_px(rows, px), round((0.7 if columns == 1 else 0.9) * self.image.width)
        cell = min(wanted, room)
        if cell < 4 * px or (columns > 1 and wanted * columns > room):
            return None
        size_wh = cell * math.ceil(len(rows) / down), self._row_px(px) * down + 2 * self._pad(px)
        return _Grid(rows, px, down, size_wh)

    def _cell_px(self, rows: Sequence[LegendRow], px: int) -> int:
        """Width of the widest row."""
        swatch = 1.5 * px if any(row.colour for row in rows) else 0
        lengths = [font.getlength(shown) for font, shown in (font_for(row.text, px) for row in rows)]
        return math.ceil(max([*lengths, 8 * px]) + swatch + 2 * self._pad(px))

    def _shade(self, place: Box) -> None:
        """A dark plate through which a little of the picture shows; white on it has a contrast above 7 everywhere."""
        part = self.image.crop(place)
        self.image.paste(Image.blend(part, Image.new("RGB", part.size, BLACK), 0.75), place[:2])

    def _draw_row(self, row: LegendRow, x: int, top: int, right: int, px: int) -> None:
        pad, high = self._pad(px), px
        if row.strip:
            total, start = sum(share for _, share in row.strip) or 1.0, float(x)
            for colour, share in row.strip:
                end = start + (right - pad - x) * share / total
                self._pen.rectangle(
                    (round(start), top + pad, max(round(start), round(end) - 1), top + pad + high), colour
                )
                start = end
            self._pen.rectangle((x, top + pad, right - pad - 1, top + pad + high), outline=WHITE, width=self.halo_px)
            return
        if row.colour:
            self._pen.rectangle((x, top + pad, x + high, top + pad + high), row.colour, WHITE, self.halo_px)
            x += round(1.5 * px)
        self._write(shortened(row.text, px, right - x - pad), x, top, px, WHITE)
