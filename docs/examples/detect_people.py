"""Standing people with the detector that needs no download, and the picture with what was found."""

from pathlib import Path

import pixwise as px

scene = Path(__file__).parents[2] / "examples" / "scene.png"

found = px.detect(scene, model="hog-people")  # "dfine-s", the default, knows 80 kinds of things and is far better
for thing in found:
    print(f"{thing.label} {thing.score:.2f} at", thing.box.round().tolist())
print(len(found), "found by", found.model.id)  # the portrait is no standing person

unsure = px.detect(scene, model="hog-people", min_score=0.1, top=3)
unsure.draw(scene).save("unsure.png")
