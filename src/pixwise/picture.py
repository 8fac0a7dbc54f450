"""A picture from anywhere: bytes kept, header read, pixels on demand.

path · bytes · open file · "-" · data URI · URL (when allowed) · Pillow image · numpy array
    │ read within limits
    ▼
header: format, size, frames, orientation ── over a limit? refused here, nothing was decoded
    │ when asked
    ▼
decode (JPEG: scaled, when the caller can do with less) ─▶ sRGB ─▶ RGB, alpha composited ─▶ upright
"""

from __future__ import annotations

import base64
import binascii
import errno
import hashlib
import importlib
import io
import os
import struct
import sys
import threading
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from pixwise.errors import LimitError, OptionError, PictureError, SetupError, SourceError
from pixwise.pixels import Pixels, check_pixels

__all__ = ["Limits", "Picture"]

Source = Any  # str | os.PathLike | bytes | IO[bytes] | PIL.Image.Image | np.ndarray | Picture

_PLUGINS = {  # format → Pillow module that reads it
    "JPEG": "PIL.JpegImagePlugin",
    "PNG": "PIL.PngImagePlugin",
    "WEBP": "PIL.WebPImagePlugin",
    "AVIF": "PIL.AvifImagePlugin",
    "GIF": "PIL.GifImagePlugin",
    "BMP": "PIL.BmpImagePlugin",
    "TIFF": "PIL.TiffImagePlugin",
}
_UPRIGHT = {  # EXIF orientation → what turns the stored picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    EOFError,
    struct.error,
    OverflowError,
    MemoryError,
    AttributeError,
    AssertionError,
)


@dataclass(frozen=True)
class Limits:
    """What a picture may cost; checked before decoding.

    Attributes:
        max_bytes: length of the file.
        max_pixels: width x height of one frame.
        max_side: the longer side.
        max_frames: frames of an animation.
    """

    max_bytes: int = 256 * 2**20
    max_pixels: int = 250_000_000
    max_side: int = 65_535
    max_frames: int = 100_000

    def check(self, name: str, actual: int, source: str) -> None:
        """Raise `LimitError` when `actual` is above the limit `name`."""
        limit = getattr(self, name)
        if actual > limit:
            what = name.removeprefix("max_")
            raise LimitError(
                f"{source}: {what} must be at most {limit:,}, got {actual:,}; "
                f"if you trust the picture pass limits=Limits({name}={actual}) (command line: --{name.replace('_', '-')} {actual})"
            )


