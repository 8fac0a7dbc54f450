"""Labels of your own for the whole picture.

    picture → resize, crop → (1, 3, S, S) → picture tower → (D,) → length 1 ┐
    labels → template(s) → text tower → (C, D) → length 1, once             ┴→ cosines → scores → LabelScores

Heads, by how the model was trained:
    image_embeds   softmax: the labels exclude each other, scores sum to 1 (CLIP, Radford et al. 2021)
    pooler         sigmoid: each label is a yes or no of its own (SigLIP, Zhai et al. 2023; SigLIP 2)
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pixwise.errors import CardError, OptionError
from pixwise.language.labels import SLOT, is_template, same_labels
from pixwise.language.tokens import check_texts
from pixwise.language.towers import TEXT_OPTIONS, TextTower, check_pixels_only, cosines
from pixwise.lazy import kept
from pixwise.results import LabelScores
from pixwise.scores import sigmoid, softmax
from pixwise.task import Task, check_range

__all__ = ["ZeroShot"]

Raw = Mapping[str, np.ndarray]
_LOG = logging.getLogger("pixwise")


@dataclass(frozen=True, kw_only=True)
class ZeroShot(Task):
    """Say which of your own labels fits a picture.

    Attributes:
        labels: what it might show, in words that differ.
        template: sentence around each label, with {label} in it; of several the mean counts; "{label}" takes labels as
            whole sentences, as None does in Python.
        other: where no score reaches this, the answer is "other".
        top: keep the best so many; 0 keeps all.
    """

    name: ClassVar[str] = "zeroshot"
    result_type: ClassVar[type] = LabelScores
    heads: ClassVar[Mapping[str, Any]] = {"image_embeds": softmax, "pooler": sigmoid}
    card_options: ClassVar[Mapping[str, str]] = TEXT_OPTIONS
    positional: ClassVar[str] = "labels"

    labels: tuple[str, ...] = ()
    template: str | tuple[str, ...] | None = "a photo of {label}"
    other: float = 0.0
    top: int = 0

    def check_options(self) -> None:
        check_pixels_only(self.card, self.session)
        check_range("other", self.other, 0, 1)
        check_range("top", self.top, 0, 1_000_000)
        object.__setattr__(self, "labels", _checked_labels(self.labels))
        if isinstance(self.template, list | tuple):
            object.__setattr__(self, "template", tuple(self.template))
        _check_templates(self.templates)
        if self.heads[self.card.head] is sigmoid and "logit_bias" not in self.card.options:
            raise CardError(
                f"model {self.card.id!r} must have options.logit_bias to answer 'zeroshot', got none; "
                "write it into its card.toml"
            )
        if "tokenizer" in self.session.files:
            TextTower(self.card, self.session).check(self.labels, self.templates)

    @property
    def templates(self) -> tuple[str, ...]:
        """Sentences with {label} in them, one or more."""
        if self.template is None:
            return (SLOT,)
        return self.template if isinstance(self.template, tuple) else (self.template,)

    @kept
    def label_vectors(self) -> npt.NDArray[np.float32]:
        """(C, D) a direction of length 1 per label: the mean over its templates."""
        if len(self.labels) == 1 and self.heads[self.card.head] is softmax:  # told here: a task is checked twice
            _LOG.warning(
                "one label: scores of %s are shares among the labels, so its score is always 1; give what else it "
                "could be (command line: repeat --label), or look at the cosine",
                self.card.id,
            )
        return TextTower(self.card, self.session).directions(self.labels, self.templates)

    def run(self, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """(B, C) cosines of pictures and labels."""
        return {"cosines": cosines(self.session.run(feeds), self.label_vectors, self.card)}

    def postprocess(self, raw: Raw, fit: Any) -> LabelScores:
        near, options = raw["cosines"][0], self.card.options  # (C,)
        logits = options["logit_scale"] * near.astype(np.float64) + options.get("logit_bias", 0.0)
        scoring = self.heads[self.card.head]
        scores = scoring(logits)
        order = np.argsort(-near, kind="stable")  # scores of many labels may round to one number
        best = self.labels[order[0]] if scores[order[0]] >= self.other else "other"
        order = order[: self.top or len(order)]
        return LabelScores(
            decided=best,
            other=self.other,
            scoring=scoring.__name__,
            labels=tuple(self.labels[i] for i in order),
            label_ids=order,
            scores=scores[order],
            cosines=near[order],
        )


def _checked_labels(given: Any) -> tuple[str, ...]:
    labels = check_texts("labels", [given] if isinstance(given, str) else given)
    if not labels:
        raise OptionError(
            "labels must be one text or more, got none; say what the picture might show: ['a dog', 'a cat'] "
            "(command line: --label 'a dog' --label 'a cat')"
        )
    if twice := same_labels(labels):
        raise OptionError(f"labels must differ, got {twice[0]!r} and {twice[1]!r}; they would share a score, keep one")
    return labels


def _check_templates(templates: tuple[str, ...]) -> None:
    if not templates:
        raise OptionError(f"template must be a sentence or several, got none; write 'a photo of {SLOT}', or '{SLOT}'")
    for template in check_texts("template", templates):
        if not is_template(template):
            raise OptionError(
                f"template must hold {SLOT} and no other braces, got {template!r}; write 'a photo of {SLOT}', "
                f"or '{SLOT}' where labels are whole sentences"
            )
