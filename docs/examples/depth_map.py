import pixwise as px
from pixwise.results import MetricDepth

answer = px.depth("examples/pear.jpg", "models/depth")  # without a name: Depth Anything V2 small
full = answer.map()  # (H, W) float32 of the picture's size
print(answer.kind, "the larger is the nearer" if answer.nearer_is_larger else "metres")
print(f"nearest {answer.nearest:.2f}, farthest {answer.farthest:.2f}, at (10, 20) {answer.at(10, 20):.2f}")
assert full.shape == (answer.image.height, answer.image.width)
assert not isinstance(answer, MetricDepth)  # so answer.metres() is an error: nobody said metres

scale, offset = answer.save_png16("depth.png")  # depth = offset + scale * number
answer.save_npy("depth.npy")
answer.coloured().save("colours.jpg")
answer.draw("examples/pear.jpg").save("drawn.jpg")  # with a scale
