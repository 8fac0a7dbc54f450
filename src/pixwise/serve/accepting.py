"""`Accept`: which of the forms that there are a caller wants (RFC 9110, 12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence

from pixwise.serve.problems import Problem

__all__ = ["form_wanted"]


def form_wanted(accept: str, forms: Sequence[str]) -> str:
    """The form that a caller wants most; of equals the one that he names first.

    Args:
        accept: the header; empty takes anything.
        forms: media types, the usual one first.

    Raises:
        Problem: 406, none of them.
    """
    ranges = [_range(entry) for entry in accept.split(",") if entry.strip()] or [("*/*", 1.0)]
    rated = [(*_rating(form, ranges), -place, form) for place, form in enumerate(forms)]
    quality, _, _, best = max(rated)
    if quality <= 0:
        known, advice = ", ".join(forms), f"leave it out for {forms[0]}"
        raise Problem(406, f"Accept must name one of {known}, got {accept[:120]!r}; {advice}", "form")
    return best


def _range(entry: str) -> tuple[str, float]:
    kind, *parameters = (part.strip().lower() for part in entry.split(";"))
    told = next((part[2:].strip() for part in parameters if part.startswith("q=")), "1")
    try:
        return kind, min(max(float(told), 0.0), 1.0)
    except ValueError:
        return kind, 0.0


def _rating(form: str, ranges: Sequence[tuple[str, float]]) -> tuple[float, int]:
    """Quality by the narrowest range that fits, and how early it was named; wide ranges leave the choice to us."""
    widths = (form, f"{form.partition('/')[0]}/*", "*/*")
    for width in widths:
        for place, (kind, quality) in enumerate(ranges):
            if kind == width:
                return quality, -place
    return 0.0, 0
