import pixwise as px

answer = px.semantic("examples/scene.png", "models/deeplab")  # or any fetched model, or a folder of yours
for row in answer:
    print(f"{row.label}: {row.share:.0%} of the picture")
ids = answer.ids()  # (H, W): the class of each pixel
assert ids.shape == (answer.image.height, answer.image.width)
answer.draw("examples/scene.png").save("classes.png")
