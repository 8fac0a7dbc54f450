"""Tiny mask transformers of the real `transformers` classes, random weights, saved as a user would have them.

Random class heads tie: each class is set to mean 0 and deviation 2.5 over the queries of a few pictures, "no object"
lower, and the masks' logits to deviation 4, so that there are things, overlaps and places of nobody.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
import transformers
from oracle import tiny

from pixwise.export.parts import Given
from pixwise.export.tracing import write_onnx
from pixwise.export.universal import detr_masks_parts, mask_queries_parts
from pixwise.samples import photo_like

CLASSES = {index: f"thing {index}" for index in range(6)}
SIDE = 128
TOKENS = torch.arange(77)[None] % 90  # what a tokenizer makes of "the task is panoptic"
_SWIN = {"embed_dim": 8, "depths": [1] * 4, "num_heads": [1, 1, 2, 2], "window_size": 4, "drop_path_rate": 0.0}
_OUT = ["stage1", "stage2", "stage3", "stage4"]


def mask2former() -> torch.nn.Module:
    config = transformers.Mask2FormerConfig(
        backbone_config=transformers.SwinConfig(**_SWIN, out_features=_OUT), feature_size=32, mask_feature_size=32,
        hidden_dim=32, encoder_feedforward_dim=16, dim_feedforward=16, encoder_layers=1, decoder_layers=3,
        num_attention_heads=2, num_queries=12, id2label=CLASSES,
    )  # fmt: skip
    return transformers.Mask2FormerForUniversalSegmentation(config)


def maskformer() -> torch.nn.Module:
    decoder = transformers.DetrConfig(
        d_model=16, encoder_ffn_dim=16, decoder_ffn_dim=16, encoder_attention_heads=2, decoder_attention_heads=2,
        decoder_layers=2, encoder_layers=1, num_queries=12, backbone_config=transformers.ResNetConfig(),
        use_timm_backbone=False,
    )  # fmt: skip
    swin = transformers.SwinConfig(**_SWIN, out_features=_OUT)
    config = transformers.MaskFormerConfig(
        backbone_config=swin, decoder_config=decoder, fpn_feature_size=32, mask_feature_size=32, id2label=CLASSES
    )
    return transformers.MaskFormerForInstanceSegmentation(config)


def detr_masks() -> torch.nn.Module:
    backbone = transformers.ResNetConfig(**tiny._RESNET, out_features=["stage1", "stage2", "stage3", "stage4"])
    config = transformers.DetrConfig(
        backbone_config=backbone, use_timm_backbone=False, d_model=128, encoder_layers=1, encoder_ffn_dim=32,
        decoder_ffn_dim=32, encoder_attention_heads=8, decoder_attention_heads=8, decoder_layers=2, num_queries=12,
        id2label=CLASSES,
    )  # fmt: skip
    return transformers.DetrForSegmentation(config)


def rf_detr_masks() -> torch.nn.Module:
    backbone = transformers.RfDetrDinov2Config(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=112, patch_size=14, num_windows=2,
        out_indices=[1, 2],
    )  # fmt: skip
    config = transformers.RfDetrConfig(
        backbone_config=backbone, d_model=32, decoder_layers=2, decoder_self_attention_heads=2, num_queries=12,
        decoder_cross_attention_heads=2, group_detr=2, decoder_ffn_dim=32, decoder_n_points=2, id2label=CLASSES,
    )  # fmt: skip
    return transformers.RfDetrForInstanceSegmentation(config)


def oneformer() -> torch.nn.Module:
    config = transformers.OneFormerConfig(
        backbone_config=transformers.SwinConfig(**_SWIN, out_features=_OUT), hidden_dim=32, conv_dim=32, mask_dim=32,
        encoder_feedforward_dim=16, dim_feedforward=16, encoder_layers=1, decoder_layers=3, num_attention_heads=2,
        num_queries=12, id2label=CLASSES, text_encoder_width=16, text_encoder_num_layers=1, text_encoder_vocab_size=99,
        query_dec_layers=1, task_seq_len=77, is_training=False,
    )  # fmt: skip
    return transformers.OneFormerForUniversalSegmentation(config)


MODELS = {made.__name__: made for made in (mask2former, maskformer, detr_masks, rf_detr_masks, oneformer)}
_LAST = {  # the layers that make the classes, and the masks
    "mask2former": ("class_predictor", "model.transformer_module.decoder.mask_predictor.mask_embedder.2.0"),
    "maskformer": ("class_predictor", "mask_embedder.2.0"),
    "detr_masks": ("detr.class_labels_classifier", "mask_head.output_conv"),
    "oneformer": (
        "model.transformer_module.decoder.class_embed",
        "model.transformer_module.decoder.mask_embed.layers.2.0",
    ),
}
OUTPUTS = {"detr_masks": ("logits", "pred_masks")}
PARTS = {"detr_masks": detr_masks_parts}
_OTHERS = ("class_queries_logits", "masks_queries_logits")


@torch.no_grad()
def make(name: str) -> torch.nn.Module:
    """A model whose queries, classes and masks differ, always the same one."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = MODELS[name]().eval()
        tiny._draw_weights(model)
    pictures = np.stack([photo_like(SIDE, SIDE, seed) for seed in (1, 2, 3)])
    pixels = (torch.from_numpy(pictures).permute(0, 3, 1, 2) / 127.5 - 1).contiguous()
    classes, masks = (model.get_submodule(place) for place in _LAST[name])
    if name == "detr_masks":  # its masks differ by what the queries attend to
        model.bbox_attention.q_proj.weight.mul_(3)
        model.mask_head.conv1.conv.weight[:, -8:].mul_(2000)
    _spread(masks, ask(model, name, pixels)[1], 4)
    if name == "detr_masks":
        masks.bias.sub_(ask(model, name, pixels)[1].mean())
    logits = ask(model, name, pixels)[0].flatten(0, 1)  # (N, C + 1)
    scale = 2.5 / (logits.std(0) + 1e-3)
    classes.weight.mul_(scale[:, None])
    classes.bias.copy_((classes.bias - logits.mean(0)) * scale)
    classes.bias[-1] -= 1
    return model


def _spread(layer: torch.nn.Module, made: torch.Tensor, deviation: float) -> None:
    layer.weight.mul_(deviation / made.std())
    layer.bias.mul_(deviation / made.std())


@torch.no_grad()
def ask(model: torch.nn.Module, name: str, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Classes and masks as the model itself says them."""
    answer = model(pixels, *([TOKENS.expand(len(pixels), -1)] if name == "oneformer" else []))
    return tuple(answer[each] for each in OUTPUTS.get(name, _OTHERS))


def save(name: str, model: torch.nn.Module, preprocessor: dict, folder: Path) -> Path:
    """A folder in Hugging Face form."""
    (folder / "onnx").mkdir(parents=True)
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    pixels = torch.rand(2, 3, 128, 160)
    with torch.no_grad():
        given = Given(model, pixels, torch.rand(3, 3, 160, 96))
        [part] = (
            mask_queries_parts(given, TOKENS) if name == "oneformer" else PARTS.get(name, mask_queries_parts)(given)
        )
    write_onnx(part, folder / "onnx" / "model.onnx")
    return folder
