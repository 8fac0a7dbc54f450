"""A classifier of several classes from a folder: a head over an embedder, used like any other model."""

from pathlib import Path

import numpy as np
from PIL import Image

import pixwise as px
from pixwise.collections import Focus, Looker
from pixwise.collections.learn_head import learn_head
from pixwise.samples import photo_like

for number, (label, tint) in enumerate({"red": (90, -40, -40), "blue": (-40, -40, 90), "grey": (0, 0, 0)}.items()):
    Path("colours", label).mkdir(parents=True, exist_ok=True)
    for i in range(8):
        pixels = np.clip(photo_like(60, 80, seed=100 * number + i).astype(int) + tint, 0, 255)
        Image.fromarray(pixels.astype(np.uint8)).save(f"colours/{label}/{i}.png")

learnt = learn_head("colours", "colours-head", Looker.load(Focus.of("look")))
low, high = learnt.interval
assert low < learnt.accuracy <= high

assert px.classify("colours/blue/3.png", model="colours-head").labels[0] == "blue"
