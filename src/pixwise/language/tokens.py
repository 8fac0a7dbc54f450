"""Text to token numbers and back, by a model's own `tokenizer.json`. The only file that imports tokenizers.

texts ─▶ encode ─▶ (N, L) ids and mask, cut and filled up as the reference does        ids ─▶ decode ─▶ text
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixwise.errors import ModelFileError, OptionError, SetupError
from pixwise.text import clean_line

__all__ = ["Tokenizer", "check_texts", "load_tokenizer"]

Ints = npt.NDArray[np.int64]


def load_tokenizer(path: Path, length: int = 0) -> Tokenizer:
    """The tokenizer of a file, kept for the next one who asks; a replaced file is another tokenizer.

    Args:
        path: a `tokenizer.json`.
        length: longest text in tokens, special ones included; what is beyond is cut. 0 cuts nothing.

    Raises:
        ModelFileError: the file is none.
        SetupError: tokenizers is not installed.
    """
    return _loaded(path, path.stat().st_mtime_ns, length)


@functools.lru_cache(maxsize=16)
def _loaded(path: Path, stamp: int, length: int) -> Tokenizer:
    try:
        import tokenizers
    except ImportError as error:
        raise SetupError(
            f"words need the package tokenizers, got {error}; install it: pip install tokenizers"
        ) from error
    try:
        found = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception
        raise ModelFileError(
            f"{path}: expected a tokenizer.json, got {str(error)[:200]}; fetch it again (pixwise models pull --force)"
        ) from error
    found.no_padding()
    if length:
        found.enable_truncation(length)
    else:
        found.no_truncation()
    return Tokenizer(found, length)


class Tokenizer:
    """Token numbers of texts and texts of token numbers; shared by threads, without a state of its own.

    Attributes:
        length: longest text in tokens; 0 is no limit.
    """

    def __init__(self, made: Any, length: int = 0):
        self._made, self.length = made, length

    def encode(
        self, texts: Sequence[str], *, pad_id: int = 0, fill: bool = False, special: bool = True
    ) -> tuple[Ints, Ints]:
        """Token numbers of some texts.

        Args:
            texts: any script; N of them.
            pad_id: what shorter ones are filled up with, on the right.
            fill: up to `length`, as SigLIP was trained; else to the longest of these.
            special: put the tokens around it that mark begin and end.

        Returns:
            ids and mask, (N, L) each; the mask is 1 where a token is text, 0 where it fills up.

        Raises:
            OptionError: something is no text, or holds half a character (a lone surrogate).
        """
        for text in texts:
            _check_text("text", text)
        rows = [made.ids for made in self._made.encode_batch(list(texts), add_special_tokens=special)]
        width = self.length if fill else max(map(len, rows), default=0)
        ids, mask = np.full((len(rows), width), pad_id, np.int64), np.zeros((len(rows), width), np.int64)
        for number, row in enumerate(rows):
            ids[number, : len(row)], mask[number, : len(row)] = row, 1
        return ids, mask

    def decode(self, ids: Iterable[int], *, special: bool = False) -> str:
        """The text of some tokens; with `special`, also of those that mark begin, end and the like."""
        return self._made.decode([int(each) for each in ids], skip_special_tokens=not special)

    def lost(self, text: str) -> list[str]:
        """Words of a text that do not come back from its tokens; capitals, accents and blanks do not count."""
        rows = {word: self.encode([word], special=False)[0][0] for word in text.split()}
        return [word for word, ids in rows.items() if _letters(self.decode(ids)) != _letters(word)]

    def pieces(self, ids: Iterable[int]) -> Iterator[str]:
        """Text as its tokens come, word by word; together the pieces are the whole, as `clean_line` writes it.

        A word is held back until the next one begins: its later tokens may still change it.
        """
        came: list[int] = []
        told, text = "", ""
        for number in ids:
            came.append(int(number))
            text = clean_line(self.decode(came))
            ready = text[: text.rfind(" ")] if " " in text else ""
            if len(ready) > len(told) and ready.startswith(told):
                yield ready[len(told) :]
                told = ready
        if text[len(told) :]:
            yield text[len(told) :]

    def id_of(self, token: str) -> int:
        """The number of one token.

        Raises:
            ModelFileError: it is not among them.
        """
        found = self._made.token_to_id(token)
        if found is None:
            raise ModelFileError(f"tokenizer must know {token!r}, got no such token; take the one of this model")
        return found

    def token_of(self, number: int) -> str:
        """The token of a number; empty where there is none."""
        return self._made.id_to_token(int(number)) or ""

    @property
    def size(self) -> int:
        """How many tokens there are, those that were added later aside."""
        return self._made.get_vocab_size(with_added_tokens=False)


def _letters(text: str) -> str:
    """What models that read small letters without accents leave of a text."""
    signs = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(sign for sign in signs if not sign.isspace() and unicodedata.category(sign)[0] not in "CM")


def check_texts(what: str, given: Any) -> tuple[str, ...]:
    """A list of texts that say something, as a tuple.

    Args:
        what: how messages call them: `labels`.
        given: a list or tuple of strings.

    Raises:
        OptionError: it is no list, or one of them is no text, empty, or holds half a character.
    """
    if not isinstance(given, list | tuple):
        raise OptionError(f"{what} must be a list of texts, got {given!r:.60}; put it into a list")
    for place, text in enumerate(given, start=1):
        _check_text(f"{what}: text {place}", text)
        if not text.strip():
            raise OptionError(f"{what}: text {place} must say something, got {text!r}; leave it out")
    return tuple(given)


def _check_text(what: str, text: Any) -> None:
    if not isinstance(text, str):
        raise OptionError(f"{what} must be a string, got {type(text).__name__} {text!r:.60}; put it in quotes")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise OptionError(
            f"{what} must be whole characters, got {text!r:.60} ({error.reason}); decode it as UTF-8"
        ) from error
