"""What a file says about its picture before anything is decoded, and the decoder that reads it.

data ─▶ sniff ─▶ the one Pillow plugin of that format ─▶ Header: size, frames, orientation, alpha, colour profile
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import IO, Any

from PIL import Image

from pixwise.errors import LimitError, PictureError, PixwiseError, SetupError
from pixwise.reading import containers
from pixwise.reading.sources import Limits

__all__ = ["Header", "check_size", "guarded", "header_of_memory", "open_decoder", "read_header", "sniff", "turn"]

_PLUGINS = {  # format → Pillow module and class that reads it
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "WEBP": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
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
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1")


@dataclass(frozen=True)
class Header:
    """What is known before decoding.

    Attributes:
        format: as `sniff` says, or `ARRAY` for pixels from memory.
        size_wh: upright, full size, pixels.
        frames: number of frames or pages.
        orientation: what the file says, 1 to 8.
        turn: what is left to do after decoding: 1 where the decoder turns by itself.
        has_alpha: parts may be transparent.
        icc: embedded colour profile; empty for none.
    """

    format: str
    size_wh: tuple[int, int]
    frames: int = 1
    orientation: int = 1
    turn: int = 1
    has_alpha: bool = False
    icc: bytes = b""


def sniff(data: bytes) -> str:
    """Format by content; empty when unknown."""
    if data[:3] == b"\xff\xd8\xff":
        return "JPEG"
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if data[4:8] == b"ftyp":
        length = min(int.from_bytes(data[:4], "big"), 256)
        brands = {data[8:12], *(data[at : at + 4] for at in range(16, length, 4))}
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        if brands & set(_HEIC_BRANDS):
            return "HEIC"
    return "BMP" if data[:2] == b"BM" else ""


def read_header(name: str, data: bytes, limits: Limits) -> Header:
    """Read the header of a file and refuse what is over the limits.

    Args:
        name: for messages.
        data: the whole file.
        limits: of pixels, sides and frames.

    Raises:
        PictureError: no picture of a known format, or its header is damaged.
        LimitError: over a limit.
        SetupError: a HEIC picture without the package that reads them.
    """
    if not data:
        raise PictureError(f"{name}: expected a picture, got no bytes; check how it was written, rewind an open file")
    kind = sniff(data)
    if not kind:
        raise PictureError(
            f"{name}: expected a JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF or HEIC picture, got {_describe(data)}; "
            "convert it to one of these"
        )
    with guarded(name, kind):
        frames, late_exif = _walk(name, kind, data, limits)
        image = open_decoder(kind, data)
        check_size(image.size, name, limits)
        if kind in ("PNG", "WEBP", "AVIF", "HEIC"):
            frames = int(getattr(image, "n_frames", 1))
        limits.check("max_frames", frames, name)
        return _header_of(image, kind, frames, late_exif)


def _walk(name: str, kind: str, data: bytes, limits: Limits) -> tuple[int, bytes]:
    """Frames, and metadata behind the pixels, as far as they are found by walking the pieces of the file."""
    if kind == "JPEG":  # further pictures of an MPO are views, not frames
        containers.check_jpeg(data)
    elif kind == "PNG":
        return 1, containers.exif_of_png(data)
    elif kind == "GIF":
        return containers.frames_of_gif(data), b""
    elif kind == "TIFF":
        return containers.frames_of_tiff(data), b""
    elif kind == "WEBP":
        check_size(containers.size_of_webp(data), name, limits)
    return 1, b""


def header_of_memory(image: Image.Image) -> Header:
    """The header of a Pillow image; one that comes straight from a file is turned as the file says."""
    from_file = image.format is not None  # Pillow forgets it for whatever was made from another image
    orientation = _orientation(image, b"") if from_file and image.format not in ("TIFF", "HEIF") else 1
    return Header(
        "ARRAY", _upright(image.size, orientation), 1, orientation, orientation, _has_alpha(image), _icc(image)
    )


def _header_of(image: Image.Image, kind: str, frames: int, late_exif: bytes) -> Header:
    size_wh, orientation = image.size, _orientation(image, late_exif)
    turn = orientation
    if kind == "TIFF":  # Pillow turns it while decoding, and tells the turned size unless only XMP says so
        tag = image.tag_v2.get(0x0112)
        orientation, turn = (tag if tag in _UPRIGHT else 1) if tag is not None else orientation, 1
        size_wh = size_wh if tag is not None else _upright(size_wh, orientation)
    elif kind == "HEIC":  # libheif turns it, and tells the turned size
        orientation, turn = image.info.get("original_orientation") or 1, 1
    return Header(kind, _upright(size_wh, turn), frames, int(orientation), turn, _has_alpha(image), _icc(image))


def _orientation(image: Image.Image, late_exif: bytes) -> int:
    info = image.info
    exif = info.get("exif") or late_exif or _exif_of_text(info.get("Raw profile type exif", ""))
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp") or b""
    xmp = xmp.encode("utf-8", "replace") if isinstance(xmp, str) else bytes(xmp)
    return containers.orientation_of_exif(bytes(exif)) or containers.orientation_of_xmp(xmp) or 1


def _exif_of_text(text: str) -> bytes:
    """EXIF as ImageMagick writes it into the text of a PNG: three lines, then hex digits."""
    try:
        return bytes.fromhex("".join(text.split("\n")[3:]))
    except ValueError:
        return b""


def _has_alpha(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info


def _icc(image: Image.Image) -> bytes:
    icc = image.info.get("icc_profile")
    return icc if isinstance(icc, bytes) else b""


def _upright(size_wh: tuple[int, int], orientation: int) -> tuple[int, int]:
    return (size_wh[1], size_wh[0]) if orientation >= 5 else size_wh


def turn(image: Image.Image, orientation: int) -> Image.Image:
    """Turn a stored picture upright."""
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def check_size(size_wh: tuple[int, int], name: str, limits: Limits) -> None:
    """Raise for a size without pixels, or over the limits."""
    width, height = size_wh
    if min(size_wh) < 1:
        raise PictureError(f"{name}: expected at least one pixel, got {width} x {height}; the file is damaged")
    limits.check("max_side", max(size_wh), name)
    limits.check("max_pixels", width * height, name)


def open_decoder(kind: str, data: bytes) -> Image.Image:
    """The Pillow image of a file, not yet decoded.

    By the one class that reads `kind`, not by `Image.open`: that tries others, and warns of bombs below our own limits.
    """
    image = _decoder(kind)(io.BytesIO(data), "")
    if data[24:26] == b"\x10\x02" and kind == "PNG" and "transparency" in image.info:
        # 16-bit RGB is decoded to 8 bits, while the colour that means "transparent" is left at 16.
        image.info["transparency"] = tuple(value >> 8 for value in image.info["transparency"])
    return image


@cache
def _decoder(kind: str) -> Callable[[IO[bytes], str], Image.Image]:
    if kind == "JPEG":
        return _jpeg_decoder()
    if kind == "TIFF":
        return _tiff_decoder()
    if kind == "HEIC":
        return _heic_decoder()
    module, name = _PLUGINS[kind]
    return getattr(importlib.import_module(module), name)


def _jpeg_decoder() -> type[Image.Image]:
    from PIL.JpegImagePlugin import JpegImageFile

    class Jpeg(JpegImageFile):
        def _read_dpi_from_exif(self) -> None:
            """Not needed, and Pillow warns about damaged EXIF on the way."""

    return Jpeg


def _tiff_decoder() -> type[Image.Image]:
    from PIL.TiffImagePlugin import TiffImageFile

    class Tiff(TiffImageFile):
        def _setup(self) -> None:
            """Pillow says "unknown pixel mode" of whole files, too; say which kind of pixels it does not read."""
            try:
                super()._setup()
            except SyntaxError as error:
                if str(error) != "unknown pixel mode":
                    raise
                raise SyntaxError(f"{_channels(self.tag_v2)} are not read; save 8 or 16 bits per channel") from error

        def load_prepare(self) -> None:
            """Take the memory here, within our limits; Pillow would warn or refuse by its own."""
            if self._im is None:
                self.im = Image.core.new(self.mode, self._tile_size)
            super().load_prepare()

    return Tiff


def _channels(tags: Mapping[int, Any]) -> str:
    """What a TIFF says of its pixels: `3 channels of 32-bit floats`."""
    count, bits, form = tags.get(277, 1), tags.get(258, (1,))[0], tags.get(339, (1,))[0]
    return f"{count} channels of {bits}-bit {'floats' if form == 3 else 'numbers'}"


def _heic_decoder() -> type[Image.Image]:
    try:
        from pillow_heif.as_plugin import HeifImageFile
    except ImportError as error:
        raise SetupError(
            "HEIC pictures need the package pillow-heif, got none; run: pip install 'pixwise[heic]'"
        ) from error
    return HeifImageFile


@contextmanager
def guarded(name: str, kind: str) -> Iterator[None]:
    """Turn whatever a decoder raises on hostile bytes into a `PictureError`.

    Pillow, libheif and the rest raise more than twenty kinds of exception (and warnings, where they are errors), none
    of them promised; this is the one place that catches all.
    """
    try:
        yield
    except PixwiseError:
        raise
    except MemoryError as error:
        raise LimitError(
            f"{name}: expected a {kind} picture that fits into memory, got too little of it; "
            "ask for less than the full size, or lower Limits(max_pixels=…)"
        ) from error
    except Image.DecompressionBombError as error:
        raise LimitError(
            f"{name}: pixels of a {kind} must be at most twice PIL.Image.MAX_IMAGE_PIXELS, got more; "
            "raise that if you trust the picture"
        ) from error
    except Exception as error:
        reason = "".join(filter(str.isprintable, str(error)))[:120] or type(error).__name__
        raise PictureError(
            f"{name}: expected a whole {kind} picture, got a damaged or unusual one ({reason}); "
            "fetch or export it again"
        ) from error


def _describe(data: bytes) -> str:
    head = data[:64]
    if head.startswith(b"%PDF"):
        return "a PDF"
    if b"<svg" in data[:512]:
        return "an SVG drawing"
    if head.lstrip()[:1] == b"<":
        return "markup (HTML or XML)"
    if all(byte in b"\t\n\r" or (byte >= 32 and byte != 127) for byte in head):
        return "text"
    return f"unknown bytes ({head[:4].hex(' ')} …)"
