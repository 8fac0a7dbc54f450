"""Tiny picture encoders of the real `transformers` classes, random weights, saved as a user would have them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
import transformers
from oracle import tiny
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from pixwise.export.parts import Part, Trial
from pixwise.export.towers import Asked
from pixwise.export.tracing import write_onnx

SIDE = 112
_LAYERS = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
_SEEN = {**_LAYERS, "image_size": SIDE, "patch_size": 14}
_CROPPED = {"size": {"shortest_edge": 128}, "crop_size": {"height": SIDE, "width": SIDE}}


class Tower(NamedTuple):
    """How to make a model, prepare its pixels, export it, and ask the reference for its vector."""

    make: Callable[[], torch.nn.Module]
    processor: object
    outputs: Callable[[torch.nn.Module, torch.Tensor], dict[str, torch.Tensor]]  # what the hub's exports give
    vector: Callable[[torch.nn.Module, torch.Tensor], torch.Tensor]  # (n, D), by the reference
    file: str = "model.onnx"


def clip() -> torch.nn.Module:
    text = {**_LAYERS, "vocab_size": 50, "max_position_embeddings": 8}
    return transformers.CLIPModel(transformers.CLIPConfig(text_config=text, vision_config=_SEEN, projection_dim=24))


def clip_vision() -> torch.nn.Module:
    return transformers.CLIPVisionModelWithProjection(transformers.CLIPVisionConfig(**_SEEN, projection_dim=24))


def siglip() -> torch.nn.Module:
    return transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**_SEEN))


def siglip_both() -> torch.nn.Module:
    text = {**_LAYERS, "vocab_size": 50, "max_position_embeddings": 8}
    return transformers.SiglipModel(transformers.SiglipConfig(text_config=text, vision_config=_SEEN))


def dinov2() -> torch.nn.Module:
    layers = {key: size for key, size in _SEEN.items() if key != "intermediate_size"}
    return transformers.Dinov2Model(transformers.Dinov2Config(**layers, mlp_ratio=1))


def convnext() -> torch.nn.Module:
    return transformers.ConvNextModel(transformers.ConvNextConfig(hidden_sizes=[8, 16, 16, 32], depths=[1] * 4))


def _picked(*names: str) -> Callable[[torch.nn.Module, torch.Tensor], dict[str, torch.Tensor]]:
    def outputs(model: torch.nn.Module, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
        answer = model(pixels)
        return {name: answer[name] for name in names}

    return outputs


def _clip_tower(model: torch.nn.Module, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"image_embeds": model.visual_projection(model.vision_model(pixels).pooler_output)}


def _features(model: torch.nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    found = model.get_image_features(pixel_values=pixels)
    return found if isinstance(found, torch.Tensor) else found.pooler_output


def _siglip_tower(model: torch.nn.Module, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"pooler_output": model.vision_model(pixels).pooler_output}


_POOLED, _TOKENS = _picked("last_hidden_state", "pooler_output"), _picked("last_hidden_state")
_BIT = BitImageProcessorPil(**_CROPPED)
_STRETCHED = SiglipImageProcessorPil(size={"height": SIDE, "width": SIDE})
TOWERS = {
    "clip": Tower(clip, CLIPImageProcessorPil(**_CROPPED), _clip_tower, _features, "vision_model.onnx"),
    "clip_vision": Tower(
        clip_vision, CLIPImageProcessorPil(**_CROPPED), _picked("image_embeds"), lambda m, x: m(x).image_embeds
    ),
    "siglip_both": Tower(siglip_both, _STRETCHED, _siglip_tower, _features, "vision_model.onnx"),
    "siglip": Tower(
        siglip,
        _STRETCHED,
        _POOLED,
        lambda m, x: m(x).pooler_output,
        "vision_model.onnx",
    ),
    "dinov2": Tower(dinov2, _BIT, _TOKENS, lambda m, x: m(x).pooler_output),
    "dinov2_patches": Tower(dinov2, _BIT, _TOKENS, lambda m, x: m(x).last_hidden_state[:, 1:].mean(1)),
    "convnext": Tower(
        convnext, ConvNextImageProcessorPil(size={"shortest_edge": SIDE}), _POOLED, lambda m, x: m(x).pooler_output
    ),
}


def make(name: str) -> torch.nn.Module:
    """A model whose answers depend on the picture, always the same one."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = TOWERS[name].make().eval()
        tiny._draw_weights(model)
    return model


def save(name: str, model: torch.nn.Module, folder: Path) -> Path:
    """A folder in Hugging Face form; the batch may vary."""
    tower, onnx = TOWERS[name], folder / "onnx"
    onnx.mkdir(parents=True)
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(tower.processor.to_dict()))
    pixels = torch.rand(2, 3, SIDE, SIDE)
    wrapped = Asked(model, lambda asked: tower.outputs(model, asked))
    trial = Trial({"pixel_values": pixels}, tower.outputs(model, pixels))
    write_onnx(Part("model", tower.file, wrapped, (trial,)), onnx / tower.file)
    if tower.file != "model.onnx":  # the joint export beside it, which must not be taken
        (onnx / "model.onnx").write_bytes(b"another")
        (onnx / "text_model.onnx").write_bytes(b"another")
    return folder
