"""How a model wants its pixels, read from `preprocessor_config.json`.

    {"do_resize": …, "size": …, "crop_pct": …, "do_rescale": …, "image_mean": …} ─▶ Recipe

The file names an image processor of `transformers` and overrides some of its settings; what it leaves out is the
processor's own default, kept here as data. timm's `pretrained_cfg` inside `config.json` is read too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pixwise.errors import CardError
from pixwise.own.poses import check_crops
from pixwise.pixels import Recipe

__all__ = ["recipe_from_config"]

Config = Mapping[str, Any]
Size = dict[str, int]

_FILTERS = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")  # Pillow's numbers
_HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
_IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
_CLIP = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
_PLAIN = {"do_resize": True, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True}
_SHORTEST = {"int_is": "shortest_edge"}  # what a bare `"size": 224` means
_DETR = {**_PLAIN, **_SHORTEST, **_IMAGENET, "resample": 2, "size": 800, "max_size": 1333, "do_pad": True}
_VIDEO = {**_PLAIN, **_SHORTEST, **_HALF, "resample": 2, "do_center_crop": True, "size": 224, "crop_size": 224}
_STRETCHED = {**_PLAIN, **_IMAGENET, "resample": 2, "do_normalize": False, "size": {"height": 640, "width": 640}}
_UNIVERSAL = {**_PLAIN, **_SHORTEST, **_IMAGENET, "resample": 2, "size": 800, "max_size": 1333, "size_divisor": 32}
_CROPPED = {**_PLAIN, **_SHORTEST, "resample": 3, "do_center_crop": True, "size": 224, "crop_size": 224}

_PROCESSORS: dict[str, Config] = {  # name without ImageProcessor, FeatureExtractor, Fast, Pil → its own settings
    "": {**_PLAIN, "resample": 2},
    "Beit": {**_PLAIN, **_HALF, "resample": 3, "size": 224, "crop_size": 224},
    "Bit": {**_CROPPED, **_CLIP},
    "Blip": {**_PLAIN, **_CLIP, "resample": 3, "size": {"height": 384, "width": 384}},
    "CLIP": {**_CROPPED, **_CLIP},
    "ConditionalDetr": _DETR,
    "ConvNext": {**_PLAIN, **_SHORTEST, **_HALF, "resample": 3, "size": 384, "crop_pct": 224 / 256},
    "DPT": {**_PLAIN, **_HALF, "resample": 3, "size": 384},
    "DeformableDetr": _DETR,
    "DepthPro": {**_PLAIN, **_HALF, "resample": 2, "size": 1536},
    "DeiT": {**_PLAIN, **_HALF, "resample": 3, "do_center_crop": True, "size": 256, "crop_size": 224},
    "Detr": _DETR,
    "EfficientNet": {**_PLAIN, **_HALF, "resample": 3, "size": 346, "crop_size": 289, "include_top": True},
    "GLPN": {**_PLAIN, "resample": 2, "do_normalize": False, "size_divisor": 32},
    "GroundingDino": _DETR,
    "Levit": {**_CROPPED, **_IMAGENET, "crop_pct": 224 / 256},
    "Mask2Former": _UNIVERSAL,
    "MaskFormer": _UNIVERSAL,
    "MobileNetV1": {**_CROPPED, **_HALF, "resample": 2, "size": 256},
    "MobileNetV2": {**_CROPPED, **_HALF, "resample": 2, "size": 256},
    "MobileViT": {**_CROPPED, "do_normalize": False, "crop_size": 256, "do_flip_channel_order": True},
    "OneFormer": {**_UNIVERSAL, "size_divisor": 0},
    "OwlViT": {**_PLAIN, **_CLIP, "resample": 3, "size": {"height": 768, "width": 768}},
    "Owlv2": {**_PLAIN, **_CLIP, "resample": 2, "size": {"height": 960, "width": 960}, "do_pad": True},
    "PoolFormer": {**_CROPPED, **_IMAGENET, "crop_pct": 0.9},
    "Pvt": {**_PLAIN, **_IMAGENET, "resample": 3, "size": 224},
    "RTDetr": _STRETCHED,
    "RfDetr": _DETR,
    "Sam": {**_PLAIN, **_IMAGENET, "resample": 2, "do_pad": True, "size": {"longest_edge": 1024}, "pad_size": 1024},
    "Sam2": {**_PLAIN, **_IMAGENET, "resample": 2, "size": {"height": 1024, "width": 1024}},
    "Segformer": {**_PLAIN, **_IMAGENET, "resample": 2, "size": 512, "do_center_crop": False},
    "Siglip": {**_PLAIN, **_HALF, "resample": 3, "size": 224},
    "VideoMAE": _VIDEO,
    "Vivit": {**_VIDEO, "size": 256, "rescale_factor": 1 / 127.5, "offset": True},
    "Swin2SR": {"do_rescale": True, "rescale_factor": 1 / 255, "do_pad": True, "size_divisor": 8},
    "ViT": {**_PLAIN, **_HALF, "resample": 2, "size": 224},
    "VitPose": {**_PLAIN, **_IMAGENET, "size": {"height": 256, "width": 192}},
    "ZoeDepth": {
        **_PLAIN, **_HALF, "resample": 2, "size": {"height": 384, "width": 512}, "keep_aspect_ratio": True,
        "ensure_multiple_of": 32, "do_pad": True,
    },
}  # fmt: skip
_SAMPLED = {"DepthPro": "sampled", "ZoeDepth": "sampled_corners"}  # these resize in floats, without antialias
_WIDEST = 4  # times the size that is meant: of a panorama the references make a tensor that no memory holds
_GLPN_SIDE = 1536  # from here on it takes gigabytes, which grow with the square
_STEPPED = ("Mask2Former", "MaskFormer")  # resized to the multiple of size_divisor above; others are padded to it
_ENLARGED = ("ConvNext", "Levit", "PoolFormer")  # resized to size / crop_pct


def recipe_from_config(preprocessor: Config | None, config: Config, where: str) -> Recipe:
    """Derive the recipe of a model from its configs.

    Args:
        preprocessor: `preprocessor_config.json`; None when there is none.
        config: `config.json`, for timm's `pretrained_cfg`.
        where: how messages call the model.

    Raises:
        CardError: the file or a key that is needed is missing or has a form that is not known.
    """
    timm = config.get("pretrained_cfg") or (preprocessor or {}).get("pretrained_cfg")
    if timm:
        return _recipe_of_timm(timm, where)
    if not preprocessor:
        raise CardError(
            f"{where}: expected preprocessor_config.json beside config.json, got none; copy it from the model's "
            "repository, or write a card.toml (docs/own-models.md)"
        )
    kind = _kind(preprocessor)
    table = {**_PROCESSORS.get(kind, _PROCESSORS[""]), **{k: v for k, v in preprocessor.items() if v is not None}}
    if kind == "VitPose":  # it has no `do_resize`: each person is cut out at this size
        check_crops(preprocessor, where)
        table["do_resize"] = True
    size = _size(table, where) if table.get("do_resize") and kind != "GLPN" else {}
    return Recipe(
        **_resize(kind, table, size, where),
        **_crop(kind, table, size, where),
        **_numbers(kind, table, where),
        **_pad(kind, table, where),
    )


def _kind(preprocessor: Config) -> str:
    """`ViTImageProcessorFast`, `ViTFeatureExtractor` → `ViT`."""
    keys = ("image_processor_type", "feature_extractor_type", "video_processor_type")
    name = str(next((preprocessor[key] for key in keys if preprocessor.get(key)), ""))
    for ending in ("Pil", "Fast", "ImageProcessor", "FeatureExtractor", "VideoProcessor"):
        name = name.removesuffix(ending)
    return name


def _size(table: Config, where: str, key: str = "size") -> Size:
    """A size in any of its forms as {"height", "width"}, {"shortest_edge"[, "longest_edge"]} or {"longest_edge"}."""
    given = table.get(key)
    if isinstance(given, int) and not isinstance(given, bool):
        if key == "size" and table.get("int_is"):
            most = {"longest_edge": table["max_size"]} if table.get("max_size") else {}
            return {table["int_is"]: given, **most}
        return {"height": given, "width": given}
    if isinstance(given, list | tuple) and len(given) in (1, 2):
        return {"height": int(given[0]), "width": int(given[-1])}
    if isinstance(given, Mapping):
        size = {name: int(length) for name, length in given.items() if length}
        for needed in (("height", "width"), ("shortest_edge",), ("longest_edge",), ("max_height", "max_width")):
            if all(size.get(name, 0) > 0 for name in needed):
                return size
    raise CardError(
        f"{where}: {key} of preprocessor_config.json must be a number, [height, width], or have height and width, "
        f"shortest_edge, longest_edge, or max_height and max_width, got {given!r}; mend it"
    )


def _resize(kind: str, table: Config, size: Size, where: str) -> dict[str, Any]:
    if kind == "GLPN" and table.get("do_resize"):
        step = {"multiple_of": int(table["size_divisor"]), "multiples": "below", "max_side": _GLPN_SIDE}
        return {"resize": "none", "resample": _filter(table, where), **step}
    if not size:
        return {"resize": "none"}
    filters = {"resample": _filter(table, where), "multiple_of": int(table.get("ensure_multiple_of") or 1)}
    if kind in _SAMPLED:
        filters["resample"] = _sampled(kind, filters["resample"], where)
        filters["reflect"] = 3.0 if kind == "ZoeDepth" and table.get("do_pad") else 0.0
    if kind == "Image" and table.get("size_divisibility"):  # transformers.js; others pad to it
        filters |= {"multiple_of": int(table["size_divisibility"]), "multiples": "below"}
    if kind in _STEPPED and table.get("size_divisor"):
        filters |= {"multiple_of": int(table["size_divisor"]), "multiples": "above"}
    if "height" in size and "width" in size:
        size_hw = (size["height"], size["width"])
        if kind == "VitPose":
            return {"resize": "stretch", "size_hw": size_hw, "resample": "linear"}
        if kind == "Owlv2":
            return {"resize": "square" if table.get("do_pad") else "stretch", "size_hw": size_hw, **filters}
        if kind == "PoolFormer":
            return {"resize": "shortest", "size_hw": _enlarged(size["height"], table), **filters}
        if table.get("keep_aspect_ratio"):
            return {"resize": "closest", "size_hw": size_hw, "max_side": _WIDEST * max(size_hw), **filters}
        return {"resize": "stretch", "size_hw": size_hw, **filters}
    if "max_height" in size:
        return {"resize": "longest", "size_hw": (size["max_height"], size["max_width"]), **filters}
    if "shortest_edge" not in size:
        rounding = {"rounding": "nearest"} if kind == "Sam" else {}
        return {"resize": "longest", "size_hw": (size["longest_edge"], size["longest_edge"]), **rounding, **filters}
    edge = size["shortest_edge"]
    if kind == "ConvNext" and edge >= 384:  # from 384 on its processor stretches and does not crop
        return {"resize": "stretch", "size_hw": (edge, edge), **filters}
    if kind in _ENLARGED:
        return {"resize": "shortest", "size_hw": _enlarged(edge, table), **filters}
    return {"resize": "shortest", "size_hw": (edge, edge), "max_side": size.get("longest_edge", 0), **filters}


def _sampled(kind: str, resample: str, where: str) -> str:
    if resample != "bilinear":
        raise CardError(f"{where}: resample of preprocessor_config.json must be 2 for {kind}, got {resample}; mend it")
    return _SAMPLED[kind]


def _enlarged(edge: int, table: Config) -> tuple[int, int]:
    side = int(edge / table["crop_pct"])
    return side, side


def _filter(table: Config, where: str) -> str:
    number = table.get("resample", 2)
    if isinstance(number, str):
        number = _FILTERS.index(number.lower()) if number.lower() in _FILTERS else number
    if not isinstance(number, int) or not 0 <= number < len(_FILTERS):
        raise CardError(
            f"{where}: resample of preprocessor_config.json must be 0 to {len(_FILTERS) - 1}, got {number!r}; mend it"
        )
    return _FILTERS[number]


def _crop(kind: str, table: Config, size: Size, where: str) -> dict[str, Any]:
    if kind == "ConvNext" and 0 < size.get("shortest_edge", 0) < 384:
        return {"crop_hw": (size["shortest_edge"], size["shortest_edge"])}
    if not table.get("do_center_crop") or kind in ("Segformer", "DPT"):  # these two have the key and ignore it
        return {}
    crop = _size(table, where, "crop_size")
    if "height" not in crop:
        edge = crop.get("shortest_edge") or crop["longest_edge"]
        crop = {"height": edge, "width": edge}
    return {"crop_hw": (crop["height"], crop["width"])}


def _numbers(kind: str, table: Config, where: str) -> dict[str, Any]:
    """Scale, offset, mean and standard deviation, in the order of the tensor's channels."""
    scale = float(table.get("rescale_factor", 1 / 255)) if table.get("do_rescale", True) else 1.0
    offset = table.get("rescale_offset") or table.get("offset") or 0.0
    mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    if table.get("do_normalize"):
        mean, std = (_three(table, key, where) for key in ("image_mean", "image_std"))
        if min(std) <= 0:
            raise CardError(f"{where}: image_std of preprocessor_config.json must be above 0, got {std}; mend it")
    if kind == "EfficientNet":
        offset = -1.0 if table.get("rescale_offset") else 0.0
        if table.get("include_top"):  # its processor divides a second time
            again = _three(table, "image_std", where)
            std = tuple(s * t for s, t in zip(std, again, strict=True))
    elif offset is True:  # ViViT and its kin: pixels from -1 to 1
        offset = -1.0
    channels = "BGR" if table.get("do_flip_channel_order") else "RGB"
    return {"scale": scale, "offset": float(offset), "mean": mean, "std": std, "channels": channels}


