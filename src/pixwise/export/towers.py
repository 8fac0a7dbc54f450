"""Towers: pictures or words in, vectors or classes out.

pixel_values (B, 3, S, S) ─▶ image_embeds | pooler_output | last_hidden_state | logits
input_ids    (B, L)       ─▶ text_embeds | pooler_output
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pixwise.errors import CardError
from pixwise.export.captioners import causal_mask
from pixwise.export.parts import Given, Part, Trial
from pixwise.language.tokens import load_tokenizer
from pixwise.own.texts import text_options

__all__ = [
    "Asked",
    "classifier_parts",
    "clip_options",
    "clip_parts",
    "clip_vision_parts",
    "dinov2_parts",
    "pooled_parts",
    "siglip_options",
    "siglip_parts",
    "vit_parts",
]

Answer = Callable[[Tensor], Mapping[str, Tensor]]


class Asked(nn.Module):
    """A function of one tensor as a module; `model` is held so that its weights are seen."""

    def __init__(self, model: nn.Module, answer: Answer):
        super().__init__()
        self.model, self.answer = model, answer

    def forward(self, asked: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.answer(asked).values())


def _picture_part(given: Given, wrapped: Answer, own: Answer, file: str = "onnx/model.onnx") -> Part:
    """The part `model`; `own` is how the reference answers, `wrapped` what is exported."""
    trials = [Trial({"pixel_values": x}, own(x)) for x in (given.pixels, given.others, given.pixels[:1])]
    return Part("model", file, Asked(given.model, wrapped), tuple(trials))


def _text_part(given: Given, text: Any, wrapped: Answer, own: Answer) -> Part:
    """The part `text`: batch and length may vary."""
    most = text.config.max_position_embeddings
    trials = [
        Trial({"input_ids": ids}, own(ids)) for ids in (_texts(text.config, 2, most), _texts(text.config, 3, most // 2))
    ]
    return Part(
        "text", "onnx/text_model.onnx", Asked(given.model, wrapped), tuple(trials), {"input_ids": {1: "tokens"}}
    )


def _texts(config: Any, rows: int, length: int) -> Tensor:
    """(rows, length) int64: any words, then the token that ends a text, at another place in each row."""
    words = 3 + (torch.arange(rows)[:, None] * 7 + torch.arange(length)[None] * 5) % max(config.vocab_size - 5, 1)
    ends = length - 1 - torch.arange(rows)[:, None] % max(length // 2, 1)
    return torch.where(torch.arange(length)[None] >= ends, _end_of(config), words)


def _end_of(config: Any) -> int:
    """The number of the token that ends a text; CLIP's old configs say 2 and mean the highest."""
    end = config.eos_token_id
    return config.vocab_size - 1 if end is None or end == 2 or end >= config.vocab_size else end


def clip_parts(given: Given) -> list[Part]:
    """CLIP (Radford et al. 2021): both towers, with their projections."""
    model = given.model

    def seen(pixels: Tensor) -> Mapping[str, Tensor]:
        return {"image_embeds": model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output)}

    def read(ids: Tensor) -> Mapping[str, Tensor]:
        pooled = model.text_model(input_ids=ids, attention_mask=causal_mask(ids, 0)).pooler_output
        return {"text_embeds": model.text_projection(pooled)}

    return [
        _picture_part(
            given, seen, lambda x: {"image_embeds": _vector(model.get_image_features(x))}, "onnx/vision_model.onnx"
        ),
        _text_part(given, model.text_model, read, lambda x: {"text_embeds": _vector(model.get_text_features(x))}),
    ]


def clip_vision_parts(given: Given) -> list[Part]:
    """The picture tower alone."""

    def own(pixels: Tensor) -> Mapping[str, Tensor]:
        return {"image_embeds": given.model(pixel_values=pixels).image_embeds}

    return [_picture_part(given, own, own)]


