"""Small facts that outlive the process, in PIXWISE_HOME/notes: a JSON file each, so that no two processes share one.

    seen  this file, as `stat` tells it, had this hash
    pin   this address gave this hash the first time
    repo  this name meant this commit

Where nothing can be written none is kept, and everything works, only slower.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["folder_of", "forget", "home", "note", "read_note", "user_cache"]


def home() -> Path:
    """Our own folder: PIXWISE_HOME, else `pixwise` in the user's cache directory."""
    return folder_of(os.environ.get("PIXWISE_HOME")) or user_cache() / "pixwise"


def user_cache() -> Path:
    """XDG_CACHE_HOME, else `.cache` in the home directory."""
    return folder_of(os.environ.get("XDG_CACHE_HOME")) or Path.home() / ".cache"


def folder_of(text: str | None) -> Path | None:
    """The folder that a variable of the environment names, `~` and `$NAME` replaced; None when it is not set."""
    return Path(os.path.expandvars(text)).expanduser() if text else None


def _note_path(kind: str, key: str) -> Path:
    return home() / "notes" / kind / (hashlib.sha256(key.encode()).hexdigest()[:32] + ".json")


def read_note(kind: str, key: str) -> dict[str, Any]:
    """What was noted under a key; empty when nothing, or nothing readable."""
    try:
        noted = json.loads(_note_path(kind, key).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) and noted.get("key") == key else {}


def note(kind: str, key: str, facts: dict[str, Any]) -> bool:
    """Note facts under a key, whole or not at all; False where nothing can be written."""
    path = _note_path(kind, key)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    except OSError:
        return False
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"key": key, **facts}, file)
        os.replace(temporary, path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        return False
    return True


def forget(kind: str, key: str) -> None:
    """Drop a note, where something can be dropped."""
    with suppress(OSError):
        _note_path(kind, key).unlink(missing_ok=True)
