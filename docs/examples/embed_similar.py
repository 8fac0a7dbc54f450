"""Find copies and look-alikes, with the built-in that needs no download."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

import pixwise as px

folder = Path(__file__).parents[2] / "examples"
album = [folder / name for name in ("page.png", "receipt.png", "scene.png")]
known = px.embed(album, "look")

small = io.BytesIO()  # a small copy of the scene, compressed hard
Image.open(folder / "scene.png").convert("RGB").resize((200, 150)).save(small, "JPEG", quality=40)
asked = px.embed(small.getvalue(), "look")
print(f"{asked.dimension} numbers by {asked.model.id}")

cosines = px.similarity(asked, known)  # (3,)
for index in np.argsort(-cosines):
    print(f"{cosines[index]:.2f}  {album[index].name}")

print(px.similarity(known, known).round(2))  # everybody with everybody
