"""Find the face of a portrait with the detector that needs no download, and cut it out."""

from pathlib import Path

from PIL import Image

import pixwise as px

scene = Path(__file__).parents[2] / "examples" / "scene.png"

faces = px.faces(scene, model="haar-frontal")  # "yunet", the default, also gives five landmarks
for face in faces:
    print(f"{face.score:.2f} at", face.box.round().tolist())

portrait = faces.crop(scene, 0, padding=0.4)  # (h, w, 3) uint8
Image.fromarray(portrait).save("portrait.png")
print("largest:", faces.largest.boxes.round().tolist())
