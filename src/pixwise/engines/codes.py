"""Engine for QR and bar codes: OpenCV's detectors, which find a code only at some sizes and with white around it.

CodeFinder   quads (K, 4, 2), kinds (K,), texts (K,), scores (K,)
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np

from pixwise.engines.engine import Pixels, opencv
from pixwise.text import text_of_bytes

__all__ = ["CodeFinder"]

_LOG = logging.getLogger("pixwise")


class CodeFinder:
    """QR codes and bar codes by OpenCV.

    Its detectors find codes of some sizes only, and none that ends where the picture ends. So the picture is tried at
    several sizes, with a margin around it; a code may come back several times.
    """

    qr_looks = ((0.04, (756, 1512, 3024)),)  # margin, share of the longer side; longer sides with it, pixels
    bar_looks = (
        (0.0, (500, 700, 1000, 1400, 2000, 2800)),
        (0.6, (1000, 1400)),  # bar codes that fill the picture are found only so
        (0.3, (280, 400)),  # and those without any white of their own only small
    )
    enlarge = 2.2  # at most; small pictures up to 1400 px, but no more than 8 times

    def __init__(self, threads: int = 0):
        self._cv2 = opencv()

    def __call__(self, pixels: Pixels) -> dict[str, np.ndarray]:
        """(H, W, 3) → quads (K, 4, 2), kinds (K,), texts (K,), scores (K,) all 1."""
        grey = self._cv2.cvtColor(pixels, self._cv2.COLOR_RGB2GRAY)
        readings: list[tuple[str, str, np.ndarray]] = []
        for read, looks in ((self._qr_codes, self.qr_looks), (self._bar_codes, self.bar_looks)):
            for margin, sides in looks:
                for sized, scale, around in self._sizes(grey, margin, sides):
                    readings += [(kind, text, (quad - around) / scale) for kind, text, quad in read(sized, around)]
        return {
            "quads": np.array([quad for _, _, quad in readings], np.float32).reshape(-1, 4, 2),
            "kinds": np.array([kind for kind, _, _ in readings], np.str_),
            "texts": np.array([text for _, text, _ in readings], np.str_),
            "scores": np.ones(len(readings), np.float32),
        }

    def _sizes(self, grey: Pixels, margin: float, sides: tuple[int, ...]) -> Iterator[tuple[Pixels, float, int]]:
        """The picture scaled, by how much, and the width in pixels of the margin that it needs."""
        longest, shortest = max(grey.shape), min(grey.shape)
        most = max(self.enlarge, min(8.0, 1400 / longest))
        scales = [side / (longest * (1 + 2 * margin)) for side in sides]
        for scale in [scale for scale in scales if scale <= most] or [most]:
            if shortest * scale >= 21:  # the smallest QR code has 21 modules
                kind = self._cv2.INTER_AREA if scale < 1 else self._cv2.INTER_LINEAR
                size_wh = tuple(max(1, round(length * scale)) for length in grey.shape[::-1])
                yield self._cv2.resize(grey, size_wh, interpolation=kind), scale, round(margin * longest * scale)

    def _qr_codes(self, grey: Pixels, around: int) -> list[tuple[str, str, np.ndarray]]:
        """Dark on light by both of OpenCV's detectors, light on dark by one."""
        plain, aruco = self._cv2.QRCodeDetector(), self._cv2.QRCodeDetectorAruco()
        dark_on_light, light_on_dark = (_with_margin(view, around) for view in (grey, 255 - grey))
        readings = []
        for detector, view in ((aruco, dark_on_light), (plain, dark_on_light), (aruco, light_on_dark)):
            if detector is plain and (readings or max(grey.shape) > min(1400, 8 * min(grey.shape))):
                continue  # on long stripes it takes half a minute
            try:
                found, payloads, quads, _ = detector.detectAndDecodeBytesMulti(view)
            except self._cv2.error as error:  # a few degenerate shapes trip asserts inside
                _LOG.debug("QR detector gave up: %s", error)
                continue
            pairs = zip(payloads, quads, strict=True) if found else ()
            readings += [("QR_CODE", text_of_bytes(payload), quad) for payload, quad in pairs if payload]
        return readings

    def _bar_codes(self, grey: Pixels, around: int) -> list[tuple[str, str, np.ndarray]]:
        detector = self._cv2.barcode.BarcodeDetector()
        found, texts, kinds, quads = detector.detectAndDecodeWithType(_with_margin(grey, around))
        rows = zip(kinds, texts, quads, strict=True) if found else ()
        return [(kind, text, np.roll(quad, -1, axis=0)) for kind, text, quad in rows if text]  # it starts bottom left


def _with_margin(grey: Pixels, around: int) -> Pixels:
    return np.pad(grey, around, constant_values=255)
