"""No telemetry: onnxruntime's wheels tell Microsoft of the machine and of each model (from 1.29 on, on Linux, too)
unless they are told not to before they start. Everything of ours that imports onnxruntime asks for this first."""

from __future__ import annotations

import os
import sys

__all__ = ["turn_off"]

_SWITCH = "ORT_DISABLE_TELEMETRY"


def turn_off() -> None:
    """Have onnxruntime send nothing and keep no device id, unless the environment says `ORT_DISABLE_TELEMETRY=0`."""
    if os.environ.setdefault(_SWITCH, "1") == "0":
        return
    loaded = sys.modules.get("onnxruntime")  # by the program around us, before it could be told
    if hasattr(loaded, "disable_telemetry_events"):
        loaded.disable_telemetry_events()
