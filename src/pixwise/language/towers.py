"""Text towers: texts as unit vectors in the space of a model's pictures (CLIP, SigLIP, SigLIP 2).

    texts ─▶ tokenizer.json ─▶ ids (N, L), cut and filled up as in training ─▶ text tower ─▶ (N, D) ─▶ length 1
             └─ each text once: vectors are kept per model, within a budget of bytes ─┘

Where a text ends is the tower's own matter: CLIP's takes the first end-of-text token, SigLIP's the last place, which is
why its texts are filled up to their full length.
"""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from pixwise.errors import CardError, OptionError, ShapeError
from pixwise.language.labels import fill
from pixwise.language.tokens import Tokenizer, load_tokenizer
from pixwise.registry import Card
from pixwise.session import Session, Tensor
from pixwise.vectors import PICTURE_OUTPUTS, rows_of, unit

__all__ = ["TEXT_OPTIONS", "TextTower", "check_pixels_only", "cosines"]

Floats = npt.NDArray[np.float32]
Key = tuple[Any, ...]
TEXT_OPTIONS: Mapping[str, str] = {  # what a card with a text tower says in `options` → its form
    "text_length": "count",  # longest text in tokens, those that mark begin and end included
    "fill_text": "bool",  # shorter ones are filled up to it (SigLIP), else to the longest of a batch (CLIP)
    "pad_token": "str",  # what they are filled up with
    "pad_left": "bool",  # before the text instead of after it; only together with `fill_text`
    "lowercase": "bool",  # the tokenizer does not do it, and the model was trained so (SigLIP 2)
    "logit_scale": "float",  # cosines are multiplied by it: the exponential of what the checkpoint holds
    "logit_bias": "float",  # and this is added (SigLIP)
}
# Head of a card → names of the output with the vector of a text.
_OUTPUTS = {"image_embeds": ("text_embeds",), "pooler": ("pooler_output", "text_embeds")}
_PLAIN = Tensor("input_ids", (-1, -1), "int64")  # what a session that tells nothing takes
_BATCH = 64  # texts per run: more gains nothing on a CPU
_KEPT_BYTES = 64 * 2**20  # per text tower; 30 000 texts of 512 numbers
_ENTRY_BYTES = 500  # what Python needs around one vector


def cosines(raw: Mapping[str, np.ndarray], directions: Floats, card: Card) -> Floats:
    """How near pictures are to labels.

    Args:
        raw: outputs of the card's picture tower for B pictures.
        directions: (C, D) of the labels.
        card: of both.

    Returns:
        (B, C), -1 to 1.

    Raises:
        ShapeError: the towers give vectors of different dimensions.
    """
    seen = unit(rows_of(raw, PICTURE_OUTPUTS[card.head]))  # (B, D)
    if seen.shape[1] != directions.shape[1]:
        raise ShapeError(
            f"towers of model {card.id!r} must give vectors of one dimension, got {seen.shape[1]} for "
            f"pictures and {directions.shape[1]} for texts; take both from one export"
        )
    return np.clip(seen @ directions.T, -1, 1)


def check_pixels_only(card: Card, session: Session) -> None:
    """Raise `CardError` for the joint export of a picture and a text tower: it cannot run without both."""
    names = [tensor.name for tensor in session.inputs()]
    if "input_ids" in names:
        raise CardError(
            f"model {card.id!r} must take pixels only, got inputs {', '.join(names)}; use its vision_model.onnx"
        )


