"""A card for a Florence-2 of one's own: the files of the hub's exports, asked what our own card of the task asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from pixwise.errors import CardError
from pixwise.recipe import Recipe
from pixwise.registry import Card, CardFile, cards

__all__ = ["florence_card"]

_FILES = {  # part → file
    "encoder": "vision_encoder",
    "embed_tokens": "embed_tokens",
    "text_encoder": "encoder_model",
    "decoder": "decoder_model_merged",
}


def florence_card(
    config: Mapping[str, Any], recipe: Recipe, files: Sequence[str], *, task: str, id: str, onnx: str = ""
) -> Card:
    """One model for many tasks.

    Args:
        config: `config.json`.
        recipe: how it wants its pixels.
        files: paths of all files, relative, with `/`.
        task: what it must answer; empty for a caption.
        id: what the card is called.
        onnx: one of the parts, to take all of its precision; empty takes the plain ones.

    Raises:
        CardError: a file is missing, or it is no task of a Florence-2.
    """
    answers = {card.task: card for card in reversed(cards()) if card.head == "florence"}
    usual = answers.get(task or "caption")
    if usual is None:
        raise CardError(
            f"{id}: model must answer {task!r}, got a Florence-2, which answers {', '.join(sorted(answers))}; "
            "choose another"
        )
    parts = _parts(files, id, onnx)
    options = dict(usual.options)
    context = (config.get("text_config") or {}).get("max_position_embeddings")
    if context:
        options["context"] = context
        if "max_tokens" in options:
            options["max_tokens"] = min(options["max_tokens"], context // 2)
    named = [CardFile(path, part=part) for part, path in parts.items()]
    beside = [
        CardFile(path) for path in files for part in parts.values() if path.startswith((f"{part}_data", f"{part}."))
    ]
    return replace(
        usual,
        id=id,
        title=f"Florence-2 of {id}",
        licence="",
        **dict.fromkeys(("paper", "source", "repo", "revision"), ""),
        default=False,
        recipe=recipe,
        files=(*named, *beside),
        options=options,
    )


def _parts(files: Sequence[str], where: str, onnx: str) -> dict[str, str]:
    """Part → path."""
    stem = PurePosixPath(onnx).stem
    ending = next((stem.removeprefix(name) for name in _FILES.values() if stem.startswith(name)), "")
    parts = {"tokenizer": "tokenizer.json"}
    for part, name in _FILES.items():
        places = [f"{folder}{name}{ending}.onnx" for folder in ("onnx/", "")]
        parts[part] = next((place for place in places if place in files), places[0])
    lacking = [path for path in parts.values() if path not in files]
    if lacking:
        raise CardError(
            f"{where}: a Florence-2 must have {', '.join(parts.values())}, got no {lacking[0]}; "
            "take them from its repository (docs/florence.md)"
        )
    return parts
