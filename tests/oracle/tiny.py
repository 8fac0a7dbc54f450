"""Tiny models of the real `transformers` classes, random weights, saved as a user would have them: configs and ONNX.

Random weights give nearly flat scores, and flat scores an arbitrary order. So weights are drawn with unit gain, and
every BatchNorm and every class head is set by the statistics of a few pictures: then answers differ between pictures,
queries and classes, and a fault shows.
"""

from __future__ import annotations

import functools
import importlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from pixwise.export.detectors import detr_parts, fixed_size_parts
from pixwise.export.parts import Given
from pixwise.export.towers import Asked, classifier_parts
from pixwise.export.tracing import quiet, write_onnx
from pixwise.samples import photo_like

torch.set_num_threads(1)
transformers.logging.set_verbosity_error()

SIDE = 128
CLASSES = {index: f"thing {index}" for index in range(7)}
_HEADS = ("class_embed", "score_head", "class_labels_classifier", "enc_out_class", "classifier")
_DETR = {
    "d_model": 32, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "decoder_layers": 2, "num_queries": 20, "id2label": CLASSES,
}  # fmt: skip
_RT_DETR = {
    **_DETR, "encoder_hidden_dim": 32, "encoder_in_channels": [16, 16, 32], "decoder_in_channels": [32] * 3,
    "num_denoising": 0, "decoder_n_points": 2,
}  # fmt: skip
_RESNET = {"embedding_size": 8, "hidden_sizes": [8, 16, 16, 32], "depths": [1] * 4, "layer_type": "basic"}


def rt_detr() -> torch.nn.Module:
    module = importlib.import_module("transformers.models.rt_detr.configuration_rt_detr_resnet")
    backbone = module.RTDetrResNetConfig(**_RESNET, out_indices=[2, 3, 4])
    return transformers.RTDetrForObjectDetection(transformers.RTDetrConfig(backbone_config=backbone, **_RT_DETR))


def rt_detr_v2() -> torch.nn.Module:
    module = importlib.import_module("transformers.models.rt_detr.configuration_rt_detr_resnet")
    backbone = module.RTDetrResNetConfig(**_RESNET, out_indices=[2, 3, 4])
    return transformers.RTDetrV2ForObjectDetection(transformers.RTDetrV2Config(backbone_config=backbone, **_RT_DETR))


def d_fine() -> torch.nn.Module:
    backbone = transformers.HGNetV2Config(
        stem_channels=[3, 8, 8], stage_in_channels=[8, 16, 16, 16], stage_mid_channels=[8] * 4, depths=[1] * 4,
        stage_out_channels=[16, 16, 16, 32], stage_num_blocks=[1] * 4, stage_numb_of_layers=[1] * 4, embedding_size=8,
        hidden_sizes=[16, 16, 16, 32], out_indices=[2, 3, 4],
    )  # fmt: skip
    options = {**_RT_DETR, "decoder_n_points": [2, 2, 2], "lqe_hidden_dim": 8, "max_num_bins": 8}
    return transformers.DFineForObjectDetection(transformers.DFineConfig(backbone_config=backbone, **options))


def rf_detr() -> torch.nn.Module:
    backbone = transformers.RfDetrDinov2Config(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=112, patch_size=14, num_windows=2,
        out_indices=[1, 2],
    )  # fmt: skip
    slots = {index: f"category {index}" for index in range(91)}  # numbered by COCO category id, with unused numbers
    return transformers.RfDetrForObjectDetection(
        transformers.RfDetrConfig(
            backbone_config=backbone, d_model=32, decoder_layers=2, decoder_self_attention_heads=2,
            decoder_cross_attention_heads=2, num_queries=20, group_detr=2, decoder_ffn_dim=32, decoder_n_points=2,
            id2label=slots,
        )
    )  # fmt: skip


def detr() -> torch.nn.Module:
    backbone = transformers.ResNetConfig(**_RESNET, out_features=["stage4"])
    return transformers.DetrForObjectDetection(
        transformers.DetrConfig(backbone_config=backbone, use_timm_backbone=False, encoder_layers=1, **_DETR)
    )


def convnext() -> torch.nn.Module:
    config = transformers.ConvNextConfig(hidden_sizes=[8, 16, 16, 32], depths=[1] * 4, id2label=CLASSES)
    return transformers.ConvNextForImageClassification(config)


def vit(problem_type: str | None = None) -> torch.nn.Module:
    config = transformers.ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=96, patch_size=16,
        id2label=CLASSES, problem_type=problem_type,
    )  # fmt: skip
    return transformers.ViTForImageClassification(config)


def vit_multi_label() -> torch.nn.Module:
    return vit("multi_label_classification")


def mobilenet_v2() -> torch.nn.Module:
    names = {0: "background", **{index: f"class {index}" for index in range(1, 1001)}}
    config = transformers.MobileNetV2Config(
        depth_multiplier=0.25, image_size=96, id2label=names, classifier_dropout_prob=0
    )
    return transformers.MobileNetV2ForImageClassification(config)


