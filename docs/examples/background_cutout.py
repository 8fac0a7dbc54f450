"""Cut a thing out of its ground, lay it on others, and keep the matte."""

import numpy as np
from PIL import Image, ImageDraw

import pixwise as px

photo = Image.new("RGB", (640, 480), (236, 233, 228))  # a vase on a plain ground
pen = ImageDraw.Draw(photo)
pen.ellipse((240, 170, 400, 420), (30, 90, 140))
pen.rectangle((290, 90, 350, 200), (30, 90, 140))

matte = px.background(photo, "salient-cut")  # built in; without a name: birefnet-lite
print(f"{matte.coverage:.0%} of the picture, in the box", matte.box.tolist())

matte.cut(photo).save("vase.png")  # RGBA, as large as the picture
matte.cut(photo, crop=True, margin=0.1).save("vase-alone.png")
matte.over(photo, "#103020", shadow=0.4).save("vase-on-green.jpg")
matte.over(photo, "blur").save("vase-before-itself.jpg")
matte.feathered(6).only_largest().over(photo, Image.open("examples/scene.png")).save("vase-in-a-room.jpg")

alpha = matte.mask()  # (480, 640) uint8: 255 foreground, between is unsure or mixed
Image.fromarray(alpha).save("vase-matte.png")
print("sure:", f"{np.isin(alpha, (0, 255)).mean():.0%} of the pixels")
