"""Configs of models are JSON objects; what is none is told with its path."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pixwise.errors import CardError

__all__ = ["read_json"]


def read_json(path: Path) -> Mapping[str, Any]:
    """The object in a JSON file.

    Raises:
        CardError: it cannot be read, or holds something else.
    """
    try:
        table = json.loads(path.read_text("utf-8"))
    except (OSError, json.JSONDecodeError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or error
        raise CardError(f"{path}: expected JSON, got {said}; mend the file") from error
    if not isinstance(table, dict):
        raise CardError(f"{path}: expected a JSON object, got {type(table).__name__}; mend the file")
    return table
