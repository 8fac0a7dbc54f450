"""`px.embed_text`: a text as a vector in the space of a model's pictures."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import overload

from pixwise.ask import names_checked
from pixwise.language.tokens import check_texts
from pixwise.language.towers import TextTower
from pixwise.loading import as_loaded, load_card
from pixwise.pool import shared_pool
from pixwise.results import Embedding, ImageInfo, ModelInfo

__all__ = ["TEXT_PARTS", "embed_text"]

TEXT_PARTS = ("text", "tokenizer")


@overload
def embed_text(texts: str, model: str | os.PathLike[str] = "", **machine: object) -> Embedding: ...
@overload
def embed_text(
    texts: list[str] | tuple[str, ...], model: str | os.PathLike[str] = "", **machine: object
) -> list[Embedding]: ...
@names_checked
def embed_text(
    texts: str | list[str] | tuple[str, ...],
    model: str | os.PathLike[str] = "",
    *,
    device: str = "auto",
    threads: int = 0,
    precision: str = "",
    offline: bool | None = None,
    accept_licence: Sequence[str] = (),
) -> Embedding | list[Embedding]:
    """Turn a text into a vector of length 1; `px.similarity` compares it with `px.embed(picture)` of the same model.

    Args:
        texts: a text, or a list of them; what is longer than the model reads is cut, as in its training.
        model: a card's id, a folder or hf:owner/name with a text tower; empty for the default.
        device, threads, precision, offline, accept_licence: as for `px.embed`.

    Returns:
        An `Embedding` whose `image.source` is the text; for a list a list, in the same order.

    Raises:
        OptionError: something is no text, or says nothing.
        CardError: the model has no text tower; the message names those that have one.
    """
    asked = check_texts("texts", [texts] if isinstance(texts, str) else texts)
    card = load_card(model, "embed", offline=offline, precision=precision, parts=TEXT_PARTS)
    session = shared_pool().session(
        card, device=device, threads=threads, offline=offline, accept_licence=accept_licence
    )
    card = as_loaded(card)
    started = time.perf_counter()
    rows = TextTower(card, session).vectors(asked) if asked else ()
    spent = 1e3 * (time.perf_counter() - started) / max(len(asked), 1)
    told = ModelInfo(card.id, card.revision, card.precision, card.licence)
    answers = [
        Embedding(vector=row, image=ImageInfo(text), model=told, timings_ms={"model": spent})
        for text, row in zip(asked, rows, strict=True)
    ]
    return answers[0] if isinstance(texts, str) else answers
