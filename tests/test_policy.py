"""Policies as data, and what is said of those that are not as they must be."""

import re

import pytest

from pixwise.errors import OptionError
from pixwise.policy import ACTIONS, load_policy, policies

GOOD = """
title = "Mine"
otherwise = "block"
templates = ["a photo of {label}"]
[[rule]]
name = "fine"
labels = ["a dog", "a cat"]
threshold = 0.5
action = "allow"
[[rule]]
name = "odd"
labels = ["a ghost", "a cat"]
threshold = 1
action = "review"
"""


def write(folder, text=GOOD):
    path = folder / "mine.toml"
    path.write_text(text, "utf-8")
    return path


def test_a_file_of_ones_own_is_read(tmp_path):
    policy = load_policy(write(tmp_path))
    assert (policy.name, policy.title, policy.otherwise) == ("mine", "Mine", "block")
    assert [(rule.name, rule.threshold, rule.action) for rule in policy.rules] == [
        ("fine", 0.5, "allow"),
        ("odd", 1.0, "review"),
    ]
    assert policy == load_policy(str(tmp_path / "mine.toml"))


@pytest.mark.parametrize("threshold", ["0", "0.0", "1"])
def test_a_rule_may_always_fire_or_only_when_it_has_all(tmp_path, threshold):
    policy = load_policy(write(tmp_path, GOOD.replace("threshold = 0.5", f"threshold = {threshold}")))
    assert policy.rules[0].threshold == float(threshold)


def test_a_label_of_two_rules_counts_once(tmp_path):
    assert load_policy(write(tmp_path)).labels == ("a dog", "a cat", "a ghost")


def test_what_is_left_out_is_the_mildest_reading(tmp_path):
    policy = load_policy(write(tmp_path, GOOD.replace('otherwise = "block"\ntemplates = ["a photo of {label}"]', "")))
    assert (policy.otherwise, policy.templates) == ("review", ("{label}",))


@pytest.mark.parametrize("name", policies())
def test_the_policies_that_come_with_us_can_be_used(name):
    policy = load_policy(name)
    assert policy.title
    assert {rule.action for rule in policy.rules} == set(ACTIONS)


def test_there_is_one_for_safe_violent_and_explicit():
    assert [rule.name for rule in load_policy("general").rules] == ["safe", "violent", "explicit"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('title = "Mine"', 'titel = "Mine"', "mine.toml: keys must be known, got 'titel'; did you mean 'title'"),
        ("threshold = 0.5", "threshhold = 0.5", "rule 1 'fine': keys must be known, got 'threshhold'"),
        ("threshold = 0.5", "threshold = 50", "rule 1 'fine': threshold must be a number from 0 to 1, got 50; mend it"),
        ("threshold = 0.5", "threshold = nan", "rule 1 'fine': threshold must be a number from 0 to 1, got nan"),
        ("threshold = 0.5", "threshold = true", "rule 1 'fine': threshold must be a number from 0 to 1, got True"),
        ("threshold = 0.5\n", "", "rule 1 'fine': rule must have threshold, got none; add threshold = …"),
        ('action = "review"', 'action = "ban"', "rule 2 'odd': action must be one of allow, review, block, got 'ban'"),
        ('action = "review"', "action = [1]", "rule 2 'odd': action must be one of allow, review, block, got [1]"),
        ('["a ghost", "a cat"]', "[]", "rule 2 'odd': labels must be a list of texts, got []; write"),
        ('["a ghost", "a cat"]', '"a ghost"', "rule 2 'odd': labels must be a list of texts, got 'a ghost'"),
        ('["a ghost", "a cat"]', '["a", "a"]', "rule 2 'odd': labels must differ, got 'a' twice; leave one out"),
        ('name = "odd"', "", "rule 2: rule must have a name, got None; add name"),
        ('name = "odd"', 'name = "fine"', "mine.toml: rules must have different names, got 'fine' twice; rename one"),
        (
            'action = "allow"',
            'action = "block"',
            'policy must have a rule with action "allow", got none; say what harm',
        ),
        (
            '["a photo of {label}"]',
            '["a photo"]',
            "templates must each hold {label} and no other braces, got 'a photo'",
        ),
        (
            '["a photo of {label}"]',
            '["{label} {x}"]',
            "templates must each hold {label} and no other braces, got '{lab",
        ),
        (
            '["a ghost", "a cat"]',
            '["a ghost", "A  cat"]',
            "or be written alike in several rules, got 'a cat' and 'A  c",
        ),
        ('["a ghost", "a cat"]', '["a ghost", "A ghost"]', "labels must differ, or be written alike in several rules"),
        (
            'otherwise = "block"',
            'otherwise = "no"',
            "mine.toml: otherwise must be one of allow, review, block, got 'no'",
        ),
        ("[[rule]]", "[[rules]]", "mine.toml: keys must be known, got 'rules'; did you mean 'rule'"),
        (
            'title = "Mine"',
            "title = Mine",
            "mine.toml: expected TOML, got Invalid value (at line 2, column 9); mend the",
        ),
    ],
)
def test_a_mistake_is_told_with_file_and_rule(tmp_path, old, new, words):
    path = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(OptionError, match=re.escape(words)) as told:
        load_policy(path)
    assert str(path) in str(told.value)


@pytest.mark.parametrize("text", ["", 'title = "Mine"', "rule = 3", "rule = []"])
def test_a_policy_without_rules_is_told(tmp_path, text):
    with pytest.raises(OptionError, match=r"policy must have rules, got .*; write \[\[rule\]\] for each"):
        load_policy(write(tmp_path, text))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("generell", "policy must be known or a file that ends in .toml, got 'generell'; did you mean 'general'"),
        (
            "nowhere/mine.toml",
            "nowhere/mine.toml: expected a policy file, got No such file or directory; check the path",
        ),
        (7, "policy must be a name or a TOML file, got 7; known: general"),
    ],
)
def test_a_policy_that_is_not_there_is_told(given, words):
    with pytest.raises(OptionError, match=re.escape(words)):
        load_policy(given)


def test_a_mark_that_editors_put_before_the_first_letter_is_passed_over(tmp_path):
    (tmp_path / "mine.toml").write_text(GOOD, "utf-8-sig")
    assert load_policy(tmp_path / "mine.toml").title == "Mine"


def test_bytes_that_are_no_text_are_told(tmp_path):
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(OptionError, match=r"mine.toml: expected TOML in UTF-8, got .*; save it as UTF-8"):
        load_policy(tmp_path / "mine.toml")
