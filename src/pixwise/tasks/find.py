"""Where is what you name: boxes for words of your own.

    picture → (1, 3, H, W) ─┐
    labels  → tokens ───────┴→ model → decode_* → boxes, scores, labels → Detections

Heads:
    owl             OWL-ViT, OWLv2: every box is scored against every label
    grounding_dino  Grounding DINO: every box is scored against every token of "a cat. a dog."
    florence        Florence-2: asked for one label after the other, writes down phrases of it with their boxes
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from pixwise.boxes import nms_per_class, xyxy_from_cxcywh
from pixwise.errors import OptionError, ShapeError
from pixwise.language.florence import FLORENCE_OPTIONS
from pixwise.language.labels import fill, is_template, same_labels
from pixwise.language.regions import boxes_in, certainty
from pixwise.language.tokens import Tokenizer, load_tokenizer
from pixwise.pixels import Fit
from pixwise.results import Detections
from pixwise.scores import check_numbers, output, sigmoid
from pixwise.task import Task, check_range

__all__ = ["Asked", "Finder"]

Raw = Mapping[str, np.ndarray]
Feeds = dict[str, np.ndarray]
Candidates = tuple[np.ndarray, np.ndarray, np.ndarray]  # boxes (K, 4) xyxy tensor pixels, scores (K,), label ids (K,)

LABELS_AT_ONCE = 1000  # of OWL: its text tower holds about 1 MB of numbers per label


class Asked(NamedTuple):
    """The labels as a model takes them.

    Attributes:
        feeds: of each run, what goes in beside the picture.
        owner: (T,) which label a token belongs to, -1 for none; empty where whole labels are scored.
        count: how many labels.
    """

    feeds: tuple[Feeds, ...]
    owner: np.ndarray
    count: int


@functools.lru_cache(maxsize=16)
def ask_owl(tokenizer: Tokenizer, texts: tuple[str, ...], length: int, at_once: int) -> Asked:
    """A row of tokens per label, filled up with token 0.

    Args:
        tokenizer: CLIP's.
        texts: Q labels, in their template.
        length: tokens of a row, those for begin and end included.
        at_once: labels per run.

    Raises:
        OptionError: a label is longer.
    """
    ids, mask = tokenizer.encode(texts)  # (Q, L)
    for text, count in zip(texts, mask.sum(axis=1), strict=True):
        if count > length:
            words = tokenizer.encode([text], special=False)[1].sum()
            raise OptionError(
                f"label must have at most {length - count + words} tokens, got {words} in {text!r:.120}; say it shorter"
            )
    ids, mask = (np.pad(rows, ((0, 0), (0, length - rows.shape[1]))) for rows in (ids, mask))
    steps = [slice(start, start + at_once) for start in range(0, len(texts), at_once)]
    return Asked(
        tuple({"input_ids": ids[step], "attention_mask": mask[step]} for step in steps),
        np.zeros(0, np.int64),
        len(texts),
    )


@functools.lru_cache(maxsize=16)
def ask_grounding_dino(tokenizer: Tokenizer, texts: tuple[str, ...], length: int, at_once: int) -> Asked:
    """One row of tokens: begin, the labels in lower case with a full stop after each, end.

    Args:
        tokenizer: BERT's.
        texts: Q labels.
        length: of the row at most.
        at_once: not asked: the labels are read together.

    Raises:
        OptionError: they do not fit, or one has a sign that ends a label, or no word that the model knows.
    """
    stop, unknown = tokenizer.id_of("."), tokenizer.id_of("[UNK]")
    ids, owner = [tokenizer.id_of("[CLS]")], [-1]
    for number, text in enumerate(texts):
        row, mask = tokenizer.encode([text.lower()], special=False)
        words = row[mask == 1].tolist()
        if set(words) & {stop, tokenizer.id_of("?")}:
            raise OptionError(
                f"label must have no '.' and no '?', which end a label for this model, got {text!r:.120}; "
                "leave them out, and give several labels as a list"
            )
        if not set(words) - {unknown}:
            raise OptionError(
                f"label must have a word that the model knows, got {text!r:.120}; say it in words of its language"
            )
        ids += [*words, stop]
        owner += [number] * len(words) + [-1]
        if len(ids) + 1 > length:
            raise OptionError(
                f"labels must fit into {length} tokens together, got more from label {number + 1} of {len(texts)} on, "
                f"{text!r:.120}; ask in several calls"
            )
    row = np.array([[*ids, tokenizer.id_of("[SEP]")]], np.int64)  # (1, T)
    feeds = {"input_ids": row, "attention_mask": np.ones_like(row), "token_type_ids": np.zeros_like(row)}
    return Asked((feeds,), np.array([*owner, -1], np.int64), len(texts))


@functools.lru_cache(maxsize=16)
def ask_florence(tokenizer: Tokenizer, texts: tuple[str, ...], length: int, at_once: int) -> Asked:
    """A question per label.

    Args:
        tokenizer: BART's.
        texts: Q labels, in the question of the card.
        length: tokens of a question at most.
        at_once: not asked: they are asked one after the other.

    Raises:
        OptionError: a label is longer.
    """
    _, mask = tokenizer.encode(texts)  # (Q, L)
    for text, count in zip(texts, mask.sum(axis=1), strict=True):
        if count > length:
            raise OptionError(
                f"label must have at most {length} tokens with its question, got {count} in {text!r:.120}; "
                "say it shorter"
            )
    return Asked(({"question": np.array(texts)},), np.zeros(0, np.int64), len(texts))


def decode_owl(raw: Raw, fit: Fit, asked: Asked, min_word_score: float) -> Candidates:
    """The best label of each box by sigmoid (OWL-ViT, Minderer et al. 2022; OWLv2, Minderer et al. 2023).

    Args:
        raw: `logits` (1, N, Q), `pred_boxes` (1, N, 4) cxcywh as shares of the tensor, black part included.
        fit: for the size of the tensor.
        asked: how many labels there are.
        min_word_score: unused.
    """
    logits = output(raw, "logits")
    if logits.ndim != 2 or logits.shape[1] != asked.count:
        raise ShapeError(
            f"logits must have shape (1, boxes, {asked.count}), one per label, got {raw['logits'].shape}; "
            "check the head of the card"
        )
    return _in_pixels(output(raw, "pred_boxes"), fit.tensor_hw), sigmoid(logits.max(axis=-1)), logits.argmax(axis=-1)


def decode_grounding_dino(raw: Raw, fit: Fit, asked: Asked, min_word_score: float) -> Candidates:
    """The label with the best token of each box (Grounding DINO, Liu et al. 2023).

    The score is that of the best token at all, as the reference has it. Its label is a phrase of all tokens above a
    threshold; ours is the label that owns the best of these, and a box without any is none.

    Args:
        raw: `logits` (1, N, tokens), -inf where no token is, `pred_boxes` (1, N, 4) cxcywh as shares of the content.
        fit: for the size of the content.
        asked: which label owns which token.
        min_word_score: the best token of a label must be above it.
    """
    shares = sigmoid(output(raw, "logits"))  # (N, tokens)
    if shares.shape[-1] < len(asked.owner):
        raise ShapeError(
            f"logits must have shape (1, boxes, {len(asked.owner)} or more), one per token, "
            f"got {raw['logits'].shape}; check the head of the card"
        )
    check_numbers(shares)
    mine = shares[:, : len(asked.owner)]
    words = np.stack([mine[:, asked.owner == number].max(axis=-1) for number in range(asked.count)], axis=-1)  # (N, Q)
    keep = words.max(axis=-1) > min_word_score
    boxes = _in_pixels(output(raw, "pred_boxes"), fit.content_hw)
    return boxes[keep], shares.max(axis=-1)[keep], words.argmax(axis=-1)[keep]


def decode_florence(raw: Raw, fit: Fit, asked: Asked, min_word_score: float) -> Candidates:
    """The boxes that were written of each label.

    Args:
        raw: `text` (1, Q), `token_ends` and `log_probs` (1, Q, T), see language/florence.py.
        fit: for the size of the content.
        asked: how many labels there are.
        min_word_score: unused.
    """
    found = [boxes_in(str(text)) for text in raw["text"][0]]
    rows = [{name: raw[name][:, i] for name in ("token_ends", "log_probs")} for i in range(asked.count)]
    boxes = np.concatenate([each.points for each in found]) * np.float32(fit.content_hw[::-1])  # (K, 2, 2)
    scores = [certainty(row, each.spans) for row, each in zip(rows, found, strict=True)]
    label_ids = np.repeat(np.arange(asked.count), [len(each.words) for each in found])
    return boxes.reshape(-1, 4), np.concatenate(scores), label_ids


def words_florence(raw: Raw, labels: tuple[str, ...]) -> list[str]:
    """Which words of a label each box is of: of "a dog on a red car" perhaps "a red car".

    Args:
        raw: see `decode_florence`.
        labels: Q labels.
    """
    asked = zip(labels, (boxes_in(str(text)).words for text in raw["text"][0]), strict=True)
    return [words if _is_part(words, label) else label for label, found in asked for words in found]


def _is_part(words: str, label: str) -> bool:
    """Whole words of a label, in whatever case."""
    return re.search(rf"(?<!\w){re.escape(words.casefold())}(?!\w)", label.casefold()) is not None


def _in_pixels(shares: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    return xyxy_from_cxcywh(shares) * np.float32([size_hw[1], size_hw[0]] * 2)


@dataclass(frozen=True, kw_only=True)
class Finder(Task):
    """Find what you name.

    Attributes:
        labels: what to find, in words: "a red car". Each box gets the one that fits best.
        min_score: lower ones are dropped; left out, what is usual for the model (0.1 for OWL, 0.25 for Grounding DINO,
            0 for Florence-2).
        min_word_score: for Grounding DINO: a word of the label must score above this; left out, 0.25.
        max_overlap: IoU above which the weaker of two boxes of a label is dropped; 1 keeps all, as the references do.
        template: for OWL: a sentence around each label, such as "a photo of a {label}"; empty for none.
        top: keep the best so many; 0 keeps all.
    """

    name: ClassVar[str] = "find"
    result_type: ClassVar[type] = Detections
    positional: ClassVar[str] = "labels"
    heads: ClassVar[Mapping[str, Any]] = {
        "owl": decode_owl,
        "grounding_dino": decode_grounding_dino,
        "florence": decode_florence,
    }
    askers: ClassVar[Mapping[str, Any]] = {
        "owl": ask_owl,
        "grounding_dino": ask_grounding_dino,
        "florence": ask_florence,
    }
    card_options: ClassVar[Mapping[str, str]] = {
        "min_score": "share",
        "min_word_score": "share",
        "tokens": "count",
        **FLORENCE_OPTIONS,
    }
    usual_min_scores: ClassVar[Mapping[str, float]] = {"owl": 0.1, "grounding_dino": 0.25, "florence": 0.0}
    usual_tokens: ClassVar[Mapping[str, int]] = {"owl": 16, "grounding_dino": 256, "florence": 400}

    labels: tuple[str, ...] = ()
    min_score: float | None = None
    min_word_score: float | None = None
    max_overlap: float = 1.0
    template: str = ""
    top: int = 0

    def check_options(self) -> None:
        usual = {"min_score": self.usual_min_scores[self.card.head], "min_word_score": 0.25}
        for name in usual:
            if getattr(self, name) is None:
                object.__setattr__(self, name, self.card.options.get(name, usual[name]))
            check_range(name, getattr(self, name), 0, 1)
        check_range("max_overlap", self.max_overlap, 0, 1)
        check_range("top", self.top, 0, 1_000_000)
        object.__setattr__(self, "labels", _checked_labels(self.labels))
        if self.template and self.card.head != "owl":
            raise OptionError(
                f"template is for OWL models, got {self.template!r} for {self.card.id!r}; put the words into the labels"
            )
        if self.template and not is_template(self.template):
            raise OptionError(
                f"template must hold {{label}} and no other braces, got {self.template!r}; say where the label goes"
            )
        if "tokenizer" in self.session.files:
            self.asked()  # labels that are too long are told before the first picture is decoded

    def asked(self) -> Asked:
        """The labels as the model takes them."""
        tokenizer = load_tokenizer(self.session.files["tokenizer"])
        template = self.template or self.card.options.get("question", "{label}")
        texts = tuple(fill(template, map(str.strip, self.labels)))
        length = self.card.options.get("tokens", self.usual_tokens[self.card.head])
        rows = next((each.shape[0] for each in self.session.inputs() if each.name == "input_ids"), -1)
        return self.askers[self.card.head](tokenizer, texts, length, rows if rows > 0 else LABELS_AT_ONCE)

    def run(self, feeds: Feeds) -> Feeds:
        """One picture at a time, where exports join one picture with the labels."""
        count = len(feeds[self.input_name])
        if self.card.head == "florence":
            questions = np.tile(self.asked().feeds[0]["question"], count)
            raw = self.session.run({**feeds, "question": questions})
            return {name: rows.reshape(count, -1, *rows.shape[1:]) for name, rows in raw.items()}
        raws = [self._run_one({name: rows[i : i + 1] for name, rows in feeds.items()}) for i in range(count)]
        return {name: np.concatenate([raw[name] for raw in raws]) for name in raws[0]}

    def _run_one(self, feeds: Feeds) -> Feeds:
        wanted = {each.name: each.dtype for each in self.session.inputs()}
        raws = []
        for text in self.asked().feeds:
            given = {name: rows for name, rows in {**feeds, **text}.items() if name in wanted}
            given |= {name: rows.astype(wanted[name]) for name, rows in given.items() if rows.dtype == np.int64}
            raws.append(self.session.run(given))
        logits = [output(raw, "logits") for raw in raws]  # (N, labels of this run) each
        return {"logits": np.concatenate(logits, axis=-1)[None], "pred_boxes": output(raws[0], "pred_boxes")[None]}

    def postprocess(self, raw: Raw, fit: Fit) -> Detections:
        boxes, scores, label_ids = self.heads[self.card.head](raw, fit, self.asked(), self.min_word_score)
        check_numbers(scores)
        told = words_florence(raw, self.labels) if self.card.head == "florence" else [self.labels[i] for i in label_ids]
        words = np.array(told, object)
        keep = (scores >= self.min_score) & np.isfinite(boxes).all(axis=-1)
        boxes, scores, label_ids = fit.boxes_to_picture(boxes[keep]), scores[keep], label_ids[keep]
        if self.max_overlap < 1:
            order = nms_per_class(boxes, scores, label_ids, self.max_overlap)
        else:
            order = np.argsort(-scores, kind="stable")
        order = order[: self.top or len(order)]
        return Detections(
            labels=tuple(words[keep][order]), label_ids=label_ids[order], scores=scores[order], boxes=boxes[order]
        )


def _checked_labels(given: Sequence[str] | str) -> tuple[str, ...]:
    labels = [given] if isinstance(given, str) else given
    if not isinstance(labels, list | tuple) or not all(isinstance(label, str) for label in labels):
        raise OptionError(f"labels must be words for what to find, got {given!r:.120}; pass a list of strings")
    if not labels:
        raise OptionError(
            'labels must say what to find, got none; give some: ["a red car", "a dog"] (command line: --label)'
        )
    for number, label in enumerate(labels, 1):
        if not label.strip():
            raise OptionError(f"label must have words, got {label!r} as label {number}; leave it out")
    if twice := same_labels(labels):  # the boxes of the one would be split between both
        raise OptionError(f"labels must differ, got {twice[0]!r} and {twice[1]!r}; leave one out")
    return tuple(labels)
