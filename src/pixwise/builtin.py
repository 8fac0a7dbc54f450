"""Sessions that need no download: what OpenCV and RapidOCR carry in their packages.

    feeds {"image": (B, H, W, 3) uint8 RGB} ─▶ engine, picture by picture ─▶ {name: (B, K, ...)}

The only file that uses either's detectors. An engine is a function from one picture (H, W, 3) to arrays with K rows.
Where pictures of a batch give different K, the shorter ones are filled up with rows of score -1, empty text and NaN.

Engines:
    hog           people by OpenCV's HOG           boxes (K, 4), scores (K,)
    haar-frontal  frontal faces by OpenCV's Haar   boxes (K, 4), scores (K,)
    codes         QR and bar codes by OpenCV       quads (K, 4, 2), kinds (K,), texts (K,), scores (K,)
    rapidocr      printed text by PP-OCR           quads (K, 4, 2), texts (K,), scores (K,)
    pixels        the feeds as they are: for tasks that are arithmetic on pixels
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pixwise.boxes import cxcywh_from_xyxy, iou, nms, xyxy_from_cxcywh, xyxy_from_xywh
from pixwise.errors import CardError, SetupError, nearest
from pixwise.pixels import resize
from pixwise.registry import Card
from pixwise.session import OnnxSession, Tensor
from pixwise.text import even_spans, lay_down, prefer_large, quad_size, split_line, text_of_bytes

__all__ = ["ENGINES", "BuiltinSession", "load_builtin"]

Arrays = Mapping[str, np.ndarray]
Pixels = npt.NDArray[np.uint8]
Engine = Callable[[Pixels], dict[str, np.ndarray]]
_LOG = logging.getLogger("pixwise")


def load_builtin(card: Card, threads: int = 0) -> BuiltinSession | PixelSession:
    """A session for a card whose `runtime` is `builtin`; `options.engine` names what runs it.

    Args:
        card: the card.
        threads: for engines that run onnxruntime; OpenCV's take the process's own setting (`cv2.setNumThreads`).

    Raises:
        CardError: the card names no known engine.
        SetupError: a package is missing, or lacks the files it should carry.
    """
    name = card.options.get("engine", "")
    if name not in ENGINES:
        raise CardError(f"card {card.id!r}: options.engine must be known, got {name!r}; {nearest(str(name), ENGINES)}")
    made = ENGINES[name](threads)
    return made if isinstance(made, PixelSession) else BuiltinSession(made)


class BuiltinSession:
    """Runs an engine on each picture of a batch."""

    device = "cpu"

    def __init__(self, engine: Engine):
        self.engine = engine
        self.bytes = getattr(engine, "bytes", 0)

    def inputs(self, part: str = "model") -> tuple[Tensor, ...]:
        return (Tensor("image", (-1, -1, -1, 3), "uint8"),)

    def run(self, feeds: Arrays, part: str = "model") -> dict[str, np.ndarray]:
        return stack_ragged([self.engine(np.ascontiguousarray(pixels)) for pixels in feeds["image"]])


class PixelSession:
    """Gives its feeds back."""

    device, bytes = "cpu", 0

    def inputs(self, part: str = "model") -> tuple[Tensor, ...]:
        return ()

    def run(self, feeds: Arrays, part: str = "model") -> dict[str, np.ndarray]:
        return dict(feeds)


def stack_ragged(answers: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Stack arrays of different lengths.

    Args:
        answers: one per picture: {name: (K, ...)}.

    Returns:
        {name: (B, K max, ...)}; rows that are not there hold -1 in `scores`, "" in texts, NaN elsewhere.
    """
    longest = max(len(next(iter(answer.values()))) for answer in answers)
    return {name: np.stack([_fill(name, answer[name], longest) for answer in answers]) for name in answers[0]}


def _fill(name: str, array: np.ndarray, length: int) -> np.ndarray:
    nothing: Any = "" if array.dtype.kind == "U" else -1 if name == "scores" else np.nan
    return np.concatenate([array, np.full((length - len(array), *array.shape[1:]), nothing, array.dtype)])


def _cv2() -> Any:
    try:
        import cv2
    except ImportError as error:
        raise SetupError(
            f"this model needs OpenCV, got {error}; run: pip install 'opencv-python-headless<5'"
        ) from error
    return cv2


