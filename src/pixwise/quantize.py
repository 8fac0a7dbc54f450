"""8-bit copies of models: made on this machine from the verified file, and kept beside it. No network.

    int8_of(path) ─▶ beside it, and whole? ─▶ its path
                      └─ no ─▶ lock ─▶ products of matrices to 8 bits ─▶ part file ─▶ hash ─▶ rename

    vision_model.onnx
    vision_model.<16 digits: what it was made of, and how>.<64 digits: its own SHA-256>.int8

The name says all that must be known, so that whoever finds the file can check it, and it never passes for another
model's. Where the folder cannot be written, the copy lies in PIXWISE_HOME/int8. The only file that imports onnx outside
of `export/`, and onnxruntime outside of `session.py`.
"""

from __future__ import annotations

import glob
import hashlib
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from pixwise import telemetry
from pixwise.errors import ModelFileError, OutputError, PixwiseError, SetupError
from pixwise.fetching.intake import locked
from pixwise.fetching.notes import home
from pixwise.fetching.shelf import Spot, hash_of, remember
from pixwise.registry import CardFile

__all__ = ["drop_int8", "has_int8", "int8_of", "int8_spots"]

_LOG = logging.getLogger("pixwise")
# Weights of MatMul alone: with convolutions it is always slower. A scale per column, for few columns are large. Only 7
# of the bits, for processors without VNNI add two products in 16, which overflows. Changed here, changed below.
_HOW = {"op_types_to_quantize": ["MatMul"], "per_channel": True, "reduce_range": True}
_RECIPE = "1"
_SAME = "0" * 64  # in place of the hash: an empty file, for a model in which there is nothing to make smaller


def int8_of(path: Path) -> Path:
    """The 8-bit copy of a verified ONNX file, made if need be; the file itself when it has no products of matrices.

    Raises:
        SetupError: it must be made, and the package onnx is not installed.
        ModelFileError: onnxruntime cannot make it.
        OutputError: it cannot be kept anywhere.
    """
    made_of = _made_of(path)
    found = _whole(path, made_of)
    if found is None:
        try:
            with locked(home() / "locks" / f"{made_of}-{_digest(path)}.lock"):
                found = _whole(path, made_of) or _make(path, made_of)
        except PixwiseError:
            raise
        except OSError as error:
            raise _unwritable(path, error) from error
    return path if found.stat().st_size == 0 else found


def has_int8(path: Path) -> bool:
    """Whether `int8_of` would find what it needs."""
    return _whole(path, _made_of(path)) is not None


def int8_spots(spot: Spot) -> Iterator[Spot]:
    """The copies that were made of a model's file, and what they must be."""
    for path in _copies(spot.path):
        own = path.name.split(".")[-2]
        if own != _SAME:
            yield Spot(CardFile(f"{spot.file.path}, as int8", spot.file.part), path, "", 0, own)


def drop_int8(spot: Spot) -> int:
    """Delete the copies of a file; returns their bytes."""
    freed = 0
    for path in _copies(spot.path):
        freed += path.stat().st_size
        path.unlink()
    return freed


def _folders(path: Path) -> tuple[Path, Path]:
    """Where the copies of a file may lie: beside it, else in our own folder."""
    return path.parent, home() / "int8" / _digest(path)


def _digest(path: Path) -> str:
    return hashlib.sha256(os.path.abspath(path).encode()).hexdigest()[:16]


def _copies(path: Path) -> list[Path]:
    form = re.compile(re.escape(path.stem) + r"\.[0-9a-f]{16}\.[0-9a-f]{64}\.int8")
    return [
        found
        for folder in _folders(path)
        for found in sorted(folder.glob(f"{glob.escape(path.stem)}.*.int8"))
        if form.fullmatch(found.name)
    ]


def _made_of(path: Path) -> str:
    """16 hex digits for the bytes of a model, its external data among them, and for how copies are made."""
    hashes = [hash_of(each) for each in (path, *_external(path))]
    return hashlib.sha256(" ".join((_RECIPE, *hashes)).encode()).hexdigest()[:16]


