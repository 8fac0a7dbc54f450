"""What the models of each head might say: arrays of the right shapes, made from the pixels that came in."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tokenizers

from pixwise.engines.builtin import load_builtin
from pixwise.picture import Picture
from pixwise.registry import Card
from pixwise.results import Detections, Faces, Result
from pixwise.session import FakeSession, Tensor
from pixwise.task_table import task_class


def fake_session(card: Card, *, nothing: bool = False):
    """A built-in's own session, or a fake one whose answer depends on each row of pixels (or says "nothing there")."""
    if card.runtime == "builtin":
        return load_builtin(card, threads=1)
    if card.head in SPEAKING and card.task == "caption":
        return speaking_session(card)
    if card.task == "segment":
        return pointed_session(card, nothing)
    layout = (-1, 3, -1, -1) if card.recipe.layout == "CHW" else (-1, -1, -1, 3)
    inputs = [Tensor(card.input_name or "image", layout, card.recipe.dtype)]
    if card.head in ("detr_softmax", "detr_masks"):  # as DETR's own export does
        inputs.append(Tensor("pixel_mask", (-1, 64, 64), "int64"))

    def answer(feeds):
        rows = [HEADS[card.head](card, pixels, nothing) for pixels in feeds[inputs[0].name]]
        join = np.concatenate if (card.head, card.task) == ("florence", "find") else np.stack  # a row per question
        return {name: join([row[name] for row in rows]) for name in rows[0]}

    others = [part for part in card.parts if part in PARTS]
    files = {"tokenizer": tokenizer_file()} if "tokenizer" in card.parts else {}
    return FakeSession(answer, tuple(inputs), files=files, parts={part: PARTS[part](card) for part in others})


