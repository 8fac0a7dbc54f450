"""Promptable segmenters: what is dear once a picture, and what is cheap once a prompt.

    pixels ─▶ encoder ─▶ embeddings (1, ...)
    embeddings, point_coords (N, P, 2), point_labels (N, P), mask_input (N, 1, h, w), has_mask_input (1,)
           ─▶ decoder ─▶ masks (N, 3, h, w) logits, iou_predictions (N, 3)

The names are those of SAM's own export; corners of boxes are points with the labels 2 and 3, -1 is no point. N objects
of one picture are decoded at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pixwise.export.attention import fuse_attention
from pixwise.export.parts import Given, Part, Trial
from pixwise.export.places import enlarged

__all__ = ["sam2_parts", "sam_parts", "segmenter_options"]

_SAM2_NAMES = ("high_res_feats_0", "high_res_feats_1", "image_embed")
_OPSET = 18


class Sam2Encoder(nn.Module):
    """Pixels in, three levels of features out, the coarsest last."""

    def __init__(self, model: Any):
        super().__init__()
        self.model = model

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.model.get_image_embeddings(pixel_values))


class SamEncoder(nn.Module):
    """Pixels in, one level of features out."""

    def __init__(self, model: Any):
        super().__init__()
        self.model = model

    def forward(self, pixel_values: Tensor) -> Tensor:
        return self.model.vision_encoder(pixel_values).last_hidden_state


class Decoder(nn.Module):
    """Prompts of N objects of one picture; each is a row, as if there were N pictures with one object each."""

    def __init__(self, model: Any, levels: int):
        super().__init__()
        self.model, self.levels = model, levels

    def forward(self, *feeds: Tensor) -> tuple[Tensor, Tensor]:
        *fine, seen = feeds[: self.levels]
        coords, labels, mask, has_mask = feeds[self.levels :]
        words = self.model.prompt_encoder
        dense = torch.where(has_mask.reshape(1, 1, 1, 1) > 0, words.mask_embed(mask), _no_mask(words))  # (N, C, h, w)
        seen = seen.expand_as(dense)
        where = self.model.get_image_wide_positional_embeddings().expand_as(dense)
        finer = (
            {"high_resolution_features": [each.expand(coords.shape[0], -1, -1, -1) for each in fine]} if fine else {}
        )
        masks, scores = self.model.mask_decoder(
            image_embeddings=seen,
            image_positional_embeddings=where,
            sparse_prompt_embeddings=self.tokens(coords[:, None], labels[:, None]),
            dense_prompt_embeddings=dense,
            multimask_output=True,
            **finer,
        )[:2]
        return masks[:, 0], scores[:, 0]

    def tokens(self, coords: Tensor, labels: Tensor) -> Tensor:
        """(N, 1, P, C) of points (N, 1, P, 2): SAM has four kinds of them, transformers knows two of a point's."""
        words, labels = self.model.prompt_encoder, labels[..., None]
        size = words.input_image_size
        found = words.shared_embedding(coords + 0.5, (size, size))  # from pixels to their centres
        found = torch.where(labels == -1, words.not_a_point_embed.weight, found)
        for kind, embedding in enumerate(_kinds(words)):
            found = torch.where(labels == kind, found + embedding, found)
        return found


class Sam2Decoder(Decoder):
    """SAM 2 ends its prompts with a point that is none."""

    def tokens(self, coords: Tensor, labels: Tensor) -> Tensor:
        coords, labels = nn.functional.pad(coords, (0, 0, 0, 1)), nn.functional.pad(labels, (0, 1), value=-1)
        return super().tokens(coords, labels)


def _kinds(words: Any) -> list[Tensor]:
    """What is added to points of labels 0 to 3."""
    if isinstance(words.point_embed, nn.ModuleList):
        return [each.weight[0] for each in words.point_embed]
    return list(words.point_embed.weight)


def _no_mask(words: Any) -> Tensor:
    return words.no_mask_embed.weight.reshape(1, -1, 1, 1)


def sam2_parts(given: Given) -> list[Part]:
    """SAM 2 and 2.1 (Ravi et al. 2024)."""
    model = given.model
    embeddings = dict(zip(_SAM2_NAMES, model.get_image_embeddings(given.pixels[:1]), strict=True))
    return _parts(given, Sam2Encoder(model), Sam2Decoder(model, 3), embeddings, list(embeddings.values()))


