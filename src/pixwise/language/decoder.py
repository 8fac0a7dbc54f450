"""A decoder's ONNX part run token by token, with what it remembers (keys and values) between the steps.

tokens (R, T) ─▶ inputs by name ─▶ session.run(part) ─┬▶ logits (R, V)
                     ▲  past_key_values.…             └▶ present.… ─┐
                     └──────────── rows that go on ◀────────────────┘

Its inputs are satisfied by their names, in whichever form the model was exported:

    input_ids, inputs_embeds          the new tokens, or their vectors by the part `embed_tokens`
    attention_mask, position_ids      everything so far is seen; positions go on counting
    encoder_hidden_states             the encoder's `last_hidden_state`; encoder_attention_mask is ones
    past_key_values.…                 the outputs present.… of the step before; nothing (length 0) at the start
    past_key_values.….encoder.…       cross-attention: the encoder's output of this name where it has one, else what the
                                      first step gave; later steps of merged exports give nothing there
    use_cache_branch                  of merged exports: false in the first step
    any other                         the encoder's output of this name

A decoder without past_key_values gets all tokens each time: right, and slower with each token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pixwise.errors import CardError, ShapeError
from pixwise.language.sentence import Floats, Ints
from pixwise.session import Session, Tensor

__all__ = ["Decoder"]

Arrays = Mapping[str, np.ndarray]
_PAST, _PRESENT = "past_key_values.", "present."
_DTYPES = {
    "float": np.float32, "float16": np.float16, "double": np.float64, "int64": np.int64, "int32": np.int32,
    "bool": np.bool_,
}  # fmt: skip


class Decoder:
    """One batch of sentences on its way; `decode` and `stream` ask it for logits. Not for several threads.

    Args:
        session: the model.
        given: outputs of its encoder, (B, ...) each.
        part: the decoder's name among the parts.
        embed: the part that turns tokens into vectors, for decoders that take `inputs_embeds`.
        words: how many the tokenizer knows; a decoder that scores fewer is another model's.

    Raises:
        CardError: an input of the decoder can come from nowhere.
    """

    def __init__(
        self, session: Session, given: Arrays, *, part: str = "decoder", embed: str = "embed_tokens", words: int = 0
    ):
        self._session, self._part, self._embed, self._words = session, part, embed, words
        self._inputs = {tensor.name: tensor for tensor in session.inputs(part)}
        self._given = _named(given, self._inputs)  # (B, ...) each
        self._fixed = {name: self._typed(name, array) for name, array in self._given.items() if name in self._inputs}
        self._growing = [name for name in self._inputs if name.startswith(_PAST) and name not in self._fixed]
        self._past: dict[str, np.ndarray] = {}  # (R, ...) of the step before
        self._told: Ints | None = None  # (R, L) all tokens
        self._check()

    def logits(self, tokens: Ints, rows: Ints) -> Floats:
        """(R, V) after `tokens` (R, T), which continue the rows `rows` (R,) of the call before."""
        if self._told is None:
            self._told, self._sources = np.zeros((len(tokens), 0), np.int64), np.arange(len(tokens))
        self._continue(rows)
        first = not self._told.size
        self._told = np.concatenate([self._told, tokens], axis=1)  # (R, L)
        fresh = tokens if self._growing else self._told
        out = self._session.run(self._feeds(fresh, first), self._part)
        self._remember(out, first)
        logits = _last(out)
        if logits.shape[1] < self._words:
            raise CardError(
                f"tokenizer must be that of the decoder, which scores {logits.shape[1]} words, got one of "
                f"{self._words}; take both from one model"
            )
        return logits

    def _check(self) -> None:
        own = {"input_ids", "inputs_embeds", "attention_mask", "position_ids", "use_cache_branch"}
        if "encoder_hidden_states" in self._fixed:
            own.add("encoder_attention_mask")
        lacking = sorted(set(self._inputs) - own - set(self._fixed) - set(self._growing))
        if lacking:
            raise CardError(
                f"input {lacking[0]!r} of the decoder must come from the encoder or the step before, got encoder "
                f"outputs {', '.join(self._given) or 'none'}; take encoder and decoder of one export"
            )
        for name in self._growing:
            shape = self._inputs[name].shape
            if len(shape) != 4 or -1 in (shape[1], shape[3]):
                raise CardError(
                    f"input {name!r} of the decoder must have shape (batch, heads, length, size) with heads and size "
                    f"written down, got {list(shape)}; export it with fixed heads"
                )

    def _continue(self, rows: Ints) -> None:
        """Reorder what is remembered, so that row i goes on from row `rows[i]`; what stays as it is, is not copied."""
        if len(self._told) == len(rows) and (rows == np.arange(len(rows))).all():
            return
        self._told = self._told[rows]
        self._past = {name: array[rows] for name, array in self._past.items()}
        before, self._sources = self._sources, self._sources[rows]  # (R,) the picture that each sentence is about
        if not np.array_equal(before, self._sources):  # beams mostly change places within their picture
            self._fixed = {name: self._typed(name, self._given[name][self._sources]) for name in self._fixed}

    def _feeds(self, fresh: Ints, first: bool) -> dict[str, np.ndarray]:
        """Every input that the decoder has, in its own type."""
        count, length = self._told.shape
        feeds = dict(self._fixed)
        for name in self._growing:
            _, heads, _, size = self._inputs[name].shape
            feeds[name] = self._past[name] if not first else np.zeros((count, heads, 0, size), np.float32)
        if "inputs_embeds" in self._inputs:
            feeds["inputs_embeds"] = self._session.run({"input_ids": fresh}, self._embed)["inputs_embeds"]
        if "encoder_attention_mask" in self._inputs and "encoder_attention_mask" not in feeds:
            feeds["encoder_attention_mask"] = np.ones(self._fixed["encoder_hidden_states"].shape[:2], np.int64)
        feeds["input_ids"] = fresh
        feeds["attention_mask"] = np.ones((count, length), np.int64)
        feeds["position_ids"] = np.tile(np.arange(length - fresh.shape[1], length), (count, 1))
        feeds["use_cache_branch"] = np.array([not first])
        return {name: self._typed(name, feeds[name]) for name in self._inputs}

    def _remember(self, out: Arrays, first: bool) -> None:
        """Keep what the step gave; cross-attention is the same in all steps, so the first one's becomes a given."""
        for name in self._growing:
            present = _PRESENT + name.removeprefix(_PAST)
            if present not in out:
                raise CardError(
                    f"outputs of the decoder must contain {present!r} for its input {name!r}, got "
                    f"{', '.join(out)}; export it with its cache"
                )
            self._past[name] = out[present]
        if first:
            crossed = {name: self._past.pop(name) for name in self._growing if ".encoder." in name}
            self._given |= crossed
            self._fixed |= crossed
            self._growing = [name for name in self._growing if name not in crossed]

    def _typed(self, name: str, array: np.ndarray) -> np.ndarray:
        """In the type that the input wants; not copied where it has it."""
        tensor: Tensor = self._inputs[name]
        return np.ascontiguousarray(array, _DTYPES.get(tensor.dtype, array.dtype))


def _named(given: Arrays, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Outputs of the encoder, `last_hidden_state` also under the name that decoders have for it."""
    named = dict(given)
    if "encoder_hidden_states" in inputs and "last_hidden_state" in given:
        named.setdefault("encoder_hidden_states", given["last_hidden_state"])
    return named


def _last(out: Arrays) -> Floats:
    """(R, V) float32, of the last of (R, T, V)."""
    if "logits" not in out or out["logits"].ndim != 3:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in out.items() if not name.startswith(_PRESENT))
        raise ShapeError(
            f"outputs of the decoder must contain 'logits' (n, tokens, words), got {shapes}; check its export"
        )
    logits = out["logits"][:, -1].astype(np.float32)
    if np.isnan(logits).any():
        raise ShapeError("logits of the decoder must be numbers, got NaN; use another precision of this model")
    return logits
