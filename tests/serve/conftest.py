"""A small picture, for every test of the service."""

import io

import pytest
from PIL import Image


@pytest.fixture(scope="session")
def picture_bytes():
    """A PNG of 160 x 120."""
    kept = io.BytesIO()
    Image.effect_mandelbrot((160, 120), (-2, -1.5, 1, 1.5), 50).convert("RGB").save(kept, "PNG")
    return kept.getvalue()
