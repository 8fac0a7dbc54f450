"""Photo-like JPEGs, drawn here: the same bytes for every way that is measured."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from photos import photo_like

SIZES = {"0.3 MP": (480, 640), "12 MP": (3000, 4000)}


def jpeg(size: str, folder: Path, seed: int = 0) -> bytes:
    """A photo-like JPEG of quality 90; kept in `folder`, because drawing 12 megapixels takes seconds."""
    path = folder / f"photo-{size.replace(' ', '')}-{seed}.jpg"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        Image.fromarray(photo_like(*SIZES[size], seed=seed)).save(buffer, "JPEG", quality=90)
        path.write_bytes(buffer.getvalue())
    return path.read_bytes()
