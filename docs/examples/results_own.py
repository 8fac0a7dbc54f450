"""A kind of answer of one's own: declared once; rows, JSON, schema, notebook table and drawing come with it."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pixwise.draw import Canvas, colour_of, draw_into
from pixwise.results import Result, column
from pixwise.schemas import result_schema


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Trees(Result):
    """Trees seen from above."""

    rows_key: ClassVar[str] = "trees"

    species: tuple[str, ...] = column("species", str, doc="name of the species")
    boxes: np.ndarray = column("box", np.float32, 4, doc="xyxy, pixels")  # noqa: RUF009


@draw_into.register
def _(result: Trees, canvas: Canvas) -> None:
    for tree in result:
        canvas.box(tree.box, colour_of(tree.species))
        canvas.label(tree.species, tree.box, colour_of(tree.species))


trees = Trees(species=["oak", "birch"], boxes=[[10, 10, 80, 90], [100, 40, 150, 120]])
print(trees.to_dict()["trees"])
print(result_schema(Trees)["required"])
print(trees.draw(np.full((160, 200, 3), 90, np.uint8)).size)
