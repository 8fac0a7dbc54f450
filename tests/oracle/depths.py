"""Tiny depth models of the real `transformers` classes, random weights, as folders; and the references' own way back.

ZoeDepth's and DepthPro's processors need torchvision: what they do is written out here with torch's own `interpolate`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import transformers
from oracle import tiny
from PIL import Image
from transformers.models.dpt.image_processing_pil_dpt import DPTImageProcessorPil
from transformers.models.glpn.image_processing_pil_glpn import GLPNImageProcessorPil
from transformers.models.zoedepth.image_processing_pil_zoedepth import ZoeDepthImageProcessorPil

from pixwise.export.depth_estimators import depth_anything_parts, depth_parts, single_depth_parts, zoedepth_parts
from pixwise.export.parts import Given
from pixwise.export.tracing import write_onnx

_VIT = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 32}
_NECK = {"neck_hidden_sizes": [8, 16, 16, 32], "fusion_hidden_size": 16}


def _dinov2(side: int, patch: int = 14, **options: Any) -> transformers.Dinov2Config:
    return transformers.Dinov2Config(**_VIT, mlp_ratio=1, image_size=side, patch_size=patch, **options)


def depth_anything(kind: str = "relative", most: float = 1) -> torch.nn.Module:
    backbone = _dinov2(126, out_indices=[1, 2, 3, 4], apply_layernorm=True, reshape_hidden_states=False)
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=32, depth_estimation_type=kind, max_depth=most, **_NECK
    )
    return transformers.DepthAnythingForDepthEstimation(config)


def dpt() -> torch.nn.Module:
    config = transformers.DPTConfig(**_VIT, **_NECK, image_size=96, backbone_out_indices=[0, 1, 2, 3])
    return transformers.DPTForDepthEstimation(config)


def glpn() -> torch.nn.Module:
    config = transformers.GLPNConfig(
        depths=[1] * 4, hidden_sizes=[8, 16, 16, 32], num_attention_heads=[1, 2, 2, 4], decoder_hidden_size=16
    )
    return transformers.GLPNForDepthEstimation(config)


def zoedepth(kinds: int = 1) -> torch.nn.Module:
    backbone = transformers.BeitConfig(
        **_VIT, image_size=96, patch_size=16, out_indices=[1, 2, 3, 4], reshape_hidden_states=False,
        use_relative_position_bias=True,
    )  # fmt: skip
    bins = [{"name": name, "n_bins": 16, "min_depth": 0.001, "max_depth": 10.0} for name in ("nyu", "kitti")[:kinds]]
    patches = {
        "num_patch_transformer_layers": 1, "patch_transformer_hidden_size": 16,
        "patch_transformer_intermediate_size": 16, "patch_transformer_num_attention_heads": 2,
    }  # fmt: skip
    config = transformers.ZoeDepthConfig(
        backbone_config=backbone, **_NECK, bottleneck_features=16, num_attractors=[4, 2, 2, 1], bin_embedding_dim=16,
        num_relative_features=8, bin_configurations=bins, **(patches if kinds > 1 else {}),
    )  # fmt: skip
    return transformers.ZoeDepthForDepthEstimation(config)


def depth_pro() -> torch.nn.Module:
    encoder = _dinov2(32, 8)
    config = transformers.DepthProConfig(
        image_model_config=encoder, patch_model_config=encoder, fov_model_config=encoder, patch_size=32,
        fusion_hidden_size=16, intermediate_hook_ids=[3, 1], intermediate_feature_dims=[8, 8],
        scaled_images_feature_dims=[16, 16, 8], use_fov_model=True, num_fov_head_layers=0, merge_padding_value=1,
    )  # fmt: skip
    return transformers.DepthProForDepthEstimation(config)


class Reference(NamedTuple):
    """A model, its `preprocessor_config.json`, the way in and the way back of the reference, and its parts."""

    make: Callable[[], torch.nn.Module]
    preprocessor: dict[str, Any]
    pixels: Callable[[Image.Image], torch.Tensor]
    back: Callable[[Any, tuple[int, int]], torch.Tensor]
    parts: Callable[[Given], list]


def _processed(processor: Any) -> Callable[[Image.Image], torch.Tensor]:
    return lambda image: processor(image, return_tensors="pt")["pixel_values"]


def _own_way_back(processor: Any) -> Callable[[Any, tuple[int, int]], torch.Tensor]:
    return lambda answer, size_hw: processor.post_process_depth_estimation(answer, [size_hw])[0]["predicted_depth"]


def _zoe_back(answer: Any, size_hw: tuple[int, int]) -> torch.Tensor:
    (top, left), (height, width) = (int(np.sqrt(side / 2) * 3) for side in size_hw), size_hw
    size = (height + 2 * top, width + 2 * left)
    whole = torch.nn.functional.interpolate(answer.predicted_depth[:, None], size, mode="bicubic", align_corners=False)
    return whole[0, 0, top : top + height, left : left + width]


_PRO = {
    "image_processor_type": "DepthProImageProcessor", "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
    "size": {"height": 128, "width": 128},
}  # fmt: skip


def _pro_pixels(image: Image.Image) -> torch.Tensor:
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255
    return torch.nn.functional.interpolate((pixels - 0.5) / 0.5, (128, 128), mode="bilinear", align_corners=False)


def _pro_back(answer: Any, size_hw: tuple[int, int]) -> torch.Tensor:
    focal = 0.5 * size_hw[1] / torch.tan(0.5 * torch.deg2rad(answer.field_of_view[0]))
    depth = (answer.predicted_depth * size_hw[1] / focal)[:, None]
    return 1 / torch.nn.functional.interpolate(depth, size_hw, mode="bilinear")[0, 0].clamp(1e-4, 1e4)


_ASPECT = DPTImageProcessorPil(
    size={"height": 126, "width": 126}, keep_aspect_ratio=True, ensure_multiple_of=14,
    image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225],
)  # fmt: skip
_SQUARE = DPTImageProcessorPil(size={"height": 96, "width": 96})
_GLPN = GLPNImageProcessorPil()
_ZOE = ZoeDepthImageProcessorPil(size={"height": 96, "width": 128}, ensure_multiple_of=32)


def _reference(make: Callable, processor: Any, parts: Callable, back: Callable | None = None) -> Reference:
    told = json.loads(processor.to_json_string())
    return Reference(make, told, _processed(processor), back or _own_way_back(processor), parts)


REFERENCES = {
    "depth_anything": _reference(depth_anything, _ASPECT, depth_anything_parts),
    "depth_anything_metric": _reference(lambda: depth_anything("metric", 20), _ASPECT, depth_anything_parts),
    "dpt": _reference(dpt, _SQUARE, depth_parts),
    "glpn": _reference(glpn, _GLPN, depth_parts),
    "zoedepth": _reference(zoedepth, _ZOE, zoedepth_parts, _zoe_back),
    "depth_pro": Reference(depth_pro, _PRO, _pro_pixels, _pro_back, single_depth_parts),
}


def make(name: str) -> torch.nn.Module:
    """A model whose maps depend on the picture, always the same one."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = REFERENCES[name].make().eval()
        tiny._draw_weights(model)
        if name == "depth_pro":
            list(model.fov_model.head.parameters())[-1].data.fill_(55)  # degrees
            model.head.layers[-2].bias.data.fill_(40)  # one over depth stays away from 0, where depth has no end
        if name == "depth_anything_metric":
            model.head.conv3.weight.data.mul_(0.05)  # else its sigmoid has no middle
    return model


def jpegs(sizes: tuple[tuple[int, int], ...]) -> list[bytes]:
    """Photo-like pictures."""
    return [tiny.jpeg(*size, seed=11 + number) for number, size in enumerate(sizes)]


def wanted(name: str, model: torch.nn.Module, data: bytes) -> np.ndarray:
    """(H, W): the reference's own depth of a picture."""
    reference, image = REFERENCES[name], Image.open(io.BytesIO(data))
    with torch.no_grad():
        answer = model(pixel_values=reference.pixels(image))
        return reference.back(answer, (image.height, image.width)).numpy()


def save(name: str, model: torch.nn.Module, folder: Path) -> Path:
    """A folder in Hugging Face form, with the model as ONNX."""
    (folder / "onnx").mkdir(parents=True)
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(REFERENCES[name].preprocessor))
    sizes = ((194, 262), (262, 194), (194, 262))
    images = [Image.open(io.BytesIO(data)) for data in jpegs(sizes)]
    pixels = [REFERENCES[name].pixels(image) for image in images]
    with torch.no_grad():
        [part] = REFERENCES[name].parts(Given(model, torch.cat([pixels[0], pixels[2]]), pixels[1]))
    write_onnx(part, folder / part.file)
    return folder