@functools.cache
def tokenizer_file() -> Path:
    """A tokenizer of single characters that knows the marks of all cards."""
    marks = ["<unk>", "<|endoftext|>", "</s>", "<pad>", "[UNK]", "[CLS]", "[SEP]"]
    known = {token: number for number, token in enumerate([*marks, *map(chr, range(32, 127))])}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(known, unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Split(tokenizers.Regex("."), "isolated")
    folder = Path(tempfile.mkdtemp(prefix="pixwise-fakes-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made.save(str(folder / "tokenizer.json"))
    return folder / "tokenizer.json"


def _text(card: Card):
    """Vectors of as many numbers as the pictures', of the ids that came in."""
    name = "text_embeds" if card.head == "image_embeds" else "pooler_output"

    def answer(feeds):
        return {name: np.stack([_random(row).normal(0, 1, 12) for row in feeds["input_ids"]]).astype(np.float32)}

    return answer


PARTS = {"text": _text}  # parts besides the one that takes pixels → what they answer


SPEAKING = {"blip", "vision_encoder_decoder", "florence"}  # heads of `speaking_session`
LETTERS = range(72, 98)  # a to z, of `tokenizer_file`


def speaking_session(card: Card) -> FakeSession:
    """Encoder and decoder: what is said next depends on the row of pixels and on all tokens so far."""
    start, end = card.options["start_id"], card.options["end_id"]
    inputs = {
        "encoder": (Tensor("pixel_values", (-1, 3, -1, -1), "float"),),
        "decoder": (
            Tensor("input_ids", (-1, -1), "int64"),
            Tensor("encoder_hidden_states", (-1, 1, 1), "float"),
            Tensor("past_key_values.0.key", (-1, 1, -1, 1), "float"),
        ),
    }

    def encoder(feeds):
        seen = [zlib.crc32(np.ascontiguousarray(row).tobytes()) % 2**20 for row in feeds["pixel_values"]]
        return {"last_hidden_state": np.float32(seen).reshape(-1, 1, 1)}

    def decoder(feeds):
        fresh = feeds["input_ids"][:, None, :, None].astype(np.float32)
        told = np.concatenate([feeds["past_key_values.0.key"], fresh], axis=2)  # (R, 1, L, 1)
        logits = np.full((len(told), 1, max(start, end, 200) + 1), -30, np.float32)
        for row, seen, tokens in zip(logits, feeds["encoder_hidden_states"], told, strict=True):
            random = np.random.default_rng(zlib.crc32(seen.tobytes() + tokens.tobytes()))
            row[0, [end, *LETTERS]] = random.normal(0, 2, 1 + len(LETTERS))
        return {"logits": logits, "present.0.key": told}

    return FakeSession(
        {}, inputs, files={"tokenizer": tokenizer_file()}, parts={"encoder": encoder, "decoder": decoder}
    )


POINTED = {  # heads of `pointed_session` → inputs of the decoder, outputs
    "sam": (("image_embeddings", "input_points", "input_labels"), ("pred_masks", "iou_scores")),
    "sam2": (("image_embeddings", "input_points", "input_labels", "input_boxes"), ("pred_masks", "iou_scores")),
    "sam_tokens": (("image_embeddings", "point_coords", "point_labels", "mask_input"), ("masks", "iou_predictions")),
    "sam2_tokens": (("image_embeddings", "point_coords", "point_labels", "mask_input"), ("masks", "iou_predictions")),
}


def pointed_session(card: Card, nothing: bool = False) -> FakeSession:
    """Encoder and decoder: three blobs that depend on the row of pixels, and on the object's place in the prompts."""
    taken, (masks, scores) = POINTED[card.head]
    inputs = {
        "encoder": (Tensor("pixel_values", (-1, 3, -1, -1), "float"),),
        "decoder": tuple(Tensor(name, (), "float") for name in taken),
    }

    def encoder(feeds):
        seen = [zlib.crc32(np.ascontiguousarray(row).tobytes()) % 2**20 for row in feeds["pixel_values"]]
        return {"image_embeddings": np.float32(seen).reshape(-1, 1, 1, 1)}

    def decoder(feeds):
        count = max([1, *(feeds[name].shape[1] for name in taken if name in ("input_points", "input_boxes"))])
        random = np.random.default_rng(zlib.crc32(feeds["image_embeddings"].tobytes()))
        rough = random.normal(-3.0, 2, (count, 3, 8, 8)).astype(np.float32) - 100 * nothing
        rough[:, :, 2:6, 2:6] += 6
        low = rough.repeat(32, axis=2).repeat(32, axis=3)
        return {masks: low[None], scores: random.uniform(0.5, 1, (1, count, 3)).astype(np.float32)}

    return FakeSession({}, inputs, parts={"encoder": encoder, "decoder": decoder})


def _random(pixels: np.ndarray) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(np.ascontiguousarray(pixels).tobytes()))


def _detr(card: Card, pixels: np.ndarray, nothing: bool) -> dict[str, np.ndarray]:
    random, classes = _random(pixels), len(card.names) + (card.head == "detr_softmax")
    logits = random.normal(-4, 3, (50, classes)) if not nothing else np.full((50, classes), -20.0)
    if card.head == "detr_softmax":
        logits[:, -1] = 20.0 if nothing else 0.0
    return {"logits": logits.astype(np.float32), "pred_boxes": random.uniform(0, 1, (50, 4)).astype(np.float32)}


def _cells(pixels: np.ndarray, stride: int) -> int:
    return (pixels.shape[1] // stride) * (pixels.shape[2] // stride)


def _yolox(card: Card, pixels: np.ndarray, nothing: bool) -> dict[str, np.ndarray]:
    anchors = sum(_cells(pixels, stride) for stride in (8, 16, 32))
    out = _random(pixels).normal(0, 1, (anchors, 5 + len(card.names)))
    out[:, 4:] = 0 if nothing else np.clip(out[:, 4:] - 1.5, 0, 1)
    return {"output": out.astype(np.float32)}


def _yunet(card: Card, pixels: np.ndarray, nothing: bool) -> dict[str, np.ndarray]:
    random, out = _random(pixels), {}
    for stride in (8, 16, 32):
        cells = _cells(pixels, stride)
        for name, width in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            values = random.normal(0, 1, (cells, width))
            out[f"{name}_{stride}"] = (np.clip(values, 0, 0 if nothing else 1) if width == 1 else values).astype(
                np.float32
            )
    return out


def _classes(card: Card, pixels: np.ndarray, nothing: bool) -> dict[str, np.ndarray]:
    values = _random(pixels).normal(-5, 4, len(card.names) or 10).astype(np.float32)
    if card.head == "probabilities":
        values = np.exp(values) / np.exp(values).sum()
    return {"logits": np.full_like(values, -30.0) if nothing and card.head == "sigmoid" else values}


def _vector(card: Card, pixels: np.ndarray, nothing: bool) -> dict[str, np.ndarray]:
    name = "image_embeds" if card.head == "image_embeds" else "pooler_output"
    return {name: _random(pixels).normal(0, 1, 12).astype(np.float32)}


def _tokens(card: Card, pixels: np.ndarray, nothing: bool) -> dict[str, np.ndarray]:
    return {"last_hidden_state": _random(pixels).normal(0, 1, (10, 12)).astype(np.float32)}


def _face(card: Card, pixels: np.ndarray, nothing: bool) -> dict[str, np.ndarray]:
    return {"fc1": _random(pixels).normal(0, 1, 12).astype(np.float32)}


def _written(card: Card, pixels: np.ndarray, nothing: bool) -> dict[str, np.ndarray]:
    """A text; for `find` one per label."""
    if card.task != "find":
        return _text_with_places(card, pixels, nothing)
    rows = [_text_with_places(card, pixels[i:], nothing) for i in range(len(QUESTIONS["find"]["labels"]))]
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def _text_with_places(card: Card, pixels: np.ndarray, nothing: bool) -> dict[str, np.ndarray]:
    """Three phrases with as many places as a line needs, one token each, and a fourth that was cut off."""
    random, places = _random(pixels), 8 if card.task == "ocr" else 4
    tokens = [f"<loc_{bin}>" for bin in random.integers(0, 1000, 3 * places)]
    for number in range(3):
        tokens.insert(number * (places + 1), random.choice(["cat", "a red dog", "EXIT", "Gemüse", "猫"]))
    tokens = ["nothing", "there"] if nothing else [*tokens, "dog", "<loc_1>"]
    ends = np.cumsum([len(token) for token in tokens])
    return {"text": np.array("".join(tokens)), "token_ends": ends, "log_probs": random.uniform(-1, 0, len(ends))}


def fake_faces(picture: Picture) -> Faces:
    """Two faces, side by side, each half of the picture wide, with landmarks where faces have them."""
    height, width = picture.size_hw
    boxes = np.float32([[0, 0, width / 2, height], [width / 2, 0, width, height]])
    within = np.float32([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])  # (5, 2) share of the box
    landmarks = boxes[:, None, :2] + within * (boxes[:, None, 2:] - boxes[:, None, :2])  # (2, 5, 2)
    return Faces(scores=[0.9, 0.8], boxes=boxes, landmarks=landmarks)


def fake_people(picture: Picture) -> Detections:
    """Two people, side by side, each half of the picture wide, and a dog."""
    height, width = picture.size_hw
    boxes = np.float32([[0, 0, width / 2, height], [width / 2, 0, width, height], [0, 0, width, height]])
    return Detections(labels=["person", "person", "dog"], label_ids=[0, 0, 16], scores=[0.9, 0.8, 0.7], boxes=boxes)


def fake_helpers(task: str, *, nothing: bool = False) -> dict[str, Callable[[Picture], Result]]:
    """What answers for the tasks that a task needs."""
    known = {"faces": fake_faces, "detect": fake_people}
    if nothing:
        known = {"faces": lambda picture: Faces.empty(), "detect": lambda picture: Detections.empty()}
    return {need: known[need] for need in task_class(task).needs}


def _owl(card: Card, pixels: np.ndarray, nothing: bool) -> dict[str, np.ndarray]:
    random, width = _random(pixels), len(QUESTIONS["find"]["labels"]) if card.head == "owl" else 256
    logits = np.full((50, width), -20.0) if nothing else random.normal(-4, 3, (50, width))
    return {"logits": logits.astype(np.float32), "pred_boxes": random.uniform(0, 1, (50, 4)).astype(np.float32)}


def _matte(card: Card, pixels: np.ndarray, nothing: bool) -> dict[str, np.ndarray]:
    """A disc whose place depends on the pixels, half as large as the tensor."""
    height, width = pixels.shape[1] // 2 or 1, pixels.shape[2] // 2 or 1
    y, x = np.mgrid[:height, :width].astype(np.float32)
    place = _random(pixels).uniform(0.3, 0.7, 2) * (height, width)
    logits = 8 - np.hypot(y - place[0], x - place[1]) / max(height, width) * 40
    logits = np.full_like(logits, -20) if nothing else logits
    return {"output": (1 / (1 + np.exp(-logits)) if card.head == "shares" else logits).astype(np.float32)[None]}


def _map(card: Card, pixels: np.ndarray, nothing: bool) -> dict[str, np.ndarray]:
    """Logits of all classes at a quarter of the tensor's size; "nothing" is the class that says so, or the first."""
    side_hw = pixels.shape[1:] if card.recipe.layout == "CHW" else pixels.shape[:2]
    height, width = (max(1, side // 4) for side in side_hw)
    logits = _random(pixels).normal(0, 1, (len(card.names), height, width)).astype(np.float32)
    if nothing:
        logits[card.names.index(card.options.get("nothing", card.names[0]))] = 50
    return {"logits": logits if card.head == "channels_first" else logits.transpose(1, 2, 0)}


def _larger(card: Card, pixels: np.ndarray, nothing: bool) -> dict[str, np.ndarray]:
    """The pixels, stretched to their own extremes, enlarged to blocks."""
    scale, most = card.options.get("scale", 1), 255 if card.head == "rgb_bytes" else 1
    low, span = float(pixels.min()), float(np.ptp(pixels)) or 1.0
    made = ((pixels - low) / span * most).repeat(scale, axis=1).repeat(scale, axis=2)
    return {card.options.get("output", "output"): made.astype(np.float32)}


def _heatmaps(card: Card, pixels: np.ndarray, nothing: bool) -> dict[str, np.ndarray]:
    """A bump per keypoint, some too low to be seen."""
    random, (height, width) = _random(pixels), (side // 4 for side in pixels.shape[1:])
    y, x = np.mgrid[:height, :width]
    places, heights = random.uniform(0, (width, height), (len(card.names), 2)), random.uniform(0, 1, len(card.names))
    bumps = [
        tall * np.exp(-((x - px) ** 2 + (y - py) ** 2) / 8) for (px, py), tall in zip(places, heights, strict=True)
    ]
    return {"heatmaps": np.float32(bumps)}


def _depth(card: Card, pixels: np.ndarray, nothing: bool) -> dict[str, np.ndarray]:
    """A slope that depends on the row of pixels; there is no picture without depth."""
    height, width = pixels.shape[1:] if card.recipe.layout == "CHW" else pixels.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    down, along = _random(pixels).uniform(0.5, 5, 2).astype(np.float32)
    view = {"field_of_view": np.float32(60)} if card.head == "inverse" else {}
    return {"predicted_depth": 0.1 + down * y / height + along * x / width, **view}


def _queries(card: Card, pixels: np.ndarray, nothing: bool) -> dict[str, np.ndarray]:
    """Twelve queries, each surest in a disc of its own; "nothing" is the class that says so."""
    random, classes = _random(pixels), len(card.names) + 1
    height, width = max(1, pixels.shape[1] // 8), max(1, pixels.shape[2] // 8)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    places = random.uniform(0, 1, (12, 2)) * (height, width)
    masks = np.stack([6 - 20 * np.hypot((y - py) / height, (x - px) / width) for py, px in places])
    logits = np.zeros((12, classes), np.float32)
    logits[np.arange(12), -1 if nothing else random.integers(0, classes - 1, 12)] = 12
    names = ("logits", "pred_masks") if card.head == "detr_masks" else ("class_queries_logits", "masks_queries_logits")
    return dict(zip(names, (logits, masks.astype(np.float32)), strict=True))


HEADS = {
    "rgb_shares": _larger,
    "rgb_bytes": _larger,
    "heatmaps": _heatmaps,
    "relative": _depth,
    "metric": _depth,
    "inverse": _depth,
    "mask_queries": _queries,
    "detr_masks": _queries,
    "channels_first": _map,
    "channels_last": _map,
    "logits": _matte,
    "shares": _matte,
    "florence": _written,
    "vector": _face,
    "owl": _owl,
    "grounding_dino": _owl,
    "detr_sigmoid": _detr,
    "detr_softmax": _detr,
    "yolox": _yolox,
    "yunet": _yunet,
    "softmax": _classes,
    "sigmoid": _classes,
    "probabilities": _classes,
    "image_embeds": _vector,
    "pooler": _vector,
    "cls": _tokens,
    "mean_patches": _tokens,
}

QUESTIONS = {  # options without which a task cannot be asked
    "zeroshot": {"labels": ("a dog", "a cat", "ein Haus")},
    "find": {"labels": ("a red car", "a dog")},
    "inpaint": {"box": (0.6, 0.6, 7, 7)},  # of a single pixel not the centre
}
