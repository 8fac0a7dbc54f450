"""Depth: pixels in, a map out.

pixel_values (B, 3, H, W) ─▶ predicted_depth (B, h, w) [, field_of_view (B,)]

Height and width may vary where the checkpoint's own recipe lets them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from pixwise.errors import CardError
from pixwise.export.attention import fuse_attention
from pixwise.export.parts import Given, Part, Trial
from pixwise.export.places import place_by_products
from pixwise.export.towers import Asked

__all__ = ["depth_anything_parts", "depth_parts", "single_depth_parts", "zoedepth_parts"]

Answer = Callable[[Tensor], Mapping[str, Tensor]]
_MAP, _VIEW = "predicted_depth", "field_of_view"


def depth_parts(given: Given) -> list[Part]:
    """A model whose own forward takes any batch: DPT, GLPN."""
    return [_part(given, lambda pixels: _told(given.model(pixel_values=pixels)))]


def single_depth_parts(given: Given) -> list[Part]:
    """A model that cuts its batch into pieces of a length that becomes a number in the graph: DepthPro, ZoeDepth."""
    return [_part(given, lambda pixels: _told(given.model(pixel_values=pixels)), single=True)]


def zoedepth_parts(given: Given) -> list[Part]:
    """ZoeDepth (Bhat et al. 2023), with one kind of scene."""
    kinds = len(given.model.config.bin_configurations)
    if kinds > 1:
        raise CardError(
            f"ZoeDepth must know one kind of scene, got {kinds}, of which it chooses one for a whole batch; "
            "export zoedepth-nyu for indoors or zoedepth-kitti for roads"
        )
    return single_depth_parts(given)


def depth_anything_parts(given: Given) -> list[Part]:
    """Depth Anything (Yang et al. 2024). Its own head makes an `int` of height and width, which would fix them."""
    model = given.model

    def seen(pixels: Tensor) -> Mapping[str, Tensor]:
        patch = model.config.patch_size
        rows, columns = pixels.shape[2] // patch, pixels.shape[3] // patch
        maps = model.backbone.forward_with_filtered_kwargs(pixels).feature_maps
        fused = _fused(model.neck, maps, rows, columns)
        return {_MAP: _head(model.head, fused[model.head.head_in_index], (rows * patch, columns * patch))}

    part = _part(given, seen)  # its trials were answered by the model as it is
    embeddings = getattr(model.backbone, "embeddings", None)
    if hasattr(embeddings, "interpolate_pos_encoding"):
        place_by_products(embeddings)
    return [part]


def _fused(neck: Any, maps: Any, rows: Any, columns: Any) -> list[Tensor]:
    """The steps of the neck. Each level but the first is twice as fine as the one before: said as a number, it becomes
    a kernel that is many times quicker than one for any two sizes.
    """
    levels = [conv(level) for conv, level in zip(neck.convs, neck.reassemble_stage(maps, rows, columns), strict=True)]
    found: list[Tensor] = []
    for layer, level in zip(neck.fusion_stage.layers, reversed(levels), strict=True):
        if found:
            found.append(layer(found[-1], level))
        else:
            found.append(layer(level, size=levels[-2].shape[2:]))
    return found


def _head(head: Any, fused: Tensor, size_hw: tuple[Any, Any]) -> Tensor:
    """(B, H, W): the steps of the head, with a size that may be a tensor."""
    found = nn.functional.interpolate(head.conv1(fused), size_hw, mode="bilinear", align_corners=True)
    found = head.conv3(head.activation1(head.conv2(found)))
    return (head.activation2(found) * head.max_depth).squeeze(1)


def _told(answer: Any) -> dict[str, Tensor]:
    view = getattr(answer, _VIEW, None)
    return {_MAP: answer.predicted_depth} | ({} if view is None else {_VIEW: view})


def _part(given: Given, wrapped: Answer, *, single: bool = False) -> Part:
    """The reference answers first, by its own forward and attention."""
    tried = (given.pixels, given.others, given.pixels[:1])
    trials = [Trial({"pixel_values": x}, _told(given.model(pixel_values=x))) for x in tried]
    varies = given.pixels.shape[2:] != given.others.shape[2:]
    axes = {_MAP: {1: "high", 2: "wide"}, "pixel_values": {2: "height", 3: "width"}} if varies else {}
    fuse_attention(given.model)
    ordered = tuple(reversed(trials) if single else trials)  # the first one is traced
    return Part("model", "onnx/model.onnx", Asked(given.model, wrapped), ordered, axes, single=single)
