"""Pictures from nothing: a grid, the same picture again, and how it came about."""

from pathlib import Path

import pixwise as px

made = px.generate("models/ddpm", count=4, seed=7, steps=20)
made.grid().save("grid.png")
print(made, made.seeds, made.pictures[0])

# A seed is a picture: it depends neither on how many are made with it, nor on the batch.
again = px.generate("models/ddpm", count=1, seed=9, steps=20)
again.save("pictures")
print(sorted(path.name for path in Path("pictures").iterdir()))

generator = px.Generator.load("models/ddpm")


def tell(step, total, pictures):
    """What the model foresees of the pictures that are being made."""
    if step % 5 == 0:
        pictures.grid().save(f"step-{step:02}.png")
        print(f"{step} of {total} steps")


generator(2, steps=20, scheduler="ddim", eta=0.5, progress=tell)
