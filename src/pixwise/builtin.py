"""Sessions that need no download: what OpenCV and RapidOCR carry in their packages. The only file that uses either's detectors.

    feeds {"image": (B, H, W, 3) uint8 RGB} ─▶ engine, picture by picture ─▶ {name: (B, K, ...)}

An engine is a function from one picture (H, W, 3) to arrays with K rows. Where pictures of a batch give different K, the
shorter ones are filled up with rows of score -1 (`scores`), empty text, and NaN.

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
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pixwise.boxes import nms, xyxy_from_xywh
from pixwise.errors import CardError, SetupError, nearest
from pixwise.registry import Card
from pixwise.session import OnnxSession, Tensor

__all__ = ["ENGINES", "BuiltinSession", "load_builtin"]

Arrays = Mapping[str, np.ndarray]
Pixels = npt.NDArray[np.uint8]
Engine = Callable[[Pixels], dict[str, np.ndarray]]


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
    """Scale down so that the longer side is at most `max_side`.

    Returns:
        The pixels, and pixels here per pixel there (<= 1).
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, max_side / max(height, width))
    if scale == 1.0:
        return pixels, 1.0
    cv2 = _cv2()
    size_wh = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(pixels, size_wh, interpolation=cv2.INTER_AREA), scale


class HogPeople:
    """Standing people by histograms of oriented gradients (Dalal and Triggs 2005), with OpenCV's trained weights.

    Score: sigmoid of the distance to the separating plane, 1 / (1 + exp(-2 d)).
    """

    max_side = 800  # bounds the time; people below about 100 px there are not found anyway
    shrink_wh = (0.72, 0.86)

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
        scores = 1 / (1 + np.exp(-2 * np.array(weights, np.float32).reshape(-1)))
        kept = nms(boxes, scores, 0.4)
        return {"boxes": self._tighten(boxes[kept]) / scale, "scores": scores[kept]}

    def _tighten(self, boxes: np.ndarray) -> np.ndarray:
        """HOG's window has a margin around the person."""
        centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2 * self.shrink_wh
        return np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)


class HaarFaces:
    """Frontal faces by a boosted cascade (Viola and Jones 2001), with OpenCV's trained weights."""

    max_side = 1024

    def __init__(self, threads: int = 0):
        self._cv2 = _cv2()
        path = Path(getattr(self._cv2, "data", self._cv2).__dict__.get("haarcascades", "")) / (
            "haarcascade_frontalface_default.xml"
        )
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
        scores = 1 / (1 + np.exp(-np.array(weights, np.float32).reshape(-1) / 4))
        kept = nms(boxes, scores, 0.3)
        return {"boxes": boxes[kept], "scores": scores[kept].astype(np.float32)}


def _no_boxes() -> dict[str, np.ndarray]:
    return {"boxes": np.zeros((0, 4), np.float32), "scores": np.zeros(0, np.float32)}


class CodeFinder:
    """QR codes and bar codes by OpenCV."""

    def __init__(self, threads: int = 0):
        self._cv2 = _cv2()

    def __call__(self, pixels: Pixels) -> dict[str, np.ndarray]:
        """(H, W, 3) → quads (K, 4, 2), kinds (K,), texts (K,), scores (K,) all 1."""
        grey = self._cv2.cvtColor(pixels, self._cv2.COLOR_RGB2GRAY)
        found = [("QR_CODE", text, quad) for text, quad in self._qr(grey)] + self._bars(grey)
        return {
            "quads": np.array([quad for _, _, quad in found], np.float32).reshape(-1, 4, 2),
            "kinds": np.array([kind for kind, _, _ in found], np.str_),
            "texts": np.array([text for _, text, _ in found], np.str_),
            "scores": np.ones(len(found), np.float32),
        }

    def _qr(self, grey: Pixels) -> list[tuple[str, np.ndarray]]:
        found, payloads, quads, _ = self._cv2.QRCodeDetector().detectAndDecodeBytesMulti(grey)
        if not found:
            return []
        return [(text_of_bytes(payload), quad) for payload, quad in zip(payloads, quads, strict=True) if payload]

    def _bars(self, grey: Pixels) -> list[tuple[str, str, np.ndarray]]:
        found, texts, kinds, quads = self._cv2.barcode.BarcodeDetector().detectAndDecodeWithType(grey)
        if not found:
            return []
        return [(kind, text, quad) for kind, text, quad in zip(kinds, texts, quads, strict=True) if text]


