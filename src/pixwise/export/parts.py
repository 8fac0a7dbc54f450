"""What an export consists of: parts that become ONNX files, and trials that prove each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Family", "Given", "Part", "Trial"]

Tensors = Mapping[str, "Tensor"]


class Trial(NamedTuple):
    """Inputs of one run, and what the checkpoint itself answers to them.

    Attributes:
        feeds: input → tensor; the first axis is the batch.
        wanted: output → tensor, from the model's own functions and never from the wrapper that is exported.
    """

    feeds: Tensors
    wanted: Tensors


@dataclass(frozen=True)
class Part:
    """One ONNX file.

    Attributes:
        name: of the part in the card: `model`, `text`, `encoder`, `decoder`.
        file: inside the folder, such as `onnx/model.onnx`.
        wrapper: what is exported: inputs in the order of a trial's feeds, outputs as a tuple.
        trials: at least two that differ in their batch, and in every length that may vary; the first is traced.
        axes: input or output → axis → name of a length that may vary; the batch is added to each.
        opset: version of ONNX.
        single: the file takes one row at a time, as the first trial has it; sessions run more of them in steps.
        queries: rows of an answer are candidates in an arbitrary order (detectors): each is compared with its like.
    """

    name: str
    file: str
    wrapper: nn.Module
    trials: tuple[Trial, ...]
    axes: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    opset: int = 20  # from 20 on GELU is one operator
    queries: bool = False
    single: bool = False


class Given(NamedTuple):
    """What the parts of a family are made from.

    Attributes:
        model: the checkpoint, in evaluation mode.
        pixels: (2, 3, H, W) a real picture and its mirror image, as the recipe prepares them.
        others: (3, 3, H, W) drawn pictures; their height and width are others where the recipe lets them vary.
    """

    model: Any
    pixels: Tensor
    others: Tensor


class Family(NamedTuple):
    """A row of the table in `families.py`.

    Attributes:
        title: how people call it.
        model_types: as `config.json` says.
        task: whose cards it makes.
        loader: the class of `transformers` that loads it.
        parts: makes the parts.
        head: decoder of the task.
        options: what else the task must know, from the model and the folder that is written.
        paper: where it was published.
        tokenizer: it has words, so the folder gets a tokenizer.
        tolerance: for 32-bit numbers; see `checking.py`.
        architectures: endings of the architecture that this row takes when no task is named; empty for any.
        batch: how many pictures are run at once, where that pays.
        unread: how weights begin that the parts do not need; a checkpoint may lack them.
    """

    title: str
    model_types: tuple[str, ...]
    task: str
    loader: str
    parts: Callable[[Given], list[Part]]
    head: str
    paper: str
    options: Callable[[Any, Path], Mapping[str, Any]] = lambda model, folder: {}
    tokenizer: bool = False
    tolerance: float = 1e-3
    architectures: tuple[str, ...] = ()
    batch: int = 1
    unread: tuple[str, ...] = ()
