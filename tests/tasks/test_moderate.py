"""Policies asked about pictures, with sessions that answer as told."""

import numpy as np
import pytest
import tokenizers

from pixwise.errors import OptionError
from pixwise.policy import Policy, Rule
from pixwise.recipe import Recipe
from pixwise.registry import Card
from pixwise.session import FakeSession
from pixwise.tasks.moderate import Moderator, judge

POLICY = Policy(
    "mine",
    (
        Rule("fine", ("a dog", "a cat"), 0.5, "allow"),
        Rule("odd", ("a ghost",), 0.2, "review"),
        Rule("bad", ("a ghost", "a fire"), 0.6, "block"),
    ),
)
PICTURE = np.zeros((20, 30, 3), np.uint8)
WORDS = {"dog": 0, "ghost": 1}
TEXT = """
title = "No ghosts"
templates = ["{label}", "a photo of {label}"]
[[rule]]
name = "fine"
labels = ["dog"]
threshold = 0.5
action = "allow"
[[rule]]
name = "odd"
labels = ["ghost"]
threshold = 0.5
action = "block"
"""


@pytest.mark.parametrize(
    ("shares", "action", "rule", "order"),
    [
        ((0.5, 0.4, 0.1, 0.0), "allow", "fine", ("fine", "bad", "odd")),
        ((0.4, 0.2, 0.3, 0.1), "review", "odd", ("odd", "fine", "bad")),
        ((0.2, 0.1, 0.3, 0.4), "block", "bad", ("bad", "odd", "fine")),
        ((0.2, 0.2, 0.1, 0.5), "block", "bad", ("bad", "odd", "fine")),
        ((0.25, 0.2, 0.15, 0.4), "review", "", ("bad", "odd", "fine")),
    ],
)
def test_the_strictest_rule_that_fires_decides_and_stands_first(shares, action, rule, order):
    said = judge(POLICY, np.array(shares))
    assert (said.action, said.because, said.rules) == (action, rule, order)
    assert said.fired.tolist() == (said.scores >= said.thresholds).tolist()


def test_a_rule_tells_its_score_and_the_label_that_fits_best():
    row = judge(POLICY, np.array([0.1, 0.6, 0.2, 0.1]))[1]
    assert (row.rule, row.label, row.score, row.threshold, row.fired) == ("fine", "a cat", 0.7, 0.5, True)


def test_a_score_that_reaches_its_threshold_fires():
    assert judge(POLICY, np.array([0.25, 0.25, 0.1, 0.4])).because == "fine"


@pytest.fixture
def moderator(tmp_path):
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(WORDS, unk_token="dog"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "mine.toml").write_text(TEXT)
    directions = np.float32([[1, 0], [0, 1]])

    def text(feeds):
        return {"text_embeds": directions[feeds["input_ids"][:, -1]]}

    def made_of(seen):
        session = FakeSession(
            {"image_embeds": np.float32([seen])}, files={"tokenizer": tmp_path / "tokenizer.json"}, parts={"text": text}
        )
        card = Card(
            id="fake", task="embed", head="image_embeds", recipe=Recipe(size_hw=(8, 8)), options={"logit_scale": 10.0}
        )
        return Moderator(card=card, session=session, policy=str(tmp_path / "mine.toml"))

    return made_of


def test_a_picture_is_shared_out_among_the_labels(moderator):
    said = moderator([3.0, 4.0])(PICTURE)
    assert (said.action, said.because, said.policy, said.title) == ("block", "odd", "mine", "No ghosts")
    np.testing.assert_allclose(said.scores, [1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2))], atol=1e-6)


def test_the_policy_is_read_once_when_the_task_is_made(moderator, tmp_path):
    task = moderator([3.0, 4.0])
    (tmp_path / "mine.toml").unlink()
    assert task(PICTURE).because == "odd"


def test_a_broken_policy_is_told_before_a_model_is_looked_for(tmp_path):
    (tmp_path / "mine.toml").write_text(TEXT.replace("0.5", "5"))
    with pytest.raises(OptionError, match=r"mine.toml: rule 1 'fine': threshold must be a number from 0 to 1, got 5"):
        Moderator.load(policy=str(tmp_path / "mine.toml"), offline=True)