class PrintedText:
    """Lines of printed text by PP-OCR: a map of where text is, each line cut out, turned upright, read.

    RapidOCR's own steps and models are used, but not its `RapidOCR` object, which keeps options from call to call, fetches
    missing models by itself, and reads lines from a picture that it has scaled down.
    """

    models: ClassVar[Mapping[str, str]] = {
        "find": "PP-OCRv6_det_small.onnx",
        "turn": "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
        "read": "PP-OCRv6_rec_small.onnx",
    }

    def __init__(self, threads: int = 0):
        package = _rapidocr()
        folder = Path(package.__file__).parent
        parts = {part: folder / "models" / name for part, name in self.models.items()}
        for path in parts.values():
            if not path.is_file():
                raise SetupError(
                    f"rapidocr must carry {path.name}, got none in {path.parent}; run: pip install --force-reinstall rapidocr"
                )
        session = OnnxSession.load(parts, device="cpu", threads=threads)
        self.bytes = session.bytes
        self._load_steps(folder / "config.yaml", session)

    def _load_steps(self, config: Path, session: OnnxSession) -> None:
        from rapidocr.ch_ppocr_cls import TextClassifier
        from rapidocr.ch_ppocr_det import TextDetector
        from rapidocr.ch_ppocr_rec import TextRecInput, TextRecognizer
        from rapidocr.utils.parse_parameters import ParseParams
        from rapidocr.utils.process_img import get_rotate_crop_image

        logging.getLogger("RapidOCR").setLevel(logging.ERROR)  # it tells every file that it opens
        options = ParseParams.load(config)
        options._set_flag("allow_objects", True)
        for section, part in ((options.Det, "find"), (options.Cls, "turn"), (options.Rec, "read")):
            section.session = session.opened(part)  # given a session, it neither looks for files nor fetches them
        options.Rec.font_path = None
        self._finder, self._turner, self._reader = (
            TextDetector(options.Det), TextClassifier(options.Cls), TextRecognizer(options.Rec),
        )  # fmt: skip
        self._cut, self._lines = get_rotate_crop_image, TextRecInput

    def __call__(self, pixels: Pixels) -> dict[str, np.ndarray]:
        """(H, W, 3) → quads (K, 4, 2), texts (K,), scores (K,)."""
        bgr = np.ascontiguousarray(pixels[..., ::-1])  # PP-OCR was trained on BGR
        quads = self._find(bgr)  # (K, 4, 2) from the top left of the picture
        crops = [self._cut(bgr, quad.copy()) for quad in quads]
        if not crops:
            return {
                "quads": np.zeros((0, 4, 2), np.float32),
                "texts": np.zeros(0, np.str_),
                "scores": _no_boxes()["scores"],
            }
        turned = self._turner(crops)
        read = self._reader(self._lines(img=turned.img_list, return_word_box=False))
        return {
            "quads": quads.astype(np.float32),
            "texts": np.array(read.txts, np.str_),
            "scores": np.array(read.scores, np.float32),
        }

    def _find(self, bgr: Pixels) -> np.ndarray:
        found = self._finder(bgr)
        return np.zeros((0, 4, 2), np.float32) if found.boxes is None else np.asarray(found.boxes, np.float32)


def _rapidocr() -> Any:
    try:
        import rapidocr
    except ImportError as error:
        raise SetupError(f"this model needs rapidocr, got {error}; run: pip install rapidocr") from error
    return rapidocr


def text_of_bytes(payload: bytes) -> str:
    """UTF-8 where it is that, else Latin-1, which is what the standard of QR codes means by default."""
    try:
        return payload.decode("utf-8")
    except UnicodeDecodeError:
        return payload.decode("latin-1")


ENGINES: dict[str, Callable[[int], Any]] = {
    "hog": HogPeople,
    "haar-frontal": HaarFaces,
    "codes": CodeFinder,
    "rapidocr": PrintedText,
    "pixels": lambda threads: PixelSession(),
}
