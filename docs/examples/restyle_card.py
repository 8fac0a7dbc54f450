import pixwise as px

painted = px.restyle("examples/pear.jpg", "models/candy")  # the whole picture, resized to what the network sees
fine = px.restyle("examples/pear.jpg", "models/candy", tiled=True, strength=0.7, keep_colour=True)
painted.save("painted.png")
print(painted.width, painted.height, fine.model.id)
