"""UNets of `diffusers`: sample (B, C, H, W), timestep (B,) int64 ─▶ output (B, C, H, W).

The only file that imports diffusers, and only when such a checkpoint is given.
"""

from __future__ import annotations

import importlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from pixwise.errors import CardError, ModelFileError, SetupError
from pixwise.export.checkpoint import Checkpoint, open_checkpoint, read_json
from pixwise.export.parts import Family, Given, Part, Trial
from pixwise.export.tracing import quiet
from pixwise.generation.settings import read_settings
from pixwise.own.diffusion import SCHEDULERS, UNETS, check_unet
from pixwise.recipe import Recipe

__all__ = ["UNetCheckpoint", "open_any", "unet_parts"]

_INDEX = "model_index.json"
_OLDEST, _NEWEST = 0, 999  # timesteps that are tried, beside some between


@dataclass(frozen=True)
class UNetCheckpoint(Checkpoint):
    """A pipeline of diffusers that makes pictures from nothing: a UNet and a scheduler's settings.

    Attributes:
        config: of the UNet, with its class as `model_type`.
        folder: of the UNet inside the pipeline; empty where both lie together.
    """

    looks: ClassVar[bool] = False
    read = {SCHEDULERS[0]: "scheduler"}  # noqa: RUF012

    folder: str = ""

    def recipe(self, folder: Path, tokenizer: bool) -> Recipe:
        """The size of its pictures; the small files are written in diffusers' layout.

        Raises:
            CardError: it has no scheduler, or one that is not known, or its UNet needs more than noise.
        """
        size_hw = check_unet(self.config, self.name)
        scheduler = self._first(SCHEDULERS)
        if scheduler is None:
            raise CardError(f"{self.name}: expected {SCHEDULERS[0]}, got none; copy it from the model's repository")
        read_settings(scheduler)
        unet = self._first(UNETS)
        for source, place in ((self.file(_INDEX), _INDEX), (unet, UNETS[0]), (scheduler, SCHEDULERS[0])):
            (folder / place).parent.mkdir(exist_ok=True)
            shutil.copyfile(source, folder / place)
        return Recipe(size_hw=size_hw)

    def _first(self, places: tuple[str, ...]) -> Path | None:
        return next((found for place in places if (found := self.file(place))), None)

    def model(self, family: Family) -> Any:
        """The UNet with its weights, in evaluation mode.

        Raises:
            SetupError: diffusers is not installed.
            ModelFileError: weights are missing, damaged, or not in safetensors.
        """
        loader = getattr(_diffusers(), family.loader)
        options = {
            "revision": self.revision or None,
            "subfolder": self.folder or None,
            "use_safetensors": True,
            "low_cpu_mem_usage": False,
        }
        try:
            with quiet():
                model, told = loader.from_pretrained(self.name, **options, output_loading_info=True)
        except Exception as error:  # diffusers, safetensors and torch each have their own types
            said = " ".join(str(error).split())[:200]
            raise ModelFileError(
                f"{self.name}: expected a UNet with weights in safetensors that diffusers can load, got {said}; "
                "fetch it again, or write it anew with save_pretrained"
            ) from error
        if told["missing_keys"]:
            lacking = ", ".join(sorted(told["missing_keys"])[:3])
            raise CardError(f"{self.name}: weights must be whole, got none for {lacking}; fetch them again")
        return model.eval()


class UNet(nn.Module):
    """Only the array that is read."""

    def __init__(self, model: Any):
        super().__init__()
        self.model = model

    def forward(self, sample: Tensor, timestep: Tensor) -> tuple[Tensor]:
        return self.model(sample, timestep, return_dict=False)


def unet_parts(given: Given) -> list[Part]:
    """DDPM's UNet (Ho et al. 2020): each picture of a batch may be at a step of its own."""
    channels, steps = given.model.config.in_channels, (_NEWEST, 500, _OLDEST)
    trials = []
    for pixels in (given.pixels, given.others, given.pixels[:1]):
        sample = pixels[:, :channels] * 2 - 1  # (B, C, H, W)
        timestep = torch.tensor(steps[: len(sample)])
        trials.append(Trial({"sample": sample, "timestep": timestep}, _own(given.model, sample, timestep)))
    return [Part("model", "unet/model.onnx", UNet(given.model), tuple(trials))]


def _own(model: Any, sample: Tensor, timestep: Tensor) -> dict[str, Tensor]:
    return {"output": model(sample, timestep).sample}


def open_any(source: str | os.PathLike[str]) -> Checkpoint:
    """A checkpoint of transformers, or a pipeline of diffusers: a folder, or `owner/name[@revision]` on the hub.

    Raises:
        ModelMissingError, CardError: see `open_checkpoint`.
    """
    name = os.fspath(source)
    repo, _, revision = (name, "", "") if Path(name).is_dir() else name.removeprefix("hf:").partition("@")
    bare = Checkpoint(repo, revision, {})
    index = _file(bare, _INDEX)
    if index is None:
        return open_checkpoint(source)
    unet = next((place for place in UNETS if _file(bare, place)), "")
    if not unet:
        raise CardError(f"{repo}: expected {UNETS[0]}, got none; choose a pipeline that makes pictures from nothing")
    config = read_json(_file(bare, unet), repo)
    commit = "" if Path(name).is_dir() else index.parent.name  # …/snapshots/COMMIT/model_index.json
    return UNetCheckpoint(
        repo, revision, {**config, "model_type": config.get("_class_name")}, commit, os.path.dirname(unet)
    )


def _file(checkpoint: Checkpoint, place: str) -> Path | None:
    """None where there is no such file, no repository, or no network: `open_checkpoint` tells which."""
    try:
        with quiet():
            return checkpoint.file(place)
    except Exception:  # OSError and the types of huggingface_hub
        return None


def _diffusers() -> Any:
    try:
        return importlib.import_module("diffusers")
    except ImportError as error:
        raise SetupError(
            f"export of this checkpoint needs the package diffusers, got {error}; run: pip install 'diffusers>=0.40'"
        ) from error
