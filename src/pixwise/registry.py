"""Cards: what is known about each model, as data.

A card is an entry of `models/<task>.toml`. It says where the files are and what they must hash to, under which licence,
how the model wants its pixels and which `decode_*` reads its output. This file reads the cards and nothing else;
`store.py` fetches what they name.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from importlib import resources
from typing import Any, Literal

from pixwise.errors import CardError, UnknownModelError, nearest
from pixwise.recipe import Recipe
from pixwise.task_table import MAKERS, TASKS, WHOLE_HEADS, cards_of

__all__ = [
    "RUNTIME_OPTIONS",
    "Card",
    "CardFile",
    "card",
    "card_for",
    "card_from_table",
    "cards",
    "check_card_options",
    "default_card",
    "names",
    "tasks",
]


RUNTIME_OPTIONS: Mapping[str, Mapping[str, str]] = {  # runtime → what a card may say in `options` for it → its form
    "onnx": {},
    "builtin": {"engine": "str"},
    "learned": {"embedder": "str", "embedder_revision": "str", "embedder_precision": "str"},
}


@dataclass(frozen=True)
class CardFile:
    """One file of a model.

    Attributes:
        path: inside the repository, or the file name for a plain address.
        part: which part of the model it is (`model`, `encoder`, …); empty for files that only lie beside (configs,
            `.onnx_data`).
        bytes: length; 0 is unknown.
        sha256: 64 hex digits; empty is unknown: the first fetch pins what came.
        url: a plain https address, for files that are in no repository.
    """

    path: str
    part: str = ""
    bytes: int = 0
    sha256: str = ""
    url: str = ""


@dataclass(frozen=True)
class Card:
    """What is known about one model.

    Attributes:
        id: how people call it: `dfine-s`.
        task: which task it answers.
        title: one line for lists.
        runtime: `onnx`, `builtin` for what needs no download, or `learned` for a head of one's own over an embedder.
        head: which decoder of the task reads its output.
        licence: SPDX identifier of the weights.
        commercial: commercial use is allowed; when not, the licence must be accepted by name.
        default: answers when no model is named (one per task and runtime).
        repo, revision: on the hub; 40 hex digits, empty is unknown.
        files: everything that must be on disk.
        paper, source: where it comes from.
        precision: of the weights.
        recipe: how it wants its pixels.
        input_name: the tensor that takes the pixels; empty for the first.
        names: label i at index i; empty strings are slots that are no class.
        batch: how many pictures are run at once where shapes allow.
        options: what else the head needs.
        folder: of a user's own model; empty otherwise.
        made: the precision that its files are brought to on this machine; empty runs them as they are.
    """

    id: str
    task: str
    title: str = ""
    runtime: Literal["onnx", "builtin", "learned"] = "onnx"
    head: str = ""
    licence: str = ""
    commercial: bool = True
    default: bool = False
    repo: str = ""
    revision: str = ""
    files: tuple[CardFile, ...] = ()
    paper: str = ""
    source: str = ""
    precision: str = "fp32"
    recipe: Recipe = field(default_factory=Recipe)
    input_name: str = ""
    names: tuple[str, ...] = ()
    batch: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    folder: str = ""
    made: Literal["", "int8"] = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of its parts, in the order of its files."""
        return tuple(file.part for file in self.files if file.part)

    def only(self, parts: Collection[str]) -> Card:
        """The card with the files of some parts, and what lies beside those."""
        mine = tuple(file.path for file in self.files if file.part in parts)
        others = tuple(file.path for file in self.files if file.part and file.part not in parts)
        beside = [file.path for file in self.files if not file.part and not file.path.startswith(others)]
        beside += [path for path in (file.path for file in self.files if not file.part) if path.startswith(mine)]
        return replace(self, files=tuple(file for file in self.files if file.path in (*mine, *beside)))

    @property
    def verified(self) -> bool:
        """Every file has a hash that was seen."""
        return all(file.sha256 for file in self.files)

    @property
    def bytes(self) -> int:
        """Size of all files; 0 when one is unknown."""
        return sum(file.bytes for file in self.files) if all(file.bytes for file in self.files) else 0


