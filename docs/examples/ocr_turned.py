"""A page that lies on its side: read as a reader would, and the quads tell how it lies."""

from pathlib import Path

import numpy as np
from PIL import Image

import pixwise as px

page = Image.open(Path(__file__).parents[2] / "examples" / "page.png").convert("RGB")
reader = px.TextReader.load()  # a class for reuse: one model, many pictures, many threads

upright, turned = reader([page, page.rotate(90, expand=True)])
print(upright.text)
assert turned.text == upright.text

top_left, top_right = turned.quads[0][:2]  # from the text's own top left, clockwise
along = top_right - top_left
print("the first line runs at", round(float(np.degrees(np.arctan2(along[1], along[0])))), "degrees")
