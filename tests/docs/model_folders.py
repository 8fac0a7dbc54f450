"""The folders `models/NAME` that examples speak of: tiny models with random weights in the place of fetched ones."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path


def _captioner(folder: Path) -> None:
    from oracle import captioners

    captioners.save_merged("blip", captioners.make("blip"), folder)


def _finder(folder: Path) -> None:
    from oracle import finders

    finders.save("owlvit", finders.make("owlvit"), folder)


def _generator(folder: Path) -> None:
    import generators

    generators.save(folder)


def _face_detector(folder: Path) -> None:
    from oracle import yunet

    yunet.save_constant(folder)


def _face_recogniser(folder: Path) -> None:
    from oracle import recogniser

    recogniser.save(folder)


def _encoder(folder: Path) -> None:
    from tiny_encoder import write_encoder

    write_encoder(folder)


def _florence(folder: Path) -> None:
    from oracle import florences

    florences.save(florences.make(), folder)


def _clip(folder: Path) -> None:
    from oracle import texts

    texts.save(texts.make("clip"), folder)


def _class_map(folder: Path) -> None:
    from oracle import tiny

    processor = {"image_processor_type": "SegformerImageProcessor", "size": {"height": 128, "width": 128}}
    tiny.save("segformer", tiny.make("segformer"), processor, folder)


def _depth(folder: Path) -> None:
    from tiny_depth import write_depth

    write_depth(folder)


def _upscaler(folder: Path) -> None:
    from oracle import upscalers

    upscalers.save("pixelshuffledirect", upscalers.make("pixelshuffledirect"), folder)


def _candy(folder: Path) -> None:
    from oracle import upscalers

    upscalers.save_repainter(folder, side=720)


def _clips(folder: Path) -> None:
    from oracle import clips

    clips.save("videomae", clips.make("videomae"), folder)


def _pose(folder: Path) -> None:
    from oracle import posers

    posers.save("simple", folder)


def _universal(folder: Path) -> None:
    from oracle import universals

    processor = {"image_processor_type": "Mask2FormerImageProcessor", "size": {"height": 128, "width": 128}}
    universals.save("mask2former", universals.make("mask2former"), processor, folder)


FOLDERS: dict[str, Callable[[Path], object]] = {  # NAME → what makes the folder
    "encoder": _encoder,
    "ddpm": _generator,
    "captioner": _captioner,
    "face-detector": _face_detector,
    "face-recogniser": _face_recogniser,
    "clip": _clip,
    "finder": _finder,
    "vitpose": _pose,
    "florence2": _florence,
    "deeplab": _class_map,
    "videomae": _clips,
    "depth": _depth,
    "mask2former": _universal,
    "upscaler": _upscaler,
    "candy": _candy,
}


def make_named(text: str, place: Path) -> None:
    """Make each folder `models/NAME` that a text names."""
    for name in dict.fromkeys(re.findall(r"models/([\w.-]*\w)", text)):
        if name in FOLDERS and not (place / "models" / name).exists():
            FOLDERS[name](place / "models" / name)
