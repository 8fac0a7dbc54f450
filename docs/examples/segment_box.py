"""Cut things out of a picture: a box or a point says which; the picture is seen once."""

from pathlib import Path

import pixwise as px

picture = Path(__file__).parents[2] / "examples" / "scene.png"

answer = px.segment(picture, box=(345, 320, 515, 510), model="grabcut")  # in one line
print(answer[0].mask, "score", answer[0].score)

segmenter = px.Segmenter.load("grabcut")
scene = segmenter.encode(picture)  # the dear step, once
red = segmenter(scene, points=[(170, 450)])
tea = segmenter(scene, points=[(640, 400), (540, 400)], labels=[1, 0])  # the second point is not on it
two = segmenter(scene, box=[(80, 375, 260, 525), (550, 370, 710, 500)])
print([row.area for result in (red, tea, two) for row in result])

two.draw(picture).save("scene_masks.png")
