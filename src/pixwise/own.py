"""A user's own model: a card from what lies in a folder.

folder/card.toml + *.onnx                                  → the card as written
folder/config.json + preprocessor_config.json + *.onnx     → a card derived from them
folder/model.onnx                                          → the card.toml beside it
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from pixwise.errors import CardError, UnknownModelError
from pixwise.registry import Card, card_from_table

__all__ = ["card_of_path", "looks_like_path"]


def looks_like_path(model: str) -> bool:
    """The name means a place on disk: it has a separator, ends in .onnx, or is there."""
    return "/" in model or "\\" in model or model.endswith(".onnx") or Path(model).exists()


def card_of_path(model: str, task: str) -> Card:
    """The card of a folder, or of an ONNX file with a `card.toml` beside it.

    Raises:
        UnknownModelError: nothing is there.
        CardError: neither a card nor configs, or a card without a needed key.
    """
    path = Path(model)
    if not path.exists():
        raise UnknownModelError(
            f"model must be a known id, a folder or an ONNX file, got {model!r}, which is not there; check the path"
        )
    folder = path if path.is_dir() else path.parent
    toml = folder / "card.toml"
    if not toml.exists():
        raise CardError(f"{path}: expected a card.toml beside the model, got none; write one (docs/models.md)")
    return _card_of_toml(toml, task, "" if path.is_dir() else path.name)


def _card_of_toml(toml: Path, task: str, onnx: str) -> Card:
    try:
        table = tomllib.loads(toml.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CardError(f"{toml}: expected TOML, got {error}; mend the file") from error
    table = {"id": toml.parent.name, "task": task, **table}
    if onnx and not table.get("files"):
        table["files"] = [{"path": onnx, "part": "model"}]
    found = card_from_table({**table}, where=str(toml))
    if found.task != task:
        raise CardError(f"{toml}: model must answer {task!r}, got one for {found.task!r}; choose another task or model")
    from dataclasses import replace

    return replace(found, folder=str(toml.parent))