def siglip_parts(given: Given) -> list[Part]:
    """SigLIP (Zhai et al. 2023) and SigLIP 2 of fixed size: both towers, pooled."""
    model = given.model

    def seen(pixels: Tensor) -> Mapping[str, Tensor]:
        return {"pooler_output": model.vision_model(pixel_values=pixels).pooler_output}

    def read(ids: Tensor) -> Mapping[str, Tensor]:
        every = torch.zeros((1, 1, 1, 1))  # each token may look at each, as in training
        return {"pooler_output": model.text_model(input_ids=ids, attention_mask=every).pooler_output}

    return [
        _picture_part(
            given, seen, lambda x: {"pooler_output": _vector(model.get_image_features(x))}, "onnx/vision_model.onnx"
        ),
        _text_part(given, model.text_model, read, lambda x: {"pooler_output": _vector(model.get_text_features(x))}),
    ]


def _vector(features: Any) -> Tensor:
    return features if isinstance(features, Tensor) else features.pooler_output


def clip_options(model: Any, folder: Path) -> Mapping[str, Any]:
    """How texts become tokens, and by how much cosines are multiplied before the softmax."""
    told = text_options(model.config.to_dict(), _read(folder / "tokenizer_config.json"), folder.name)
    return {"pad_token": _pad_token(model, folder), **told, "logit_scale": model.logit_scale.detach().exp().item()}


def siglip_options(model: Any, folder: Path) -> Mapping[str, Any]:
    """The same; cosines go into a sigmoid, after something is added."""
    return {**clip_options(model, folder), "logit_bias": model.logit_bias.item()}


def _pad_token(model: Any, folder: Path) -> str:
    """What fills up a text where its tokenizer does not say: the number in its config."""
    number = model.config.text_config.pad_token_id
    return load_tokenizer(folder / "tokenizer.json").token_of(0 if number is None else number)


def _read(path: Path) -> Mapping[str, Any]:
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def vit_parts(given: Given) -> list[Part]:
    """ViT (Dosovitskiy et al. 2020): all tokens; the first is the vector."""

    def own(pixels: Tensor) -> Mapping[str, Tensor]:
        return {"last_hidden_state": given.model(pixel_values=pixels).last_hidden_state}

    return [_picture_part(given, own, own)]


def dinov2_parts(given: Given) -> list[Part]:
    """DINOv2 (Oquab et al. 2023), with registers or without: all tokens; the first is the vector.

    It stretches its positions to the size of the picture. The recipe makes all pictures of one size, so that is done
    once, here: the exporter does not know this stretching with antialias, and without it it would cost time each run.
    """
    embeddings, (height, width) = given.model.embeddings, given.pixels.shape[2:]
    count = 1 + (height // embeddings.patch_size) * (width // embeddings.patch_size)
    blank = torch.zeros((1, count, given.model.config.hidden_size))
    stretched = embeddings.interpolate_pos_encoding(blank, height, width)  # (1, 1 + P, D)

    def own(pixels: Tensor) -> Mapping[str, Tensor]:
        return {"last_hidden_state": given.model(pixel_values=pixels).last_hidden_state}

    def wrapped(pixels: Tensor) -> Mapping[str, Tensor]:
        embeddings.interpolate_pos_encoding = lambda tokens, height, width: stretched
        try:
            return own(pixels)
        finally:
            del embeddings.interpolate_pos_encoding

    return [_picture_part(given, wrapped, own)]


def pooled_parts(given: Given) -> list[Part]:
    """ConvNeXt: the mean over the picture, normalised."""

    def own(pixels: Tensor) -> Mapping[str, Tensor]:
        return {"pooler_output": given.model(pixel_values=pixels).pooler_output}

    return [_picture_part(given, own, own)]


def classifier_parts(given: Given) -> list[Part]:
    """Anything that ends in classes."""
    if not getattr(given.model.config, "num_labels", 0):
        raise CardError("classifier must have classes, got none; name them in id2label of config.json")

    def own(pixels: Tensor) -> Mapping[str, Tensor]:
        return {"logits": given.model(pixel_values=pixels).logits}

    return [_picture_part(given, own, own)]