@cache
def _all_cards() -> dict[str, Card]:
    found: dict[str, Card] = {}
    for entry in sorted(resources.files("pixwise.models").iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".toml"):
            task = entry.name.removesuffix(".toml")
            for table in tomllib.loads(entry.read_text("utf-8")).get("card", []):
                made = card_from_table({"task": task, **table}, where=f"models/{entry.name}")
                if made.id in found:
                    raise CardError(f"models/{entry.name}: card ids must differ, got {made.id!r} twice; rename one")
                found[made.id] = made
    return found


def tasks() -> tuple[str, ...]:
    """Tasks that have a card."""
    return tuple(sorted({entry.task for entry in _all_cards().values()}))


def cards(task: str = "", parts: tuple[str, ...] = ()) -> tuple[Card, ...]:
    """All cards, or those that can answer one task, with the files that it runs; defaults first.

    Args:
        task: empty for any.
        parts: others than those that the task runs.
    """
    chosen = [entry for entry in _all_cards().values() if cards_of(task) in ("", entry.task)]
    if task:
        chosen = [card_for(entry, task, parts) for entry in chosen if not _lacking(entry, task, parts)]
    return tuple(
        sorted(chosen, key=lambda entry: (entry.task, not entry.default, entry.runtime == "builtin", entry.id))
    )


def card(name: str, task: str = "", parts: tuple[str, ...] = ()) -> Card:
    """The card with this id; with a task, only the files that it runs, or those of some other parts.

    Raises:
        UnknownModelError: no such card; the message names those that look like it.
        CardError: the card answers another task.
    """
    known = _all_cards()
    if name not in known:
        mine = [entry.id for entry in cards(task, parts)]
        meant = f"{nearest(name, mine or known, many='choose one of the list')} (pixwise models list)"
        if name in TASKS:
            meant = f"that is a task: choose a model of it (pixwise models list {name}), or pull --task {name}"
        raise UnknownModelError(f"model must be a known id, a folder or hf:owner/name, got {name!r}; {meant}")
    found = known[name]
    if task and found.task != cards_of(task):
        fitting = ", ".join(entry.id for entry in cards(task, parts))
        raise CardError(f"model {name!r} must answer {task!r}, got one for {found.task!r}; choose one of: {fitting}")
    return card_for(found, task, parts) if task else found


def card_for(found: Card, task: str, parts: tuple[str, ...] = ()) -> Card:
    """The card with the files that a task runs, or with those of some other parts.

    Raises:
        CardError: it lacks one, or an option without which the task cannot answer.
    """
    lacking = _lacking(found, task, parts)
    if lacking:
        what = "read texts" if parts else f"answer {task!r}"
        fitting = ", ".join(entry.id for entry in cards(task, parts))
        raise CardError(
            f"model {found.id!r} must have {' and '.join(lacking)} to {what}, got none; choose one of: {fitting}"
        )
    wanted = parts or (TASKS[task].parts if task in TASKS and found.head not in WHOLE_HEADS else ())
    return found.only(wanted) if wanted and found.files else found


def _lacking(found: Card, task: str, parts: tuple[str, ...]) -> list[str]:
    """What a task needs and a model does not have; a built-in has no files, but all of its task's own parts."""
    entry = TASKS.get(task) if found.head not in WHOLE_HEADS else None
    has = found.parts if found.runtime != "builtin" else ("model",)
    lacking = [part for part in parts or (entry.parts if entry else ()) if part not in has]
    if not parts and entry:
        lacking += [f"options.{name}" for name in entry.options if name not in found.options]
    return lacking


def default_card(task: str, runtime: str = "", parts: tuple[str, ...] = ()) -> Card | None:
    """The card that answers when none is named: the fetched default if the task has one, else the built-in."""
    for entry in cards(task, parts):
        if entry.default and runtime in ("", entry.runtime):
            return entry
    return None


