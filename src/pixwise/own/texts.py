"""What a folder in Hugging Face form tells about its tower for texts: files and options of a card. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from pixwise.errors import CardError
from pixwise.registry import CardFile

__all__ = ["text_files", "text_options"]

Config = Mapping[str, Any]
_LENGTHS = {"clip": 77, "siglip": 64, "siglip2": 64}  # model_type → tokens per text, where its config leaves it out
_LEAST_SCALE = 10  # where training starts, and it only rises


def text_files(config: Config, onnx: str, files: Sequence[str]) -> tuple[CardFile, ...]:
    """The tower for texts that was exported with one for pictures, in the same precision, and its tokenizer.

    Args:
        config: `config.json`.
        onnx: the tower for pictures.
        files: paths of all files.
    """
    picture = PurePosixPath(onnx)
    if config.get("model_type") not in _LENGTHS or not picture.stem.startswith("vision_model"):
        return ()
    text = picture.with_name(picture.name.replace("vision_model", "text_model", 1)).as_posix()
    beside = sorted(path for path in files if path.startswith((text + "_data", text + ".data")))
    found = [CardFile(text, part="text"), *map(CardFile, beside), CardFile("tokenizer.json", part="tokenizer")]
    return tuple(file for file in found if file.path in files)


def text_options(config: Config, tokenizer: Config, where: str) -> dict[str, Any]:
    """How texts are prepared for it, and how cosines become scores, as far as the configs tell.

    Args:
        config: `config.json`. It does not hold the trained scale, only where training began: who knows it may write
            `logit_scale` into it, and `logit_bias` for SigLIP.
        tokenizer: `tokenizer_config.json`; empty when there is none.
        where: for messages.

    Raises:
        CardError: `logit_scale` is the logarithm that checkpoints hold.
    """
    kind = str(config.get("model_type"))
    if kind not in _LENGTHS:
        return {}
    fills = kind != "clip"
    length = (config.get("text_config") or {}).get("max_position_embeddings", _LENGTHS[kind])
    pad = tokenizer.get("pad_token")
    pad = pad["content"] if isinstance(pad, Mapping) else pad
    told = {
        "text_length": int(length),
        "fill_text": fills,
        "pad_token": pad or "",
        "pad_left": fills and tokenizer.get("padding_side") == "left",
        "lowercase": fills and _is_siglip2(kind, tokenizer),
    }
    return {key: entry for key, entry in told.items() if entry} | _scales(config, where)


def _is_siglip2(kind: str, tokenizer: Config) -> bool:
    """SigLIP 2 was trained on lowercase; its models of fixed size call themselves `siglip`, but read as Gemma does."""
    reader = str(tokenizer.get("tokenizer_class", "")).lower()
    return kind == "siglip2" or reader.startswith(("gemma", "siglip2"))


def _scales(config: Config, where: str) -> dict[str, float]:
    told = {key: float(config[key]) for key in ("logit_scale", "logit_bias") if key in config}
    if not _LEAST_SCALE <= told.get("logit_scale", _LEAST_SCALE) < math.inf:
        raise CardError(
            f"{where}: logit_scale of config.json must be the exponential of what the checkpoint holds, "
            f"from {_LEAST_SCALE} up, got {told['logit_scale']:g}; write exp of it (100 for CLIP)"
        )
    return told
