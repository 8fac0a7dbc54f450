"""The cosine from which two faces count as one person's, and who says so."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING

from pixwise.errors import OptionError, UnknownModelError

if TYPE_CHECKING:
    from pixwise.registry import Card
    from pixwise.results import ModelInfo

__all__ = ["GIVEN", "check_threshold", "threshold_of", "threshold_of_model"]

GIVEN = "given by the caller"


def threshold_of(card: Card, given: float | None, *, needed: bool = True) -> tuple[float, str]:
    """The threshold, and where it comes from: the caller, else the model's card.

    Args:
        card: of the model that made the vectors.
        given: the caller's; None takes the card's.
        needed: when not, a card without one gives 0 from nowhere.

    Raises:
        OptionError: it is no cosine, or neither of them has one.
    """
    if given is not None:
        return check_threshold(given), GIVEN
    if "threshold" in card.options:
        said = card.options.get("threshold_source", "")
        return float(card.options["threshold"]), said or f"the card of {card.id}"
    if needed:
        raise OptionError(
            f"threshold must be given for model {card.id!r}, whose card has none; measure one on pairs of your own "
            "(docs/identify.md) and say threshold=…"
        )
    return 0.0, ""


def threshold_of_model(model: Card | ModelInfo, given: float | None, named: str = "") -> tuple[float, str]:
    """As `threshold_of`, for a model of which perhaps only the name is known: then a card of that name must have it.

    Args:
        model: that made the vectors.
        given: the caller's threshold.
        named: the same model as the caller names it: a folder tells what no built-in card does.

    Raises:
        OptionError: nobody knows a threshold, or the caller names another model.
    """
    from pixwise import registry

    if given is not None:
        return check_threshold(given), GIVEN
    if isinstance(model, registry.Card):
        return threshold_of(model, None)
    if named:
        return threshold_of(_card_of_maker(named, model.id), None)
    try:
        return threshold_of(registry.card(model.id, "identify"), None)
    except UnknownModelError as error:
        raise OptionError(
            f"threshold must be given for vectors of {model.id or 'an unknown model'!r}, which is no built-in card; "
            "say threshold=…, or model=… where its folder has one"
        ) from error


def _card_of_maker(named: str, maker: str) -> Card:
    from pixwise.loading import load_card

    found = load_card(named, "identify", offline=True)
    if maker not in ("", found.id):
        raise OptionError(f"model must be the one that made the vectors, {maker!r}, got {found.id!r}; leave it out")
    return found


def check_threshold(threshold: float) -> float:
    """The threshold as a number, if it is a cosine.

    Raises:
        OptionError: it is not from -1 to 1.
    """
    number = isinstance(threshold, Real) and not isinstance(threshold, bool)  # numpy's float32 too
    if not number or not -1 <= threshold <= 1:
        raise OptionError(f"threshold must be a cosine from -1 to 1, got {threshold!r}; give one in this range")
    return float(threshold)
