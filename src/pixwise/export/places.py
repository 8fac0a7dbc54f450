"""Position embeddings of another grid, as products of matrices.

onnxruntime's cubic `Resize` takes 7 % of a whole Depth Anything for a grid of 37 x 37, on one core. Cubic weights
are separable: rows from rows, then columns from columns, each a small product.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["enlarged", "place_by_products"]


def place_by_products(embeddings: nn.Module) -> None:
    """Let the embeddings of a DINOv2 bring its places to any grid by products; the numbers stay the same."""

    patch, side = embeddings.patch_size, round((embeddings.position_embeddings.shape[1] - 1) ** 0.5)

    def interpolated(tokens: Tensor, height: Any, width: Any) -> Tensor:
        table = embeddings.position_embeddings
        grid = table[0, 1:].reshape(side, side, -1).permute(2, 0, 1)  # (C, side, side)
        found = enlarged(grid, height // patch, width // patch)  # (C, h, w)
        return torch.cat((table[:, :1], found.flatten(1).T[None]), dim=1)

    embeddings.interpolate_pos_encoding = interpolated


def enlarged(grid: Tensor, height: Any, width: Any) -> Tensor:
    """Bring (..., a, b) to (..., height, width) as torch's bicubic `interpolate` does it."""
    rows, columns = _cubic(height, grid.shape[-2]), _cubic(width, grid.shape[-1])  # (height, a), (width, b)
    return rows @ grid @ columns.T


def _cubic(count: Any, side: int) -> Tensor:
    """(count, side) weights of Keys' kernel (1981, a = -0.75), half-pixel centres, the edge repeated."""
    at = (torch.arange(count)[:, None] + 0.5) * side / count - 0.5
    places = torch.arange(-2, side + 2)  # as far as a kernel may look beyond the edges
    far = (at - places).abs().clamp(max=2)
    near, beyond = (1.25 * far - 2.25) * far * far + 1, ((-0.75 * far + 3.75) * far - 6) * far + 3
    return torch.where(far <= 1, near, beyond) @ nn.functional.one_hot(places.clamp(0, side - 1), side).float()
