"""Whose faces these are: each face as a vector, compared with those of a gallery.

    picture → faces → each: five landmarks to the model's template → (R, 3, 112, 112) → model → (R, D) → length 1
            → nearest person of the gallery, or unknown → Identities

Heads:
    vector   one output with a vector per face (SFace, ArcFace and its kin); they differ by what their cards say
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from pixwise.errors import CardError, OptionError, ShapeError, nearest
from pixwise.identity.gallery import Gallery
from pixwise.identity.threshold import threshold_of
from pixwise.picture import Picture
from pixwise.pixels import normalise
from pixwise.points import similarity, warp
from pixwise.results import Faces, Identities, ModelInfo
from pixwise.task import Task
from pixwise.vectors import rows_of, unit

__all__ = ["TEMPLATES", "Identifier", "align"]

Raw = Mapping[str, np.ndarray]
_SIDE = 112  # of the templates
TEMPLATES: Mapping[str, np.ndarray] = {
    # (5, 2) xy, in the order of Faces.landmarks. Published with SphereFace (Liu et al. 2017) for 96 x 112 px and moved
    # 8 px to the right by InsightFace; OpenCV's FaceRecognizerSF has the same points, rounded to these four decimals.
    "arcface": np.array(
        [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
    ),
}


def align(pixels: np.ndarray, landmarks: np.ndarray, template: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """Turn, scale and move a picture so that a face's landmarks lie nearest to a template's.

    Args:
        pixels: (H, W, 3) uint8.
        landmarks: (5, 2) xy, pixels.
        template: (5, 2) xy of a picture of 112 x 112.
        size_hw: the size that comes back; the template grows with it.

    Returns:
        (h, w, 3) uint8, black where the picture ends.
    """
    # Landmarks are taken as OpenCV takes them, pixel i at i: half a pixel is lost, as it was when the models were made.
    return warp(pixels, similarity(landmarks, template * (size_hw[1] / _SIDE, size_hw[0] / _SIDE)), size_hw)


def decode_vector(raw: Raw) -> np.ndarray:
    """(R, D) of the only output, (R, D) or (R, D, 1, 1)."""
    if len(raw) != 1:
        raise ShapeError(f"model must have one output, one vector per face, got {', '.join(raw)}; check its card")
    return rows_of(raw, tuple(raw))


@dataclass(frozen=True, kw_only=True)
class Identifier(Task):
    """Say whose faces these are.

    Attributes:
        gallery: whom to name, as kept in a gallery's file; without it faces get vectors, no names.
        threshold: cosine from which two faces count as one person's; unless given that of the model's card.
    """

    name: ClassVar[str] = "identify"
    result_type: ClassVar[type] = Identities
    heads: ClassVar[Mapping[str, Any]] = {"vector": decode_vector}
    card_options: ClassVar[Mapping[str, str]] = {"template": "str", "threshold": "share", "threshold_source": "str"}
    needs: ClassVar[tuple[str, ...]] = ("faces",)
    positional: ClassVar[str] = "gallery"

    gallery: str | os.PathLike[str] | Gallery = ""
    threshold: float | None = None

    def check_options(self) -> None:
        template, size_hw = self.card.options.get("template", "arcface"), self.card.recipe.size_hw
        if template not in TEMPLATES:
            raise CardError(
                f"card {self.card.id!r}: options.template must be known, got {template!r}; "
                f"{nearest(template, TEMPLATES)}"
            )
        if min(size_hw) < 1:
            raise CardError(f"card {self.card.id!r}: input.size_hw must be positive, got {size_hw}; say [112, 112]")
        if isinstance(self.gallery, str | os.PathLike) and os.fspath(self.gallery):
            object.__setattr__(self, "gallery", Gallery.load(self.gallery))
        given = isinstance(self.gallery, Gallery)
        if not (given or self.gallery == ""):
            raise OptionError(
                f"gallery must be a Gallery or the path of one, got {type(self.gallery).__name__}; "
                "make one: gallery = px.Gallery(); gallery.add(name, px.identify(picture))"
            )
        threshold_of(self.card, self.threshold, needed=given)
        if given:
            self.gallery.check_model(self._model_info())

    def _model_info(self) -> ModelInfo:
        """The model as answers name it; before it is loaded a card may not know its revision: then any will do."""
        revision = self.card.revision
        if (self.card.repo or self.card.folder) and not revision and isinstance(self.gallery, Gallery):
            revision = self.gallery.model.revision
        return ModelInfo(self.card.id, revision, self.card.precision, self.card.licence)

    def preprocess(self, picture: Picture, faces: Faces) -> tuple[dict[str, np.ndarray], Faces]:
        recipe = replace(self.recipe, layout="CHW")
        if not np.isfinite(faces.landmarks).all():
            raise OptionError(
                f"identify needs five landmarks of each face, got faces by {faces.model.id or 'a detector'!r} without "
                "them; find the faces with yunet"
            )
        tensor = np.zeros((len(faces), 3, *recipe.size_hw), recipe.dtype)  # (R, 3, h, w)
        pixels = picture.pixels() if len(faces) else None
        template = TEMPLATES[self.card.options.get("template", "arcface")]
        for row, landmarks in enumerate(faces.landmarks):
            tensor[row] = normalise(align(pixels, landmarks, template, recipe.size_hw), recipe)
        return {self.input_name: tensor}, faces

    def postprocess(self, raw: Raw, fit: Faces) -> Identities:
        vectors = unit(self.heads[self.card.head](raw)) if raw else np.zeros((0, 0), np.float32)
        names, similarities, threshold = [""] * len(fit), np.zeros(len(fit), np.float32), 0.0
        if isinstance(self.gallery, Gallery):
            threshold, _ = threshold_of(self.card, self.threshold)
            names, similarities = self.gallery.identify(vectors, threshold)
        return Identities(
            scores=fit.scores, boxes=fit.boxes, landmarks=fit.landmarks,
            names=names, similarities=similarities, thresholds=[threshold] * len(fit), vectors=vectors,
        )  # fmt: skip