def _three(table: Config, key: str, where: str) -> tuple[float, float, float]:
    given = table.get(key)
    values = given * 3 if isinstance(given, list | tuple) and len(given) == 1 else given
    if isinstance(given, int | float):
        values = [given] * 3
    if not isinstance(values, list | tuple) or len(values) != 3:
        raise CardError(
            f"{where}: {key} of preprocessor_config.json must be three numbers, got {given!r}; add it, or set "
            "do_normalize to false"
        )
    red, green, blue = map(float, values)
    return red, green, blue


def _pad(kind: str, table: Config, where: str) -> dict[str, Any]:
    """Padding to a stated size or multiple; padding to the largest of a batch is none, for one picture."""
    if not (table.get("do_pad") or table.get("pad_and_return_pixel_mask")):
        return {}
    if kind == "Swin2SR":  # old configs call it pad_size; a side that is a multiple already grows, too
        step = int(table.get("pad_size") or table["size_divisor"])
        return {"pad": "corner", "pad_multiple": step, "pad_least": 1, "pad_with": "mirror"}
    if table.get("pad_size"):
        size = _size(table, where, "pad_size")
        return {"pad": "corner", "pad_hw": (size["height"], size["width"])}
    if kind in _STEPPED:
        return {}
    step = int(table.get("size_divisor") or table.get("size_divisibility") or 1)
    if step > 1:
        return {"pad": "centre" if kind == "DPT" else "corner", "pad_multiple": step}
    return {}


