"""Which error is which problem over HTTP; the service writes it, the client reads it back. Light to import."""

from __future__ import annotations

from pixwise.errors import (
    CardError,
    DataError,
    FetchError,
    LicenceError,
    LimitError,
    ModelFileError,
    ModelMissingError,
    OptionError,
    OutputError,
    PictureError,
    PixwiseError,
    SetupError,
    ShapeError,
    SourceError,
    UnknownModelError,
)
from pixwise.serve.asking import Busy, Cancelled, Expired

__all__ = ["KINDS", "TYPE", "error_of_kind"]

TYPE = "urn:pixwise:problem:"  # a problem's `type` is this and its kind
KINDS: dict[type[PixwiseError], tuple[int, str, str]] = {  # the first that fits: status, kind, title
    Busy: (503, "busy", "The service has as much to do as it may take on"),
    Expired: (504, "deadline", "The answer did not come before the deadline"),
    Cancelled: (503, "cancelled", "The request was cancelled"),
    LimitError: (413, "too-large", "The picture is above a limit"),
    PictureError: (415, "no-picture", "The bytes are no picture that can be read"),
    SourceError: (400, "source", "The picture could not be had"),
    OptionError: (422, "option", "An option is misspelt, out of range or of the wrong type"),
    ShapeError: (422, "shape", "A value has the wrong shape"),
    DataError: (422, "data", "The data lacks what is needed"),
    UnknownModelError: (404, "unknown-model", "No model has this name here"),
    LicenceError: (403, "licence", "The licence of the model must be accepted by the operator"),
    ModelMissingError: (503, "model-missing", "The model is not on this machine"),
    ModelFileError: (503, "model-damaged", "The model's file is damaged"),
    FetchError: (503, "model-unreachable", "The model could not be fetched"),
    CardError: (422, "model-misfit", "The model does not fit the question"),
    SetupError: (503, "setup", "The machine lacks something"),
    OutputError: (503, "output", "Something could not be written"),
}


def error_of_kind(kind: str) -> type[PixwiseError]:
    """The error that became a problem of this kind."""
    return next((cls for cls, (_, known, _) in KINDS.items() if known == kind), PixwiseError)
