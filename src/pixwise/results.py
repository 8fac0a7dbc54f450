"""Every kind of answer: the vocabulary of the toolkit.

    Detections   objects        boxes, labels, scores
    Faces        faces          boxes, scores, five landmarks    .largest  .crop(picture)
    Identities   whose faces    Faces, with names, similarities, thresholds, vectors
    Verification two faces      same, similarity, threshold
    TextLines    printed text   texts, scores, quads, boxes      .text
    Masks        objects        which pixels: masks, areas, boxes, scores
    Codes        QR, bar codes  kinds, texts, quads, boxes
    Classes      labels         labels, scores
    LabelScores  own labels     labels, scores, cosines            .label()
    Moderation   a policy       action, because; rules, scores, thresholds, fired
    Quality      a picture      sharpness, exposure, contrast, noise, hashes; dominant colours
    Embedding    a picture      its vector: near one another where pictures are alike
    Caption      a picture      text, score, tokens, stop, alt_text
    Membership   a picture      whether it is in a collection, and how sure that is
    ClassMap     a class        label, id, share of the picture    .mask("sky")
    Panoptic     segments       id, label, thing or stuff, area, box  .mask(3)  .id_map()
    Instances    things         masks, boxes, labels, scores
    Actions      a clip         labels, scores; the frames that were looked at
    DepthMap     a picture      how far each pixel is: RelativeDepth or MetricDepth   .map()  .at(x, y)
    Pictures     were made      seeds, pictures      .grid()  .save(folder)
    Matte        a picture      what is foreground: alpha           .mask()  .cut(picture)  .over(picture, ground)
    Rendering    a picture      one that was made of it             .pixels()  .to_image()  .save(path)
    Poses        people         keypoints, keypoint_scores, boxes   .point("nose")  .limbs()

A result is frozen and made of read-only parallel arrays, row i of each belonging together; empty means length 0,
nothing is optional. `len(result)`, `result[i]` and iteration give rows; `result.select(...)` keeps some; `to_dict()` is
what JSON, HTTP and the index see, and `result_from_dict` reads it back; `draw(picture)` shows it (`answers/result.py`).

Conventions: boxes are float32 `xyxy` in pixels of the upright full-size picture, right and bottom exclusive; points are
(x, y).
"""

# ruff: noqa: RUF009  (column() and value() are field())

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from pixwise.answers.actions import Actions
from pixwise.answers.class_map import ClassMap
from pixwise.answers.depth_map import DepthMap, MetricDepth, RelativeDepth
from pixwise.answers.instances import Instances, Masks
from pixwise.answers.matte import Matte
from pixwise.answers.panoptic import Panoptic
from pixwise.answers.pictures import Pictures
from pixwise.answers.poses import Poses
from pixwise.answers.quality import Quality
from pixwise.answers.rendering import Rendering
from pixwise.answers.result import ImageInfo, ModelInfo, Result, column, columns, schema_id, value, values
from pixwise.boxes import area
from pixwise.errors import OptionError, ShapeError, nearest
from pixwise.text import short_line

if TYPE_CHECKING:
    from pixwise.picture import Picture

