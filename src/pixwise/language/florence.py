"""Florence-2 (Xiao et al. 2023, arXiv:2311.06242): one model for many tasks, each asked for in words.

    pixel_values ─▶ encoder ──────▶ image_features ─┐
    question ─▶ tokenizer, embed_tokens ─▶ vectors ┴▶ text_encoder ─▶ last_hidden_state ─▶ decoder ─▶ text

The files are those of the hub's exports. As a session it has an `encoder` that takes a picture and a question, for
tasks that decode by themselves, and a `model` that goes all the way to what was written:

    text        (B,) with the tokens of places (regions.py), without those that mark begin and end
    token_ends  (B, T) where in the text each token ends
    log_probs   (B, T) how sure the model was of each
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pixwise.errors import CardError, OptionError
from pixwise.language.decoder import Decoder
from pixwise.language.decoding import Decoding, Sentence, decode
from pixwise.language.tokens import Tokenizer, load_tokenizer
from pixwise.registry import Card
from pixwise.session import Session, Tensor

__all__ = ["FLORENCE_OPTIONS", "FlorenceSession"]

Arrays = Mapping[str, np.ndarray]
FLORENCE_OPTIONS: Mapping[str, str] = {
    "question": "str",
    "beams": "count",
    "max_tokens": "count",
    "context": "count",
}
_PARTS = ("encoder", "embed_tokens", "text_encoder", "decoder", "tokenizer")
_LONGEST = 1024  # tokens that it can hold, of picture and question together, and of what it writes
_LOG = logging.getLogger("pixwise")


class FlorenceSession:
    """The parts of a Florence-2 as one session.

    Args:
        session: has the parts `encoder`, `embed_tokens`, `text_encoder`, `decoder`, and the file `tokenizer`.
        options: of the card: `question`, for feeds without one; `context`, the tokens that it can hold, 1024 unless
            told; `beams` and `max_tokens` of what it writes, 3 and 1024 unless told, as its own examples do.
    """

    def __init__(self, session: Session, options: Mapping[str, Any]):
        self._session, self._options = session, options
        self.device, self.bytes, self.files = session.device, session.bytes, session.files

    @staticmethod
    def check(card: Card) -> None:
        """Raise `CardError` when a part is missing, or what the model is asked."""
        lacking = [part for part in _PARTS if part not in card.parts]
        if lacking:
            raise CardError(
                f"card {card.id!r}: a Florence-2 must have the parts {', '.join(_PARTS)}, got no "
                f"{' and no '.join(lacking)}; name its files in the card"
            )
        question, place = card.options.get("question", ""), "{label}" if card.task == "find" else ""
        if not question or place not in question:
            raise CardError(
                f"card {card.id!r}: options.question must say what a Florence-2 is asked"
                f"{f', with {place}' if place else ''}, got {question!r}; see docs/florence.md"
            )

    def inputs(self, part: str = "model") -> tuple[Tensor, ...]:
        seen = self._session.inputs("encoder" if part == "model" else part)
        return (*seen, Tensor("question", (-1,), "string")) if part == "model" else seen

    def of(self, part: str) -> Session:
        return self._session.of("encoder" if part == "model" else part)

    def run(self, feeds: Arrays, part: str = "model") -> dict[str, np.ndarray]:
        """Run one part.

        `question` may be among the feeds of `model` and `encoder`: strings, one for each picture or the same number for
        each; then `model` gives as many rows as there are questions.
        """
        if part not in ("model", "encoder"):
            return self._session.run(feeds, part)
        features = self._session.run({"pixel_values": feeds["pixel_values"]}, "encoder")["image_features"]
        questions = feeds.get("question", np.full(len(features), self._options.get("question", "")))
        features = features.repeat(len(questions) // len(features), axis=0)  # (R, P, D), a row per question
        if part == "encoder":
            return {"last_hidden_state": self._encoded(features, str(questions[0]))}
        written: dict[int, Sentence] = {}
        for question in dict.fromkeys(questions.tolist()):  # together what is of one length: then nothing needs padding
            rows = np.flatnonzero(questions == question)
            written.update(zip(rows.tolist(), self._written(features[rows], question), strict=True))
        return self._told([written[row] for row in range(len(questions))])

    @property
    def _tokenizer(self) -> Tokenizer:
        return load_tokenizer(Path(self.files["tokenizer"]))

    def _question_ids(self, question: str, most: int) -> np.ndarray:
        """(1, L) tokens of a question between begin and end."""
        tokenizer = self._tokenizer
        words = tokenizer.encode([question], special=False)[0][0]
        if len(words) > most - 2:
            raise OptionError(
                f"question must have at most {most - 2} tokens, got {len(words)} in {question:.60}…; "
                "ask for less at once"
            )
        return np.array([[tokenizer.id_of("<s>"), *words, tokenizer.id_of("</s>")]], np.int64)

    def _encoded(self, features: np.ndarray, question: str) -> np.ndarray:
        """(R, P + L, D) of pictures (R, P, D) and one question of L tokens."""
        ids = self._question_ids(question, self._options.get("context", _LONGEST) - features.shape[1])
        vectors = self._session.run({"input_ids": ids}, "embed_tokens")["inputs_embeds"]  # (1, L, D)
        joined = np.concatenate([features, vectors.repeat(len(features), axis=0)], axis=1)
        feeds = {"inputs_embeds": joined, "attention_mask": np.ones(joined.shape[:2], np.int64)}
        return self._session.run(feeds, "text_encoder")["last_hidden_state"]

    def _written(self, features: np.ndarray, question: str) -> list[Sentence]:
        """What it writes of pictures (R, P, D) when asked with one question."""
        begin, end = map(self._tokenizer.id_of, ("<s>", "</s>"))
        settings = Decoding(
            max_tokens=self._most,
            beams=self._options.get("beams", 3),
            early_stopping=True,
            no_repeat_ngram=3,
            end_ids=(end,),
            first_id=begin,
            last_id=end,
        )
        steps = Decoder(self._session, {"last_hidden_state": self._encoded(features, question)})
        return decode(steps, np.full((len(features), 1), end), settings)  # it was trained to start with its end

    @property
    def _most(self) -> int:
        return min(self._options.get("max_tokens", _LONGEST), self._options.get("context", _LONGEST))

    def _told(self, written: list[Sentence]) -> dict[str, np.ndarray]:
        """Sentences as arrays."""
        cut = sum(sentence.stop == "length" for sentence in written)
        if cut:
            _LOG.warning(
                "%d of %d answers were cut after %d tokens; what is whole of them counts", cut, len(written), self._most
            )
        rows = [self._row(sentence) for sentence in written]
        width = max(len(ends) for _, ends, _ in rows)
        return {
            "text": np.array([text for text, _, _ in rows], str),
            "token_ends": np.array([[*ends, *[len(text)] * (width - len(ends))] for text, ends, _ in rows], np.int64),
            "log_probs": np.array([[*own, *[0] * (width - len(own))] for _, _, own in rows], np.float32),
        }

    def _row(self, sentence: Sentence) -> tuple[str, list[int], np.ndarray]:
        """Its text, where each token ends in it, and how likely each was; marks of begin and end left out."""
        tokenizer = self._tokenizer
        said = ~np.isin(sentence.tokens, [tokenizer.id_of(mark) for mark in ("<s>", "</s>", "<pad>")])
        ids = sentence.tokens[said]
        ends = [len(tokenizer.decode(ids[: count + 1], special=True)) for count in range(len(ids))]
        return tokenizer.decode(ids, special=True), ends, sentence.log_probs[said]