def _external(path: Path) -> list[Path]:
    """`model.onnx_data`, `model.onnx_data_1`, `model.onnx.data`."""
    return sorted(path.parent.glob(f"{glob.escape(path.name)}[._]data*"))


def _whole(path: Path, made_of: str) -> Path | None:
    """The copy that was made of just these bytes, if its own bytes are those that were written."""
    for copy in _copies(path):
        _, source, own, _ = copy.name.rsplit(".", 3)
        if source == made_of and hash_of(copy) == (own if own != _SAME else _EMPTY):
            return copy
    return None


_EMPTY = hashlib.sha256(b"").hexdigest()


def _make(path: Path, made_of: str) -> Path:
    """Make the copy; older or damaged ones go."""
    old = _copies(path)
    if any(copy.name.split(".")[-3] == made_of for copy in old):
        _LOG.warning("%s: its 8-bit copy is damaged and is made again", path)
    folder = _writable(path)
    part = folder / f"{path.stem}.{made_of}.int8.incomplete"  # one name: what a killed process left is written over
    try:
        changed = _quantize(path, part)
        digest = hash_of(part) if changed else _SAME
        target = part.with_name(f"{path.stem}.{made_of}.{digest}.int8")
        for copy in old:
            with suppress(OSError):  # in use, or in a folder that is not ours
                copy.unlink()
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    remember(target, digest if changed else _EMPTY)
    return target


def _writable(path: Path) -> Path:
    for folder in _folders(path):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError as error:
            refused = error
    raise refused


def _quantize(path: Path, part: Path) -> bool:
    """Write the copy; False, and an empty file, when there was nothing in the model to make smaller."""
    quantize_dynamic, weight_type = _onnxruntime()
    model = _read(path)
    del model.graph.value_info[:]  # what exporters noted of shapes in between contradicts products that are turned
    model.metadata_props.add(
        key="onnx.quant.pre_process", value="onnxruntime.quant"
    )  # else it warns on the root logger
    try:
        quantize_dynamic(model, part, weight_type=weight_type, extra_options={"EnableSubgraph": True}, **_HOW)
    except OSError:
        raise
    except Exception as error:  # onnx and onnxruntime have a dozen types, with no common parent
        raise ModelFileError(
            f"{path}: expected a model that onnxruntime can bring to int8, got {type(error).__name__}: "
            f"{' '.join(str(error).split())[:200]}; leave precision out"
        ) from error
    if not _has_products(part):
        part.write_bytes(b"")
        return False
    with open(part, "rb") as file:
        os.fsync(file.fileno())
    return True


def _has_products(path: Path) -> bool:
    """Whether a model has products of 8 bits; the branches of an `If` are graphs inside its graph."""
    import onnx

    graphs = [onnx.load(path).graph]
    while graphs:
        graph = graphs.pop()
        if any(node.op_type == "MatMulInteger" for node in graph.node):
            return True
        graphs += [entry.g for node in graph.node for entry in node.attribute if entry.HasField("g")]
    return False


def _onnxruntime() -> tuple[Any, Any]:
    telemetry.turn_off()
    try:
        import onnx  # noqa: F401  what onnxruntime would say without it helps nobody
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError as error:
        raise SetupError(
            "precision int8 needs the package onnx to be made, got no such package; run: pip install 'pixwise[int8]'"
        ) from error
    return quantize_dynamic, QuantType.QInt8


def _read(path: Path) -> Any:
    """The model with its external data, which onnx does not read through the links of the hub's cache."""
    import onnx

    beside = _external(path)
    if not beside:
        return onnx.load(path)
    with tempfile.TemporaryDirectory() as folder:
        for each in (path, *beside):
            shutil.copyfile(each, Path(folder, each.name))
        return onnx.load(Path(folder, path.name))


def _unwritable(path: Path, error: OSError) -> OutputError:
    folders = " or ".join(map(str, _folders(path)))
    return OutputError(
        f"{folders}: folder for the int8 copy of {path.name} must be writable, got {error.strerror or error}; "
        "make room or mend its permissions, or set PIXWISE_HOME to another folder"
    )
