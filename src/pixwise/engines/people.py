"""Engines for people and faces, with the weights that OpenCV carries.

HogPeople   boxes (K, 4), scores (K,)
HaarFaces   boxes (K, 4), scores (K,)
"""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np

from pixwise.boxes import cxcywh_from_xyxy, iou, nms, xyxy_from_cxcywh, xyxy_from_xywh
from pixwise.engines.engine import Pixels, opencv, shrink
from pixwise.errors import SetupError
from pixwise.scores import sigmoid

__all__ = ["HaarFaces", "HogPeople"]


class HogPeople:
    """Standing people by histograms of oriented gradients (Dalal and Triggs 2005), with OpenCV's trained weights.

    Score: 1 / (1 + exp(-0.6 (s - 4))), where s sums the distances to the separating plane over all windows that overlap
    the best one: a person answers in a dozen of them, a word on a page in a few. By eye on a few dozen photographs and
    pages: below 0.5 nearly all are false alarms.
    """

    max_side = 800  # bounds the time: 12 megapixels cost what 0.5 do
    person_wh = (0.62, 0.82)  # of the window: the training pictures had a margin around the person

    def __init__(self, threads: int = 0):
        self._cv2 = opencv()

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
        scores = sigmoid(0.6 * (support - 4))
        people = cxcywh_from_xyxy(boxes[kept]) * np.float32([1, 1, *self.person_wh]) / np.float32(scale)
        return {"boxes": xyxy_from_cxcywh(people), "scores": scores}


class HaarFaces:
    """Frontal faces by a boosted cascade (Viola and Jones 2001), with OpenCV's trained weights.

    Score: 1 / (1 + exp(-(w - 4) / 2)) of the last stage's sum w, by eye on a few dozen photographs: from 0.7 on most
    are faces.
    """

    max_side = 1024

    def __init__(self, threads: int = 0):
        self._cv2 = opencv()
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
        scores = sigmoid((np.array(weights, np.float32).reshape(-1) - 4) / 2)
        kept = nms(boxes, scores, 0.3)
        return {"boxes": boxes[kept], "scores": scores[kept].astype(np.float32)}


def _no_boxes() -> dict[str, np.ndarray]:
    return {"boxes": np.zeros((0, 4), np.float32), "scores": np.zeros(0, np.float32)}
