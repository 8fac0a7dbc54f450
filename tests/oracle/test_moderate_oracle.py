"""Scores of rules against `transformers`: the same weights and tokenizers, its torch models, from JPEG bytes on.

The reference gives logits of all labels; their softmax is added up here. Tolerance 1e-3, as for own labels.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from oracle import texts, tiny, towers
from PIL import Image

from pixwise.scores import sigmoid
from pixwise.tasks.moderate import Moderator

pytestmark = pytest.mark.oracle

PICTURES = [tiny.jpeg(240, 320, seed=41), tiny.jpeg(400, 180, seed=42), tiny.jpeg(90, 131, seed=43)]
RULES = {"fine": ["a dog", "ein Haus am See"], "odd": ["two cats"], "bad": ["the sky at night", "a bird"]}
POLICY = 'templates = ["a photo of {label}"]\n' + "".join(
    f'[[rule]]\nname = "{name}"\nlabels = {labels}\nthreshold = 0.5\naction = "{action}"\n'
    for (name, labels), action in zip(RULES.items(), ("allow", "review", "block"), strict=True)
)
each_model = pytest.mark.parametrize("name", ["clip", "siglip2"])


class Case:
    """A model saved to a folder, a policy, and the shares of its rules by the reference."""

    def __init__(self, name: str, folder: Path):
        made = texts.make(name)
        (folder / "mine.toml").write_text(POLICY)
        processor = towers.TOWERS[made.pair.picture].processor
        opened = [Image.open(io.BytesIO(data)) for data in PICTURES]
        pixels = torch.cat([processor(image, return_tensors="pt")["pixel_values"] for image in opened])
        sentences = [f"a photo of {label}" for labels in RULES.values() for label in labels]
        shares = made.logits(pixels, sentences).softmax(-1).numpy()  # (B, C)
        self.wanted = np.stack([part.sum(axis=1) for part in np.split(shares, [2, 3], axis=1)], axis=1)  # (B, R)
        model = str(texts.save(made, folder / name))
        self.moderator = Moderator.load(model, policy=str(folder / "mine.toml"), exact=True, threads=1)

    def worst(self, moderator: Moderator) -> float:
        """The largest difference of a score from the reference's."""
        said = [{row.rule: row.score for row in answer} for answer in moderator(PICTURES)]
        return float(np.abs(np.array([[each[rule] for rule in RULES] for each in said]) - self.wanted).max())


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Case]:
    return tiny.made_once(Case, tmp_path_factory)


@each_model
def test_rules_have_the_scores_of_transformers(cases, name):
    assert cases(name).worst(cases(name).moderator) < 1e-3


@each_model
def test_scores_of_the_reference_differ_between_pictures_and_rules(cases, name):
    assert cases(name).wanted.std(axis=0).max() > 0.01
    assert cases(name).wanted.std(axis=1).min() > 0.01


# Planted faults: each must be seen.


@each_model
def test_another_scale_is_seen(cases, name):
    moderator = cases(name).moderator
    options = {**moderator.card.options, "logit_scale": moderator.card.options["logit_scale"] / 2}
    assert cases(name).worst(replace(moderator, card=replace(moderator.card, options=options))) > 1e-3


class YesOrNo(Moderator):
    """Each label is a yes or no of its own."""

    heads: ClassVar = {"image_embeds": sigmoid, "pooler": sigmoid}


@each_model
def test_yes_or_no_in_the_place_of_shares_is_seen(cases, name):
    given = cases(name).moderator
    other = YesOrNo(card=given.card, session=given.session, policy=given.policy, exact=True)
    assert cases(name).worst(other) > 1e-3


@each_model
def test_a_label_left_out_is_seen(cases, name, tmp_path):
    (tmp_path / "less.toml").write_text(POLICY.replace(", 'a bird'", ""))
    assert cases(name).worst(replace(cases(name).moderator, policy=str(tmp_path / "less.toml"))) > 1e-3
