"""YOLOX with real weights on real pictures, against OpenCV's own network and a decoder that goes box by box.

Tolerance: box AP not more than 0.001 below OpenCV's; the decoder to 1e-3 pixels.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from pixwise import registry
from pixwise.boxes import iou
from pixwise.pixels import Fit
from pixwise.session import OnnxSession
from pixwise.tasks import detect
from pixwise.tasks.detect import Detector

pytestmark = pytest.mark.oracle


def slow_yolox(rows, side):
    """The decoder as one would tell it, box by box."""
    found, anchor = [], iter(rows)
    for stride in (8, 16, 32):
        for y in range(side // stride):
            for x in range(side // stride):
                row = next(anchor)
                cx, cy, w, h = (
                    (row[0] + x) * stride,
                    (row[1] + y) * stride,
                    np.exp(row[2]) * stride,
                    np.exp(row[3]) * stride,
                )
                label = max(range(len(row) - 5), key=lambda i: row[5 + i])
                found.append((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2, row[4] * row[5 + label], label))
    return np.array(found)


def test_the_yolox_decoder_equals_a_slow_one():
    rows = np.random.default_rng(0).normal(0, 1, (64 + 16 + 4, 8)).astype(np.float32)
    boxes, scores, label_ids = detect.decode_yolox({"o": rows[None]}, Fit((64, 64), (64, 64), (64, 64), (1, 1)), {})
    wanted = slow_yolox(rows, 64)
    np.testing.assert_allclose(np.column_stack([boxes, scores, label_ids]), wanted, rtol=1e-4, atol=1e-3)


@pytest.fixture(scope="module")
def yolox(assets):
    card = registry.card("yolox-nano")
    session = OnnxSession.load({"model": assets / "models" / "yolox_nano.onnx"}, threads=1)
    return Detector(card=card, session=session, exact=True)


class Coco:
    """The annotated pictures, and the average precision of detections."""

    def __init__(self, folder):
        from pycocotools.coco import COCO

        with contextlib.redirect_stdout(io.StringIO()):
            self.truth = COCO(str(folder / "instances.json"))
        self.pictures = {image["id"]: folder / "images" / image["file_name"] for image in self.truth.dataset["images"]}

    def precision(self, answers):
        """Box AP of {image id: (N, 6) xyxy, score, label id}."""
        from pycocotools.cocoeval import COCOeval

        rows = [
            {"image_id": i, "category_id": int(row[5]), "bbox": [*row[:2], *(row[2:4] - row[:2])], "score": row[4]}
            for i, found in answers.items()
            for row in found.astype(float)
        ]
        with contextlib.redirect_stdout(io.StringIO()):
            run = COCOeval(self.truth, self.truth.loadRes(rows), "bbox")
            run.evaluate()
            run.accumulate()
            run.summarize()
        return run.stats[0]

    def ours(self, detector):
        found = {i: detector(path) for i, path in self.pictures.items()}
        return {i: np.column_stack([one.boxes, one.scores, one.label_ids]) for i, one in found.items()}

    def opencv(self, model):
        """OpenCV's own reader, resize, network and suppression, and the slow decoder."""
        net, answers = cv2.dnn.readNetFromONNX(str(model)), {}
        for i, path in self.pictures.items():
            pixels = cv2.imread(str(path))  # BGR
            ratio = min(416 / pixels.shape[0], 416 / pixels.shape[1])
            small = cv2.resize(pixels, (int(pixels.shape[1] * ratio), int(pixels.shape[0] * ratio)))
            padded = np.full((416, 416, 3), 114, np.float32)
            padded[: small.shape[0], : small.shape[1]] = small
            net.setInput(padded.transpose(2, 0, 1)[None])
            answers[i] = suppressed(slow_yolox(net.forward()[0], 416), ratio)
        return answers


def suppressed(rows, ratio):
    kept = []
    for label in np.unique(rows[rows[:, 4] > 0.01, 5]):
        mine = rows[(rows[:, 5] == label) & (rows[:, 4] > 0.01)]
        xywh = np.column_stack([mine[:, :2], mine[:, 2:4] - mine[:, :2]]).tolist()
        kept.append(mine[np.array(cv2.dnn.NMSBoxes(xywh, mine[:, 4].tolist(), 0.01, 0.65)).reshape(-1)])
    found = np.concatenate(kept)
    return np.column_stack([found[:, :4] / ratio, found[:, 4:]])


@pytest.mark.assets
def test_yolox_is_as_precise_as_in_opencv_and_the_channel_mistake_is_seen(assets, yolox):
    coco = Coco(assets / "data" / "coco")
    detector = replace(yolox, min_score=0.01, max_overlap=0.65)
    swapped = replace(detector, card=replace(detector.card, recipe=replace(detector.card.recipe, channels="RGB")))
    ours, opencv = coco.precision(coco.ours(detector)), coco.precision(coco.opencv(assets / "models/yolox_nano.onnx"))
    assert ours >= opencv - 0.001
    assert ours >= coco.precision(coco.ours(swapped)) + 0.03
    assert ours > 0.4


@pytest.mark.assets
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_gives_the_boxes_of_the_upright_one(assets, yolox, orientation):
    upright = Image.open(assets / "data/photos/cats_and_dogs.jpg").convert("RGB")
    turn = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # what stores the picture so that the orientation undoes it
    stored = upright.transpose(Image.Transpose(turn[orientation])) if orientation > 1 else upright
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    stored.save(buffer, "WEBP", lossless=True, exif=exif)
    np.testing.assert_array_equal(yolox(buffer.getvalue()).boxes, yolox(upright).boxes)


@pytest.mark.assets
def test_a_photo_with_an_exif_turn_gives_the_boxes_of_the_turned_pixels(assets, yolox):
    path = assets / "data/photos/img_exif_orientation.jpg"
    with Image.open(path) as image:
        assert image.getexif().get(0x0112, 1) != 1
        upright = ImageOps.exif_transpose(image).convert("RGB")
    np.testing.assert_array_equal(yolox(path).boxes, yolox(upright).boxes)


@pytest.mark.assets
def test_tiles_find_small_things_in_a_mosaic_that_the_whole_view_misses(assets, yolox):
    mosaic, wanted = np.full((3000, 6000, 3), 114, np.uint8), []
    paths = sorted((assets / "data/coco/images").glob("*.jpg"))[:12]
    for i, path in enumerate(paths):
        pixels = np.asarray(Image.open(path).convert("RGB").resize((320, 240)))
        top, left = 100 + 1250 * (i // 6) + 37 * i, 150 + 950 * (i % 6) + 11 * i
        mosaic[top : top + 240, left : left + 320] = pixels
        alone = replace(yolox, min_score=0.6)(mosaic[top - 40 : top + 280, left - 40 : left + 360].copy())
        wanted += [(row.label, row.box + np.float32([left - 40, top - 40] * 2)) for row in alone]
    whole, tiled = yolox(mosaic), replace(yolox, tiles=640)(mosaic)
    seen = [sum(len(matches(found, *one)) > 0 for one in wanted) for found in (whole, tiled)]
    assert (seen[0] <= 0.2 * len(wanted), seen[1] >= 0.85 * len(wanted)) == (True, True)
    doubled = iou(tiled.boxes, tiled.boxes) * np.equal.outer(tiled.labels, tiled.labels)
    assert np.triu(doubled, 1).max() <= yolox.max_overlap


def matches(found, label, box):
    return [row for row in found if row.label == label and iou(row.box[None], box[None])[0, 0] > 0.5]
