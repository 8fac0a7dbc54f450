"""Models in two files, an encoder and a decoder of one precision: which of a folder they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from pixwise.registry import CardFile

__all__ = ["card_files", "choose_pair"]


def choose_pair(files: Sequence[str], encoder: str, decoders: Sequence[str], onnx: str = "") -> tuple[str, str] | None:
    """Encoder and decoder whose names end alike, the plain ones where they are there; None where there is no pair.

    Args:
        files: all paths, relative, with `/`.
        encoder: how the name of an encoder begins.
        decoders: how those of its decoders begin, the best first.
        onnx: the encoder or decoder that is meant; empty chooses.
    """
    found = [path for path in files if path.endswith(".onnx")]
    encoders = [path for path in found if PurePosixPath(path).stem.startswith(encoder)]
    for mine in sorted(encoders, key=len):  # the plain one is the shortest
        ending = PurePosixPath(mine).stem.removeprefix(encoder)
        beside = [mine.replace(encoder + ending, name + ending) for name in decoders]
        there = [path for path in beside if path in found]
        if there and onnx in ("", mine, *there):
            return mine, onnx if onnx in there else there[0]
    return None


def card_files(parts: Mapping[str, str], files: Sequence[str]) -> tuple[CardFile, ...]:
    """Files of a card: its parts, and the external data beside them (`model.onnx_data`, `model.onnx.data`)."""
    starts = (path + ending for path in parts.values() for ending in ("_data", ".data"))
    beside = [path for start in starts for path in sorted(files) if path.startswith(start)]
    return (*(CardFile(path, part=part) for part, path in parts.items()), *map(CardFile, beside))
