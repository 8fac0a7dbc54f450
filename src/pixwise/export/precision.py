"""Fewer bits per weight: half the file as 16-bit floats, a quarter as 8-bit integers."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pixwise.errors import OptionError

__all__ = ["halve", "reduce_to"]

_LEAST = 1024  # smaller tensors are not worth a cast
_LOST = 1e-3  # of its largest number, the most that rounding may take from a tensor


def reduce_to(precision: str, path: Path) -> None:
    """Replace an ONNX file by itself in fewer bits.

    Raises:
        OptionError: it has nothing that could be brought to 8 bits.
    """
    if precision == "fp16":
        halve(path, path)
    if precision == "int8":
        from pixwise.quantize import int8_of

        made = int8_of(path)
        if made == path:
            raise OptionError(f"precision int8 needs products of matrices, got none in {path.name}; choose fp16")
        os.replace(made, path)


def halve(source: Path, target: Path) -> None:
    """Store weights as 16-bit floats, cast back when the file is opened: half the disk, the same speed.

    Inputs, outputs and arithmetic stay 32-bit, so a task sees no difference. Weights that 16 bits cannot hold stay.
    """
    model = onnx.load(source)
    casts = []
    for weight in [each for each in model.graph.initializer if _fits(each)]:
        half = numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float16), weight.name + "_16")
        casts.append(helper.make_node("Cast", [half.name], [weight.name], name=half.name, to=TensorProto.FLOAT))
        model.graph.initializer.remove(weight)
        model.graph.initializer.append(half)
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, target)


def _fits(weight: TensorProto) -> bool:
    """Large enough to be worth it, and neither too large nor too small for the range of 16 bits."""
    if weight.data_type != TensorProto.FLOAT or math.prod(weight.dims) < _LEAST:
        return False
    numbers = numpy_helper.to_array(weight)
    with np.errstate(over="ignore"):
        lost = np.abs(numbers - numbers.astype(np.float16)).max()
    return bool(lost <= _LOST * np.abs(numbers).max())