def _recipe_of_timm(timm: Config, where: str) -> Recipe:
    """timm's evaluation transform: resize to size / crop_pct, crop the centre."""
    for key in ("input_size", "mean", "std"):
        if not isinstance(timm.get(key), list | tuple) or len(timm[key]) != 3:
            raise CardError(
                f"{where}: pretrained_cfg must have {key!r} as three numbers, got {timm.get(key)!r}; add it"
            )
    size_hw = (int(timm["input_size"][1]), int(timm["input_size"][2]))
    mode, share = timm.get("crop_mode") or "center", float(timm.get("crop_pct") or 0.875)
    if mode not in ("center", "squash"):
        raise CardError(
            f"{where}: crop_mode of pretrained_cfg must be center or squash, got {mode!r}; write a card.toml"
        )
    if mode == "center" and size_hw[0] != size_hw[1]:
        raise CardError(f"{where}: input_size of pretrained_cfg must be square, got {size_hw}; write a card.toml")
    enlarged = (math.floor(size_hw[0] / share), math.floor(size_hw[1] / share))
    return Recipe(
        resize="shortest" if mode == "center" else "stretch",
        size_hw=enlarged,
        crop_hw=size_hw,
        resample=_filter({"resample": timm.get("interpolation") or "bilinear"}, where),
        mean=tuple(map(float, timm["mean"])),
        std=tuple(map(float, timm["std"])),
    )
