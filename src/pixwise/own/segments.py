"""A card for a promptable segmenter of one's own: which files of a folder are its encoder and its decoder.

Folders are read as the hub's exports have them: `onnx/vision_encoder.onnx` and `onnx/prompt_encoder_mask_decoder.onnx`.
Exports in SAM's own form need a `card.toml`: nothing in them tells which of its graphs pads its prompts.
"""

from __future__ import annotations

from collections.abc import Sequence

from pixwise.errors import CardError
from pixwise.own.pairs import card_files, choose_pair
from pixwise.registry import CardFile

__all__ = ["SEGMENT_HEADS", "segment_files"]

SEGMENT_HEADS = {"sam": "sam", "sam2": "sam2", "sam2_video": "sam2"}  # model_type → head of tasks/segment.py
_ENCODER, _DECODER = "vision_encoder", "prompt_encoder_mask_decoder"


def segment_files(files: Sequence[str], where: str, onnx: str = "") -> tuple[CardFile, ...]:
    """Encoder and decoder of one precision, the plain one where it is there, and external data beside them.

    Args:
        files: all paths, relative, with `/`.
        where: for messages.
        onnx: the encoder or decoder that is meant; empty chooses.

    Raises:
        CardError: one of them is missing.
    """
    pair = choose_pair(files, _ENCODER, (_DECODER,), onnx)
    if pair:
        return card_files({"encoder": pair[0], "decoder": pair[1]}, files)
    found = ", ".join([path for path in files if path.endswith(".onnx")][:4]) or "none"
    raise CardError(
        f"{where}: expected onnx/{_ENCODER}.onnx and onnx/{_DECODER}.onnx, got {found}; "
        "write a card.toml for files of other names (docs/segment.md), or pixwise export makes them of a checkpoint"
    )