__all__ = [
    "RESULTS", "Actions", "Caption", "ClassMap", "Classes", "Codes", "DepthMap", "Detections", "Embedding", "Faces",
    "Identities", "ImageInfo", "Instances", "LabelScores", "Masks", "Matte", "Membership", "MetricDepth", "ModelInfo",
    "Moderation", "Panoptic", "Pictures", "Poses", "Quality", "RelativeDepth", "Rendering", "Result", "TextLines",
    "Verification", "column", "columns", "result_from_dict", "schema_id", "value", "values",
]  # fmt: skip

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Texts = tuple[str, ...]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Detections(Result):
    """Objects, best first."""

    rows_key: ClassVar[str] = "detections"

    labels: Texts = column("label", str, doc="name of the class")
    label_ids: Ints = column("label_id", np.int64, doc="number of the class in the model's vocabulary")
    scores: Floats = column("score", np.float32, doc="0 to 1")
    boxes: Floats = column("box", np.float32, 4, doc="xyxy, pixels")


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Faces(Result):
    """Faces, best first. Landmarks: the subject's right eye, left eye, nose tip, right and left corner of the mouth.

    A detector without landmarks gives NaN there (null in JSON).
    """

    rows_key: ClassVar[str] = "faces"

    scores: Floats = column("score", np.float32, doc="0 to 1")
    boxes: Floats = column("box", np.float32, 4, doc="xyxy, pixels")
    landmarks: Floats = column(
        "landmarks",
        np.float32,
        5,
        2,
        missing=True,
        doc="xy, pixels: right eye, left eye, nose, right, left mouth corner",
    )

    @property
    def largest(self) -> Faces:
        """The face of the largest area: length 1, or 0 when there is none."""
        return self.select([int(area(self.boxes).argmax())] if len(self) else [])

    def crop(self, picture: Picture, index: int = 0, *, padding: float = 0.25) -> npt.NDArray[np.uint8]:
        """Cut one face out of its picture.

        Args:
            picture: the picture that was asked about.
            index: row of the face.
            padding: added on each side, as a share of the box's side; clipped to the picture.

        Returns:
            (h, w, 3) uint8.

        Raises:
            ShapeError: the picture is of another size than the one that was asked about.
        """
        from pixwise.picture import Picture
        from pixwise.pixels import crop

        picture = Picture.open(picture)
        self.check_picture(picture.size_hw)
        x1, y1, x2, y2 = (float(edge) for edge in self.boxes[index])
        dx, dy = (x2 - x1) * padding, (y2 - y1) * padding
        return crop(picture.pixels(), (x1 - dx, y1 - dy, x2 + dx, y2 + dy)).copy()


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Identities(Faces):
    """Faces, best first, each as a vector of length 1, and whose they are.

    Without a gallery names are empty, similarities and thresholds 0. With one, a face that is like nobody in it is
    `unknown`, and its similarity is that to the nearest person all the same. Only vectors of one model compare.
    """

    rows_key: ClassVar[str] = "identities"

    names: Texts = column("name", str, doc="whose face; unknown, or empty when no gallery was asked")
    similarities: Floats = column(
        "similarity", np.float32, doc="cosine with the nearest person of the gallery, -1 to 1"
    )
    thresholds: Floats = column(
        "threshold", np.float32, doc="similarity from which the name is given; 0 when no gallery was asked"
    )
    vectors: Floats = column("vector", np.float32, "D", doc="unit length; the product of two is their cosine")

    def __post_init__(self) -> None:
        super().__post_init__()
        lengths = np.linalg.norm(self.vectors, axis=1)
        if len(self) and not np.allclose(lengths, 1, atol=1e-3):
            raise ShapeError(f"Identities.vectors must have length 1, got {lengths[0]:.4g}; use pixwise.vectors.unit")


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Verification(Result):
    """Whether two faces are of one person. `image` is the first picture; vectors that were given bring no row."""

    rows_key: ClassVar[str] = "faces"
    values_key: ClassVar[str] = "verification"

    same: bool = value(bool, "the similarity reaches the threshold")
    similarity: float = value(float, "cosine of the two vectors, -1 to 1")
    threshold: float = value(float, "cosine from which two faces count as one person's")
    threshold_source: str = value(str, "where the threshold comes from")
    pictures: Ints = column("picture", np.int64, doc="1 or 2: in which of the two pictures the face is")
    sources: Texts = column("source", str, doc="name of that picture")
    scores: Floats = column("score", np.float32, doc="of the face, 0 to 1")
    boxes: Floats = column("box", np.float32, 4, doc="xyxy, pixels of that picture")


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class TextLines(Result):
    """Lines of printed text in reading order. Quads: four corners clockwise from the text's own top left."""

    rows_key: ClassVar[str] = "lines"

    texts: Texts = column("text", str, doc="what it says")
    scores: Floats = column("score", np.float32, doc="0 to 1")
    quads: Floats = column("quad", np.float32, 4, 2, doc="four corners xy, pixels, clockwise from the text's top left")
    boxes: Floats = column("box", np.float32, 4, doc="xyxy around the quad, pixels")

    @property
    def text(self) -> str:
        """All of it, a line each."""
        return "\n".join(self.texts)


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Codes(Result):
    """QR and bar codes."""

    rows_key: ClassVar[str] = "codes"

    kinds: Texts = column("kind", str, doc="QR_CODE, EAN_13, EAN_8, UPC_A …")
    texts: Texts = column("text", str, doc="what it says")
    quads: Floats = column("quad", np.float32, 4, 2, doc="four corners xy, pixels")
    boxes: Floats = column("box", np.float32, 4, doc="xyxy around the quad, pixels")


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Classes(Result):
    """What the whole picture shows, best first."""

    rows_key: ClassVar[str] = "classes"

    labels: Texts = column("label", str, doc="name of the class")
    label_ids: Ints = column("label_id", np.int64, doc="number of the class in the model's vocabulary")
    scores: Floats = column("score", np.float32, doc="0 to 1")


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class LabelScores(Result):
    """How well labels of the user's own fit the whole picture, best first."""

    rows_key: ClassVar[str] = "labels"
    values_key: ClassVar[str] = "zeroshot"
    said: ClassVar[str] = "decided"

    decided: str = value(str, "the best label, or other where its score is below the threshold")
    other: float = value(float, "the threshold")
    scoring: str = value(str, "softmax: scores sum to 1 over all labels; sigmoid: each is a yes or no of its own")
    labels: Texts = column("label", str, doc="as it was given")
    label_ids: Ints = column("label_id", np.int64, doc="its place among the labels that were given, from 0")
    scores: Floats = column("score", np.float32, doc="0 to 1")
    cosines: Floats = column("cosine", np.float32, doc="of the picture's vector and the label's, -1 to 1")

    def label(self) -> str:
        """The best label, or "other" where no score reaches the threshold."""
        return self.decided


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Moderation(Result):
    """What a policy says of a picture; its rules, those that fired first, the strictest first."""

    rows_key: ClassVar[str] = "rules"
    values_key: ClassVar[str] = "moderation"

    action: str = value(str, "allow, review or block: of the strictest rule that fired, else the policy's otherwise")
    because: str = value(str, "the rule that says so; empty when none fired")
    policy: str = value(str, "name of the policy")
    title: str = value(str, "what the policy is for, in its own words; empty when it does not say", default="")
    rules: Texts = column("rule", str, doc="name of the rule")
    asked: Texts = column("asks", str, doc="the action that it asks for")
    scores: Floats = column("score", np.float32, doc="share of its labels among all of the policy, 0 to 1")
    thresholds: Floats = column("threshold", np.float32, doc="the score from which it fires")
    fired: npt.NDArray[np.bool_] = column("fired", np.bool_, doc="the score reaches the threshold")
    labels: Texts = column("label", str, doc="the label of the rule that fits best")


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Embedding(Result):
    """A picture as one vector of length 1; the product of two is their cosine. Only vectors of one model compare."""

    values_key: ClassVar[str] = "embedding"

    dimension: int = value(int, "how many numbers the vector has", default=0)
    vector: Floats = value(np.float32, "unit length", shape=("D",))

    def __post_init__(self) -> None:
        super().__post_init__()
        length = float(np.linalg.norm(self.vector))
        if self.dimension not in (0, len(self.vector)):
            raise ShapeError(
                f"Embedding.vector must have {self.dimension} numbers, got {len(self.vector)}; mend the dimension"
            )
        if len(self.vector) and abs(length - 1) > 1e-3:
            raise ShapeError(f"Embedding.vector must have length 1, got {length:.4g}; use pixwise.vectors.unit")
        object.__setattr__(self, "dimension", len(self.vector))


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Caption(Result):
    """What the picture shows, in words.

    The score is the geometric mean of the probabilities that the model itself gave the tokens that it chose, before
    penalties and temperature: long sentences compare with short ones. It says how usual the words are after one
    another, not whether they are true.
    """

    values_key: ClassVar[str] = "caption"
    said: ClassVar[str] = "text"

    text: str = value(str, "one line, with the prompt that it was begun with")
    score: float = value(float, "mean probability of the tokens (geometric), 0 to 1")
    tokens: int = value(int, "how many the model added to the prompt, the one that ended the sentence included")
    stop: str = value(str, "why it ended: end, the model ended the sentence; length, it was cut at max_tokens")
    alt_text: str = value(
        str,
        "the text for the alt of a page: at most 125 characters, whole words, no half sentence at its end",
        default="",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.alt_text:
            object.__setattr__(self, "alt_text", short_line(self.text, whole=self.stop != "length"))


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Membership(Result):
    """Whether a picture is in a collection, by a classifier that its owner trained."""

    values_key: ClassVar[str] = "membership"

    is_in_collection: bool = value(bool, "the probability is at least 0.5")
    probability: float = value(float, "that it is in the collection, 0 to 1")
    collection: str = value(str, "id of the collection")
    version: str = value(str, "which of its trained versions answered")
    box: Floats = value(np.float32, "xyxy, pixels: the part that was looked at", shape=(4,))


RESULTS: tuple[type[Result], ...] = (
    Detections,
    Faces,
    Identities,
    Verification,
    TextLines,
    Masks,
    Codes,
    Classes,
    LabelScores,
    Moderation,
    Quality,
    Rendering,
    Embedding,
    Caption,
    Membership,
    Matte,
    ClassMap,
    Instances,
    Panoptic,
    Actions,
    Poses,
    DepthMap,
    Pictures,
)


def result_from_dict(document: Mapping[str, Any]) -> Result:
    """Read back what `to_dict` of any of these gave; its `schema` says which.

    Args:
        document: from JSON, or a line of JSONL.

    Raises:
        OptionError: no such kind of answer.
        ShapeError: a key is missing, or a value is not as declared.
    """
    known = {schema_id(cls): cls for cls in RESULTS}
    schema = document.get("schema", "")
    if schema not in known:
        raise OptionError(
            f"document must be an answer with a known schema, got {schema!r}; {nearest(str(schema), known)}"
        )
    return known[schema].from_dict(document)
