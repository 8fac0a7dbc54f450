"""Answers drawn into their picture."""

import tempfile
from pathlib import Path

import pixwise as px
from pixwise.draw import draw

receipt = Path(__file__).parents[2] / "examples" / "receipt.png"
folder = Path(tempfile.mkdtemp())
codes, quality = px.codes(receipt), px.quality(receipt)

codes.draw(receipt).save(folder / "codes.png")  # a Pillow image of the picture's size
draw(receipt, codes, quality).save(folder / "both.png")  # labels make room for one another
print(*sorted(path.name for path in folder.iterdir()))
