"""From settings to a process that listens."""

from __future__ import annotations

import uvicorn

from pixwise.serve.app import create_app
from pixwise.serve.logs import set_up
from pixwise.serve.settings import Settings
from pixwise.serve.wire import protocol_class

__all__ = ["serve"]


def serve(settings: Settings) -> None:
    """Listen until told to stop."""
    set_up(settings.log)
    config = uvicorn.Config(
        create_app(settings), http=protocol_class(settings), ws="none",
        host=settings.host, port=settings.port, log_config=None, access_log=False,
        timeout_graceful_shutdown=round(settings.grace_s), server_header=False,
    )  # fmt: skip
    uvicorn.Server(config).run()
