"""Engine for printed text: the models and steps that RapidOCR carries.

PrintedText   quads (K, 4, 2), texts (K,), scores (K,)
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pixwise import telemetry
from pixwise.engines.engine import Pixels, opencv, shrink
from pixwise.errors import SetupError
from pixwise.points import quad_size
from pixwise.session import OnnxSession
from pixwise.text import even_spans, lay_down, prefer_large, split_line

__all__ = ["PrintedText"]


class PrintedText:
    """Lines of printed text by PP-OCR: a map of where text is, each line cut out of the full picture, turned, read.

    RapidOCR's own models and steps are used, but not its `RapidOCR` object: that one keeps options from call to call,
    fetches models by itself, and reads lines from a picture that it has scaled down.
    """

    models: ClassVar[Mapping[str, str]] = {
        "find": "PP-OCRv6_det_small.onnx",
        "turn": "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
        "read": "PP-OCRv6_rec_small.onnx",
    }
    small, large = (
        1_000_000,
        2_000_000,
    )  # pixels: pictures below are enlarged for finding lines, those above scaled down
    most, least = 2.0, 0.25  # by no more than this
    glance = 320  # square root of the pixels of a second, coarse look: letters that fill the picture are seen only so
    tile = 1536  # side of the pieces in which a picture is searched that is still larger
    longest = 60  # a line of more times its height is read in pieces

    def __init__(self, threads: int = 0):
        folder = Path(_rapidocr().__file__).parent
        parts = {part: folder / "models" / name for part, name in self.models.items()}
        for path in parts.values():
            if not path.is_file():
                raise SetupError(
                    f"rapidocr must carry {path.name}, got none in {path.parent}; run: pip install 'rapidocr>=3.9'"
                )
        session = OnnxSession.load(parts, device="cpu", threads=threads, arena=False)  # every line has another length
        self.bytes = session.bytes
        self._cv2 = opencv()
        self._load_steps(folder / "config.yaml", session)

    def _load_steps(self, config: Path, session: OnnxSession) -> None:
        from rapidocr.ch_ppocr_cls import TextClassifier
        from rapidocr.ch_ppocr_det import TextDetector
        from rapidocr.ch_ppocr_rec import TextRecInput, TextRecognizer
        from rapidocr.utils.parse_parameters import ParseParams

        logging.getLogger("RapidOCR").setLevel(logging.ERROR)  # it tells every file that it opens
        options = ParseParams.load(config)
        options._set_flag("allow_objects", True)
        for section, part in ((options.Det, "find"), (options.Cls, "turn"), (options.Rec, "read")):
            section.session = session.opened(part)  # given a session, it neither looks for files nor fetches them
        options.Rec.font_path = None
        self._finder, self._turner = TextDetector(options.Det), TextClassifier(options.Cls)
        self._reader, self._lines = TextRecognizer(options.Rec), TextRecInput

    def __call__(self, pixels: Pixels) -> dict[str, np.ndarray]:
        """(H, W, 3) → quads (K, 4, 2) from the text's own top left, texts (K,), scores (K,)."""
        bgr = np.ascontiguousarray(pixels[..., ::-1])  # PP-OCR was trained on BGR
        quads = [piece for quad in self._find(bgr) for piece in split_line(lay_down(quad), self.longest)]
        if not quads:
            return {"quads": np.zeros((0, 4, 2), np.float32), "texts": np.zeros(0, np.str_), "scores": np.zeros(0)}
        turned = self._turner([self._cut(bgr, quad) for quad in quads])
        read = self._reader(self._lines(img=turned.img_list, return_word_box=False))
        upside_down = ["180" in label and score > self._turner.cls_thresh for label, score in turned.cls_res]
        return {
            "quads": np.stack([np.roll(q, -2 * flip, axis=0) for q, flip in zip(quads, upside_down, strict=True)]),
            "texts": np.array(read.txts, np.str_),
            "scores": np.array(read.scores, np.float32),
        }

    def _find(self, bgr: Pixels) -> np.ndarray:
        """(K, 4, 2) float32, picture pixels, from the corner that is top left in the picture."""
        fine, across = self._quads(bgr, self._size(bgr)), (bgr.shape[0] * bgr.shape[1]) ** 0.5
        side = max(1, round(max(bgr.shape) * self.glance / across))
        return prefer_large(fine, self._quads(bgr, shrink(bgr, side)[0]), least=0.08 * across)

    def _quads(self, bgr: Pixels, sized: Pixels) -> np.ndarray:
        """Lines of a picture, looked for in a scaled copy."""
        height, width = bgr.shape[:2]
        heat = np.ascontiguousarray(self._heat(sized))  # (h, w) 0 to 1: is this text?
        steps = self._finder.postprocess_op
        mask = self._cv2.dilate((heat > steps.thresh).astype(np.uint8), np.ones((2, 2), np.uint8))
        quads, scores = steps.boxes_from_bitmap(heat, mask, width, height)
        quads, _ = steps.filter_det_res(quads, scores, height, width)
        return np.asarray(quads, np.float32).reshape(-1, 4, 2)

    def _size(self, bgr: Pixels) -> Pixels:
        height, width = bgr.shape[:2]
        area = height * width
        scale = (
            max(1.0, min(self.most, (self.small / area) ** 0.5)) if area < self.large else (self.large / area) ** 0.5
        )
        size_wh = tuple(max(1, round(length * max(self.least, scale))) for length in (width, height))
        kind = self._cv2.INTER_AREA if scale < 1 else self._cv2.INTER_CUBIC
        return bgr if size_wh == (width, height) else self._cv2.resize(bgr, size_wh, interpolation=kind)

    def _heat(self, bgr: Pixels) -> np.ndarray:
        height, width = bgr.shape[:2]
        if height * width <= 1.5 * self.large:
            return self._heat_of_tile(bgr)
        heat = np.zeros((height, width), np.float32)
        for top, bottom in even_spans(height, self.tile, overlap=128):
            for left, right in even_spans(width, self.tile, overlap=128):
                y, x = 64 * (top > 0), 64 * (left > 0)  # what lies on an edge is seen better by the piece before
                heat[top + y : bottom, left + x : right] = self._heat_of_tile(bgr[top:bottom, left:right])[y:, x:]
        return heat

    def _heat_of_tile(self, bgr: Pixels) -> np.ndarray:
        if int(bgr.max()) - int(bgr.min()) < 16:
            return np.zeros(bgr.shape[:2], np.float32)  # on a flat picture the model sees text everywhere
        height, width = bgr.shape[:2]
        padded = self._cv2.copyMakeBorder(bgr, 0, -height % 32, 0, -width % 32, self._cv2.BORDER_REPLICATE)
        steps = self._finder.get_preprocess()
        tensor = steps.permute(steps.normalize(padded))[None].astype(np.float32)  # (1, 3, h, w)
        return self._finder.session(tensor)[0, 0, :height, :width]

    def _cut(self, bgr: Pixels, quad: np.ndarray) -> Pixels:
        """A line, upright."""
        width, height = (max(1, int(length)) for length in quad_size(quad))
        corners = np.float32([[0, 0], [width, 0], [width, height], [0, height]])
        warp = self._cv2.getPerspectiveTransform(quad, corners)
        return self._cv2.warpPerspective(
            bgr, warp, (width, height), flags=self._cv2.INTER_CUBIC, borderMode=self._cv2.BORDER_REPLICATE
        )


def _rapidocr() -> Any:
    telemetry.turn_off()  # it imports onnxruntime
    try:
        import rapidocr
    except ImportError as error:
        raise SetupError(f"this model needs rapidocr, got {error}; run: pip install rapidocr") from error
    return rapidocr
