"""What is to be done with a picture, by a policy of named rules.

    picture → picture tower → (D,) → length 1 ┐
    labels of all rules → text tower → (C, D) ┴→ cosines → softmax over all → added up per rule → Moderation

The shares of all labels of a policy sum to 1, for every kind of model: a rule is judged against the others, so that
what is harmless must have a rule of its own. A share is no probability of harm: see docs/moderate.md.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pixwise.language.towers import TEXT_OPTIONS, TextTower, check_pixels_only, cosines
from pixwise.lazy import kept
from pixwise.policy import ACTIONS, Policy, load_policy
from pixwise.results import Moderation
from pixwise.scores import softmax
from pixwise.task import Task

__all__ = ["Moderator", "judge"]

Raw = Mapping[str, np.ndarray]


def judge(policy: Policy, shares: npt.NDArray[np.floating]) -> Moderation:
    """What a policy says to shares of its labels.

    Args:
        policy: the rules.
        shares: (C,) of `policy.labels`, sum 1.

    Returns:
        A row per rule: those that fired first, the strictest first, then by score.
    """
    share_of = dict(zip(policy.labels, shares.tolist(), strict=True))
    each = [[share_of[label] for label in rule.labels] for rule in policy.rules]
    scores = np.minimum([sum(mine) for mine in each], 1.0)  # (R,) rounding may go above
    thresholds = np.array([rule.threshold for rule in policy.rules])
    strictness = np.array([ACTIONS.index(rule.action) for rule in policy.rules])
    fired = scores >= thresholds
    order = np.lexsort((-scores, -strictness, ~fired))
    first = policy.rules[order[0]] if fired.any() else None
    return Moderation(
        action=first.action if first else policy.otherwise,
        because=first.name if first else "",
        policy=policy.name,
        title=policy.title,
        rules=tuple(policy.rules[i].name for i in order),
        asked=tuple(policy.rules[i].action for i in order),
        scores=scores[order],
        thresholds=thresholds[order],
        fired=fired[order],
        labels=tuple(policy.rules[i].labels[int(np.argmax(each[i]))] for i in order),
    )


@dataclass(frozen=True, kw_only=True)
class Moderator(Task):
    """Say what is to be done with a picture: allow, review or block; and which rule says so, and how surely.

    Attributes:
        policy: a policy by name (general), or a TOML file of your own.
    """

    name: ClassVar[str] = "moderate"
    result_type: ClassVar[type] = Moderation
    heads: ClassVar[Mapping[str, Any]] = {"image_embeds": softmax, "pooler": softmax}
    card_options: ClassVar[Mapping[str, str]] = TEXT_OPTIONS
    positional: ClassVar[str] = "policy"

    policy: str | os.PathLike[str] = "general"

    def check_options(self) -> None:
        check_pixels_only(self.card, self.session)
        policy = self.loaded_policy  # read now: a mistake in it must not cost the fetching of a model
        if "tokenizer" in self.session.files:
            TextTower(self.card, self.session).check(policy.labels, policy.templates)

    @kept
    def loaded_policy(self) -> Policy:
        """The rules, as they were when the task was made."""
        return load_policy(self.policy)

    @kept
    def label_vectors(self) -> npt.NDArray[np.float32]:
        """(C, D) a direction of length 1 per label."""
        policy = self.loaded_policy
        return TextTower(self.card, self.session).directions(policy.labels, policy.templates)

    def run(self, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """(B, C) cosines of pictures and labels."""
        return {"cosines": cosines(self.session.run(feeds), self.label_vectors, self.card)}

    def postprocess(self, raw: Raw, fit: Any) -> Moderation:
        logits = self.card.options["logit_scale"] * raw["cosines"][0].astype(np.float64)  # a bias is the same for all
        return judge(self.loaded_policy, self.heads[self.card.head](logits))
