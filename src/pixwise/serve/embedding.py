"""Texts and pictures as vectors of one space, for one request; each vector through the batcher.

[text, picture, text] ─▶ one model for all ─┬▶ text tower ─┐
                                            └▶ task embed ─┴▶ vectors in the order of the request
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixwise import registry
from pixwise.errors import OptionError, PixwiseError
from pixwise.language.tokens import check_texts, load_tokenizer
from pixwise.language.towers import TextTower
from pixwise.loading import load_card
from pixwise.serve.asking import Ask
from pixwise.serve.many import side_by_side
from pixwise.serve.service import Question, Service, Source
from pixwise.serve.stock import Chosen
from pixwise.session import Session

__all__ = ["Vectors", "vectors_of"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Vectors:
    """What came of a request.

    Attributes:
        rows: (N, D) float32, each of length 1.
        model: its name.
        tokens: that the texts were read as; pictures have none.
    """

    rows: Floats
    model: str
    tokens: int


async def vectors_of(service: Service, ask: Ask, inputs: Sequence[str | Source], model: str) -> Vectors:
    """Make the vectors; they compare with one another, whatever they are of.

    Args:
        service, ask: who answers whom.
        inputs: texts and pictures, at least one.
        model: as the request names it; empty for the default.

    Raises:
        OptionError: a text says nothing, or a picture cannot be used; the message says which.
        CardError: texts, and the model reads none.
    """
    texts = [each for each in inputs if isinstance(each, str)]
    places = [place for place, each in enumerate(inputs) if isinstance(each, str)]
    for place, text in zip(places, texts, strict=True):
        _of_input(place, partial(check_texts, "input", [text]))
    rows: dict[int, Floats] = {}
    if texts:
        tower = service.stock.choose_tower(model)
        session = await service.stock.part(tower, ask)
        told, tokens = await service.crew.do(ask, lambda: _read(tower, session, ask, texts))
        rows.update(zip(places, told, strict=True))
        chosen = _for_pictures(tower)
    else:
        tokens, chosen = 0, service.choose(Question("embed", Source(), model))
    rows.update(await _seen(service, ask, inputs, chosen))
    return Vectors(np.stack([rows[place] for place in range(len(inputs))]), _name(service, chosen), tokens)


def _name(service: Service, chosen: Chosen) -> str:
    """What requests call the model; the folder of one's own has another name."""
    own = service.settings.own_models.items()
    return next((name for name, folder in own if Path(folder) == chosen.model), chosen.card.id)


def _read(chosen: Chosen, session: Session, ask: Ask, texts: Sequence[str]) -> tuple[Floats, int]:
    with ask.step("embed"):
        rows = TextTower(chosen.card, session).vectors(texts)
    tokenizer = load_tokenizer(session.files["tokenizer"], chosen.card.options.get("text_length", 0))
    return rows, int(tokenizer.encode(texts)[1].sum())


def _for_pictures(tower: Chosen) -> Chosen:
    """The same model, with the part that sees."""
    if isinstance(tower.model, str):
        return Chosen("embed", tower.model, registry.card(tower.model, "embed"))
    return Chosen("embed", tower.model, load_card(tower.model, "embed", offline=True))


async def _seen(service: Service, ask: Ask, inputs: Sequence[str | Source], chosen: Chosen) -> dict[int, Floats]:
    """Vectors of the pictures, by their places."""
    sources = {place: each for place, each in enumerate(inputs) if isinstance(each, Source)}
    if not sources:
        return {}
    await service.stock.ready(chosen, ask)
    works = [partial(_look, service, ask, chosen, source) for source in sources.values()]
    answers = await side_by_side(service, ask, works)
    for place, answer in zip(sources, answers, strict=True):
        if isinstance(answer, BaseException):
            _of_input(place, partial(_raise, answer))
    return dict(zip(sources, answers, strict=True))


def _look(service: Service, ask: Ask, chosen: Chosen, source: Source) -> Floats:
    with service.opened(ask, source) as picture:
        return service.ask(ask, chosen, {}, picture).vector


def _raise(error: BaseException) -> None:
    raise error


def _of_input(place: int, work: partial) -> None:
    """An error says which input it is about, in its own class."""
    try:
        work()
    except OptionError as error:
        raise OptionError(f"input[{place}]: {str(error).removeprefix('input: text 1 ')}") from error
    except PixwiseError as error:
        error.args = (f"input[{place}]: {error}", *error.args[1:])
        raise