def _place_by_products(backbone: Any) -> None:
    """Hiera's places by products: onnxruntime's cubic `Resize` of 7 x 7 took a quarter of the whole encoder."""

    def placed(size_hw: tuple[Any, Any]) -> Tensor:
        tiles, window = backbone.pos_embed, backbone.pos_embed_window  # (1, C, a, b), (1, C, 8, 8)
        found = enlarged(tiles, *size_hw)  # (1, C, h, w)
        times = [have // one for have, one in zip(found.shape, window.shape, strict=True)]
        return (found + window.tile(times)).permute(0, 2, 3, 1)

    backbone._get_pos_embed = placed


def sam_parts(given: Given) -> list[Part]:
    """SAM (Kirillov et al. 2023), and what was made smaller from it."""
    seen = given.model.vision_encoder(given.pixels[:1]).last_hidden_state
    return _parts(given, SamEncoder(given.model), Decoder(given.model, 1), {"image_embeddings": seen}, seen)


def _parts(
    given: Given, encoder: nn.Module, decoder: nn.Module, embeddings: Mapping[str, Tensor], own: Any
) -> list[Part]:
    names = list(embeddings)
    seen = []
    for pixels in (given.pixels, given.others, given.pixels[:1]):
        answer = encoder(pixels) if isinstance(encoder, Sam2Encoder) else (encoder(pixels),)
        seen.append(Trial({"pixel_values": pixels}, dict(zip(names, answer, strict=True))))
    axes = {"point_coords": {0: "objects", 1: "points"}, "point_labels": {0: "objects", 1: "points"}}
    axes |= {name: {0: "objects"} for name in ("mask_input", "masks", "iou_predictions")} | {
        "has_mask_input": {0: "one"}
    }
    axes |= {name: {0: "one"} for name in names}
    asked = _asked(given.model, embeddings, own)
    fuse_attention(given.model.vision_encoder)  # SAM 2 compares 4096 places; the checkpoint has answered before
    if hasattr(getattr(given.model.vision_encoder, "backbone", None), "pos_embed_window"):
        _place_by_products(given.model.vision_encoder.backbone)
    return [
        Part("encoder", "onnx/encoder.onnx", encoder, tuple(seen), opset=_OPSET),
        Part("decoder", "onnx/decoder.onnx", decoder, asked, axes, opset=_OPSET),
    ]


def _asked(model: Any, embeddings: Mapping[str, Tensor], own: Any) -> tuple[Trial, ...]:
    """Points, boxes with points, and a mask: what the model itself answers to them."""
    side = model.config.prompt_encoder_config.image_size
    random = torch.Generator().manual_seed(0)
    points = torch.rand((1, 2, 3, 2), generator=random) * side
    signs = torch.tensor([[[1, 0, 1], [1, 1, 0]]])
    boxes = torch.tensor([[[0.1, 0.2, 0.6, 0.9]]]) * side
    rough = 10 * torch.randn((1, 1, *[side // model.config.prompt_encoder_config.patch_size * 4] * 2), generator=random)
    pads = not isinstance(model.prompt_encoder.point_embed, nn.ModuleList)  # SAM 2's graph ends prompts by itself
    given = [
        ({"input_points": points, "input_labels": signs}, None),
        ({"input_points": points[:, :1], "input_labels": signs[:, :1], "input_boxes": boxes}, None),
        ({"input_points": points[:, :1, :1], "input_labels": signs[:, :1, :1], "input_masks": rough}, rough),
    ]
    return tuple(
        Trial({**embeddings, **_tokens(asked, mask, rough, pads)}, _own(model, own, asked)) for asked, mask in given
    )


def _tokens(asked: Mapping[str, Tensor], mask: Tensor | None, rough: Tensor, pads: bool) -> dict[str, Tensor]:
    """The same prompt as points of four kinds."""
    coords, labels = asked["input_points"][0], asked["input_labels"][0]
    if "input_boxes" in asked:
        coords = torch.cat([asked["input_boxes"][0].reshape(-1, 2, 2), coords], dim=1)
        labels = torch.cat([torch.tensor([[2, 3]]), labels], dim=1)
    elif not pads:
        coords, labels = nn.functional.pad(coords, (0, 0, 0, 1)), nn.functional.pad(labels, (0, 1), value=-1)
    return {
        "point_coords": coords,
        "point_labels": labels.float(),
        "mask_input": torch.zeros((len(coords), *rough.shape[1:])) if mask is None else mask,
        "has_mask_input": torch.tensor([0.0 if mask is None else 1.0]),
    }


def _own(model: Any, embeddings: Any, asked: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    answer = model(image_embeddings=embeddings, multimask_output=True, **asked)
    return {"masks": answer.pred_masks[0], "iou_predictions": answer.iou_scores[0]}


def segmenter_options(model: Any, folder: Path) -> Mapping[str, Any]:
    """The decoder takes several objects at once, which SAM's own export does not."""
    return {"together": True}
