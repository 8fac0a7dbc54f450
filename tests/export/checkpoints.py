"""Tiny checkpoints of the real `transformers` classes with random weights, as `save_pretrained` writes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import tokenizers
import torch
import transformers
from oracle import tiny, towers
from tokenizers import models, pre_tokenizers, processors

from pixwise.export.tracing import quiet

SIDE = 64
WORDS = ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "[DEC]", *(f"w{number}" for number in range(40)), "[END]")
_LAYERS = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
_SEEN = {**_LAYERS, "image_size": SIDE, "patch_size": 16}
_READ = {**_LAYERS, "vocab_size": len(WORDS), "max_position_embeddings": 24}
_ENDS = {"bos_token_id": 1, "eos_token_id": len(WORDS) - 1, "pad_token_id": 0}
_SQUARE = {"size": {"height": SIDE, "width": SIDE}}


class Checkpoint(NamedTuple):
    """How to make a model; its `preprocessor_config.json`; whether it has words."""

    make: Callable[[], torch.nn.Module]
    preprocessor: dict[str, Any]
    words: bool = False


def clip() -> torch.nn.Module:
    config = transformers.CLIPConfig(text_config={**_READ, **_ENDS}, vision_config=_SEEN, projection_dim=24)
    return transformers.CLIPModel(config)


def siglip() -> torch.nn.Module:
    config = transformers.SiglipConfig(text_config={**_READ, "projection_size": 32}, vision_config=_SEEN)
    return transformers.SiglipModel(config)


def dinov2_with_registers() -> torch.nn.Module:
    layers = {key: size for key, size in _SEEN.items() if key != "intermediate_size"}
    layers["image_size"] = SIDE + 16  # as published: trained on larger pictures than the processor makes
    return transformers.Dinov2WithRegistersModel(transformers.Dinov2WithRegistersConfig(**layers, mlp_ratio=1))


def blip() -> torch.nn.Module:
    text = {**_READ, "encoder_hidden_size": 32, "bos_token_id": 4, "eos_token_id": 2, "sep_token_id": 2}
    config = transformers.BlipConfig(text_config={**text, "pad_token_id": 0}, vision_config=_SEEN)
    return transformers.BlipForConditionalGeneration(config)


def vit_gpt2() -> torch.nn.Module:
    text = {"vocab_size": len(WORDS), "n_positions": 24, "n_embd": 16, "n_layer": 2, "n_head": 2}
    return _encoder_decoder(transformers.GPT2Config(**text, **_ENDS))


def vit_bert() -> torch.nn.Module:
    return _encoder_decoder(transformers.BertConfig(**_READ))


def _encoder_decoder(decoder: transformers.PretrainedConfig) -> torch.nn.Module:
    config = transformers.VisionEncoderDecoderConfig.from_encoder_decoder_configs(
        transformers.ViTConfig(**_SEEN), decoder
    )
    config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = 1, 0, len(WORDS) - 1
    return transformers.VisionEncoderDecoderModel(config)


def _square(kind: str, side: int = SIDE) -> dict[str, Any]:
    return {"image_processor_type": kind, "size": {"height": side, "width": side}}


_DETR = {"image_processor_type": "DetrImageProcessor", "size": {"shortest_edge": 100, "longest_edge": 160}}
CHECKPOINTS = {
    "clip": Checkpoint(clip, {"image_processor_type": "CLIPImageProcessor", "size": 72, "crop_size": SIDE}, True),
    "siglip": Checkpoint(siglip, _square("SiglipImageProcessor"), True),
    "dinov2_with_registers": Checkpoint(
        dinov2_with_registers, {"image_processor_type": "BitImageProcessor", "size": 72, "crop_size": SIDE}
    ),
    "blip": Checkpoint(blip, _square("BlipImageProcessor"), True),
    "vit_gpt2": Checkpoint(vit_gpt2, _square("ViTImageProcessor"), True),
    "vit_bert": Checkpoint(vit_bert, _square("ViTImageProcessor"), True),
    "detr": Checkpoint(lambda: tiny.make("detr"), _DETR),
    **{
        name: Checkpoint(lambda name=name: tiny.make(name), _square(kind, side))
        for name, kind, side in [
            ("rt_detr", "RTDetrImageProcessor", 128),
            ("rt_detr_v2", "RTDetrImageProcessor", 128),
            ("d_fine", "RTDetrImageProcessor", 128),
            ("convnext", "ViTImageProcessor", 128),
            ("vit", "ViTImageProcessor", 96),
        ]
    },
    **{
        name: Checkpoint(lambda name=name: towers.make(name), towers.TOWERS[name].processor.to_dict())
        for name in ("clip_vision", "dinov2")
    },
}


def make(name: str) -> torch.nn.Module:
    """A model whose answers depend on the picture and the words, always the same one."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = CHECKPOINTS[name].make().eval()
        if name not in tiny.MODELS and name not in towers.TOWERS:
            tiny._draw_weights(model)
    return model


def save(name: str, model: torch.nn.Module, folder: Path) -> Path:
    """The checkpoint as a user would have it."""
    with quiet():
        model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(CHECKPOINTS[name].preprocessor))
    if CHECKPOINTS[name].words:
        write_tokenizer(folder / "tokenizer.json")
    return folder


def write_tokenizer(path: Path) -> None:
    """One word, one token; begins with [CLS], ends with the last."""
    made = tokenizers.Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.add_special_tokens(["[PAD]", "[CLS]", "[SEP]", "[DEC]", "[END]"])
    ends = [("[CLS]", 1), ("[END]", len(WORDS) - 1)]
    made.post_processor = processors.TemplateProcessing("[CLS] $A [END]", special_tokens=ends)
    made.save(str(path))
    path.with_name("tokenizer_config.json").write_text(json.dumps({"pad_token": {"content": "[END]"}}))
