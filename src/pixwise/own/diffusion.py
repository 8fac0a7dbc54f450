"""A card for a model that makes pictures: a folder in diffusers' layout, with the UNet as an ONNX file.

    model_index.json · unet/config.json · unet/model.onnx · scheduler/scheduler_config.json

Older repositories have the configs of both beside `model_index.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pixwise.errors import CardError
from pixwise.own.configs import read_json
from pixwise.recipe import Recipe
from pixwise.registry import Card, CardFile

__all__ = ["SCHEDULERS", "UNETS", "check_unet", "diffusion_card", "first_there"]

Config = Mapping[str, Any]
UNETS = ("unet/config.json", "config.json")  # where they may lie, the first that is there
SCHEDULERS = ("scheduler/scheduler_config.json", "scheduler_config.json")
_EXPORT = "pixwise export makes a folder of such a checkpoint (docs/generate.md)"


def diffusion_card(folder: Path, task: str, onnx: str = "") -> Card:
    """The card of a folder with a `model_index.json`.

    Args:
        folder: where it is.
        task: what the model must do; empty for any.
        onnx: which file is the UNet, relative; empty takes unet/model.onnx, or the only one.

    Raises:
        CardError: a file is missing, or it makes pictures of something else than noise.
    """
    id = folder.resolve().name
    if task not in ("", "generate"):
        raise CardError(f"{id}: model must answer {task!r}, got one for 'generate' (model_index.json); choose another")
    unet, scheduler = first_there(folder, UNETS), first_there(folder, SCHEDULERS)
    size_hw = check_unet(read_json(folder / unet), f"{id}: {unet}")
    found = sorted(path.relative_to(folder).as_posix() for path in folder.glob("**/*") if path.is_file())
    onnx = onnx or _chosen(found, id)
    beside = [path for path in found if path != onnx and path.startswith((onnx + "_data", onnx + ".data"))]
    files = (CardFile(onnx, part="model"), CardFile(scheduler, part="scheduler"), *map(CardFile, beside))
    return Card(
        id=id,
        task="generate",
        title=f"UNet of {id}",
        head="ddpm",
        recipe=Recipe(size_hw=size_hw),
        files=files,
        folder=str(folder),
    )


def check_unet(config: Config, where: str) -> tuple[int, int]:
    """(H, W) of the pictures of a UNet, which needs nothing but noise, and gives as many channels as it takes.

    Args:
        config: of `UNet2DModel`, as diffusers writes it.
        where: for messages.

    Raises:
        CardError: it needs more, or does not say enough.
    """
    kind, advice = config.get("_class_name"), "choose a model that makes pictures from nothing"
    if kind != "UNet2DModel":
        raise CardError(f"{where}: _class_name must be 'UNet2DModel', got {kind!r}; {advice}")
    if config.get("num_class_embeds") or config.get("class_embed_type"):
        raise CardError(f"{where}: UNet must need nothing but noise, got one that is told a class; {advice}")
    channels = config.get("in_channels", 3), config.get("out_channels", 3)
    if channels not in ((1, 1), (3, 3)):
        raise CardError(
            f"{where}: in_channels and out_channels must be both 3, or both 1, got {channels[0]} and {channels[1]}; "
            f"{advice}, and foresees no variances"
        )
    size = config.get("sample_size")
    size_hw = [size, size] if isinstance(size, int) else size
    if not (isinstance(size_hw, list) and len(size_hw) == 2 and all(isinstance(n, int) and n > 0 for n in size_hw)):
        raise CardError(f"{where}: sample_size must be a side, or [height, width], got {size!r}; add it")
    return size_hw[0], size_hw[1]


def first_there(folder: Path, places: tuple[str, ...]) -> str:
    """Where a config lies.

    Raises:
        CardError: nowhere.
    """
    for place in places:
        if (folder / place).is_file():
            return place
    raise CardError(f"{folder}: expected {places[0]}, got none; copy it from the model's repository")


def _chosen(found: list[str], where: str) -> str:
    models = [path for path in found if path.endswith(".onnx")]
    if "unet/model.onnx" in models or len(models) == 1:
        return "unet/model.onnx" if "unet/model.onnx" in models else models[0]
    if not models:
        raise CardError(f"{where}: expected unet/model.onnx, got none; {_EXPORT}")
    told = ", ".join(models[:4])
    raise CardError(f"{where}: expected unet/model.onnx or a single ONNX file, got {len(models)} ({told}); name one")
