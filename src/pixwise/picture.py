"""A picture from anywhere: bytes kept, header read, pixels on demand.

path · bytes · open file · "-" · data URI · URL (when allowed) · Pillow image · numpy array
    │ read within limits                                                      reading/sources.py, urls.py
    ▼
header: format, size, frames, orientation ── over a limit? refused here       reading/headers.py, containers.py
    │ when asked
    ▼
decode (JPEG: scaled, when the caller can do with less) ─▶ sRGB ─▶ RGB, alpha composited ─▶ upright  reading/colours.py
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from PIL import Image

from pixwise.errors import OptionError, PictureError
from pixwise.lazy import kept
from pixwise.pixels import Pixels, check_pixels
from pixwise.reading.colours import alpha_of, to_rgb
from pixwise.reading.headers import Header, check_size, guarded, header_of_memory, open_decoder, read_header, turn
from pixwise.reading.sources import Limits, limit_names, read

__all__ = ["Limits", "Picture", "check_background", "limit_names"]

Source = Any  # str | os.PathLike | bytes | IO[bytes] | PIL.Image.Image | np.ndarray | Picture


class Picture:
    """One picture. Immutable; safe to share between threads.

    Attributes:
        source: how messages and results call it: the path, the URL, or `<bytes>`, `<array>` and the like.
        format: `JPEG`, `PNG`, `WEBP`, `AVIF`, `GIF`, `BMP`, `TIFF`, `HEIC`, or `ARRAY` for pixels from memory.
        width, height: upright, full size, pixels.
        frames: number of frames; the first is the picture.
        orientation: EXIF orientation that was applied, 1 to 8.
        has_alpha: the source has transparency.
        sha256: of the file's bytes; empty for pixels from memory.
    """

    def __init__(
        self, source: str, data: bytes, image: Image.Image | None, header: Header, background: tuple[int, int, int]
    ):
        self.source = source
        self.background = background
        self._data, self._image, self._header = data, image, header
        self._decoded: dict[int, Image.Image] = {}  # scale → upright RGB
        self._lock = threading.Lock()

    @classmethod
    def open(
        cls,
        source: Source,
        *,
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        allow_urls: bool = False,
        background: tuple[int, int, int] = (255, 255, 255),
    ) -> Picture:
        """Read a picture's header from any source, within limits; pixels are decoded later.

        Args:
            source: path, bytes, open binary file, `-` (standard input), data URI, http(s) URL, Pillow image,
                (H, W), (H, W, 3) or (H, W, 4) uint8 array, or a `Picture`, which comes back as it is.
            limits: what the picture may cost.
            allow_urls: let http(s) URLs be fetched, guarded against private addresses.
            background: RGB that transparent parts are composited on.

        Raises:
            SourceError: missing, unreadable, or an address that is refused.
            PictureError: not a picture of a known format, or a broken one.
            LimitError: over a limit.
            ShapeError: an array of another shape or type.
        """
        if isinstance(source, Picture):
            return source
        check_background(background)
        if isinstance(source, np.ndarray):
            array = check_pixels(source)
            check_size((array.shape[1], array.shape[0]), "<array>", limits)
            image = Image.fromarray(np.array(array, order="C"))  # a copy: the caller may write into theirs later
            return cls("<array>", b"", image, header_of_memory(image), background)
        if isinstance(source, Image.Image):
            check_size(source.size, "<image>", limits)
            with guarded("<image>", source.format or "Pillow"):
                image = source.copy()  # decodes a lazy one and cuts the tie to the caller's object
            return cls("<image>", b"", image, header_of_memory(source), background)
        name, data = read(source, limits, allow_urls=allow_urls)
        return cls(name, data, None, read_header(name, data, limits), background)

    @kept
    def sha256(self) -> str:
        return hashlib.sha256(self._data).hexdigest() if self._image is None else ""

    @property
    def format(self) -> str:
        return self._header.format

    @property
    def width(self) -> int:
        return self._header.size_wh[0]

    @property
    def height(self) -> int:
        return self._header.size_wh[1]

    @property
    def size_hw(self) -> tuple[int, int]:
        return self.height, self.width

    @property
    def frames(self) -> int:
        return self._header.frames

    @property
    def orientation(self) -> int:
        return self._header.orientation

    @property
    def has_alpha(self) -> bool:
        return self._header.has_alpha

    def __repr__(self) -> str:
        return f"<Picture {self.source} {self.format} {self.width}x{self.height}>"

    def pixels(self) -> Pixels:
        """(H, W, 3) uint8 sRGB, upright, full size; a fresh array."""
        return np.array(self.image())

    def image(self) -> Image.Image:
        """The full-size upright picture as a Pillow RGB image; shared, do not write to it."""
        return self._decode(1)

    def alpha(self) -> Pixels:
        """(H, W) uint8, upright, full size: 255 is opaque."""
        if not self.has_alpha:
            return np.full(self.size_hw, 255, np.uint8)
        with guarded(self.source, self.format):
            return np.array(turn(alpha_of(self._load(1)), self._header.turn))

    def at_least(self, size_hw: tuple[int, int], *, exact: bool = False) -> Image.Image:
        """The picture at full size, or smaller when nobody would see it: never below twice the asked size.

        JPEG decoders can scale by 2, 4 and 8 while decoding, at a fraction of the cost. Resized to `size_hw`, such a
        decode differs from the exact way by less than 0.5 of 255 in the mean and by at most 3 at the 99.9th percentile
        on photographs. What comes back depends on the picture and `size_hw` only, not on what was asked before. Its
        size is rounded up, which `prepare` takes into account.

        Args:
            size_hw: to which the caller will resize.
            exact: decode all of it.

        Returns:
            Pillow RGB image, upright; shared, do not write to it.
        """
        if exact or self.format != "JPEG":
            return self._decode(1)
        for scale in (8, 4, 2):
            enough = -(-self.height // scale) >= 2 * size_hw[0] and -(-self.width // scale) >= 2 * size_hw[1]
            if enough and self._ends_last(scale):
                return self._decode(scale)
        return self._decode(1)

    def frames_at(self, indices: Sequence[int]) -> Iterator[Picture]:
        """Frames of an animation, or pages of a TIFF, as pictures of their own; one is held at a time.

        Args:
            indices: from 0, each above the one before: a GIF is decoded from its start, once.

        Raises:
            PictureError: one cannot be decoded, or is of another size than the first.
        """
        if self._image is not None:
            yield from (self for _ in indices)
            return
        image = open_decoder(self.format, self._data)
        for index in indices:
            name = f"{self.source}, frame {index}"
            with guarded(name, self.format):
                stored = self._frame_of(image, index, name)
            yield Picture(name, b"", stored, header_of_memory(stored), self.background)

    def _frame_of(self, image: Image.Image, index: int, name: str) -> Image.Image:
        """A frame, upright; its size is checked before it is decoded."""
        first_wh = image.size
        image.seek(index)
        if image.size != first_wh:
            raise PictureError(
                f"{name}: size must be {first_wh[0]} x {first_wh[1]} like the first, got {image.width} x "
                f"{image.height}; save its pages as files, and give those"
            )
        image.load()
        return turn(image.copy(), self._header.turn)

    def _ends_last(self, scale: int) -> bool:
        """A scaled size is rounded up: what stands for less than a pixel must stay at the right and the bottom."""
        return self._header.turn in (1, 5) or not (self.height % scale or self.width % scale)

    def _decode(self, scale: int) -> Image.Image:
        with self._lock:
            if scale not in self._decoded:
                with guarded(self.source, self.format):
                    self._decoded[scale] = self._convert(self._load(scale), scale)
            return self._decoded[scale]

    def _load(self, scale: int) -> Image.Image:
        if self._image is not None:
            return self._image
        image = open_decoder(self.format, self._data)
        if scale > 1:
            image.draft("RGB", (max(1, image.width // scale), max(1, image.height // scale)))
        image.load()
        return image

    def _convert(self, stored: Image.Image, scale: int) -> Image.Image:
        header = self._header
        rgb = to_rgb(stored, has_alpha=header.has_alpha, icc=header.icc, background=tuple(self.background))
        upright = turn(rgb, header.turn)
        expected = tuple(-(-side // scale) for side in header.size_wh)
        if upright.size != expected:  # every coordinate that leaves us is in the pixels that the header told
            raise PictureError(
                f"{self.source}: decoded size must be {expected[0]} x {expected[1]} as the header says, got "
                f"{upright.width} x {upright.height}; export it again"
            )
        return upright


def check_background(background: Any) -> None:
    """Raise `OptionError` for what is no RGB."""
    numbers = background if isinstance(background, tuple | list) else ()
    if len(numbers) != 3 or not all(isinstance(value, int) and 0 <= value <= 255 for value in numbers):
        raise OptionError(f"background must be three whole numbers from 0 to 255 (RGB), got {background!r}")