@cache
def names(vocabulary: str) -> tuple[str, ...]:
    """The labels of a vocabulary, one per line of its file; an empty line is a slot without a class."""
    path = resources.files("pixwise.models") / "names" / f"{vocabulary}.txt"
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError as error:
        raise CardError(
            f"vocabulary must be a file of models/names, got {vocabulary!r}; add it or mend the card"
        ) from error
    return tuple(text.removesuffix("\n").split("\n"))


def card_from_table(table: Mapping[str, Any], where: str) -> Card:
    """Build a card from a parsed TOML table, checking every key.

    Args:
        table: keys as in `Card`; `input` holds the recipe, `vocabulary` names a list of labels, `files` are tables.
        where: for messages.

    Raises:
        CardError: a key is missing, unknown, or of the wrong type.
    """
    known = {spec.name for spec in fields(Card)} - {"recipe", "folder", "made"} | {"input", "vocabulary"}
    for key in table:
        if key not in known:
            raise CardError(f"{where}: card keys must be known, got {key!r}; {nearest(key, known)}")
    for key in ("id", "task"):
        if not isinstance(table.get(key), str) or not table[key]:
            raise CardError(f'{where}: card must have {key!r} as a string, got {table.get(key)!r}; add {key} = "…"')
    label = f"{where}: card {table['id']!r}"
    known = {**TASKS, **MAKERS}
    if table["task"] not in known:
        raise CardError(f"{label}: task must be known, got {table['task']!r}; {nearest(table['task'], known)}")
    _check_types(Card, {key: entry for key, entry in table.items() if key not in ("input", "files")}, label)
    values = {key: entry for key, entry in table.items() if key not in ("input", "vocabulary", "files", "names")}
    if values.get("runtime", "onnx") not in RUNTIME_OPTIONS:
        known = ", ".join(map(repr, RUNTIME_OPTIONS))
        raise CardError(f"{label}: runtime must be one of {known}, got {values['runtime']!r}; leave it out for 'onnx'")
    if values.get("revision") and not re.fullmatch(r"[0-9a-f]{40}", values["revision"]):
        raise CardError(
            f"{label}: revision must be 40 hex digits, got {values['revision']!r}; leave it out when unknown"
        )
    if values.get("batch", 1) < 1:
        raise CardError(f"{label}: batch must be at least 1, got {values['batch']}; leave it out for 1")
    if not isinstance(table.get("input", {}), Mapping):
        raise CardError(f"{label}: input must be a table, got {table['input']!r}; write [input]")
    recipe_table = dict(table.get("input", {}))
    values["input_name"] = recipe_table.pop("name", values.get("input_name", ""))
    if not isinstance(values["input_name"], str):
        raise CardError(f"{label}: input.name must be a string, got {values['input_name']!r}; mend the card")
    values["recipe"] = _build(Recipe, recipe_table, label, "input")
    values["files"] = tuple(_build(CardFile, entry, label, "files") for entry in table.get("files", ()))
    for file in values["files"]:
        if file.sha256 and not re.fullmatch(r"[0-9a-f]{64}", file.sha256):
            raise CardError(
                f"{label}: sha256 of {file.path} must be 64 hex digits, got {file.sha256!r}; leave it out when unknown"
            )
    if values["files"] and not any(file.part for file in values["files"]):
        raise CardError(f'{label}: one of its files must be the model, got none; add part = "model" to it')
    if "names" in table and "vocabulary" in table:
        raise CardError(f"{label}: must have names or vocabulary, got both; leave one out")
    values["names"] = tuple(map(str, table["names"])) if "names" in table else ()
    if table.get("vocabulary"):
        values["names"] = names(table["vocabulary"])
    return Card(**values)