def segformer() -> torch.nn.Module:
    return transformers.SegformerForSemanticSegmentation(
        transformers.SegformerConfig(
            num_encoder_blocks=4, depths=[1] * 4, hidden_sizes=[8, 16, 16, 32], num_attention_heads=[1, 2, 2, 4],
            decoder_hidden_size=32, id2label={**CLASSES, 0: "background"},
        )
    )  # fmt: skip


def dpt() -> torch.nn.Module:
    return transformers.DPTForSemanticSegmentation(
        transformers.DPTConfig(
            hidden_size=32, num_hidden_layers=4, num_attention_heads=2, intermediate_size=32, image_size=SIDE,
            backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[8, 16, 16, 32], fusion_hidden_size=16,
            id2label=CLASSES,
        )
    )  # fmt: skip


MODELS = {made.__name__: made for made in (
    rt_detr, rt_detr_v2, d_fine, rf_detr, detr, convnext, vit, vit_multi_label, mobilenet_v2,
    segformer, dpt,
)}  # fmt: skip
_SIDES = {"rf_detr": 112, "vit": 96, "vit_multi_label": 96, "mobilenet_v2": 96}


def jpeg(height: int, width: int, seed: int) -> bytes:
    """A photo-like JPEG file."""
    buffer = io.BytesIO()
    Image.fromarray(photo_like(height, width, seed)).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def make(name: str) -> torch.nn.Module:
    """A model whose answers depend on the picture, always the same one."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = MODELS[name]().eval()
        _draw_weights(model)
        _take_statistics(model, _SIDES.get(name, SIDE))
    return model


@torch.no_grad()
def _draw_weights(model: torch.nn.Module) -> None:
    for name, weight in model.named_parameters():
        if weight.dim() >= 2:
            weight.normal_(0, (1.4 if weight.dim() == 4 else 1.0) * weight[0].numel() ** -0.5)
        elif name.endswith("bias") and "sampling_offsets" not in name:
            weight.normal_(0, 0.1)
        elif name.endswith(("weight", "layer_scale_parameter")):
            weight.fill_(1)  # some of these start near zero, and nothing of the picture would pass
    for name, layer in model.named_modules():
        if isinstance(layer, torch.nn.Linear) and name.endswith(("q_proj", "k_proj")):
            layer.weight.mul_(3)
        elif isinstance(layer, torch.nn.Embedding):
            layer.weight.mul_(5)


@torch.no_grad()
def _take_statistics(model: torch.nn.Module, side: int) -> None:
    """Run a few pictures through, setting each BatchNorm and each class head by what reaches it."""

    def take(layer: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        layer.running_mean.copy_(args[0].mean((0, 2, 3)))
        layer.running_var.copy_(args[0].var((0, 2, 3)) + 1e-3)

    def spread(layer: torch.nn.Linear, args: tuple[torch.Tensor, ...]) -> None:
        logits = (args[0] @ layer.weight.T).reshape(-1, len(layer.weight))  # every class: mean 0, deviation 1.5
        scale = 1.5 / (logits.std(0) + 1e-3)
        layer.weight.mul_(scale[:, None])
        layer.bias.copy_(-logits.mean(0) * scale)

    handles = []
    for name, layer in model.named_modules():
        if hasattr(layer, "running_mean"):
            handles.append(layer.register_forward_pre_hook(take))
        elif isinstance(layer, torch.nn.Linear) and any(head in name for head in _HEADS):
            handles.append(layer.register_forward_pre_hook(spread))
    pictures = np.stack([photo_like(side, side, seed) for seed in (1, 2, 3, 4)])
    model((torch.from_numpy(pictures).permute(0, 3, 1, 2) / 127.5 - 1).contiguous())
    for handle in handles:
        handle.remove()


@torch.no_grad()
def export(name: str, model: torch.nn.Module, path: Path) -> None:
    """Write ONNX with a batch that may vary; DETR's height and width vary as well."""
    pixels = torch.rand(2, 3, *[_SIDES.get(name, SIDE)] * 2)
    if name == "rf_detr":  # its antialiased position embedding is known to the newer exporter only
        wrapped = Asked(model, lambda asked: {key: model(asked)[key] for key in ("logits", "pred_boxes")}).eval()
        with quiet():
            torch.onnx.export(wrapped, (pixels,), path, dynamo=True, opset_version=18, external_data=False,
                              verbose=False, input_names=["pixel_values"], output_names=["logits", "pred_boxes"],
                              dynamic_shapes={"asked": {0: torch.export.Dim.DYNAMIC}})  # fmt: skip
        return
    parts_of = fixed_size_parts if hasattr(model.config, "num_queries") else classifier_parts
    [part] = (detr_parts if name == "detr" else parts_of)(Given(model, pixels, pixels))
    write_onnx(part, path)


def save(name: str, model: torch.nn.Module, preprocessor: dict, folder: Path) -> Path:
    """A folder in Hugging Face form."""
    (folder / "onnx").mkdir(parents=True)
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    export(name, model, folder / "onnx" / "model.onnx")
    return folder


def made_once(case: Callable, tmp_path_factory: pytest.TempPathFactory) -> Callable:
    """`case(name, folder)`, made when a name is first asked for: exporting takes seconds."""
    return functools.cache(lambda name: case(name, tmp_path_factory.mktemp("oracle")))
