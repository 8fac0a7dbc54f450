"""Questions about pictures, answered in one line."""

__version__ = "0.1.0"