@dataclass(frozen=True)
class _Header:
    format: str
    stored_wh: tuple[int, int]
    mode: str
    frames: int
    orientation: int
    has_alpha: bool
    icc: bytes


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
        self, source: str, data: bytes, image: Image.Image | None, header: _Header, background: tuple[int, int, int]
    ):
        self.source = source
        self.background = background
        self.sha256 = hashlib.sha256(data).hexdigest() if image is None else ""
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
        if isinstance(source, Image.Image):
            return cls._from_image(source, "<image>", limits, background)
        if isinstance(source, np.ndarray):
            array = check_pixels(source)
            _check_size((array.shape[1], array.shape[0]), "<array>", limits)
            return cls._from_image(Image.fromarray(np.ascontiguousarray(array)), "<array>", limits, background)
        name, data = _read(source, limits, allow_urls)
        return cls(name, data, None, _read_header(name, data, limits), background)

    @classmethod
    def _from_image(cls, image: Image.Image, name: str, limits: Limits, background: tuple[int, int, int]) -> Picture:
        _check_size(image.size, name, limits)
        try:
            image = image.copy()  # decodes a lazy one and cuts the tie to the caller's object
        except _BROKEN as error:
            raise PictureError(
                f"{name}: expected a Pillow image that decodes, got {error}; open the file anew"
            ) from error
        return cls(name, b"", image, _header_of(image, "ARRAY", 1), background)

    @property
    def format(self) -> str:
        return self._header.format

    @property
    def width(self) -> int:
        return self._header.stored_wh[self.orientation >= 5]

    @property
    def height(self) -> int:
        return self._header.stored_wh[self.orientation < 5]

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

    def at_least(self, size_hw: tuple[int, int], *, exact: bool = False) -> Image.Image:
        """The picture at full size, or smaller when nobody would see it: never below twice the asked size.

        JPEG decoders can scale by 2, 4 and 8 while decoding, at a fraction of the cost. Resized to `size_hw`, such a decode
        differs from the exact way by less than 0.5 of 255 in the mean and by 3 at the 99.9th percentile on photographs.

        Args:
            size_hw: to which the caller will resize.
            exact: decode all of it.

        Returns:
            Pillow RGB image, upright; shared, do not write to it.
        """
        if exact or self.format != "JPEG" or self._image is not None:
            return self._decode(1)
        for scale in (8, 4, 2):
            if -(-self.height // scale) >= 2 * size_hw[0] and -(-self.width // scale) >= 2 * size_hw[1]:
                return self._decode(scale)
        return self._decode(1)

    def alpha(self) -> Pixels:
        """(H, W) uint8, upright, full size: 255 is opaque."""
        if not self.has_alpha:
            return np.full(self.size_hw, 255, np.uint8)
        stored = self._load(1)
        return np.array(_turn(_with_alpha(stored).getchannel("A"), self.orientation))

    def _decode(self, scale: int) -> Image.Image:
        with self._lock:
            if scale not in self._decoded:
                stored = self._load(scale)
                try:
                    rgb = _to_rgb(stored, self._header, self.background)
                except _BROKEN as error:
                    raise _broken(self.source, self.format, error) from error
                self._decoded[scale] = _turn(rgb, self.orientation)
            return self._decoded[scale]

    def _load(self, scale: int) -> Image.Image:
        if self._image is not None:
            return self._image
        try:
            image = _open_plugin(self.format, self._data)
            if scale > 1:
                width, height = self._header.stored_wh
                image.draft("RGB", (max(1, width // scale), max(1, height // scale)))
            image.load()
        except _BROKEN as error:
            raise _broken(self.source, self.format, error) from error
        return image


def _read(source: Source, limits: Limits, allow_urls: bool) -> tuple[str, bytes]:
    """Name and bytes of a source."""
    if isinstance(source, bytes | bytearray | memoryview):
        limits.check("max_bytes", len(source), "<bytes>")
        return "<bytes>", bytes(source)
    if isinstance(source, str) and source[:5].lower() == "data:":
        return "<data URI>", _read_data_uri(source, limits)
    if isinstance(source, str) and source.split("://", 1)[0].lower() in ("http", "https") and "://" in source:
        if not allow_urls:
            raise SourceError(
                f"{source}: URLs are off, got an http(s) address; pass allow_urls=True (command line: --allow-urls)"
            )
        from pixwise.urls import fetch

        return source, fetch(source, max_bytes=limits.max_bytes)
    if isinstance(source, str) and source == "-":
        return "-", _read_file(sys.stdin.buffer, "-", limits)
    if isinstance(source, str | os.PathLike):
        return _read_path(Path(source), limits)
    if hasattr(source, "read"):
        name = str(getattr(source, "name", "<file>"))
        return name, _read_file(source, name, limits)
    raise OptionError(
        f"picture must be a path, bytes, an open file, a data URI, a Pillow image or a uint8 array, got {type(source).__name__}"
    )


def _read_path(path: Path, limits: Limits) -> tuple[str, bytes]:
    try:
        if path.is_dir():
            raise SourceError(
                f"{path}: expected one picture, got a folder; pass its files, or use the command line on folders"
            )
        limits.check("max_bytes", path.stat().st_size, str(path))
        return str(path), path.read_bytes()
    except FileNotFoundError as error:
        raise SourceError(f"{path}: expected a picture, got no such file; check the path") from error
    except PermissionError as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(
            f"{path}: expected a readable file, got permission denied; check its mode and owner"
        ) from error
    except OSError as error:
        if isinstance(error, SourceError):
            raise
        reason = "a name that is too long" if error.errno == errno.ENAMETOOLONG else error.strerror or str(error)
        raise SourceError(f"{str(path)[:200]}: expected a readable file, got {reason}; check the path") from error
    except ValueError as error:
        if isinstance(error, LimitError):
            raise
        raise SourceError(f"{str(path)[:200]!r}: expected a path, got {error}; check the path") from error


def _read_file(file: IO[bytes], name: str, limits: Limits) -> bytes:
    data = file.read(limits.max_bytes + 1)
    if not isinstance(data, bytes):
        raise OptionError(f"{name}: file must be opened in binary mode, got text; use open(path, 'rb')")
    limits.check("max_bytes", len(data), name)
    return data


def _read_data_uri(uri: str, limits: Limits) -> bytes:
    head, comma, body = uri.partition(",")
    limits.check("max_bytes", len(body) * 3 // 4, "<data URI>")
    try:
        if not comma:
            raise ValueError("no comma")
        unquoted = urllib.parse.unquote_to_bytes(body)
        return base64.b64decode(unquoted, validate=True) if head.lower().endswith(";base64") else unquoted
    except (ValueError, binascii.Error) as error:
        raise SourceError(
            f"data URI must be data:image/…;base64,…, got {error}; check that it was copied whole"
        ) from error


def _sniff(data: bytes) -> str:
    """Format by content; empty when unknown."""
    head = data[:32]
    if head[:3] == b"\xff\xd8\xff":
        return "JPEG"
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return "PNG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if head[4:8] == b"ftyp":
        brands = data[8 : min(len(data), 8 + 64)]
        if b"avif" in brands or b"avis" in brands:
            return "AVIF"
        if any(brand in brands for brand in (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")):
            return "HEIC"
    if head[:2] == b"BM":
        return "BMP"
    return ""


def _read_header(name: str, data: bytes, limits: Limits) -> _Header:
    if not data:
        raise PictureError(f"{name}: expected a picture, got an empty file; check how it was written")
    kind = _sniff(data)
    if not kind:
        raise PictureError(
            f"{name}: expected a JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF or HEIC picture, got {_describe(data)}; convert it first"
        )
    try:
        image = _open_plugin(kind, data)
        _check_size(image.size, name, limits)
        header = _header_of(image, kind, _count_frames(image, kind))
    except LimitError:
        raise
    except _BROKEN as error:
        if isinstance(error, PictureError):
            raise
        raise _broken(name, kind, error) from error
    limits.check("max_frames", header.frames, name)
    return header


def _describe(data: bytes) -> str:
    head = data[:64]
    if head.startswith(b"%PDF"):
        return "a PDF"
    if head.lstrip()[:4] == b"<svg" or b"<svg" in data[:512]:
        return "an SVG drawing"
    if head.lstrip()[:1] == b"<":
        return "markup (HTML or XML)"
    if all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head):
        return "text"
    return f"unknown bytes ({head[:4].hex(' ')} …)"


def _open_plugin(kind: str, data: bytes) -> Image.Image:
    """Open with the one Pillow plugin that reads `kind`. Not Image.open: its bomb check warns below our own limits."""
    if kind == "HEIC":
        return _open_heic(data)
    importlib.import_module(_PLUGINS[kind])
    factory: Callable[..., Image.Image] = Image.OPEN[kind][0]
    return factory(io.BytesIO(data), "")


def _open_heic(data: bytes) -> Image.Image:
    try:
        import pillow_heif
    except ImportError as error:
        raise SetupError(
            "HEIC pictures need pillow-heif, got no such package; run: pip install 'pixwise[heic]'"
        ) from error
    return pillow_heif.open_heif(io.BytesIO(data)).to_pillow()


def _check_size(size_wh: tuple[int, int], name: str, limits: Limits) -> None:
    if min(size_wh) < 1:
        raise PictureError(f"{name}: expected at least one pixel, got {size_wh[0]} x {size_wh[1]}; the file is damaged")
    limits.check("max_side", max(size_wh), name)
    limits.check("max_pixels", size_wh[0] * size_wh[1], name)


def _count_frames(image: Image.Image, kind: str) -> int:
    if kind == "JPEG":  # further pictures of an MPO are views, not frames
        return 1
    return int(getattr(image, "n_frames", 1))


def _header_of(image: Image.Image, kind: str, frames: int) -> _Header:
    orientation = 1
    if kind not in ("ARRAY", "TIFF"):  # Pillow turns TIFF itself; pixels from memory are as they should be
        try:
            orientation = int(image.getexif().get(0x0112, 1))
        except _BROKEN:  # damaged metadata does not make the pixels worthless
            orientation = 1
    has_alpha = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
    icc = image.info.get("icc_profile") or b""
    return _Header(kind, image.size, image.mode, frames, orientation if orientation in _UPRIGHT else 1, has_alpha, icc)


def _broken(name: str, kind: str, error: BaseException) -> PictureError:
    reason = str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
    return PictureError(
        f"{name}: expected a whole {kind} picture, got a damaged one ({reason}); fetch or export it again"
    )


def _turn(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def _with_alpha(image: Image.Image) -> Image.Image:
    return image if image.mode == "RGBA" else image.convert("RGBA")


def _to_rgb(image: Image.Image, header: _Header, background: tuple[int, int, int]) -> Image.Image:
    """sRGB, eight bits, alpha composited."""
    if image.mode.startswith("I") or image.mode == "F":
        image = Image.fromarray(_eight_bits(np.asarray(image)))
    alpha = None
    if header.has_alpha:
        rgba = _with_alpha(image)
        alpha, image = rgba.getchannel("A"), rgba.convert("RGB")
    if header.icc:
        image = _to_srgb(image, header.icc)
    image = image if image.mode == "RGB" else image.convert("RGB")
    if alpha is not None:
        image = Image.composite(image, Image.new("RGB", image.size, background), alpha)
    return image


def _eight_bits(values: npt.NDArray) -> Pixels:
    """Scale wide numbers to bytes: [0, 1] floats, bytes and 16-bit by their range, anything else by its own extremes."""
    finite = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(finite.min()), float(finite.max())
    if values.dtype == np.uint16:
        low, high = 0.0, 65535.0
    elif low >= 0 and high <= 1 and values.dtype.kind == "f":
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    elif low >= 0 and high <= 65535:
        low, high = 0.0, 65535.0
    return np.rint((finite - low) * (255.0 / max(high - low, 1e-12))).astype(np.uint8)


def _to_srgb(image: Image.Image, icc: bytes) -> Image.Image:
    """Through the embedded profile; a damaged or unfitting profile is ignored, as every viewer does."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if "sRGB" in ImageCms.getProfileDescription(profile):
            return image
        return ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB") or image
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image


def limit_names() -> tuple[str, ...]:
    """Names of the limits, for the command line."""
    return tuple(field.name for field in fields(Limits))
