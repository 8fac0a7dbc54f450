"""Every source gives the same picture."""

import base64
from pathlib import Path

import numpy as np
from PIL import Image

import pixwise as px

path = Path(__file__).parents[2] / "examples" / "receipt.png"
data = path.read_bytes()
with path.open("rb") as file:
    from_file = px.Picture.open(file)
pictures = [
    from_file,
    px.Picture.open(path),
    px.Picture.open(str(path)),
    px.Picture.open(data),
    px.Picture.open("data:image/png;base64," + base64.b64encode(data).decode()),
    px.Picture.open(Image.open(path)),
    px.Picture.open(np.asarray(Image.open(path).convert("RGB"))),
]
assert all(np.array_equal(picture.pixels(), pictures[0].pixels()) for picture in pictures)

picture = pictures[0]
print(picture.source, picture.format, picture.width, picture.height, picture.frames, picture.has_alpha)
