"""A part becomes an ONNX file. Its batch, and every length that a part names, may vary."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import torch
import transformers

from pixwise.errors import ModelFileError
from pixwise.export.parts import Part

__all__ = ["quiet", "write_onnx"]


def write_onnx(part: Part, path: Path) -> None:
    """Trace a part with its first trial; raises `ModelFileError` where torch cannot.

    The older of torch's exporters: the newer one fixes the batch of RT-DETR, breaks on D-FINE, and guards every
    softmax against rows without numbers, which costs up to a third of the speed (torch 2.13).
    """
    feeds, wanted = part.trials[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    batch = {} if part.single else {0: "batch"}
    axes = {name: {**batch, **part.axes.get(name, {})} for name in (*feeds, *wanted)}
    try:
        with torch.no_grad(), quiet(), redirect_stdout(io.StringIO()):  # of a failure it prints the whole graph
            torch.onnx.export(
                part.wrapper.eval(),
                tuple(feeds.values()),
                str(path),
                dynamo=False,
                opset_version=part.opset,
                input_names=list(feeds),
                output_names=list(wanted),
                dynamic_axes=axes,
            )
    except Exception as error:  # torch has many types, none in common
        said = " ".join(str(error).split())[:200]
        raise ModelFileError(
            f"part {part.name!r} must be something that torch {torch.__version__} can write as ONNX, got "
            f"{type(error).__name__}: {said}; mend the wrapper of this family, or try another version of torch"
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings, bars and reports of torch and transformers: what matters is compared, and told in our words."""
    said, bars = transformers.logging.get_verbosity(), transformers.logging.is_progress_bar_enabled()
    others = [logging.getLogger(name) for name in ("torch.onnx", "huggingface_hub")]
    levels = [other.level for other in others]
    transformers.logging.set_verbosity(logging.CRITICAL)
    transformers.logging.disable_progress_bar()
    for other in others:
        other.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for other, level in zip(others, levels, strict=True):
            other.setLevel(level)
        transformers.logging.set_verbosity(said)
        if bars:
            transformers.logging.enable_progress_bar()
