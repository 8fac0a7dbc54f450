"""A yes/no classifier of one's own, with the built-in `look`: it runs offline."""

from pathlib import Path

import numpy as np
from PIL import Image

from pixwise.collections import Focus, Looker, Shelf, classify, sample_of_folder, train
from pixwise.samples import photo_like

for label, tint in (("yes", (90, -40, -40)), ("no", (-40, -40, 90))):  # reddish pictures are in, bluish are not
    Path("reds", label).mkdir(parents=True, exist_ok=True)
    for i in range(8):
        pixels = np.clip(photo_like(60, 80, seed=i + 50 * (label == "no")).astype(int) + tint, 0, 255)
        Image.fromarray(pixels.astype(np.uint8)).save(f"reds/{label}/{i}.png")

sample = sample_of_folder("reds", Looker.load(Focus.of("look")))  # or "clip", "clip+dinov2"
outcome = train(sample, id="reds", shelf=Shelf("kept"))
assert outcome.metrics["macro_precision"] > 0.9

found = classify("reds/yes/0.png", "reds", folder="kept")
assert found.is_in_collection
assert found.probability > 0.5
