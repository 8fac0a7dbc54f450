"""Masks: compressed, compared, outlined, and in COCO's form."""

import numpy as np

from pixwise.masks import Mask, iou

rows, columns = np.ogrid[:480, :640]
disc = Mask.from_array((columns - 300) ** 2 + (rows - 200) ** 2 < 100**2)
moved = Mask.from_array((columns - 350) ** 2 + (rows - 200) ** 2 < 100**2)

print(disc.area, disc.box, disc.counts.nbytes, "bytes")
print(round(float(iou([disc], [moved])[0, 0]), 3))
print(disc.crop().shape, disc.open().shape)  # opened on demand

rle = disc.to_rle()  # what pycocotools reads and writes
assert Mask.from_rle(rle) == disc
assert Mask.from_polygons(disc.polygons(), (480, 640)) == disc
