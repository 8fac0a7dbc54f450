"""Which task a user's own model answers, and which head of the task reads what it gives: tables, by its config.

    architectures: ["RTDetrForObjectDetection"], model_type: "rt_detr" ─▶ task_of ─▶ detect ─▶ head_of ─▶ detr_sigmoid

A new family is a line here; an architecture that may answer several tasks answers the first when none is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pixwise.errors import CardError
from pixwise.own.captions import CAPTION_HEADS
from pixwise.own.mattes import MATTE_HEADS, matte_kind
from pixwise.own.poses import POSE_HEADS
from pixwise.own.segments import SEGMENT_HEADS
from pixwise.own.universal import UNIVERSAL_HEADS

__all__ = ["HEADS", "classes_head", "head_of", "task_of"]

Config = Mapping[str, Any]

_ENDINGS: Mapping[str, tuple[str, ...]] = {  # how the name of the architecture ends → tasks
    "ForObjectDetection": ("detect",),
    "ForUniversalSegmentation": ("panoptic", "instances", "semantic"),
    "MaskFormerForInstanceSegmentation": ("panoptic", "instances", "semantic"),
    "DetrForSegmentation": ("panoptic", "instances", "semantic"),
    "ForInstanceSegmentation": ("instances",),
    "ForPoseEstimation": ("pose",),
    "ForDepthEstimation": ("depth",),
    "ForSemanticSegmentation": ("semantic",),
    "ForImageSuperResolution": ("upscale",),
    "ForImageClassification": ("classify",),
    "ForVideoClassification": ("action",),
    "ForImageClassificationWithTeacher": ("classify",),
    "BlipForConditionalGeneration": ("caption",),
    "VisionEncoderDecoderModel": ("caption",),
}
HEADS: Mapping[str, Mapping[str, str]] = {  # task → model_type → head of the task's file
    "background": MATTE_HEADS,
    "caption": CAPTION_HEADS,
    "depth": {
        "depth_anything": "relative",  # or metric, as its config says
        "depth_pro": "inverse",
        "dpt": "relative",
        "glpn": "metric",
        "zoedepth": "metric",
    },
    "detect": {
        "conditional_detr": "detr_sigmoid",
        "d_fine": "detr_sigmoid",
        "dab-detr": "detr_sigmoid",
        "deformable_detr": "detr_sigmoid",
        "deim": "detr_sigmoid",
        "detr": "detr_softmax",
        "lw_detr": "detr_sigmoid",
        "rf_detr": "detr_sigmoid",
        "rt_detr": "detr_sigmoid",
        "rt_detr_v2": "detr_sigmoid",
        "table-transformer": "detr_softmax",
    },
    "embed": {  # bare encoders
        "clip": "image_embeds",
        "clip_vision_model": "image_embeds",
        "convnext": "pooled",
        "dinov2": "cls",
        "dinov2_with_registers": "cls",
        "siglip": "pooler",
        "siglip2": "pooler",
        "siglip2_vision_model": "pooler",
        "siglip_vision_model": "pooler",
    },
    "find": {  # their architectures end like those of detectors
        "grounding-dino": "grounding_dino",
        "owlv2": "owl",
        "owlvit": "owl",
    },
    "instances": {**UNIVERSAL_HEADS, "rf_detr": "sigmoid_masks"},
    "panoptic": UNIVERSAL_HEADS,
    "pose": POSE_HEADS,
    "segment": SEGMENT_HEADS,
    "semantic": UNIVERSAL_HEADS,
    "upscale": {"swin2sr": "rgb_shares"},
}
_ANY_KIND: Mapping[str, str] = {"semantic": "channels_first"}  # the head of whatever else has such an architecture
_BY_KIND = ("find", "segment")  # tasks that the model_type tells, whatever the architecture is called


def task_of(config: Config, architecture: str, task: str, where: str) -> str:
    """The task that a model answers: the one that is asked for, or any when that is empty.

    Raises:
        CardError: it answers none, or another.
    """
    tasks = _tasks(config, architecture)
    if tasks and task in ("", *tasks):
        return task or tasks[0]
    what = f"one for {' or '.join(map(repr, tasks))} ({architecture})" if tasks else architecture
    raise CardError(
        f"{where}: model must answer {repr(task) if task else 'a task'} ({_wanted(task)}), got {what}; choose another "
        + ("task or model" if tasks else "model, or write a card.toml (docs/own-models.md)")
    )


def _tasks(config: Config, architecture: str) -> tuple[str, ...]:
    kind = str(config.get("model_type"))
    if matte_kind(config):
        return ("background",)
    for task in _BY_KIND:
        if kind in HEADS[task]:
            return (task,)
    found = next((tasks for ending, tasks in _ENDINGS.items() if architecture.endswith(ending)), ())
    if found or "For" in architecture:
        return found
    return ("embed",) if kind in HEADS["embed"] else ("classify",)  # timm: only "resnet50"


def _wanted(task: str) -> str:
    """What a model must be called to answer a task."""
    if task == "embed":
        return f"…Model of {', '.join(HEADS[task])}"
    if task in (*_BY_KIND, "background"):
        return f"model_type {', '.join(HEADS[task])}"
    return ", ".join(f"…{ending}" for ending, tasks in _ENDINGS.items() if task in ("", *tasks)) or "a card.toml"


def head_of(config: Config, task: str, architecture: str, where: str) -> str:
    """The head of the task that reads what a model gives.

    Raises:
        CardError: none does.
    """
    if task in ("action", "classify"):
        return classes_head(config)
    if task in _ANY_KIND:
        return HEADS[task].get(str(config.get("model_type")), _ANY_KIND[task])
    kind = matte_kind(config) if task == "background" else str(config.get("model_type", ""))
    if kind not in HEADS[task]:
        raise CardError(
            f"{where}: model_type of a model for {task} must be one of {', '.join(HEADS[task])}, got {kind!r} "
            f"({architecture}); write a card.toml with a head (docs/own-models.md)"
        )
    if task == "depth" and config.get("depth_estimation_type") == "metric":
        return "metric"
    return HEADS[task][kind]


def classes_head(config: Config) -> str:
    """Head of tasks/classify.py and tasks/action.py."""
    return "sigmoid" if config.get("problem_type") == "multi_label_classification" else "softmax"
