import numpy as np

import pixwise as px

clean = px.inpaint("examples/scene.png", model="telea", box=(300, 100, 340, 140), grow=3)
print(f"{clean.changed:.1%} of the picture was filled")

before, after = px.Picture.open("examples/scene.png").pixels(), clean.pixels()
print(int((before != after).any(axis=2).sum()), "pixels differ; all others are the same to the bit")

mask = np.zeros((600, 800), bool)  # True, or white, where something is to go
mask[200:230, 100:400] = True
px.inpaint("examples/scene.png", mask, "telea").save("clean.png")
