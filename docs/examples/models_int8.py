"""8-bit weights: quicker on a CPU, and nearly the same vector. The folder `models/encoder` stands for any model."""

import pixwise as px

full = px.Embedder.load("models/encoder")  # with a network: px.Embedder.load()
small = px.Embedder.load("models/encoder", precision="int8")  # the first time the copy is made, beside the model

for path in ("examples/receipt.png", "examples/scene.png"):
    a, b = full(path), small(path)
    print(
        path, a.model.precision, b.model.precision, f"cosine {a.vector @ b.vector:.5f}"
    )  # similarity() refuses to mix

print("two pictures in 8 bits:", px.similarity(small("examples/receipt.png"), small("examples/scene.png")))