def _build(cls: type, table: Mapping[str, Any], label: str, section: str) -> Any:
    """A part of the card from its table; `label` says whose it is, `section` which part."""
    if not isinstance(table, Mapping):
        raise CardError(f"{label}: {section} must be a table, got {table!r}; write [[{section}]]")
    known = {spec.name for spec in fields(cls)}
    for key in table:
        if key not in known:
            raise CardError(f"{label}: {section}: keys must be known, got {key!r}; {nearest(key, known)}")
    _check_types(cls, table, f"{label}: {section}")
    try:
        return cls(**{key: tuple(entry) if isinstance(entry, list) else entry for key, entry in table.items()})
    except TypeError as error:
        raise CardError(f"{label}: {section}: {error}; mend the card") from error
    except CardError as error:  # a recipe does not know whose it is
        raise CardError(f"{label}: {error}") from error


# Annotation of a field, or form of an option → in words, and whether an entry of TOML is that.
_FORMS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "str": ("a string", lambda entry: isinstance(entry, str)),
    "int": ("a whole number", lambda entry: _is_number(entry, int)),
    "bool": ("true or false", lambda entry: isinstance(entry, bool)),
    "float": ("a number", lambda entry: _is_number(entry)),
    "tuple[int, int]": ("two whole numbers", lambda entry: _is_list(entry, int, 2) and min(entry) >= 0),
    "tuple[float, float, float]": ("three numbers", lambda entry: _is_list(entry, float, 3)),
    "tuple[str, ...]": ("a list of strings", lambda entry: isinstance(entry, list)),
    "Mapping[str, Any]": ("a table", lambda entry: isinstance(entry, Mapping)),
    "share": ("a number from 0 to 1", lambda entry: _is_number(entry) and 0 <= entry <= 1),
    "count": ("a whole number above 0", lambda entry: _is_number(entry, int) and entry > 0),
    "id": ("a whole number from 0 up", lambda entry: _is_id(entry)),
    "strings": ("a list of strings", lambda entry: isinstance(entry, list | tuple) and all(map(_is_text, entry))),
    "pairs": ("pairs of whole numbers from 0 up", lambda entry: all(map(_is_pair, _listed(entry)))),
    "ids": ("whole numbers from 0 up, one or a list", lambda entry: all(map(_is_id, _listed(entry)))),
}


def _check_types(cls: type, table: Mapping[str, Any], label: str) -> None:
    """Raise `CardError` for an entry that is not what the field of its name holds."""
    for spec in fields(cls):
        words, fits = _FORMS.get(str(spec.type), ("", None))
        if fits and spec.name in table and not fits(table[spec.name]):
            raise CardError(f"{label}.{spec.name}: must be {words}, got {table[spec.name]!r}; mend the card")


def _is_number(entry: Any, kind: type = float) -> bool:
    return isinstance(entry, (int, float) if kind is float else kind) and not isinstance(entry, bool)


def _listed(entry: Any) -> list[Any]:
    return list(entry) if isinstance(entry, list | tuple) else [entry]


def _is_text(entry: Any) -> bool:
    return isinstance(entry, str)


def _is_pair(entry: Any) -> bool:
    return isinstance(entry, list | tuple) and len(entry) == 2 and all(map(_is_id, entry))


def _is_id(entry: Any) -> bool:
    return _is_number(entry, int) and entry >= 0


def _is_list(entry: Any, kind: type, length: int) -> bool:
    return isinstance(entry, list) and len(entry) == length and all(_is_number(each, kind) for each in entry)


def check_card_options(card: Card, known: Mapping[str, str]) -> None:
    """Refuse options of a card that its task would not read, or could not.

    Args:
        card: the card.
        known: option → its form: `str`, `bool`, `float`, `share` (0 to 1), `count` (above 0), `id` (from 0 up), `ids`,
            `pairs` (of ids), `strings`.

    Raises:
        CardError: an option is misspelt, or of another form.
    """
    label = f"{card.folder}: card {card.id!r}" if card.folder else f"card {card.id!r}"
    for key, entry in card.options.items():
        if key not in known:
            advice = nearest(key, known) if known else f"{card.task} has none, leave it out"
            raise CardError(f"{label}: options must be known, got {key!r}; {advice}")
        words, fits = _FORMS[known[key]]
        if not fits(entry):
            raise CardError(f"{label}: options.{key} must be {words}, got {entry!r}; mend the card")
