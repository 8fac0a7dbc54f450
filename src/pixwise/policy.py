"""Policies: what `moderate` looks for and what is to be done then, as data.

policies/<name>.toml, or a file of the user ─▶ Policy: rules with labels, threshold, action

title = "…"
otherwise = "review"                       # what is to be done when no rule fires
templates = ["a photo of {label}"]         # sentences around each label; their mean counts
[[rule]]
name = "violent"
labels = ["people fighting", "a person pointing a gun"]
threshold = 0.4                            # the rule fires from this share on
action = "review"                          # allow, review or block
"""

from __future__ import annotations

import os
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from pixwise.errors import OptionError, nearest
from pixwise.language.labels import SLOT, is_template, same_labels

__all__ = ["ACTIONS", "Policy", "Rule", "load_policy", "policies", "policy_from_table"]

ACTIONS = ("allow", "review", "block")  # from mild to strict
_POLICY_KEYS = ("title", "otherwise", "templates", "rule")
_RULE_KEYS = ("name", "labels", "threshold", "action")


@dataclass(frozen=True)
class Rule:
    """One thing that a policy looks for.

    Attributes:
        name: how answers call it.
        labels: what it looks like, in words; their shares are added up.
        threshold: the share from which it fires, 0 to 1.
        action: what is to be done then.
    """

    name: str
    labels: tuple[str, ...]
    threshold: float
    action: str


@dataclass(frozen=True)
class Policy:
    """Rules that share a picture out among them.

    Attributes:
        name: of the file, without its ending.
        rules: at least one of them allows.
        templates: sentences around each label.
        otherwise: what is to be done when no rule fires.
        title: one line for people.
    """

    name: str
    rules: tuple[Rule, ...]
    templates: tuple[str, ...] = (SLOT,)
    otherwise: str = "review"
    title: str = ""

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label once: rules may share some, to act differently at different thresholds."""
        return tuple(dict.fromkeys(label for rule in self.rules for label in rule.labels))


@cache
def policies() -> tuple[str, ...]:
    """Names of the policies that come with Pixwise."""
    found = (entry.name for entry in resources.files("pixwise.policies").iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


def load_policy(policy: str | os.PathLike[str]) -> Policy:
    """A policy by its name, or from a TOML file.

    Args:
        policy: one of `policies()`, or a path; what ends in .toml or has a separator is a path.

    Raises:
        OptionError: no such policy or file, or it is not as it must be; the message names file and rule.
    """
    if not isinstance(policy, str | os.PathLike):
        raise OptionError(f"policy must be a name or a TOML file, got {policy!r:.80}; known: {', '.join(policies())}")
    given = os.fspath(policy)
    path = Path(given)
    if not isinstance(policy, str) or path.suffix.lower() == ".toml" or path.name != given:
        return _read(path, given)
    if given not in policies():
        raise OptionError(
            f"policy must be known or a file that ends in .toml, got {given!r}; {nearest(given, policies())}"
        )
    return _read(resources.files("pixwise.policies") / f"{given}.toml", f"policy {given}")


def _read(path: Any, where: str) -> Policy:
    try:
        text = path.read_text("utf-8-sig")  # editors of Windows write a mark before the first letter
    except OSError as error:
        raise OptionError(
            f"{where}: expected a policy file, got {error.strerror}; check the path, or use {' or '.join(policies())}"
        ) from error
    except UnicodeDecodeError as error:
        raise OptionError(f"{where}: expected TOML in UTF-8, got {error}; save it as UTF-8") from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise OptionError(f"{where}: expected TOML, got {error}; mend the file (docs/moderate.md)") from error
    return policy_from_table(table, name=Path(path.name).stem, where=where)


def policy_from_table(table: Mapping[str, Any], *, name: str, where: str) -> Policy:
    """Build a policy from a parsed TOML table, checking every key.

    Args:
        table: as in the head of this file.
        name: how answers call it.
        where: the file, for messages.

    Raises:
        OptionError: a key is missing, unknown, or not as it must be.
    """
    _check_keys(table, _POLICY_KEYS, where)
    entries = table.get("rule")
    if not isinstance(entries, list) or not entries:
        raise OptionError(f"{where}: policy must have rules, got {entries!r:.80}; write [[rule]] for each")
    rules = tuple(_rule(entry, f"{where}: rule {number}") for number, entry in enumerate(entries, 1))
    twice = [each for each, count in Counter(rule.name for rule in rules).items() if count > 1]
    if twice:
        raise OptionError(f"{where}: rules must have different names, got {twice[0]!r} twice; rename one")
    if not any(rule.action == "allow" for rule in rules):
        raise OptionError(
            f'{where}: policy must have a rule with action "allow", got none; say what harmless pictures show, or each '
            "would be shared out among the others"
        )
    policy = Policy(
        name=name,
        rules=rules,
        templates=_texts(table.get("templates", [SLOT]), f"{where}: templates", slot=True),
        otherwise=_action(table.get("otherwise", "review"), f"{where}: otherwise"),
        title=str(table.get("title", "")),
    )
    if twice := same_labels(policy.labels):
        raise OptionError(
            f"{where}: labels must differ, or be written alike in several rules, got {twice[0]!r} and {twice[1]!r}; "
            "they would halve each other's share: leave one out"
        )
    return policy


def _rule(entry: Any, where: str) -> Rule:
    if not isinstance(entry, Mapping):
        raise OptionError(f"{where}: rule must be a table, got {entry!r:.80}; write [[rule]]")
    name = entry.get("name")
    if not isinstance(name, str) or not name.strip():
        raise OptionError(f'{where}: rule must have a name, got {name!r:.80}; add name = "…"')
    where = f"{where} {name!r}"
    _check_keys(entry, _RULE_KEYS, where)
    for key in _RULE_KEYS:
        if key not in entry:
            raise OptionError(f"{where}: rule must have {key}, got none; add {key} = …")
    threshold = entry["threshold"]
    if not isinstance(threshold, int | float) or isinstance(threshold, bool) or not 0 <= threshold <= 1:
        raise OptionError(f"{where}: threshold must be a number from 0 to 1, got {threshold!r:.80}; mend it")
    return Rule(
        name,
        _texts(entry["labels"], f"{where}: labels"),
        float(threshold),
        _action(entry["action"], f"{where}: action"),
    )


def _check_keys(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in known:
            raise OptionError(f"{where}: keys must be known, got {key!r}; {nearest(key, known)}")


def _action(given: Any, where: str) -> str:
    if given not in ACTIONS:
        raise OptionError(f"{where} must be one of {', '.join(ACTIONS)}, got {given!r:.80}; mend it")
    return given


def _texts(given: Any, where: str, *, slot: bool = False) -> tuple[str, ...]:
    """Texts that differ; with `slot`, each has {label} in it."""
    texts = given if isinstance(given, list) else None
    if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
        raise OptionError(f'{where} must be a list of texts, got {given!r:.80}; write ["…", "…"]')
    twice = [each for each, count in Counter(texts).items() if count > 1]
    if twice:
        raise OptionError(f"{where} must differ, got {twice[0]!r:.80} twice; leave one out")
    odd = [text for text in texts if slot and not is_template(text)]
    if odd:
        raise OptionError(
            f"{where} must each hold {SLOT} and no other braces, got {odd[0]!r:.80}; say where the label goes"
        )
    return tuple(texts)
