"""A user's own model of `background`: which head reads what it gives, by the name in its `config.json`.

Their repositories say it in one of two ways: `"architectures": ["BiRefNet"]`, or only `"model_type": "modnet"`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["MATTE_HEADS", "matte_kind"]

MATTE_HEADS: Mapping[str, str] = {  # what it calls itself, in small letters → head of tasks/background.py
    "birefnet": "logits",
    "isnet": "shares",
    "modnet": "shares",
    "u2net": "shares",
}


def matte_kind(config: Mapping[str, Any]) -> str:
    """Which of the known ones a model is; empty for none."""
    named = [*(config.get("architectures") or ()), config.get("model_type")]
    kinds = (str(name).lower().removesuffix("model") for name in named)
    return next((kind for kind in kinds if kind in MATTE_HEADS), "")
