"""Name people, compare two faces, and group unknown ones. The folders below `models/` stand for any models."""

from dataclasses import replace
from pathlib import Path

from PIL import Image

import pixwise as px
from pixwise.identity.groups import group

finder = px.FaceDetector.load("models/face-detector")
who = px.Identifier.load("models/face-recogniser", helpers={"faces": finder})  # with a network: px.Identifier.load()

scene = Image.open(Path(__file__).parents[2] / "examples" / "scene.png").convert("RGB")
portrait = scene.crop((100, 80, 300, 280))
darker = portrait.point(lambda level: level * 0.9)

gallery = px.Gallery()
gallery.add("Ada", who([portrait, darker]))  # some good pictures of her, one face in each
gallery.save("people.npz")

for face in replace(who, gallery="people.npz", threshold=0.9)([scene, portrait]):
    print(face.names, face.similarities)

found = px.verify(who(portrait), who(darker), threshold=0.9)
print("the same" if found.same else "two people", f"{found.similarity:.2f}", found.threshold_source)

print(group(who([portrait, scene, darker]), threshold=0.9))  # a number per face: which are one person
