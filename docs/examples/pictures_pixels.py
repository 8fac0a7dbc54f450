"""Pixels, alpha, and a scaled decode."""

import io

from PIL import Image

import pixwise as px

ring = Image.new("RGBA", (640, 480))  # all transparent
ring.paste((200, 30, 30, 255), (100, 100, 540, 380))
file = io.BytesIO()
ring.save(file, "PNG")

picture = px.Picture.open(file.getvalue(), background=(0, 0, 0))  # white, when nothing is said
pixels = picture.pixels()  # (480, 640, 3) uint8 sRGB, a fresh array
alpha = picture.alpha()  # (480, 640) uint8, 255 is opaque
assert pixels[0, 0].tolist() == [0, 0, 0]
assert alpha[0, 0] == 0
assert alpha[200, 200] == 255

file = io.BytesIO()
ring.convert("RGB").resize((4000, 3000)).save(file, "JPEG")
photo = px.Picture.open(file.getvalue())
small = photo.at_least((224, 224))  # the JPEG decoder shrinks by 2, 4 or 8 where twice the asked size is left
print(photo.size_hw, "decoded as", small.size[::-1])
assert small.size == (1000, 750)
assert photo.at_least((224, 224), exact=True).size == (4000, 3000)
