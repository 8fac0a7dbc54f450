"""Recipes read from `preprocessor_config.json` against the image processors that wrote it, on noise of odd sizes.

Tolerance 1e-5: the pixels are the same to the bit, the normalisation may sum in another order.
"""

from __future__ import annotations

import importlib
import json

import numpy as np
import pytest
from PIL import Image

from pixwise.own.processors import recipe_from_config
from pixwise.pixels import prepare

pytestmark = pytest.mark.oracle

SIZES = ((97, 131), (301, 200), (224, 224), (31, 400))
EDGES = {"size": {"shortest_edge": 80, "longest_edge": 100}}
CASES = [
    ("vit", "ViT", {}),
    ("vit", "ViT", {"size": {"height": 96, "width": 128}, "resample": 3}),
    ("blip", "Blip", {}),
    ("clip", "CLIP", {}),
    ("convnext", "ConvNext", {"size": {"shortest_edge": 224}}),
    ("convnext", "ConvNext", {"size": {"shortest_edge": 288}, "crop_pct": 0.95}),
    ("convnext", "ConvNext", {"size": {"shortest_edge": 384}}),
    ("detr", "Detr", EDGES),
    ("detr", "Detr", {"size": {"max_height": 120, "max_width": 150}}),
    ("detr", "Detr", {**EDGES, "pad_size": {"height": 128, "width": 128}}),
    ("conditional_detr", "ConditionalDetr", EDGES),
    ("deformable_detr", "DeformableDetr", EDGES),
    ("rt_detr", "RTDetr", {}),
    ("rt_detr", "RTDetr", {"do_normalize": True, **EDGES}),
    ("bit", "Bit", {"size": {"shortest_edge": 256}, "image_mean": [0.485, 0.456, 0.406]}),
    ("mobilenet_v1", "MobileNetV1", {}),
    ("mobilenet_v2", "MobileNetV2", {}),
    ("efficientnet", "EfficientNet", {}),
    ("efficientnet", "EfficientNet", {"do_center_crop": True, "include_top": False}),
    ("efficientnet", "EfficientNet", {"rescale_factor": 1 / 127.5, "rescale_offset": True}),
    ("segformer", "Segformer", {"size": {"height": 128, "width": 96}}),
    ("swin2sr", "Swin2SR", {}),
    ("swin2sr", "Swin2SR", {"pad_size": 16}),
    ("siglip", "Siglip", {}),
    ("dpt", "DPT", {}),
    ("dpt", "DPT", {"keep_aspect_ratio": True, "ensure_multiple_of": 14, "size": {"height": 280, "width": 280}}),
    ("dpt", "DPT", {"keep_aspect_ratio": True, "do_pad": True, "size_divisor": 14}),
    ("glpn", "GLPN", {"size_divisor": 16}),
    ("zoedepth", "ZoeDepth", {"ensure_multiple_of": 32}),
    ("zoedepth", "ZoeDepth", {"ensure_multiple_of": 16, "do_pad": False, "keep_aspect_ratio": False}),
    ("beit", "Beit", {}),
    ("deit", "DeiT", {}),
    ("levit", "Levit", {}),
    ("poolformer", "PoolFormer", {}),
    ("mobilevit", "MobileViT", {}),
    ("pvt", "Pvt", {}),
    ("vit", "ViT", {"do_rescale": False, "do_normalize": False}),
    ("vit", "ViT", {"do_resize": False}),
]


def processor_of(family: str, name: str, options: dict):
    module = importlib.import_module(f"transformers.models.{family}.image_processing_pil_{family}")
    return getattr(module, f"{name}ImageProcessorPil")(**options)


@pytest.mark.parametrize(("family", "name", "options"), CASES, ids=lambda value: str(value)[:50])
def test_a_recipe_prepares_what_the_processor_prepares(family, name, options):
    processor, random = processor_of(family, name, options), np.random.default_rng(0)
    whole = json.loads(processor.to_json_string())
    for config in (whole, {"image_processor_type": f"{name}ImageProcessor", **options}):  # also: only what differs
        recipe = recipe_from_config(config, {}, name)
        for size in SIZES:
            image = Image.fromarray(random.integers(0, 256, (*size, 3), dtype=np.uint8))
            wanted = np.asarray(processor(image, return_tensors="np")["pixel_values"])[0]
            np.testing.assert_allclose(prepare(image, size, recipe)[0], wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("family", "name", "old"),
    [
        ("vit", "ViT", {"feature_extractor_type": "ViTFeatureExtractor", "size": 64}),
        ("convnext", "ConvNext", {"feature_extractor_type": "ConvNextFeatureExtractor", "size": 64}),
        ("clip", "CLIP", {"feature_extractor_type": "CLIPFeatureExtractor", "size": 64, "crop_size": 60}),
        ("detr", "Detr", {"feature_extractor_type": "DetrFeatureExtractor", "size": 80, "max_size": 100}),
    ],
)
def test_files_of_old_versions_mean_what_they_meant(family, name, old):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (97, 131, 3), dtype=np.uint8))
    options = {key: value for key, value in old.items() if key != "feature_extractor_type"}
    wanted = np.asarray(processor_of(family, name, options)(image, return_tensors="np")["pixel_values"])[0]
    np.testing.assert_allclose(prepare(image, (97, 131), recipe_from_config(old, {}, name))[0], wanted, atol=1e-5)


def test_a_changed_filter_is_seen():
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (97, 131, 3), dtype=np.uint8))
    wanted = np.asarray(processor_of("vit", "ViT", {})(image, return_tensors="np")["pixel_values"])[0]
    recipe = recipe_from_config({"image_processor_type": "ViTImageProcessor", "resample": 3}, {}, "vit")
    assert np.abs(prepare(image, (97, 131), recipe)[0] - wanted).max() > 0.1
