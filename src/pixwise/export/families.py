"""The families that can be exported: a row each. A new one is a row, and a function that makes its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from pixwise.errors import CardError, OptionError
from pixwise.export.captioners import blip_parts, captioner_options, encoder_decoder_parts
from pixwise.export.clips import clip_classifier_parts, frames_option
from pixwise.export.depth_estimators import depth_anything_parts, depth_parts, single_depth_parts, zoedepth_parts
from pixwise.export.detectors import detr_parts, fixed_size_parts
from pixwise.export.diffusion import unet_parts
from pixwise.export.parts import Family
from pixwise.export.poses import exported_pose_options, pose_parts
from pixwise.export.segmenters import sam2_parts, sam_parts, segmenter_options
from pixwise.export.towers import (
    classifier_parts,
    clip_options,
    clip_parts,
    clip_vision_parts,
    dinov2_parts,
    pooled_parts,
    siglip_options,
    siglip_parts,
    vit_parts,
)
from pixwise.export.universal import (
    detr_masks_parts,
    mask_queries_parts,
    oneformer_parts,
    panoptic_options,
    semantic_options,
)
from pixwise.export.upscalers import swin2sr_parts, upscaler_options
from pixwise.task_table import cards_of

__all__ = ["FAMILIES", "family_of"]

_CLIP, _SIGLIP = "Radford et al. 2021, arXiv:2103.00020", "Zhai et al. 2023, arXiv:2303.15343"
_DETR = "Carion et al. 2020, arXiv:2005.12872"
_RT_DETR, _RT_DETR2 = "Zhao et al. 2023, arXiv:2304.08069", "Lv et al. 2024, arXiv:2407.17140"
_DINO, _REGISTERS = "Oquab et al. 2023, arXiv:2304.07193", "Darcet et al. 2023, arXiv:2309.16588"
_CONVNEXT, _VIT = "Liu et al. 2022, arXiv:2201.03545", "Dosovitskiy et al. 2020, arXiv:2010.11929"
_MASKFORMER, _MASK2FORMER = "Cheng et al. 2021, arXiv:2107.06278", "Cheng et al. 2022, arXiv:2112.01527"
_ONEFORMER = "Jain et al. 2023, arXiv:2211.06220"
_UNIVERSAL = (  # each answers three tasks
    ("DETR with masks", "detr", "DetrForSegmentation", detr_masks_parts, _DETR),
    ("MaskFormer", "maskformer", "MaskFormerForInstanceSegmentation", mask_queries_parts, _MASKFORMER),
    ("Mask2Former", "mask2former", "Mask2FormerForUniversalSegmentation", mask_queries_parts, _MASK2FORMER),
    ("OneFormer", "oneformer", "OneFormerForUniversalSegmentation", oneformer_parts, _ONEFORMER),
)
_ENDING = ("ForImageClassification",)
_ANY_CLASSES = "AutoModelForImageClassification"
_ANY_CLIP = "AutoModelForVideoClassification"
_ANY_DEPTH = "AutoModelForDepthEstimation"
_ANY_MAP, _MAPS = "AutoModelForSemanticSegmentation", ("ForSemanticSegmentation",)

FAMILIES: tuple[Family, ...] = (
    Family("CLIP", ("clip",), "embed", "CLIPModel", clip_parts, "image_embeds", _CLIP, clip_options, True, batch=8),
    Family(
        "CLIP for pictures",
        ("clip_vision_model",),
        "embed",
        "CLIPVisionModelWithProjection",
        clip_vision_parts,
        "image_embeds",
        _CLIP,
    ),
    Family(
        "SigLIP", ("siglip",), "embed", "SiglipModel", siglip_parts, "pooler", _SIGLIP, siglip_options, True, batch=8
    ),
    Family("DINOv2", ("dinov2",), "embed", "Dinov2Model", dinov2_parts, "cls", _DINO),
    Family(
        "DINOv2 with registers",
        ("dinov2_with_registers",),
        "embed",
        "Dinov2WithRegistersModel",
        dinov2_parts,
        "cls",
        _REGISTERS,
    ),
    Family("ConvNeXt", ("convnext",), "classify", _ANY_CLASSES, classifier_parts, "", _CONVNEXT, architectures=_ENDING),
    Family("ConvNeXt", ("convnext",), "embed", "ConvNextModel", pooled_parts, "pooled", _CONVNEXT),
    Family("ViT", ("vit",), "classify", _ANY_CLASSES, classifier_parts, "", _VIT, architectures=_ENDING),
    Family("ViT", ("vit",), "embed", "ViTModel", vit_parts, "cls", _VIT, unread=("pooler.",)),
    Family("RT-DETR", ("rt_detr",), "detect", "RTDetrForObjectDetection", fixed_size_parts, "detr_sigmoid", _RT_DETR),
    Family(
        "RT-DETR 2",
        ("rt_detr_v2",),
        "detect",
        "RTDetrV2ForObjectDetection",
        fixed_size_parts,
        "detr_sigmoid",
        _RT_DETR2,
    ),
    Family(
        "D-FINE",
        ("d_fine",),
        "detect",
        "DFineForObjectDetection",
        fixed_size_parts,
        "detr_sigmoid",
        "Peng et al. 2024, arXiv:2410.13842",
        tolerance=1e-2,  # its distances are differences of large numbers
    ),
    *(
        Family(title, (kind,), "semantic", _ANY_MAP, classifier_parts, "channels_first", paper, architectures=_MAPS)
        for title, kind, paper in (
            ("SegFormer", "segformer", "Xie et al. 2021, arXiv:2105.15203"),
            ("DPT", "dpt", "Ranftl et al. 2021, arXiv:2103.13413"),
        )
    ),
    *(
        Family(title, (kind,), "action", _ANY_CLIP, clip_classifier_parts, "", paper, frames_option)
        for title, kind, paper in (
            ("VideoMAE", "videomae", "Tong et al. 2022, arXiv:2203.12602"),
            ("TimeSformer", "timesformer", "Bertasius et al. 2021, arXiv:2102.05095"),
            ("ViViT", "vivit", "Arnab et al. 2021, arXiv:2103.15691"),
        )
    ),
    *(
        Family(title, (kind,), "depth", _ANY_DEPTH, parts, "", paper, architectures=("ForDepthEstimation",))
        for title, kind, parts, paper in (
            ("Depth Anything", "depth_anything", depth_anything_parts, "Yang et al. 2024, arXiv:2406.09414"),
            ("DPT", "dpt", depth_parts, "Ranftl et al. 2021, arXiv:2103.13413"),
            ("GLPN", "glpn", depth_parts, "Kim et al. 2022, arXiv:2201.07436"),
            ("ZoeDepth", "zoedepth", zoedepth_parts, "Bhat et al. 2023, arXiv:2302.12288"),
            ("DepthPro", "depth_pro", single_depth_parts, "Bochkovskii et al. 2024, arXiv:2410.02073"),
        )
    ),
    *(
        Family(
            title,
            (kind,),
            task,
            loader,
            partial(parts, task=words) if kind == "oneformer" else parts,
            "detr_masks" if kind == "detr" else "mask_queries",
            paper,
            semantic_options if task == "semantic" else panoptic_options,
            architectures=(loader,),
        )
        for title, kind, loader, parts, paper in _UNIVERSAL
        for task, words in (("panoptic", "panoptic"), ("instances", "instance"), ("semantic", "semantic"))
    ),
    Family("DETR", ("detr",), "detect", "DetrForObjectDetection", detr_parts, "detr_softmax", _DETR),
    Family(
        "BLIP",
        ("blip",),
        "caption",
        "BlipForConditionalGeneration",
        blip_parts,
        "blip",
        "Li et al. 2022, arXiv:2201.12086",
        captioner_options,
        True,
    ),
    Family(
        "ViT-GPT2 and its like",
        ("vision-encoder-decoder",),
        "caption",
        "VisionEncoderDecoderModel",
        encoder_decoder_parts,
        "vision_encoder_decoder",
        "Li et al. 2021, arXiv:2109.10282",
        captioner_options,
        True,
    ),
    Family(
        "SAM",
        ("sam",),
        "segment",
        "SamModel",
        sam_parts,
        "sam_tokens",
        "Kirillov et al. 2023, arXiv:2304.02643",
        segmenter_options,
    ),
    Family(
        "SAM 2",
        ("sam2", "sam2_video"),
        "segment",
        "Sam2Model",
        sam2_parts,
        "sam2_tokens",
        "Ravi et al. 2024, arXiv:2408.00714",
        segmenter_options,
    ),
    Family(
        "Swin2SR",
        ("swin2sr",),
        "upscale",
        "Swin2SRForImageSuperResolution",
        swin2sr_parts,
        "rgb_shares",
        "Conde et al. 2022, arXiv:2209.11345",
        upscaler_options,
    ),
    Family(
        "ViTPose",
        ("vitpose",),
        "pose",
        "VitPoseForPoseEstimation",
        pose_parts,
        "heatmaps",
        "Xu et al. 2022, arXiv:2204.12484",
        exported_pose_options,
        batch=4,
    ),
    Family(
        "DDPM",
        ("UNet2DModel",),
        "generate",
        "UNet2DModel",
        unet_parts,
        "ddpm",
        "Ho et al. 2020, arXiv:2006.11239",
    ),
)


def family_of(config: Mapping[str, Any], task: str, families: Sequence[Family], where: str) -> Family:
    """The row for a `config.json`.

    Args:
        config: its content.
        task: what the export must answer; empty takes what the architecture says.
        families: the table.
        where: how messages call the checkpoint.

    Raises:
        CardError: no row takes this kind of model.
        OptionError: none of its rows answers this task.
    """
    kind, named = str(config.get("model_type") or ""), config.get("architectures") or [""]
    known = [family for family in families if kind in family.model_types]
    if not known:
        supported = ", ".join(dict.fromkeys(kind for family in families for kind in family.model_types))
        raise CardError(
            f"{where}: model_type of config.json must be one of {supported}, got {kind!r} ({named[0]}); "
            "choose another checkpoint, or export it elsewhere and write a card.toml (docs/own-models.md)"
        )
    fitting = [family for family in known if cards_of(task) in ("", family.task)]
    if not fitting:
        tasks = " or ".join(dict.fromkeys(family.task for family in known))
        raise OptionError(f"task of {where} ({kind}) must be {tasks}, got {task!r}; leave --task out")
    said = [family for family in fitting if not family.architectures or named[0].endswith(family.architectures)]
    return (said or fitting)[0]
