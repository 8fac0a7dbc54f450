"""The forms in which promptable segmenters are exported: prompts in, candidates out. Pure but for the decoder's run.

    embeddings, prompts ─▶ decode_*(ask, …) ─▶ logits (N, C, h, w), scores (N, C)

Prompts are in pixels of the tensor: `input_points` (1, N, P, 2), `input_labels` (1, N, P), `input_boxes` (1, N, 4) and
`input_masks` (1, N, h, w), with N = 0 for those that nobody gave.
`ask` runs the decoder with those of the arrays that it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pixwise.errors import ShapeError
from pixwise.prompts import PADDING

__all__ = ["FORMS", "Form"]

Arrays = Mapping[str, np.ndarray]
Ask = Callable[[Arrays], dict[str, np.ndarray]]
Floats = npt.NDArray[np.float32]
Candidates = tuple[Floats, Floats]

_NO_POINT, _CORNERS = -1, (2, 3)  # labels, in SAM's own export, of padding and of a box's corners


class Form(NamedTuple):
    """How a model is asked, and for what.

    Attributes:
        decode: asks the decoder.
        boxes, masks: it takes them as prompts.
        grid: it can be asked for everything.
    """

    decode: Callable[[Ask, Arrays, Arrays, bool], Candidates]
    boxes: bool = True
    masks: bool = False
    grid: bool = True


def decode_sam(ask: Ask, embeddings: Arrays, prompts: Arrays, together: bool = True) -> Candidates:
    """SAM as transformers has it (Kirillov et al. 2023), exported for points alone."""
    return _three(ask({**embeddings, **prompts}), "pred_masks", "iou_scores")


def decode_sam2(ask: Ask, embeddings: Arrays, prompts: Arrays, together: bool = True) -> Candidates:
    """SAM 2 as transformers has it (Ravi et al. 2024). Its export takes points and boxes together for one object only.

    Where there are boxes alone, points have the shape (1, 1, 0, 2): so transformers.js feeds it.
    """
    points, boxes = prompts["input_points"], prompts["input_boxes"]
    if not points.size:
        labels = np.zeros((1, boxes.shape[1], 0), np.int64)
        prompts = {**prompts, "input_points": np.zeros((1, 1, 0, 2), np.float32), "input_labels": labels}
    asked = _apart(prompts) if points.size and boxes.size else [prompts]
    return _joined(_three(ask({**embeddings, **mine}), "pred_masks", "iou_scores") for mine in asked)


def decode_tokens(ask: Ask, embeddings: Arrays, prompts: Arrays, together: bool, *, pads: bool) -> Candidates:
    """SAM's own export: corners of boxes are points with labels of their own.

    Args:
        ask, embeddings, prompts: see above.
        together: it takes several objects with as many points each at once, as our own exports do; SAM's takes one.
        pads: the graph adds by itself the point that stands for "no box" (exports of SAM 2); SAM's does not.
    """
    asked = [_tokens(mine, pads) for mine in _apart(prompts)]
    if together and len({each["point_labels"].shape for each in asked}) == 1:
        every = {name: np.concatenate([each[name] for each in asked]) for name in asked[0]}
        asked = [{**every, **{name: asked[0][name] for name in ("has_mask_input", "orig_im_size")}}]
    return _joined(_three(ask({**embeddings, **mine}), "masks", "iou_predictions") for mine in asked)


def _tokens(prompts: Arrays, pads: bool) -> dict[str, np.ndarray]:
    """What one object's decoder is fed."""
    real = prompts["input_labels"].reshape(-1) != PADDING
    points, labels = prompts["input_points"].reshape(-1, 2)[real], prompts["input_labels"].reshape(-1)[real]
    corners = prompts["input_boxes"].reshape(-1, 2)
    ends = np.zeros((0 if pads or len(corners) else 1, 2))
    coords = np.concatenate([corners, points, ends]).astype(np.float32)[None]
    marks = np.concatenate([_CORNERS[: len(corners)], labels, [_NO_POINT] * len(ends)]).astype(np.float32)[None]
    masks = prompts["input_masks"]
    return {
        "point_coords": coords,  # (1, P, 2)
        "point_labels": marks,  # (1, P)
        "mask_input": masks if masks.shape[1] else np.zeros((1, 1, *masks.shape[2:]), np.float32),
        "has_mask_input": np.float32([masks.shape[1] > 0]),
        "orig_im_size": np.float32([64, 64]),  # of an enlarged mask that is not read
    }


def _apart(prompts: Arrays) -> list[dict[str, np.ndarray]]:
    """Prompts of single objects."""
    count = max(array.shape[1] for array in prompts.values())
    return [{name: array[:, row : row + 1] for name, array in prompts.items()} for row in range(count)]


def _three(raw: Arrays, masks: str, scores: str) -> Candidates:
    """Logits and scores, (N, C, …); of four candidates the first, for prompts that leave no doubt, is dropped."""
    low = next((raw[name] for name in ("low_res_masks", masks) if name in raw), None)
    if low is None or scores not in raw:
        raise ShapeError(f"decoder must have the outputs {masks} and {scores}, got {', '.join(raw)}; check its card")
    low, scored = low.reshape(-1, *low.shape[-3:]), raw[scores].reshape(-1, low.shape[-3])
    first = 1 if low.shape[1] == 4 else 0
    return low[:, first:], scored[:, first:]


def _joined(parts) -> Candidates:
    logits, scores = zip(*parts, strict=True)
    return np.concatenate(logits), np.concatenate(scores)


FORMS: Mapping[str, Form] = {
    "sam": Form(decode_sam, boxes=False),
    "sam2": Form(decode_sam2),
    "sam_tokens": Form(partial(decode_tokens, pads=False), masks=True),
    "sam2_tokens": Form(partial(decode_tokens, pads=True), masks=True),
    "grabcut": Form(decode_sam, masks=True, grid=False),
}
