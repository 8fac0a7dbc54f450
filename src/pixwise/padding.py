"""Which part of a tensor is picture and not padding, for models that ask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pixwise.pixels import Fit
from pixwise.session import Tensor

__all__ = ["mask_feeds"]


def mask_feeds(inputs: Sequence[Tensor], fits: Sequence[Fit], tensor_hw: tuple[int, ...]) -> dict[str, np.ndarray]:
    """`pixel_mask` where a model takes one.

    Args:
        inputs: of the model.
        fits: of the rows.
        tensor_hw: size of the rows; a model may want its mask in a size of its own.

    Returns:
        Nothing, or (R, h, w) ones where there is picture, zeros where there is padding.
    """
    asked = next((each for each in inputs if each.name == "pixel_mask"), None)
    if asked is None:
        return {}
    told = asked.shape[1:] if len(asked.shape) == 3 else (-1, -1)  # some graphs do not tell
    mask_hw = tuple(m if m > 0 else t for m, t in zip(told, tensor_hw, strict=True))
    masks = [_mask(fit.content_hw, tensor_hw, mask_hw) for fit in fits]
    return {"pixel_mask": np.stack(masks).astype({"float": "float32"}.get(asked.dtype, asked.dtype))}


def _mask(content_hw: tuple[int, int], tensor_hw: tuple[int, ...], mask_hw: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros(mask_hw, np.int64)
    rows, columns = (-(-c * m // t) for c, m, t in zip(content_hw, mask_hw, tensor_hw, strict=True))
    mask[:rows, :columns] = 1
    return mask