def shrink(pixels: Pixels, max_side: int) -> tuple[Pixels, float]:
    """Scale (H, W, 3) down until the longer side is at most `max_side`; also the factor by which, 1 or less."""
    scale = min(1.0, max_side / max(pixels.shape[:2]))
    height, width = (max(1, round(length * scale)) for length in pixels.shape[:2])
    return resize(pixels, (height, width), "box"), scale


class HogPeople:
    """Standing people by histograms of oriented gradients (Dalal and Triggs 2005), with OpenCV's trained weights.

    Score: 1 / (1 + exp(-0.6 (s - 4))), where s sums the distances to the separating plane over all windows that overlap
    the best one: a person answers in a dozen of them, a word on a page in a few. By eye on a few dozen photographs and
    pages: below 0.5 nearly all are false alarms.
    """

    max_side = 800  # bounds the time: 12 megapixels cost what 0.5 do
    person_wh = (0.62, 0.82)  # of the window: the training pictures had a margin around the person

    def __init__(self, threads: int = 0):
        self._cv2 = _cv2()

    def __call__(self, pixels: Pixels) -> dict[str, np.ndarray]:
        """(H, W, 3) → boxes (K, 4), scores (K,)."""
        small, scale = shrink(pixels, self.max_side)
        if small.shape[0] < 128 or small.shape[1] < 64:
            return _no_boxes()
        hog = self._cv2.HOGDescriptor()  # one per call: nothing says that it may be shared between threads
        hog.setSVMDetector(self._cv2.HOGDescriptor_getDefaultPeopleDetector())
        found, weights = hog.detectMultiScale(
            small[..., ::-1].copy(), hitThreshold=0, winStride=(8, 8), padding=(16, 16), scale=1.05, groupThreshold=0
        )
        boxes = xyxy_from_xywh(np.array(found, np.float32).reshape(-1, 4))
        distances = np.array(weights, np.float32).reshape(-1)
        kept = nms(boxes, distances, 0.4)
        support = np.where(iou(boxes[kept], boxes) > 0.5, distances, 0).sum(axis=1)  # (K,)
        scores = 1 / (1 + np.exp(-0.6 * (support - 4)))
        people = cxcywh_from_xyxy(boxes[kept]) * np.float32([1, 1, *self.person_wh]) / np.float32(scale)
        return {"boxes": xyxy_from_cxcywh(people), "scores": scores}


class HaarFaces:
    """Frontal faces by a boosted cascade (Viola and Jones 2001), with OpenCV's trained weights.

    Score: 1 / (1 + exp(-(w - 4) / 2)) of the last stage's sum w, by eye on a few dozen photographs: from 0.7 on most
    are faces.
    """

    max_side = 1024

    def __init__(self, threads: int = 0):
        self._cv2 = _cv2()
        folder = getattr(getattr(self._cv2, "data", None), "haarcascades", "")
        path = Path(folder) / "haarcascade_frontalface_default.xml"
        if not path.is_file():
            raise SetupError(
                f"OpenCV must carry {path.name}, got none in version {self._cv2.__version__}; "
                "run: pip install 'opencv-python-headless<5'"
            )
        self._cascade = self._cv2.CascadeClassifier(str(path))
        self._lock = threading.Lock()  # a cascade keeps the picture it works on: two threads would mix theirs

    def __call__(self, pixels: Pixels) -> dict[str, np.ndarray]:
        """(H, W, 3) → boxes (K, 4), scores (K,)."""
        small, scale = shrink(pixels, self.max_side)
        if min(small.shape[:2]) < 24:
            return _no_boxes()
        grey = self._cv2.equalizeHist(self._cv2.cvtColor(small, self._cv2.COLOR_RGB2GRAY))
        with self._lock:
            found, _, weights = self._cascade.detectMultiScale3(
                grey, scaleFactor=1.1, minNeighbors=5, minSize=(24, 24), outputRejectLevels=True
            )
        boxes = xyxy_from_xywh(np.array(found, np.float32).reshape(-1, 4)) / np.float32(scale)
        scores = 1 / (1 + np.exp(-(np.array(weights, np.float32).reshape(-1) - 4) / 2))
        kept = nms(boxes, scores, 0.3)
        return {"boxes": boxes[kept], "scores": scores[kept].astype(np.float32)}


def _no_boxes() -> dict[str, np.ndarray]:
    return {"boxes": np.zeros((0, 4), np.float32), "scores": np.zeros(0, np.float32)}


