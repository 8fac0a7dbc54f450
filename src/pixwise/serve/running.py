"""From settings to a process that listens."""

from __future__ import annotations

import logging
import sys

import uvicorn

from pixwise.serve.app import create_app
from pixwise.serve.settings import Settings

__all__ = ["serve"]


def serve(settings: Settings) -> None:
    """Listen until told to stop."""
    if settings.log != "none":
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s"))
        logging.getLogger("pixwise").addHandler(handler)
        logging.getLogger("pixwise.serve").setLevel(logging.INFO)
    config = uvicorn.Config(
        create_app(settings), host=settings.host, port=settings.port, log_level="warning", access_log=False,
        timeout_graceful_shutdown=round(settings.grace_s), server_header=False,
    )  # fmt: skip
    uvicorn.Server(config).run()
