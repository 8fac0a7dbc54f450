"""Photo-like JPEGs, drawn here: the same bytes for every way that is measured."""

from __future__ import annotations

from pathlib import Path

from pixwise.samples import jpeg_like

SIZES = {"0.3 MP": (480, 640), "12 MP": (3000, 4000)}


def jpeg(size: str, folder: Path, seed: int = 0) -> bytes:
    """A photo-like JPEG of quality 90; kept in `folder`, because drawing 12 megapixels takes seconds."""
    path = folder / f"photo-{size.replace(' ', '')}-{seed}.jpg"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg_like(*SIZES[size], seed=seed))
    return path.read_bytes()
