"""Measure a picture, compare two, and take its colours."""

from pathlib import Path

from PIL import Image, ImageFilter

import pixwise as px

scene = Image.open(Path(__file__).parents[2] / "examples" / "scene.png").convert("RGB")

sharp = px.quality(scene)
soft = px.quality(scene.filter(ImageFilter.GaussianBlur(4)))
print(f"sharpness {sharp.sharpness:.0f}, blurred {soft.sharpness:.0f}")
print(f"exposure {sharp.exposure:.2f}, contrast {sharp.contrast:.2f}, noise {sharp.noise:.1f}")

for colour in sharp:
    print(colour.hex, f"{colour.share:.0%}")

bits = (int(sharp.phash, 16) ^ int(soft.phash, 16)).bit_count()
print("bits of 64 in which the two hashes differ:", bits)  # up to about 10: the same picture
