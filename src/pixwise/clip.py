"""A clip: frames in their order, of which only those are opened that somebody looks at.

[picture, picture, …] · animation · folder of frames · (T, H, W, 3) array  ──▶  Clip ──▶ frames_at([0, 4, 8])
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pixwise.errors import LimitError, OptionError, PictureError, PixwiseError, ShapeError, SourceError
from pixwise.picture import Picture
from pixwise.reading.sources import PICTURE_SUFFIXES, Limits

__all__ = ["VIDEO_SUFFIXES", "Clip", "frames_in", "in_natural_order", "of_frame"]

VIDEO_SUFFIXES = frozenset((".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp"))
_DRAWN = ".pixwise."  # frame.pixwise.png is a drawn answer of ours


class Clip:
    """Frames in their order. Immutable; safe to share between threads.

    Attributes:
        source: how messages and results call it: the folder, the file, or its first frame "and 15 more".
        count: number of frames.
        width, height: of the first frame, upright, pixels; others may be of other sizes.
        sha256: of the file that holds all frames; empty for several files.
    """

    def __init__(self, source: str, first: Picture, frames: Sequence[Any], opening: dict[str, Any]):
        self.source, self._first = source, first
        self._frames, self._opening = frames, opening  # no frames: those of the file `first`
        self.count = len(frames) or first.frames
        self.width, self.height = first.width, first.height
        self.sha256 = first.sha256 if len(frames) < 2 else ""

    @classmethod
    def open(
        cls,
        source: Any,
        *,
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        allow_urls: bool = False,
        background: tuple[int, int, int] = (255, 255, 255),
    ) -> Clip:
        """Find the frames of a clip, and open the first.

        Args:
            source: a list of what `Picture.open` takes; one animation (GIF, WebP, PNG) or TIFF with pages; a folder
                whose pictures are the frames, in the order of the numbers in their names; a (T, H, W, 3) uint8 array;
                one still picture, a clip of one frame; or a `Clip`, which comes back as it is.
            limits: what each frame may cost, and `max_frames` how many there may be.
            allow_urls, background: as for `Picture.open`.

        Raises:
            OptionError: a list without frames.
            SourceError: a folder without pictures, or a video file.
            PictureError, LimitError, ShapeError: the first frame cannot be opened.
        """
        if isinstance(source, Clip):
            return source
        opening = {"limits": limits, "allow_urls": allow_urls, "background": background}
        if isinstance(source, list | tuple):
            return cls._of_list(source, opening)
        if isinstance(source, np.ndarray) and source.ndim == 4:
            return cls._of_list(list(source), opening)
        if isinstance(source, str | os.PathLike):
            path = os.fspath(source)
            if os.path.isdir(path):
                return cls._of_list(frames_in(os.fsdecode(path)), opening, os.fsdecode(path))
            _refuse_video(os.fsdecode(path))
        picture = Picture.open(source, **opening)
        return cls(picture.source, picture, (), opening)

    @classmethod
    def _of_list(cls, frames: Sequence[Any], opening: dict[str, Any], name: str = "") -> Clip:
        if not len(frames):
            raise OptionError("clip must have at least one frame, got an empty list; put its pictures into it")
        if len(frames) == 1 and not name:  # [["a.gif"], ["b.gif"]] is a list of clips
            return cls.open(frames[0], **opening)
        opening["limits"].check("max_frames", len(frames), name or "clip")
        first = _opened(frames, 0, opening)
        return cls(name or f"{first.source} and {len(frames) - 1} more", first, tuple(frames), opening)

    @property
    def size_hw(self) -> tuple[int, int]:
        return self.height, self.width

    @property
    def first(self) -> Picture:
        """The first frame."""
        return self._first

    def __repr__(self) -> str:
        return f"<Clip {self.source} {self.count} frames {self.width}x{self.height}>"

    def frames_at(self, indices: Sequence[int]) -> Iterator[Picture]:
        """Some of its frames, each opened when its turn comes and let go after it.

        Args:
            indices: from 0, each above the one before.

        Raises:
            PixwiseError: a frame cannot be opened; the message says which.
        """
        if not self._frames:
            yield from self._first.frames_at(indices)
            return
        for index in indices:
            yield _opened(self._frames, index, self._opening) if index else self._first


def _opened(frames: Sequence[Any], index: int, opening: dict[str, Any]) -> Picture:
    """A frame of a list; an error says which it is."""
    try:
        frame = frames[index]
        if isinstance(frame, str | os.PathLike):
            _refuse_video(os.fsdecode(frame))
        picture = Picture.open(frame, **opening)
    except PixwiseError as error:
        raise of_frame(error, index) from error
    if picture.frames > 1:
        raise PictureError(
            f"frame {index} of the clip: must be one picture, got {picture.source} with {picture.frames} frames; "
            "for several clips pass a list of lists: [[first], [second]]"
        )
    return picture


def of_frame(error: PixwiseError, index: int) -> PixwiseError:
    """The same error; its message begins with the frame that it is about."""
    said = f"frame {index} of the clip: {error}"
    kinds = (LimitError, PictureError, ShapeError, OptionError, SourceError)
    kind = next((kind for kind in kinds if isinstance(error, kind)), PictureError)
    return kind(said)


def frames_in(folder: str) -> list[str]:
    """Paths of the pictures of a folder, not of those below it, in natural order; hidden and drawn ones aside.

    Raises:
        SourceError: there is none, or the folder cannot be read.
    """
    try:
        names = os.listdir(folder)
    except OSError as error:
        raise SourceError(
            f"{folder}: expected a readable folder, got {error.strerror}; check its mode and owner"
        ) from error
    kept = [name for name in names if not name.startswith(".") and _DRAWN not in name]
    found = [name for name in kept if os.path.splitext(name)[1].lower() in PICTURE_SUFFIXES]
    if not found:
        raise SourceError(f"{folder}: expected a folder with the frames of a clip, got no picture in it; pass another")
    return [os.path.join(folder, name) for name in in_natural_order(found)]


def in_natural_order(names: Sequence[str]) -> list[str]:
    """Names by the numbers in them: frame2 before frame10."""
    return sorted(names, key=lambda name: ([_number(part) for part in re.split(r"(\d+)", name)], name))


def _number(part: str) -> tuple[int, int, str]:
    return (0, int(part), "") if part.isdecimal() and part.isascii() else (1, 0, part)


def _refuse_video(path: str) -> None:
    """Decoders of video take hostile files in this process, and read all of it before they say how long it is."""
    if os.path.splitext(path)[1].lower() in VIDEO_SUFFIXES:
        raise SourceError(
            f"{path[:200]}: expected frames, got a video file, which is not read yet; write its frames into a folder "
            "and pass that: ffmpeg -i VIDEO -vf fps=8 frames/%05d.png"
        )
