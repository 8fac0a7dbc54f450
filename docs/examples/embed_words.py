"""Find pictures by words."""

import numpy as np

import pixwise as px

model = "models/clip"
album = ["examples/page.png", "examples/receipt.png", "examples/scene.png"]
known = px.embed(album, model)  # once; keep them

asked = px.embed_text("a photo of a window", model)
cosines = px.similarity(asked, known)  # (3,)
for index in np.argsort(-cosines):
    print(f"{cosines[index]:+.3f}  {album[index]}")

words = px.embed_text(["a photo of a window", "a scan of a bill"], model)
print(px.similarity(words, known).round(3))  # a row per text, a column per picture
