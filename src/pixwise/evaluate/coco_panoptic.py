"""Panoptic files in COCO's form, read and written.

panoptic.json   {"images": […], "annotations": [{"image_id", "file_name", "segments_info": […]}], "categories": […]}
panoptic/       a PNG per picture, whose colour is the id of the segment: id = R + 256 G + 256² B; 0 is void

read_panoptic ─▶ PanopticFile: .entries, each .open() ─▶ PanopticMap ─▶ write_panoptic
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixwise.errors import DataError, OutputError, PixwiseError, ShapeError, SourceError, check_shape
from pixwise.evaluate.map_files import read_png
from pixwise.evaluate.panoptic import Category, PanopticMap, Segment

__all__ = [
    "PanopticEntry", "PanopticFile", "ids_from_rgb", "paired", "read_document", "read_panoptic", "rgb_from_ids",
    "write_panoptic",
]  # fmt: skip

Ids = npt.NDArray[np.integer]


def ids_from_rgb(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint32]:
    """(H, W, 3) colours → (H, W) ids, R + 256 G + 256² B."""
    check_shape("pixels", pixels, ("H", "W", 3))
    red, green, blue = (pixels[..., channel].astype(np.uint32) for channel in range(3))
    return red | green << 8 | blue << 16


def rgb_from_ids(ids: Ids) -> npt.NDArray[np.uint8]:
    """(H, W) ids from 0 to 256³ - 1 → (H, W, 3) colours.

    Raises:
        ShapeError: an id is out of range.
    """
    check_shape("ids", ids, ("H", "W"))
    if ids.size and not 0 <= int(ids.min()) <= int(ids.max()) < 2**24:
        raise ShapeError(f"ids must be from 0 to {2**24 - 1}, got {ids.min()} to {ids.max()}; number segments anew")
    return np.stack([(ids >> shift & 255).astype(np.uint8) for shift in (0, 8, 16)], axis=-1)


@dataclass(frozen=True)
class PanopticEntry:
    """The segments of one picture; its map is opened when asked for.

    Attributes:
        image_id: of the picture.
        path: of the PNG.
        segments: those that are told of it.
    """

    image_id: int
    path: Path
    segments: tuple[Segment, ...]

    def open(self) -> PanopticMap:
        """Read the map.

        Raises:
            SourceError: there is no such PNG, or a broken one.
            DataError: it is no map of ids, or does not go with its segments.
        """
        mode, pixels = read_png(self.path)
        if mode not in ("RGB", "RGBA"):
            raise DataError(
                f"{self.path}: must be a PNG in colours, R + 256 G + 256² B, got one of mode {mode}; "
                "write ids as COCO does"
            )
        return PanopticMap(ids_from_rgb(pixels[..., :3]), self.segments, str(self.path))


@dataclass(frozen=True)
class PanopticFile:
    """What `panoptic.json` tells: kinds of things and stuff, and the segments of each picture."""

    categories: tuple[Category, ...]
    entries: tuple[PanopticEntry, ...]


def read_document(path: str | os.PathLike[str], what: str) -> Any:
    """A JSON document.

    Raises:
        SourceError: it cannot be read, or is no JSON.
    """
    try:
        return json.loads(Path(path).read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        why = getattr(error, "strerror", None) or error
        raise SourceError(f"{path}: expected {what} as JSON, got {why}; check the path") from error


def read_panoptic(path: str | os.PathLike[str], folder: str | os.PathLike[str] = "") -> PanopticFile:
    """Read a panoptic file; the maps are opened later, one by one.

    Args:
        path: of `panoptic.json`.
        folder: of the PNGs; unless told the one beside it, of its name without `.json`.

    Raises:
        SourceError: it cannot be read.
        DataError: it is no panoptic file.
    """
    document, place = read_document(path, "a COCO panoptic file"), Path(folder or Path(path).with_suffix(""))
    if not isinstance(document, dict) or not isinstance(document.get("annotations"), list):
        raise DataError(f'{path}: must be a COCO panoptic file, got no list "annotations"; check which file it is')
    with _read_as_coco(path):
        categories = tuple(
            Category(int(each["id"]), str(each.get("name", each["id"])), bool(each["isthing"]))
            for each in document.get("categories", ())
        )
        entries = tuple(
            PanopticEntry(int(each["image_id"]), place / _plain(each["file_name"]), tuple(_segments(each)))
            for each in document["annotations"]
        )
    if len({entry.image_id for entry in entries}) < len(entries):
        raise DataError(f"{path}: must have one annotation per picture, got an image_id twice; leave one out")
    return PanopticFile(categories, entries)


def _segments(annotation: Mapping[str, Any]) -> Iterator[Segment]:
    for each in annotation["segments_info"]:
        yield Segment(int(each["id"]), int(each["category_id"]), bool(each.get("iscrowd", 0)))


def _plain(name: str) -> str:
    """A file name that stays in its folder."""
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise ValueError(f"file_name {name!r}, which leads out of the folder")
    return name


@contextlib.contextmanager
def _read_as_coco(path: str | os.PathLike[str]) -> Iterator[None]:
    try:
        yield
    except KeyError as error:
        raise DataError(f"{path}: must be a COCO panoptic file, got an entry without {error}; add it") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{path}: must be a COCO panoptic file, got {error}; see COCO's form") from error


def paired(truth: PanopticFile, found: PanopticFile) -> Iterator[tuple[PanopticMap, PanopticMap]]:
    """True and found maps of each picture, opened one after the other.

    Raises:
        DataError: a picture was not answered, or one is answered that the truth does not know.
    """
    ours = {entry.image_id: entry for entry in found.entries}
    for which, ids, other in (
        ("found", {entry.image_id for entry in truth.entries} - ours.keys(), "each picture of the truth"),
        ("truth", ours.keys() - {entry.image_id for entry in truth.entries}, "each picture that was answered"),
    ):
        if ids:
            raise DataError(f"{which}: must have {other}, got none with image_id {sorted(ids)[0]}; add or remove it")
    return ((entry.open(), ours[entry.image_id].open()) for entry in truth.entries)


def write_panoptic(
    path: str | os.PathLike[str],
    maps: Iterable[tuple[int, str, PanopticMap]],
    categories: Sequence[Category],
    *,
    overwrite: bool = False,
) -> Path:
    """Write a panoptic file and its folder of PNGs: both whole, or nothing.

    Args:
        path: of the JSON file; the PNGs go into the folder beside it, of its name without `.json`.
        maps: for each picture its id, its file name, and its segments; taken one by one.
        categories: all kinds.
        overwrite: replace what is there.

    Returns:
        The folder of the PNGs.

    Raises:
        OutputError: something is there already, or cannot be written.
    """
    target = Path(path)
    if target.suffix.lower() != ".json":
        raise OutputError(
            f"{target}: expected a name that ends in .json, got {target.suffix!r}; the PNGs lie beside it"
        )
    folder = target.with_suffix("")
    if not overwrite and (there := next((each for each in (target, folder) if os.path.lexists(each)), None)):
        raise OutputError(f"{there}: expected to be written anew, got one that is there; choose another name")
    part = target.with_name(f".{target.stem}.{os.getpid()}.part")
    with _written(target, part):
        (part / "maps").mkdir(parents=True)
        document = _written_maps(part / "maps", maps, categories)
        (part / "all.json").write_text(json.dumps(document), "utf-8")
        _put(part, folder, target)
    return folder


def _put(part: Path, folder: Path, target: Path) -> None:
    """Both to their places; what was there comes back where that fails."""
    if os.path.lexists(folder):
        folder.rename(part / "old")
    try:
        (part / "maps").rename(folder)
        os.replace(part / "all.json", target)
    except BaseException:  # Ctrl-C too
        if os.path.lexists(part / "old"):
            if os.path.lexists(folder):
                folder.rename(part / "maps")
            (part / "old").rename(folder)
        raise


def _written_maps(
    folder: Path, maps: Iterable[tuple[int, str, PanopticMap]], categories: Sequence[Category]
) -> dict[str, list[dict[str, Any]]]:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    taken: set[str] = set()
    for image_id, name, map in maps:
        file_name = f"{Path(name).stem}.png"
        file_name = file_name if file_name not in taken else f"{Path(name).stem}-{image_id}.png"
        taken.add(file_name)
        Image.fromarray(rgb_from_ids(map.ids)).save(folder / file_name, compress_level=6)
        height, width = map.ids.shape
        images.append({"id": image_id, "file_name": name, "width": width, "height": height})
        annotations.append({"image_id": image_id, "file_name": file_name, "segments_info": _told(map)})
    kinds = [{"id": each.id, "name": each.name, "isthing": int(each.thing)} for each in categories]
    return {"images": images, "annotations": annotations, "categories": kinds}


def _told(map: PanopticMap) -> list[dict[str, Any]]:
    return [
        {
            "id": segment.id,
            "category_id": segment.category_id,
            "iscrowd": int(segment.crowd),
            "area": map.areas[segment.id],
            "bbox": _xywh(map.ids == segment.id),
        }
        for segment in map.segments
    ]


def _xywh(mask: npt.NDArray[np.bool_]) -> list[int]:
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return [int(each) for each in (columns[0], rows[0], columns[-1] + 1 - columns[0], rows[-1] + 1 - rows[0])]


@contextlib.contextmanager
def _written(target: Path, part: Path) -> Iterator[None]:
    """Nothing of `part` stays, whatever happens; errors of writing as one clear line."""
    try:
        yield
    except OSError as error:
        if isinstance(error, PixwiseError):  # of what was to be written
            raise
        advice = "free some room" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "choose another place"
        raise OutputError(f"{target}: expected to be written, got {error.strerror or error}; {advice}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
