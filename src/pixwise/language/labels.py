"""Labels and templates of one's own, as texts: which are the same, and where a label goes. Pure."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["SLOT", "fill", "is_template", "same_labels"]

SLOT = "{label}"


def fill(template: str, labels: Iterable[str]) -> list[str]:
    """The sentence around each label."""
    return [template.replace(SLOT, label) for label in labels]


def is_template(text: str) -> bool:
    """It says where the label goes, and has no braces beside."""
    rest = text.replace(SLOT, "")
    return SLOT in text and "{" not in rest and "}" not in rest


def same_labels(labels: Iterable[str]) -> tuple[str, str] | None:
    """The first two that differ in capitals or blanks at most: models read small letters and single blanks."""
    seen: dict[str, str] = {}
    for label in labels:
        key = " ".join(label.casefold().split())
        if key in seen:
            return seen[key], label
        seen[key] = label
    return None