@dataclass(frozen=True)
class TextTower:
    """The part of a model that reads texts.

    Attributes:
        card: with the parts `text` and `tokenizer`, and `TEXT_OPTIONS`.
        session: runs these parts.
    """

    card: Card
    session: Session

    def vectors(self, texts: Sequence[str]) -> Floats:
        """Vectors of some texts; what was asked before is not computed again.

        Args:
            texts: N of them.

        Returns:
            (N, D) float32, each of length 1; comparable with vectors of pictures by the same card.

        Raises:
            CardError, ShapeError: card and model do not fit each other.
            ModelFileError: the tokenizer is damaged, or is not that of this model.
        """
        tokenizer = self._tokenizer()
        model = (tokenizer, self.card.head, *(self.card.options.get(name) for name in TEXT_OPTIONS))
        kept = _kept_of(self.session.of("text"))
        rows = kept.get([(*model, text) for text in texts], lambda keys: self._encoded(tokenizer, keys))
        return np.stack(rows)

    def directions(self, labels: Sequence[str], templates: Sequence[str]) -> Floats:
        """What labels mean.

        Args:
            labels: C of them.
            templates: sentences with {label} in them; their mean counts.

        Returns:
            (C, D) float32, each of length 1.
        """
        return unit(sum(self.vectors(fill(template, labels)) for template in templates))

    def check(self, labels: Sequence[str], templates: Sequence[str]) -> None:
        """Find what cannot be asked before the first picture is decoded.

        Raises:
            OptionError: the model knows no word of a label, or reads two of them as the same.
            CardError: the card does not say how texts are filled up.
            ModelFileError: the tokenizer is damaged, or is not that of this model.
        """
        tokenizer = self._tokenizer()
        self._pad(tokenizer)
        lowercase = bool(self.card.options.get("lowercase"))
        _check_read(tokenizer, tuple(labels), templates[0], lowercase, self.card.id)

    def _encoded(self, tokenizer: Tokenizer, keys: Sequence[Key]) -> Floats:
        """(N, D) of keys that end in their text, those of similar length together: nobody waits for the longest."""
        ids, mask = self._tokens(tokenizer, [key[-1] for key in keys])
        lengths = np.full(len(ids), ids.shape[1]) if self._fills else mask.sum(axis=1)
        order = np.argsort(lengths, kind="stable")
        parts = []
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            width = int(lengths[rows].max())
            parts.append(self._run(ids[rows, :width], mask[rows, :width]))
        return np.concatenate(parts)[np.argsort(order)]

    def _tokens(self, tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """(N, L) ids, and a mask that is 1 where a token is text."""
        options = self.card.options
        if options.get("lowercase"):
            texts = [text.lower() for text in texts]
        ids, mask = tokenizer.encode(texts, pad_id=self._pad(tokenizer), fill=self._fills)
        return _pushed_right(ids, mask) if self._fills and options.get("pad_left") else (ids, mask)

    def _tokenizer(self) -> Tokenizer:
        return load_tokenizer(self.session.files["tokenizer"], self.card.options.get("text_length", 0))

    def _pad(self, tokenizer: Tokenizer) -> int:
        """The token that fills up."""
        options = self.card.options
        if self._fills and not ("pad_token" in options and "text_length" in options):
            raise CardError(
                f"model {self.card.id!r} must say text_length and pad_token in its options, got one that fills its "
                "texts up without them; see tokenizer_config.json of its repository"
            )
        return tokenizer.id_of(options["pad_token"]) if "pad_token" in options else 0

    @property
    def _fills(self) -> bool:
        return bool(self.card.options.get("fill_text"))

    def _run(self, ids: np.ndarray, mask: np.ndarray) -> Floats:
        """(B, D) of (B, L) tokens, fed by the names of the tower's inputs."""
        feeds = {}
        for tensor in self.session.inputs("text") or (_PLAIN,):
            # SigLIP was trained without a mask: each token looks at those that fill up, too.
            known = {
                "input_ids": ids,
                "attention_mask": np.ones_like(mask) if self._fills else mask,
                "position_ids": np.arange(ids.shape[1])[None].repeat(len(ids), axis=0),
            }
            if tensor.name not in known:
                raise CardError(
                    f"text tower of {self.card.id!r} must take input_ids, attention_mask or position_ids, "
                    f"got {tensor.name!r}; use its text_model.onnx"
                )
            feeds[tensor.name] = known[tensor.name].astype(np.int32 if tensor.dtype == "int32" else np.int64)
        return unit(rows_of(self.session.run(feeds, "text"), _OUTPUTS[self.card.head]))


@functools.lru_cache(maxsize=16)  # the second question with the same labels costs only the picture
def _check_read(tokenizer: Tokenizer, labels: tuple[str, ...], template: str, lowercase: bool, model: str) -> None:
    """Raise `OptionError` for a label without a word that the model knows, and for two that are the same to it."""
    texts = fill(template, labels)
    read, texts = ([text.lower() if lowercase else text for text in each] for each in (labels, texts))
    alone, mask = tokenizer.encode(read, special=False)  # (C, L) each
    for label, row, count in zip(labels, alone, mask.sum(axis=1), strict=True):
        if not tokenizer.decode(row[:count]).strip():
            raise OptionError(
                f"label must have a word that model {model!r} knows, got {label!r:.120}; say it in its language"
            )
    seen: dict[bytes, str] = {}
    for label, row in zip(labels, tokenizer.encode(texts)[0], strict=True):
        other = seen.setdefault(row.tobytes(), label)
        if other is not label:
            raise OptionError(
                f"labels must differ for model {model!r}, got {other!r:.120} and {label!r:.120}, which it reads as the "
                "same: it takes only signs that it knows, and so many tokens; say one in other words"
            )


def _pushed_right(ids: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, L) each: what fills a text up stands before it."""
    places = (np.arange(ids.shape[1]) + mask.sum(axis=1, keepdims=True)) % ids.shape[1]  # (N, L)
    return np.take_along_axis(ids, places, axis=1), np.take_along_axis(mask, places, axis=1)


class _Kept:
    """Vectors of texts, the least recently used of which go first above a budget; shared by threads."""

    def __init__(self, most_bytes: int = _KEPT_BYTES):
        self._most, self._bytes = most_bytes, 0
        self._rows: OrderedDict[Key, Floats] = OrderedDict()
        self._making: set[Key] = set()
        self._lock = threading.Lock()
        self._made = threading.Condition(self._lock)

    def get(self, keys: Sequence[Key], make: Callable[[Sequence[Key]], Floats]) -> list[Floats]:
        """A row per key; `make` is asked once for those that are not here.

        Whoever asks for a text that another thread makes waits for it; other texts are made at the same time, so that
        a session that joins runs can join them.
        """
        found: dict[Key, Floats] = {}
        while missing := [key for key in dict.fromkeys(keys) if key not in found]:
            with self._lock:
                found |= self._found(missing)
                mine = [key for key in missing if key not in found and key not in self._making]
                if not mine:
                    if any(key not in found for key in missing):
                        self._made.wait()
                    continue
                self._making.update(mine)
            found |= self._own(mine, make)
        return [found[key] for key in keys]

    def _own(self, mine: Sequence[Key], make: Callable[[Sequence[Key]], Floats]) -> dict[Key, Floats]:
        """Make some rows; whoever waits for them is woken, also where that fails: then he makes them himself."""
        try:
            rows = make(mine)
            self._keep(mine, rows)
            return dict(zip(mine, rows, strict=True))
        finally:
            with self._lock:
                self._making.difference_update(mine)
                self._made.notify_all()

    def _found(self, keys: Sequence[Key]) -> dict[Key, Floats]:
        found = {key: self._rows[key] for key in keys if key in self._rows}
        for key in found:
            self._rows.move_to_end(key)
        return found

    def _keep(self, keys: Sequence[Key], rows: Floats) -> None:
        with self._lock:
            for key, row in zip(keys, rows, strict=True):
                self._rows[key] = row.copy()  # a view would hold on to the whole batch
                self._bytes += _size(key, row)
            while self._bytes > self._most:
                key, row = self._rows.popitem(last=False)
                self._bytes -= _size(key, row)


def _size(key: Key, row: Floats) -> int:
    return row.nbytes + 4 * len(key[-1]) + _ENTRY_BYTES


_KEPT: WeakKeyDictionary[Session, _Kept] = WeakKeyDictionary()  # goes with its session
_KEPT_LOCK = threading.Lock()


def _kept_of(session: Session) -> _Kept:
    with _KEPT_LOCK:
        return _KEPT.setdefault(session, _Kept())
