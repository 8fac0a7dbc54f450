"""Galleries as files: `.npz` or `.json`, never pickle.

npz   facts: JSON text (schema, model), names (P,) text, vectors (P, D) float32
json  {"schema", "model": {…}, "people": [{"name", "vectors": [[…]]}]}
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixwise.errors import OptionError, OutputError, PixwiseError, SourceError
from pixwise.results import ModelInfo

__all__ = ["alone", "read_gallery", "write_gallery"]

SCHEMA = "pixwise/gallery/1"
_BROKEN = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
    RecursionError,
)
Floats = npt.NDArray[np.float32]
Parts = tuple[ModelInfo, tuple[str, ...], Floats]


def write_gallery(path: str | os.PathLike[str], model: ModelInfo, names: tuple[str, ...], vectors: Floats) -> None:
    """Write a gallery beside its place and rename it: a reader, or a crash, never meets half a file."""
    target = Path(os.path.realpath(path))  # a link stays one
    data = _form_of(target, {".npz": _npz, ".json": _json})(model, names, vectors)
    try:
        handle, part = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    except OSError as error:
        raise OutputError(f"{target}: expected a folder to write into, got {error.strerror}; check the path") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():  # a new one is its owner's alone; who may read one that is there does not change
            shutil.copymode(target, part)
        os.replace(part, target)
    except OSError as error:
        with suppress(OSError):
            os.unlink(part)
        raise OutputError(f"{target}: expected to be written, got {error.strerror}; check space and rights") from error


@contextmanager
def alone(path: str | os.PathLike[str]) -> Iterator[None]:
    """Only one process, and one thread of it, changes a gallery at a time; the lock lies beside it, and stays."""
    from pixwise.fetching.intake import locked

    target = Path(path)
    _form_of(target, {".npz": None, ".json": None})
    with ExitStack() as stack:
        if target.parent.is_dir():  # else whoever loads or saves says what is wrong
            try:
                stack.enter_context(locked(target.with_name(f".{target.name}.lock")))
            except OSError as error:
                raise OutputError(
                    f"{target}: expected a folder to write into, got {error.strerror}; mend its rights"
                ) from error
        yield


def read_gallery(path: str | os.PathLike[str]) -> Parts:
    """Model, names and vectors of a file."""
    source = Path(path)
    read = _form_of(source, {".npz": _from_npz, ".json": _from_json})
    try:
        data = source.read_bytes()
    except OSError as error:
        raise SourceError(
            f"{source}: expected a gallery, got {error.strerror}; "
            f"make one: pixwise gallery add NAME PICTURE -g {source}"
        ) from error
    try:
        model, names, vectors = read(data)
        return model, names, _checked(names, vectors)
    except PixwiseError as error:
        raise OptionError(f"{source}: {error}") from error
    except _BROKEN as error:
        said = " ".join(str(error).split())[:100] or type(error).__name__
        raise OptionError(
            f"{source}: expected a gallery that Pixwise saved, got another or a broken file ({said}); "
            "take a copy, or make it anew"
        ) from error


def _form_of(path: Path, forms: dict[str, Any]) -> Any:
    if path.suffix.lower() not in forms:
        raise OptionError(f"gallery must be a .npz or .json file, got {str(path)!r}; choose one of these suffixes")
    return forms[path.suffix.lower()]


def _npz(model: ModelInfo, names: tuple[str, ...], vectors: Floats) -> bytes:
    facts = json.dumps({"schema": SCHEMA, "model": asdict(model)}, ensure_ascii=False)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, facts=np.array(facts), names=np.array(names, str), vectors=vectors)
    return buffer.getvalue()


def _json(model: ModelInfo, names: tuple[str, ...], vectors: Floats) -> bytes:
    people: dict[str, list[list[float]]] = {}
    for name, vector in zip(names, vectors, strict=True):
        people.setdefault(name, []).append([float(str(number)) for number in vector])  # the shortest that reads back
    rows = [{"name": name, "vectors": rows} for name, rows in people.items()]
    document = {"schema": SCHEMA, "model": asdict(model), "people": rows}
    return json.dumps(document, ensure_ascii=False, indent=None).encode() + b"\n"


def _from_npz(data: bytes) -> Parts:
    if not zipfile.is_zipfile(io.BytesIO(data)):  # numpy would take it for a pickle, and advise to load it unsafely
        raise ValueError("no npz archive")
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        try:
            facts, names, vectors = (arrays[key] for key in ("facts", "names", "vectors"))
        except ValueError as error:
            raise ValueError("an array in it is neither numbers nor text") from error
    return _model_of(json.loads(str(facts))), tuple(map(str, names)), np.asarray(vectors, np.float32)


def _from_json(data: bytes) -> Parts:
    document = json.loads(data)
    model = _model_of(document)
    rows = [(person["name"], vector) for person in document["people"] for vector in person["vectors"]]
    vectors = np.array([vector for _, vector in rows], np.float32)
    return model, tuple(name for name, _ in rows), vectors if rows else np.zeros((0, 0), np.float32)


def _model_of(facts: Any) -> ModelInfo:
    if facts["schema"] != SCHEMA:
        raise OptionError(f"schema must be {SCHEMA!r}, got {facts['schema']!r}; use the Pixwise that wrote it")
    return ModelInfo(**{spec.name: str(facts["model"][spec.name]) for spec in fields(ModelInfo)})


def _checked(names: tuple[str, ...], vectors: Floats) -> Floats:
    from pixwise.identity.gallery import check_name

    if vectors.ndim != 2 or len(vectors) != len(names) or any(check_name(name) != name for name in names):
        raise OptionError(f"it must have a name per vector, got {len(names)} and shape {vectors.shape}; make it anew")
    lengths = np.linalg.norm(vectors, axis=1)
    if not np.allclose(lengths, 1, atol=1e-3):  # NaN is not close either
        raise OptionError("its vectors must have length 1, got others; make it anew")
    vectors.setflags(write=False)
    return vectors
