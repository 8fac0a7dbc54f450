"""Pictures in words.

    picture → resize → (1, 3, S, S) → encoder → decoder, token by token → (T,) tokens → text → Caption
                                                   ▲ start token, prompt

Pictures of a batch go through the encoder in one run; their sentences grow together, and one that has ended leaves the
batch.

Heads:
    blip                     BERT's words behind a start token of its own (BLIP)
    vision_encoder_decoder   GPT-2's words behind the token that also ends (ViT-GPT2 and its like)
    florence                 BART's words, of what the card asks the model (Florence-2)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pixwise.errors import CardError, OptionError
from pixwise.language.decoder import Decoder
from pixwise.language.decoding import Decoding, Sentence, decode, stream
from pixwise.language.tokens import Tokenizer, load_tokenizer
from pixwise.picture import Picture
from pixwise.results import Caption
from pixwise.task import Task
from pixwise.text import clean_line

__all__ = ["Captioner", "tokens_within"]

Raw = Mapping[str, np.ndarray]
_OWN = ("min_tokens", "max_tokens", "beams", "length_penalty", "repetition_penalty")  # which None leaves to the card
_CARDS = ("early_stopping", "no_repeat_ngram", "first_id", "last_id")
_DRAWN = ("temperature", "top_k", "top_p", "seed")


def tokens_within(options: Mapping[str, Any], tokens: int) -> int:
    """So many tokens, or as many as a model with these options of a card has room for behind the first."""
    return max(1, min(tokens, options.get("context", tokens + 1) - 1))


def start_then_prompt(tokenizer: Tokenizer, prompt: str, options: Mapping[str, Any]) -> np.ndarray:
    """(1, T) what the sentence begins with: the start token, and the prompt without the tokens that end a text."""
    words, _ = tokenizer.encode([prompt], special=False)  # (1, T - 1)
    return np.concatenate([[[options["start_id"]]], words], axis=1).astype(np.int64)


def start_then_begin_then_prompt(tokenizer: Tokenizer, prompt: str, options: Mapping[str, Any]) -> np.ndarray:
    """(1, T) of a model that says a token for the begin itself, where there is a prompt to follow it."""
    begun = start_then_prompt(tokenizer, prompt, options)
    return np.insert(begun, 1, options["first_id"], axis=1) if prompt else begun


@dataclass(frozen=True, kw_only=True)
class Captioner(Task):
    """Say in a sentence what the picture shows.

    Attributes:
        prompt: how the sentence must begin, such as "a photo of"; it is part of the text.
        max_tokens: most tokens that are added; the card's number, or 30, or what the model has room for.
        min_tokens: least tokens before the sentence may end.
        beams: sentences followed side by side, of which the best is told; 1 is quickest, 4 finds better ones.
        length_penalty: with beams, above 1 favours longer sentences, below 1 shorter ones.
        repetition_penalty: above 1 makes words that were said before less likely.
        temperature: 0 takes the most probable token; above 0 tokens are drawn, the bolder the higher.
        top_k: draw from so many most probable tokens; 0 from all.
        top_p: draw from the most probable tokens that have this share together.
        seed: of the drawing; the same seed gives the same sentence for the same picture.
    """

    name: ClassVar[str] = "caption"
    result_type: ClassVar[type] = Caption
    part: ClassVar[str] = "encoder"
    heads: ClassVar[Mapping[str, Any]] = {
        "blip": start_then_prompt,
        "vision_encoder_decoder": start_then_prompt,
        "florence": start_then_begin_then_prompt,
    }
    card_options: ClassVar[Mapping[str, str]] = {
        "start_id": "id",
        "end_id": "ids",
        "pad_id": "id",
        "context": "count",
        "max_tokens": "count",
        "min_tokens": "id",
        "beams": "count",
        "length_penalty": "float",
        "early_stopping": "bool",
        "repetition_penalty": "float",
        "no_repeat_ngram": "id",
        "suppressed_ids": "ids",
        "first_id": "id",
        "last_id": "id",
        "question": "str",
    }

    prompt: str = ""
    max_tokens: int | None = None
    min_tokens: int | None = None
    beams: int | None = None
    length_penalty: float | None = None
    repetition_penalty: float | None = None
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0

    def check_options(self) -> None:
        lacking = [part for part in ("encoder", "decoder", "tokenizer") if part not in self.card.parts]
        if lacking and self.card.files:
            raise CardError(
                f"card {self.card.id!r} must have files of the parts encoder, decoder and tokenizer, "
                f"got no {lacking[0]}; add it, with its part (docs/caption.md)"
            )
        for key in ("start_id", "end_id", "context"):
            if key not in self.card.options:
                raise CardError(f"card {self.card.id!r} must have options.{key}, got none; add it (docs/caption.md)")
        self._check_prompt()
        begin, room, most = self._begin_length, self._room, self.decoding.max_tokens
        if most > room:
            both = "shorten the prompt or lower max_tokens" if begin > 1 else "lower max_tokens"
            advice = both if room > 0 else "shorten the prompt"
            raise OptionError(
                f"prompt and max_tokens must be at most {room + begin} tokens together (the context of "
                f"{self.card.id}), got {begin} + {most}; {advice}"
            )

    def _check_prompt(self) -> None:
        if not isinstance(self.prompt, str):
            raise OptionError(f"prompt must be a string, got {type(self.prompt).__name__}; put it in quotes")
        lost = self._tokenizer.lost(self.prompt) if "tokenizer" in self.session.files else []
        if lost:
            raise OptionError(
                f"prompt must be in words that {self.card.id} knows, got {', '.join(map(repr, lost[:5]))}, which it "
                "would leave out; say it in others"
            )

    @property
    def decoding(self) -> Decoding:
        """How tokens are chosen: the options that were given, else what the card says."""
        card = self.card.options
        known = {key: card[key] for key in (*_OWN, *_CARDS) if key in card}
        given = {key: getattr(self, key) for key in _OWN if getattr(self, key) is not None}
        drawn = {key: getattr(self, key) for key in _DRAWN}
        if self.temperature and "beams" not in given:
            known["beams"] = 1  # of a card that searches, when it is asked to draw
        if "max_tokens" not in given:
            known["max_tokens"] = max(1, min(known.get("max_tokens", Decoding.max_tokens), self._room))
        if "min_tokens" not in given:
            known["min_tokens"] = min(known.get("min_tokens", 0), {**known, **given}["max_tokens"])
        return Decoding(
            **{**known, **given, **drawn},
            end_ids=_ids(card["end_id"]),
            suppressed_ids=_ids(card.get("suppressed_ids", ())),
        )

    def run(self, feeds: Raw) -> dict[str, np.ndarray]:
        """The encoder once for all pictures, then the decoder until every sentence has ended."""
        seen = self.session.run(feeds, "encoder")
        begin = np.repeat(self._begin, len(next(iter(feeds.values()))), axis=0)  # (B, T)
        return _rows(decode(self._decoder(seen), begin, self.decoding))

    def postprocess(self, raw: Raw, fit: Any) -> Caption:
        count = int(raw["count"][0])
        text = self._tokenizer.decode([*self._begin[0], *raw["tokens"][0, :count]])
        stop = "end" if raw["ended"][0] else "length"
        return Caption(text=clean_line(text), score=float(raw["score"][0]), tokens=count, stop=stop)

    def tokens(self, source: Any) -> Iterator[str]:
        """The text of one picture as it comes, word by word; together the pieces are its caption.

        Args:
            source: anything `Picture.open` takes.

        Raises:
            OptionError: with beams: which sentence is the best is only known at the end.
        """
        settings = self.decoding
        picture = Picture.open(source, limits=self.limits, allow_urls=self.allow_urls, background=self.background)
        feeds, _ = self.preprocess(picture)
        steps = stream(self._decoder(self.session.run(feeds, "encoder")), self._begin, settings)
        return self._tokenizer.pieces(_flat(self._begin[0], steps))

    def _decoder(self, seen: Raw) -> Decoder:
        return Decoder(self.session, seen, words=self._tokenizer.size)

    @property
    def _tokenizer(self) -> Tokenizer:
        return load_tokenizer(self.session.files["tokenizer"])

    @property
    def _room(self) -> int:
        """How many tokens the model can hold behind the begin."""
        return self.card.options["context"] - self._begin_length

    @property
    def _begin_length(self) -> int:
        return self._begin.shape[1] if "tokenizer" in self.session.files else 1

    @property
    def _begin(self) -> np.ndarray:
        """(1, T)"""
        return self.heads[self.card.head](self._tokenizer, self.prompt.strip(), self.card.options)


def _ids(given: int | list[int] | tuple[int, ...]) -> tuple[int, ...]:
    return (given,) if isinstance(given, int) else tuple(given)


def _rows(sentences: list[Sentence]) -> dict[str, np.ndarray]:
    """Sentences as arrays whose first axis counts the pictures."""
    tokens = np.zeros((len(sentences), max(len(said.tokens) for said in sentences)), np.int64)
    for row, said in zip(tokens, sentences, strict=True):
        row[: len(said.tokens)] = said.tokens
    return {
        "tokens": tokens,
        "count": np.array([len(said.tokens) for said in sentences]),
        "score": np.array([said.score for said in sentences]),
        "ended": np.array([said.stop == "end" for said in sentences]),
    }


def _flat(begin: np.ndarray, steps: Iterator[Any]) -> Iterator[int]:
    """Tokens of one sentence, one by one."""
    yield from begin.tolist()
    for step in steps:
        yield int(step.tokens[0])
