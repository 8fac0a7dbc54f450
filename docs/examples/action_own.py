import pixwise as px
from pixwise.tasks.action import ActionRecognizer

task = ActionRecognizer.load("models/videomae", top=3)  # a folder that `pixwise export` made
scene = px.Picture.open("examples/scene.png").pixels()
clip = [scene[:, 8 * t : 8 * t + 600] for t in range(20)]

for row in task(clip):
    print(f"{row.label} {row.score:.2f}")

good, broken = task([clip, [scene, b"no picture"]], on_error="return")  # one bad clip harms no other
print(good.frames.tolist(), "|", broken)
