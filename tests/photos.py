"""Photo-like pictures for tests."""

from pixwise.samples import photo_like

__all__ = ["photo_like"]
