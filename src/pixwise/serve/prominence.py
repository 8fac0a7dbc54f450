"""What stands out in a picture: its most certain person, the most certain face, and what is cut out of it.

    picture ─▶ persons ─▶ the best ─▶ crop ─▶ faces in it ─▶ the best ─▶ crop
                                      └ no person, or face_context whole_image: faces in the whole picture

Each is found once and cut once, whoever asks; boxes are whole numbers inside the picture, and those of faces that were
found in a crop are in the pixels of the whole picture, too.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np

from pixwise.boxes import whole_box
from pixwise.picture import Limits, Picture
from pixwise.results import Detections, Faces, ImageInfo, Result
from pixwise.serve.together import Once

__all__ = ["CONTEXTS", "TARGETS", "Box", "Part", "Prominence", "png_of"]

TARGETS = ("whole_image", "prominent_person", "prominent_face")
CONTEXTS = ("prominent_person", "whole_image")  # where a face is looked for
_PLACES = ("boxes", "quads", "landmarks")  # fields of results that end in xy or xyxy, in pixels
Box = tuple[int, int, int, int]  # xyxy, pixels
R = TypeVar("R", bound=Result)


@dataclass(frozen=True, eq=False)
class Part:
    """What of the picture is looked at.

    Attributes:
        picture: it, as a picture of its own.
        box: where it was cut out; None for the whole picture, of which nothing was cut.
    """

    picture: Picture
    box: Box | None = None


class Prominence:
    """Finds and cuts what stands out, each once.

    Args:
        picture: the whole one.
        find_objects, find_faces: give what is in a part.
        once: of the request.
        limits: of pictures.
    """

    def __init__(
        self,
        picture: Picture,
        find_objects: Callable[[Part], Detections],
        find_faces: Callable[[Part], Faces],
        once: Once,
        limits: Limits,
    ):
        self.whole = Part(picture)
        self._find_objects, self._find_faces = find_objects, find_faces
        self._once, self._limits = once, limits

    def person(self) -> Box | None:
        """The most certain person; None where there is none."""
        return self._once("person", self._person)

    def _person(self) -> Box | None:
        found = self._find_objects(self.whole)
        return _best_box(found.select(np.array([label == "person" for label in found.labels], bool)),
                         self.whole.picture.size_hw)  # fmt: skip

    def face(self, context: str) -> Faces:
        """The most certain face in the pixels of the whole picture: one row, or none.

        Args:
            context: of `CONTEXTS`; where there is no person, a face is looked for in the whole picture.
        """
        part = self.part("prominent_person" if context == "prominent_person" else "whole_image", context)
        return self._once(("face", part.box), lambda: self._face(part))

    def _face(self, part: Part) -> Faces:
        found = self._find_faces(part)
        best = found.select([int(found.scores.argmax())] if len(found) else [])
        return self.to_whole(best, part)

    def face_box(self, context: str) -> Box | None:
        """Where the most certain face is; None where there is none."""
        return _best_box(self.face(context), self.whole.picture.size_hw)

    def part(self, target: str, context: str) -> Part | None:
        """What a target means: the whole picture where there is no person, None where there is no face."""
        if target == "whole_image":
            return self.whole
        box = self.person() if target == "prominent_person" else self.face_box(context)
        if box is None:
            return self.whole if target == "prominent_person" else None
        return self._once(("crop", box), lambda: self._cut(box))

    def _cut(self, box: Box) -> Part:
        whole = self.whole.picture
        part = Picture.open(whole.image().crop(box), limits=self._limits)
        part.source = whole.source
        return Part(part, box)

    def png(self, part: Part) -> str:
        """A cut as PNG in base64."""
        return self._once(("png", part.box), lambda: png_of(part.picture))

    def to_whole(self, result: R, part: Part) -> R:
        """An answer about a part as one about the whole picture: moved to where the part was cut out."""
        if part.box is None:
            return result
        picture, names = self.whole.picture, {spec.name for spec in fields(result)}
        by = np.float32(part.box[:2])
        moved = {name: _moved(getattr(result, name), by) for name in _PLACES if name in names}
        return replace(result, image=ImageInfo(picture.source, picture.width, picture.height, picture.sha256), **moved)


def _moved(places: np.ndarray, by: np.ndarray) -> np.ndarray:
    """(..., 2) xy or (..., 4) xyxy, moved by xy."""
    return places + np.tile(by, places.shape[-1] // 2)


def _best_box(found: Detections | Faces, size_hw: tuple[int, int]) -> Box | None:
    if not len(found):
        return None
    return whole_box(found.boxes[int(found.scores.argmax())].tolist(), size_hw)


def png_of(picture: Picture) -> str:
    """A picture as PNG in base64; packed lightly, which takes a third of the time for a tenth more bytes."""
    kept = io.BytesIO()
    picture.image().save(kept, "PNG", compress_level=1)
    return base64.b64encode(kept.getvalue()).decode("ascii")