class CodeFinder:
    """QR codes and bar codes by OpenCV.

    Its detectors find codes of some sizes only, so the picture is tried at several; a code may come back several times.
    """

    qr_sides = (700, 1400, 2800)  # longer side of the picture, pixels
    bar_sides = (500, 700, 1000, 1400, 2000, 2800)
    close_sides = (1000, 1400)  # with a margin: bar codes that fill the picture are found only so
    margin = 0.6  # of the longer side
    enlarge = 2.2  # at most; small pictures up to 1400 px, but no more than 8 times

    def __init__(self, threads: int = 0):
        self._cv2 = _cv2()

    def __call__(self, pixels: Pixels) -> dict[str, np.ndarray]:
        """(H, W, 3) → quads (K, 4, 2), kinds (K,), texts (K,), scores (K,) all 1."""
        grey = self._cv2.cvtColor(pixels, self._cv2.COLOR_RGB2GRAY)
        around = round(self.margin * max(grey.shape))
        readings: list[tuple[str, str, np.ndarray]] = []
        for read, sides, margin in (
            (self._qr_codes, self.qr_sides, 0),
            (self._bar_codes, self.bar_sides, 0),
            (self._bar_codes, self.close_sides, around),
        ):
            for sized, scale in self._sizes(grey, sides, margin):
                readings += [(kind, text, quad / scale - margin) for kind, text, quad in read(sized)]
        return {
            "quads": np.array([quad for _, _, quad in readings], np.float32).reshape(-1, 4, 2),
            "kinds": np.array([kind for kind, _, _ in readings], np.str_),
            "texts": np.array([text for _, text, _ in readings], np.str_),
            "scores": np.ones(len(readings), np.float32),
        }

    def _sizes(self, grey: Pixels, sides: tuple[int, ...], margin: int) -> Iterator[tuple[Pixels, float]]:
        longest, shortest = max(grey.shape), min(grey.shape)
        most = max(self.enlarge, min(8.0, 1400 / longest))
        for side in sides:
            scale = side / (longest + 2 * margin)
            if scale <= most and shortest * scale >= 21:  # the smallest QR code has 21 modules
                kind = self._cv2.INTER_AREA if scale < 1 else self._cv2.INTER_LINEAR
                size_wh = tuple(max(1, round(length * scale)) for length in grey.shape[::-1])
                sized = self._cv2.resize(grey, size_wh, interpolation=kind)
                yield np.pad(sized, round(margin * scale), constant_values=255), scale

    def _qr_codes(self, grey: Pixels) -> list[tuple[str, str, np.ndarray]]:
        """Dark on light by both of OpenCV's detectors, light on dark by one."""
        plain, aruco = self._cv2.QRCodeDetector(), self._cv2.QRCodeDetectorAruco()
        readings = []
        for detector, view in ((aruco, grey), (plain, grey), (aruco, 255 - grey)):
            if detector is plain and (readings or max(view.shape) > min(1400, 8 * min(view.shape))):
                continue  # on long stripes it takes half a minute
            try:
                found, payloads, quads, _ = detector.detectAndDecodeBytesMulti(view)
            except self._cv2.error as error:  # a few degenerate shapes trip asserts inside
                _LOG.debug("QR detector gave up: %s", error)
                continue
            pairs = zip(payloads, quads, strict=True) if found else ()
            readings += [("QR_CODE", text_of_bytes(payload), quad) for payload, quad in pairs if payload]
        return readings

    def _bar_codes(self, grey: Pixels) -> list[tuple[str, str, np.ndarray]]:
        found, texts, kinds, quads = self._cv2.barcode.BarcodeDetector().detectAndDecodeWithType(grey)
        rows = zip(kinds, texts, quads, strict=True) if found else ()
        return [(kind, text, np.roll(quad, -1, axis=0)) for kind, text, quad in rows if text]  # it starts bottom left


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
        self._cv2 = _cv2()
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
    try:
        import rapidocr
    except ImportError as error:
        raise SetupError(f"this model needs rapidocr, got {error}; run: pip install rapidocr") from error
    return rapidocr


ENGINES: dict[str, Callable[[int], Any]] = {
    "hog": HogPeople,
    "haar-frontal": HaarFaces,
    "codes": CodeFinder,
    "rapidocr": PrintedText,
    "pixels": lambda threads: PixelSession(),
}
