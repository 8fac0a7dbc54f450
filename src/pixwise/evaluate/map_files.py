"""Truth and answers as files: two files, or two folders whose files go together by their names.

truth/a.png  found/a.png  ─▶ paired_files ─▶ ids_from_file (H, W) · mask_from_file (H, W) bool
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixwise.errors import DataError, PixwiseError, SourceError
from pixwise.masks import Mask
from pixwise.results import ClassMap, result_from_dict

__all__ = ["FilePair", "PairedFiles", "ids_from_file", "mask_from_file", "masks_from_file", "paired_files", "read_png"]

_NUMBERS = ("1", "L", "P", "I;16", "I")  # Pillow's modes in which a pixel is one number


class FilePair(NamedTuple):
    """Two files, and what messages call them."""

    name: str
    truth: Path
    found: Path


class PairedFiles(NamedTuple):
    """Pairs in the order of their names, and the names of answers without a truth."""

    pairs: list[FilePair]
    left_out: list[str]


def paired_files(
    truth: str | os.PathLike[str], found: str | os.PathLike[str], suffixes: Collection[str]
) -> PairedFiles:
    """Which file is the answer to which truth.

    Args:
        truth: a file, or a folder of them.
        found: a file for a file, a folder for a folder: a file of the same name but for its ending.
        suffixes: endings that count, such as `.png`; others in the folders are passed over.

    Raises:
        SourceError: there is no such file or folder.
        DataError: a truth has no answer, two files have one name, or one is a folder and the other not.
    """
    known, answers = Path(truth), Path(found)
    for each in (known, answers):
        if not each.exists():
            raise SourceError(f"{each}: expected a file or a folder, got nothing there; check the path")
    if known.is_dir() != answers.is_dir():
        raise DataError(f"{known} and {answers}: must be two files or two folders, got one of each; give both alike")
    if not known.is_dir():
        return PairedFiles([FilePair(known.name, known, answers)], [])
    theirs, ours = (_named(folder, suffixes) for folder in (known, answers))
    if missing := sorted(theirs.keys() - ours.keys()):
        raise DataError(
            f"{answers}: must have a file for each of {known}, got none for {len(missing)}, {missing[0]} first; "
            "answer these, or move their truth away"
        )
    if not theirs:
        raise DataError(f"{known}: must hold files that end in {', '.join(sorted(suffixes))}, got none; check the path")
    return PairedFiles(
        [FilePair(name, theirs[name], ours[name]) for name in sorted(theirs)], sorted(ours.keys() - theirs.keys())
    )


def _named(folder: Path, suffixes: Collection[str]) -> dict[str, Path]:
    """Name without ending, from the folder on → path."""
    out: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if path.suffix.lower() in suffixes and not path.name.startswith("."):
            if name in out:
                raise DataError(f"{folder}: must have one file of each name, got {out[name].name} and {path.name}")
            out[name] = path
    return out


def ids_from_file(path: Path) -> npt.NDArray[np.integer]:
    """The class of each pixel, from a PNG whose values or palette indices are ids, or an answer of `semantic` as JSON.

    Returns:
        (H, W) whole numbers.

    Raises:
        SourceError: it cannot be read.
        DataError: it is no such file.
    """
    if path.suffix.lower() == ".json":
        return _ids_of_answer(path)
    mode, pixels = read_png(path)
    if mode not in _NUMBERS:
        raise DataError(f"{path}: must be a grey PNG, or one with a palette, whose values are ids, got mode {mode}")
    return pixels.astype(np.uint8) if mode == "1" else pixels


def _ids_of_answer(path: Path) -> npt.NDArray[np.integer]:
    try:
        answer = result_from_dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError, PixwiseError) as error:
        why = getattr(error, "strerror", None) or error
        raise SourceError(f"{path}: expected an answer of semantic as JSON, got {why}; check the file") from error
    if not isinstance(answer, ClassMap):
        raise DataError(
            f"{path}: must be an answer of semantic, got {type(answer).__name__}; ask with pixwise semantic"
        )
    return answer.ids()


def mask_from_file(path: Path) -> npt.NDArray[np.bool_]:
    """The one mask of a file; see `masks_from_file`.

    Returns:
        (H, W) bool.

    Raises:
        DataError: there is none, or there are several.
    """
    masks = masks_from_file(path)
    if len(masks) != 1:
        raise DataError(f"{path}: must hold one mask, got {len(masks)}; give a file for each")
    return masks[0].open()


def masks_from_file(path: Path) -> list[Mask]:
    """Masks: of a PNG what is at least half white, or half opaque; of JSON the run lengths, or an answer's masks.

    Raises:
        SourceError: it cannot be read.
        DataError: it is neither.
    """
    if path.suffix.lower() == ".json":
        return _masks_of_document(path)
    mode, pixels = read_png(path)
    if mode in ("LA", "RGBA"):
        return [Mask.from_array(pixels[..., -1] >= 128)]
    if mode not in ("1", "L", "I;16", "I"):
        raise DataError(f"{path}: must be a grey PNG, or one with transparency, got mode {mode}; save it as grey")
    return [Mask.from_array(pixels if mode == "1" else pixels >= (128 if mode == "L" else 2**15))]


def _masks_of_document(path: Path) -> list[Mask]:
    try:
        document = json.loads(path.read_text("utf-8"))
        if "schema" in document:
            return list(result_from_dict(document).masks)
        return [Mask.from_rle(document)]
    except (OSError, ValueError, TypeError, LookupError, AttributeError, PixwiseError) as error:
        why = getattr(error, "strerror", None) or error
        raise SourceError(
            f'{path}: expected run lengths, {{"size": [H, W], "counts": …}}, or an answer with masks, got {why}; '
            "check the file"
        ) from error


def read_png(path: Path) -> tuple[str, npt.NDArray]:
    """Pillow's mode, and the values as they stand in the file, untouched by profiles and palettes.

    Raises:
        SourceError: there is none, or a broken one.
    """
    try:
        with Image.open(path, formats=("PNG",)) as image:
            return image.mode, np.asarray(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        why = "another format" if type(error).__name__ == "UnidentifiedImageError" else error
        why = getattr(error, "strerror", None) or why
        raise SourceError(f"{path}: expected a PNG, got {why}; check the file") from error
