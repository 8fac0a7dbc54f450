import pixwise as px

car = px.segment("examples/scene.png", box=(80, 375, 260, 525), model="grabcut")  # which pixels
px.inpaint("examples/scene.png", car, "telea", grow=4).save("without.png")  # and away with them
