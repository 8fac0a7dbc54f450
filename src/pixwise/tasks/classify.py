"""What a picture shows: labels for the whole of it.

    picture → resize, crop → (1, 3, S, S) → model → decode_* → (C,) scores → the best labels → Classes

Heads:
    softmax         the classes exclude each other (ConvNeXt, ViT, MobileNet)
    sigmoid         each class is a yes or no of its own (multi-label)
    probabilities   the model ends in its own softmax (SqueezeNet)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pixwise.results import Classes
from pixwise.scores import CLASS_SCORES, USUAL_MIN_SCORES, best_of, class_row, label_of
from pixwise.task import Task, check_range

__all__ = ["Classifier"]

Raw = Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Classifier(Task):
    """Name what a picture shows.

    Attributes:
        top: keep the best so many; 0 keeps all.
        min_score: lower ones are dropped; left out, what is usual for the kind of model (0.01, multi-label 0.5).
    """

    name: ClassVar[str] = "classify"
    result_type: ClassVar[type] = Classes
    heads: ClassVar[Mapping[str, Any]] = CLASS_SCORES
    card_options: ClassVar[Mapping[str, str]] = {"min_score": "share"}

    top: int = 5
    min_score: float | None = None

    def check_options(self) -> None:
        if self.min_score is None:
            usual = self.card.options.get("min_score", USUAL_MIN_SCORES[self.card.head])
            object.__setattr__(self, "min_score", usual)
        check_range("min_score", self.min_score, 0, 1)
        check_range("top", self.top, 0, 1_000_000)

    def postprocess(self, raw: Raw, fit: Any) -> Classes:
        names = self.card.names
        scores = self.heads[self.card.head](class_row(raw, names, self.card.id))  # (C,)
        kept = best_of(scores, names, self.top, self.min_score)
        labels = tuple(label_of(names, index) for index in kept)
        return Classes(labels=labels, label_ids=kept, scores=scores[kept])
