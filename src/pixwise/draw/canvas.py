"""A picture and a pen whose width and letters grow with it, so that drawings read at 200 px and at 6 000 px.

Shapes are drawn at once; labels and legends are kept until `finish`, which finds places for all of them. Every line has
a thin halo of the opposite lightness, every letter stands on a plate: both read on any background.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from pixwise.draw.fonts import font_for
from pixwise.draw.palette import BLACK, WHITE, Colour, on
from pixwise.draw.placing import Box, place_label, place_legend

__all__ = ["Canvas", "LegendRow"]

_SHIFT = 4  # OpenCV draws at 1/16 px
_SMALLEST_PX = 7  # letters below this cannot be read
_CROWDED_PX = 10  # labels of a crowd are not made smaller than this
_MOST_COVERED = 0.35  # share of the picture that labels may cover before they are made smaller
_MOST_HIDDEN = 0.1  # share of a label that others may hide
_MOST_SQUEEZE = 1.6  # how far letters may be stretched or squeezed to fill a quad


def _tame(numbers: npt.ArrayLike) -> np.ndarray:
    """Coordinates that OpenCV and Pillow can take; what lies further out cannot be seen anyway."""
    return np.clip(np.asarray(numbers, np.float64), -1e5, 1e5)


def _around(points_xy: np.ndarray) -> Box:
    """The box around (K, 2) points, whole pixels."""
    return (*np.floor(points_xy.min(axis=0)).astype(int).tolist(), *np.ceil(points_xy.max(axis=0)).astype(int).tolist())


def _area(box: Box) -> int:
    return max(0, box[2] - box[0]) * max(0, box[3] - box[1])


def _warp_into(pixels: np.ndarray, patch: np.ndarray, quad_xy: np.ndarray) -> None:
    """Lay a patch over a quad of some pixels, smooth at its border; a little of the picture shows through."""
    import cv2

    high, wide = patch.shape[:2]
    source = np.float32([[0, 0], [wide, 0], [wide, high], [0, high]]) - 0.5
    turn, size_wh = cv2.getPerspectiveTransform(source, np.float32(quad_xy - 0.5)), pixels.shape[1::-1]
    turned = cv2.warpPerspective(patch, turn, size_wh, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpPerspective(np.full((high, wide), 255, np.uint8), turn, size_wh, flags=cv2.INTER_LINEAR)
    share = inside[..., None] * np.float32(0.92 / 255)
    pixels[:] = np.round(pixels + (turned - pixels.astype(np.float32)) * share)


@dataclass(frozen=True)
class LegendRow:
    """A line of a legend: a text with an optional colour before it, or a strip of colours with their shares."""

    text: str = ""
    colour: Colour | None = None
    strip: tuple[tuple[Colour, float], ...] = ()


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
        self._labels: list[tuple[str, Sequence[float], Colour]] = []
        self._legend: list[LegendRow] = []
        self._texts: list[Box] = []  # where texts lie that labels should not cover
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

    def polygon(self, points_xy: np.ndarray, colour: Colour, *, thin: bool = False) -> None:
        """An outline through (K, 2) points, smooth at any angle; thin ones are for what lies close together."""
        import cv2

        points_xy = _tame(points_xy)
        lines = ((on(colour), self.line_px + 2 * self.halo_px), (colour, self.line_px))
        lines = ((colour, max(1, self.line_px // 2)),) if thin else lines

        def paint(pixels: np.ndarray, corner: np.ndarray) -> None:
            fixed = np.round((points_xy - corner - 0.5) * 2**_SHIFT).astype(np.int32)[None]
            for shade, thick in lines:
                cv2.polylines(pixels, fixed, True, shade, thick, cv2.LINE_AA, _SHIFT)

        self._shapes.append(_around(points_xy))
        self._paint(points_xy, self.line_px + self.halo_px + 1, paint)

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

    def label(self, text: str, box_xyxy: Sequence[float], colour: Colour) -> None:
        """A plate with a text, beside a box; earlier ones choose first."""
        x1, y1, x2, y2 = _tame(box_xyxy).tolist()
        out = self.line_px // 2 + self.halo_px  # flush with the outline's outer edge
        self._labels.append(
            (text, (round(x1) - out, round(y1) - out + 1, round(x2) + out, round(y2) + out - 1), colour)
        )

    def legend(self, rows: Sequence[LegendRow]) -> None:
        """Lines on the plate in the corner; all legends of a picture share it."""
        self._legend += rows

    def text_over(self, text: str, quad_xy: np.ndarray, plate: Colour) -> None:
        """A text over the quad where it was read, stretched to it, turned as it is but never upside down.

        Args:
            text: one line.
            quad_xy: (4, 2) corners, clockwise from the text's top left.
            plate: colour behind the letters. Where the letters would be too small to read, a label beside it is made.
        """
        quad_xy = _tame(quad_xy)
        if quad_xy[1, 0] - quad_xy[0, 0] < -1e-3 * abs(quad_xy[1, 1] - quad_xy[0, 1]):  # leftwards: turn it round
            quad_xy = quad_xy[[2, 3, 0, 1]]
        wide, high = (float(np.linalg.norm(quad_xy[end] - quad_xy[0])) for end in (1, 3))
        font, shown = font_for(text, 32)
        natural = font.getlength(shown) / 32  # width of the text per pixel of height
        px = int(min(0.8 * high, _MOST_SQUEEZE * wide / max(natural, 0.1)))
        if px < _SMALLEST_PX or max(wide, high) > 2 * max(self.size_hw):
            self.label(text, _around(quad_xy), plate)
            return
        stretched = max(px * natural * 1.04, wide / _MOST_SQUEEZE)
        patch = Image.new("RGB", (max(1, round(stretched)), max(1, round(high))), plate)
        font, shown = font_for(text, px)
        ImageDraw.Draw(patch).text((patch.width / 2, patch.height / 2), shown, fill=on(plate), font=font, anchor="mm")
        self._texts.append(_around(quad_xy))
        self._paint(quad_xy, 1, lambda pixels, corner: _warp_into(pixels, np.asarray(patch), quad_xy - corner))

    def finish(self) -> Image.Image:
        """Place and draw what was kept; the image comes back."""
        taken: list[Box] = []
        self._draw_legend(taken)
        px = self._label_px()
        plates = [self._placed(*label, px, taken) for label in self._labels]
        for plate in reversed(plates):  # the first on top
            if plate is not None:
                self._draw_plate(*plate, px)
        self._labels, self._legend = [], []
        return self.image

    def _label_px(self) -> int:
        """Size of the letters: smaller where there are so many labels that they would cover the picture."""
        area = sum(math.prod(self._plate_wh(text, self.letter_px)) for text, _, _ in self._labels)
        room = _MOST_COVERED * self.image.width * self.image.height
        crowded = round(self.letter_px * math.sqrt(room / max(area, room)))
        return max(crowded, min(self.letter_px, _CROWDED_PX))

    def _placed(
        self, text: str, box: Sequence[float], colour: Colour, px: int, taken: list[Box]
    ) -> tuple[str, Box, Colour] | None:
        """A label's place; None where there is no room: its box keeps its colour."""
        text = self._shortened(text, px, self.image.width - 2 * self._pad(px))
        size_wh = self._plate_wh(text, px)
        if not text or size_wh[0] > self.image.width or size_wh[1] > self.image.height:
            return None
        small = [shape for shape in self._shapes if _area(shape) < 2 * math.prod(size_wh)]  # a label would hide them
        place, covered = place_label(size_wh, box, self.size_hw, taken, [*self._texts, *small])
        if covered > _MOST_HIDDEN * math.prod(size_wh):
            return None
        taken.append(place)
        return text, place, colour

    def _plate_wh(self, text: str, px: int) -> tuple[int, int]:
        font, shown = font_for(text, px)
        return math.ceil(font.getlength(shown)) + 2 * self._pad(px), self._row_px(px)

    def _draw_plate(self, text: str, place: Box, colour: Colour, px: int) -> None:
        x1, y1, x2, y2 = place
        self._pen.rectangle((x1, y1, x2 - 1, y2 - 1), fill=colour, outline=on(colour), width=self.halo_px)
        self._write(text, x1 + self._pad(px), y1, px, on(colour))

    def _write(self, text: str, x: float, top: float, px: int, colour: Colour) -> None:
        font, shown = font_for(text, px)
        self._pen.text((x, top + self._pad(px) + round(0.8 * px)), shown, fill=colour, font=font, anchor="ls")

    @staticmethod
    def _pad(px: int) -> int:
        return max(2, px // 4)

    def _row_px(self, px: int) -> int:
        return px + 2 * self._pad(px)

    @staticmethod
    def _shortened(text: str, px: int, wide: float) -> str:
        """The text, cut with "…" where it is wider than `wide`."""
        font, shown = font_for(text, px)
        if font.getlength(shown) <= wide:
            return shown
        cut = len(shown)
        while cut and font.getlength(shown[:cut] + "…") > wide:
            cut = min(cut - 1, int(cut * wide / max(1.0, font.getlength(shown[:cut] + "…"))))
        return shown[:cut].rstrip() + "…" if cut > 0 else ""

    def _draw_legend(self, taken: list[Box]) -> None:
        height = self.image.height
        rows, px, most = self._legend, self.letter_px, round(0.9 * height)
        while px > _SMALLEST_PX and self._legend_wh(rows, px)[1] > most:
            px -= max(1, px // 10)
        rows = rows[: max(0, most - 2 * self._pad(px)) // self._row_px(px)]
        size_wh = self._legend_wh(rows, px)
        if not rows or size_wh[0] < 4 * px:
            return
        place = place_legend(size_wh, self.size_hw, px // 2, [*self._texts, *self._shapes])
        taken.append(place)
        self._shade(place)
        for index, row in enumerate(rows):
            top = place[1] + self._pad(px) + index * self._row_px(px)
            self._draw_row(row, place[0] + self._pad(px), top, place[2], px)

    def _legend_wh(self, rows: Sequence[LegendRow], px: int) -> tuple[int, int]:
        swatch = 1.5 * px if any(row.colour for row in rows) else 0
        lengths = [font.getlength(shown) for font, shown in (font_for(row.text, px) for row in rows)]
        wanted = max([*lengths, 8 * px]) + swatch + 2 * self._pad(px)
        wide = min(math.ceil(wanted), round(0.7 * self.image.width))
        return wide, self._row_px(px) * len(rows) + 2 * self._pad(px)

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
        self._write(self._shortened(row.text, px, right - x - pad), x, top, px, WHITE)
