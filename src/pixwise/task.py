"""A task: a card, a session, and options; asked one picture or many.

    picture ─▶ preprocess ─▶ (feeds, fit) ─▶ session.run ─▶ raw ─▶ postprocess(raw, fit) ─▶ Result
                             └─ rows of several pictures of equal shape run as one batch ─┘

A task class declares its name, the type of its answer, its heads, and its options as fields. It writes `preprocess` (if
it is not the card's recipe) and `postprocess`; everything about many pictures is here, once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self, overload

import numpy as np
from PIL import Image

from pixwise.clip import Clip
from pixwise.errors import CardError, OptionError, ShapeError, check_range, nearest
from pixwise.loading import as_loaded, check_helpers, load_card, load_helpers, load_model
from pixwise.padding import mask_feeds
from pixwise.picture import Limits, Picture, check_background
from pixwise.pixels import Recipe, plan, prepare
from pixwise.recipe import UNSMOOTHED
from pixwise.registry import RUNTIME_OPTIONS, Card, check_card_options
from pixwise.results import ImageInfo, ModelInfo, Result
from pixwise.session import Session, check_machine
from pixwise.task_table import cards_of, task_class

__all__ = ["Task", "check_on_error", "check_range"]

Feeds = dict[str, np.ndarray]
_SETTINGS = ("card", "session", "helpers", "exact", "batch", "limits", "allow_urls", "background")


@dataclass(frozen=True, kw_only=True)
class Task:
    """What all tasks share.

    Attributes:
        card, session: the model.
        helpers: for each task in `needs`, what answers it: a loaded task, or any function of a picture; `load` takes
            a model's name or folder, too.
        exact: decode JPEGs at full size even where a scaled decode would do.
        batch: pictures per run; 0 is what the card says.
        limits, allow_urls: for sources that are not yet a `Picture`.
        background: RGB that transparent parts of such sources are laid on.
    """

    name: ClassVar[str]
    result_type: ClassVar[type[Result]]
    heads: ClassVar[Mapping[str, Callable[..., Any]]] = {}
    card_options: ClassVar[Mapping[str, str]] = {}  # what a card may say in `options` → its form, see registry.py
    needs: ClassVar[tuple[str, ...]] = ()  # tasks whose answers `preprocess(picture, **answers)` takes, by their names
    part: ClassVar[str] = "model"  # which part of the model takes the pixels
    aliases: ClassVar[Mapping[str, str]] = {}  # other names of options in one-line calls: px.segment(p, point=(3, 4))
    of_clips: ClassVar[bool] = False  # its question is about several pictures: a list is one source, see `is_many`
    positional: ClassVar[str] = ""  # the option that follows the picture in a one-line call: px.zeroshot(p, labels)

    card: Card
    session: Session = field(repr=False)
    helpers: Mapping[str, Callable[[Picture], Result]] = field(default_factory=dict, repr=False)
    exact: bool = False
    batch: int = 0
    limits: Limits = field(default=Limits(), repr=False)
    allow_urls: bool = False
    background: tuple[int, int, int] = (255, 255, 255)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "__repr__" not in vars(cls):
            cls.__repr__ = Task.__repr__  # else each dataclass writes its own, with the whole card in it

    def __post_init__(self) -> None:
        if self.card.task != cards_of(self.name):
            raise CardError(
                f"model {self.card.id!r} must answer {self.name!r}, got one for {self.card.task!r}; choose another"
            )
        if self.card.head not in self.heads:
            known = ", ".join(self.heads)
            raise CardError(
                f"card {self.card.id!r}: head must be one of {known}, got {self.card.head!r}; mend the card"
            )
        check_card_options(self.card, {**self.card_options, **RUNTIME_OPTIONS[self.card.runtime]})
        for spec in fields(self):
            given = getattr(self, spec.name)
            if type(spec.default) is int and isinstance(given, float):
                raise OptionError(f"{spec.name} must be a whole number, got {given!r}; round it")
        check_range("batch", self.batch, 0, 4096)
        check_background(self.background)
        check_helpers(self.name, self.needs, self.helpers)
        self.check_options()

    def __repr__(self) -> str:
        """The model, and the options that are not the defaults: Detector('dfine-s', min_score=0.6)."""
        shown = [repr(self.card.id)]
        for spec in fields(self):
            if spec.repr and spec.name != "card" and getattr(self, spec.name) != spec.default:
                shown.append(f"{spec.name}={getattr(self, spec.name)!r}")
        return f"{type(self).__name__}({', '.join(shown)})"

    def check_options(self) -> None:
        """Raise `OptionError` for an option out of range; tasks with options override it."""

    @classmethod
    def option_names(cls) -> tuple[str, ...]:
        """Names of the options that say something about the answer."""
        return tuple(spec.name for spec in fields(cls) if spec.name not in _SETTINGS)

    @classmethod
    def load(
        cls,
        model: str | os.PathLike[str] = "",
        *,
        device: str = "auto",
        threads: int = 0,
        precision: str = "",
        offline: bool | None = None,
        accept_licence: Sequence[str] = (),
        **options: Any,
    ) -> Self:
        """Load a model for this task; name and options are checked before anything is fetched.

        Args:
            model: a card's id, a folder in Hugging Face form, an ONNX file with a `card.toml` beside it, or
                `hf:owner/name@revision`; empty for the task's default.
            device: `auto`, `cpu` or `cuda`.
            threads: CPU threads, at most the cores that the process may use; 0 for all of them.
            precision: `int8` for 8-bit weights, made on this machine from the model's files; empty leaves them.
            offline: open no socket; None reads HF_HUB_OFFLINE.
            accept_licence: ids of models whose non-commercial licence is accepted.
            **options: fields of the class.

        Raises:
            OptionError: an option is misspelt or out of range.
            UnknownModelError, CardError: no such model, or one for another task.
            ModelMissingError, FetchError, ModelFileError, LicenceError, SetupError: see there.
        """
        check_machine(device, threads)
        cls.check_option_names(options)
        card = load_card(model, cls.name, offline=offline, precision=precision)
        cls.check(card, options)
        load = {"device": device, "threads": threads, "offline": offline, "accept_licence": accept_licence}
        options["helpers"] = load_helpers(
            card,
            cls.needs_with(options),
            options.get("helpers", {}),
            lambda need, model: task_class(need).load(model, **load),
            offline,
        )
        return cls(card=as_loaded(card), session=load_model(card, **load), **options)

    @classmethod
    def check(cls, card: Card, options: Mapping[str, Any]) -> None:
        """Check card and options before the costly step of loading."""
        check_helpers(cls.name, cls.needs, options.get("helpers", {}), models=True)
        cls(card=card, session=_NO_SESSION, **{**options, "helpers": {}})

    @classmethod
    def check_option_names(cls, options: Mapping[str, Any]) -> None:
        known = {spec.name for spec in fields(cls)} - {"card", "session"}
        for key in options:
            if key not in known:
                # these come as arguments of their own
                known |= {"device", "threads", "precision", "offline", "accept_licence"}
                raise OptionError(f"option of {cls.name} must be known, got {key!r}; {nearest(key, known)}")

    def given(self, **answers: Result) -> Self:
        """The same task with answers of other tasks that are known already, for one picture: `faces=faces`."""
        return replace(self, helpers={**self.helpers, **{name: _Known(answer) for name, answer in answers.items()}})

    @classmethod
    def needs_with(cls, options: Mapping[str, Any]) -> tuple[str, ...]:
        """Of `needs`, those that these options of a task leave open."""
        return cls.needs

    def answers_needed(self, picture: Picture) -> dict[str, Result]:
        """What this task needs to know of a picture from other tasks."""
        for name in self.needs:
            if name not in self.helpers:
                raise OptionError(f"{self.name} needs the answer of {name}, got none; use .given({name}=…) or load()")
        return {name: self.helpers[name](picture) for name in self.needs}

    def preprocess(self, picture: Picture) -> tuple[Feeds, Any]:
        """Feeds of one picture, (R, ...) with R rows, and what `postprocess` needs to come back.

        R is mostly 1; with 0 the model is not asked, and `postprocess` is given no outputs. A task with `needs` takes
        their answers as further arguments.
        """
        tensor, fit = prepare(self.decoded(picture), picture.size_hw, self.recipe)
        return {self.input_name: tensor[None], **mask_feeds(self.session.inputs(self.part), [fit], fit.tensor_hw)}, fit

    def decoded(self, picture: Picture) -> Image.Image:
        """The picture, upright, decoded no larger than the recipe needs.

        Filters without antialias read single pixels: for them a scaled decode would be another picture.
        """
        recipe = self.card.recipe
        exact = self.exact or recipe.resample in UNSMOOTHED
        return picture.at_least(plan(picture.size_hw, recipe), exact=exact)

    @property
    def recipe(self) -> Recipe:
        """The card's recipe, in the width of float that the model takes: one folder may hold fp32 and fp16 files."""
        taken = next((tensor.dtype for tensor in self.session.inputs(self.part) if tensor.name == self.input_name), "")
        recipe = self.card.recipe
        wanted = {"float": "float32", "float16": "float16"}.get(taken, recipe.dtype)
        return recipe if recipe.dtype in (wanted, "uint8") else replace(recipe, dtype=wanted)

    @property
    def input_name(self) -> str:
        """The tensor that takes the pixels: as the card says, else `pixel_values`, else the first."""
        names = [tensor.name for tensor in self.session.inputs(self.part)]
        return self.card.input_name or ("pixel_values" if "pixel_values" in names else [*names, "image"][0])

    def postprocess(self, raw: Mapping[str, np.ndarray], fit: Any) -> Result:
        """The answer from the model's outputs for one picture, (R, ...) each."""
        raise CardError(f"task {self.name!r} must write postprocess")

    @overload
    def __call__(self, source: list | tuple, *, on_error: Literal["raise", "return"] = "raise") -> list[Any]: ...
    @overload
    def __call__(self, source: Any, *, on_error: Literal["raise", "return"] = "raise") -> Any: ...
    def __call__(self, source: Any, *, on_error: Literal["raise", "return"] = "raise") -> Any:
        """Answer for one source, or for a list in the same order.

        Args:
            source: anything `Picture.open` takes, or a list of it. Of a task about clips, anything `Clip.open` takes,
                or a list of that.
            on_error: `raise` the first error, or `return` each error in its item's place.
        """
        check_on_error(on_error)
        is_many = self.is_many(source)
        answers = []
        for answer in self.stream(source if is_many else [source]):
            if isinstance(answer, Exception) and on_error == "raise":
                raise answer
            answers.append(answer)
        return answers if is_many else answers[0]

    @classmethod
    def is_many(cls, source: Any) -> bool:
        """Whether this is a list of sources, and not one: of a task about clips, whether it is a list of clips."""
        several = isinstance(source, list | tuple)
        return several and (not cls.of_clips or any(isinstance(each, list | tuple | Clip) for each in source))

    @classmethod
    def open_source(cls, source: Any, **opening: Any) -> Picture | Clip:
        """What the task is asked about; `opening` is what `Picture.open` takes."""
        return Clip.open(source, **opening) if cls.of_clips else Picture.open(source, **opening)

    def stream(self, sources: Iterable[Any]) -> Iterator[Any]:
        """Answers in order, each a result or the error of its item; at most one batch of sources is held."""
        size = self.batch or self.card.batch
        group: list[_Item | Exception] = []  # errors count too: each holds on to the bytes that it is about
        for source in sources:
            group.append(self._start(source))
            if len(group) >= size:
                yield from self._finish(group)
                group = []
        yield from self._finish(group)

    def _start(self, source: Any) -> _Item | Exception:
        try:
            started = time.perf_counter()
            opening = {"limits": self.limits, "allow_urls": self.allow_urls, "background": self.background}
            picture = self.open_source(source, **opening)
            opened = time.perf_counter()
            feeds, fit = self.preprocess(picture, **self.answers_needed(picture))
            ended = time.perf_counter()
        except Exception as error:  # whatever it is, it is this item's own
            return error
        info = ImageInfo(picture.source, picture.width, picture.height, picture.sha256)
        return _Item(feeds, fit, info, {"open": 1e3 * (opened - started), "preprocess": 1e3 * (ended - opened)})

    def _finish(self, group: list[_Item | Exception]) -> Iterator[Any]:
        answers: dict[int, Any] = {}
        for item in group:
            if isinstance(item, _Item) and not item.rows:
                answers[id(item)] = self._answer(item, {}, 0.0)
        for alike in _alike([item for item in group if isinstance(item, _Item) and item.rows]):
            answers.update(zip(map(id, alike), self._run(alike), strict=True))
        for item in group:
            yield answers[id(item)] if isinstance(item, _Item) else item

    def _run(self, items: list[_Item]) -> list[Any]:
        """Run items of equal shapes as one batch; when that fails, one by one, so that only the culprit fails."""
        try:
            started = time.perf_counter()
            raws = self._run_batch(items)
            spent = 1e3 * (time.perf_counter() - started) / len(items)
        except Exception as error:
            return [error] if len(items) == 1 else [answer for item in items for answer in self._run([item])]
        return [self._answer(item, raw, spent) for item, raw in zip(items, raws, strict=True)]

    def _run_batch(self, items: list[_Item]) -> list[Feeds]:
        names = items[0].feeds
        feeds = (
            items[0].feeds
            if len(items) == 1
            else {name: np.concatenate([item.feeds[name] for item in items]) for name in names}
        )
        raw = self.run(feeds)
        total = sum(item.rows for item in items)
        for name, array in raw.items():
            if len(array) != total:
                raise ShapeError(
                    f"output {name!r} must have {total} rows, got shape {array.shape}; set batch = 1 in the card"
                )
        ends = np.cumsum([item.rows for item in items])
        return [
            {name: array[end - item.rows : end] for name, array in raw.items()}
            for item, end in zip(items, ends, strict=True)
        ]

    def run(self, feeds: Feeds) -> dict[str, np.ndarray]:
        """All parts of the model on one batch; tasks with several parts override it."""
        return self.session.run(feeds)

    def _answer(self, item: _Item, raw: Feeds, spent: float) -> Any:
        started = time.perf_counter()
        try:
            result = self.postprocess(raw, item.fit)
        except Exception as error:
            return error
        timings = {**item.timings, "model": spent, "postprocess": 1e3 * (time.perf_counter() - started)}
        model = ModelInfo(self.card.id, self.card.revision, self.card.precision, self.card.licence)
        return replace(result, image=item.image, model=model, timings_ms=timings)


@dataclass(frozen=True, eq=False)
class _Item:
    """One picture on its way through."""

    feeds: Feeds
    fit: Any
    image: ImageInfo
    timings: dict[str, float]

    @property
    def rows(self) -> int:
        return len(next(iter(self.feeds.values())))

    @property
    def shapes(self) -> tuple:
        return tuple((name, array.shape[1:], array.dtype.str) for name, array in self.feeds.items())


def _alike(items: list[_Item]) -> list[list[_Item]]:
    """Items grouped by the shapes of their feeds."""
    groups: dict[tuple, list[_Item]] = {}
    for item in items:
        groups.setdefault(item.shapes, []).append(item)
    return list(groups.values())


class _Known:
    """An answer that is known already, in the form of a task."""

    def __init__(self, answer: Result):
        self.answer = answer

    def __call__(self, picture: Picture) -> Result:
        self.answer.check_picture(picture.size_hw)
        return self.answer


class _NoSession:
    """Stands in while options are checked."""

    device, bytes, files = "none", 0, MappingProxyType({})

    def of(self, part: str) -> _NoSession:
        return self

    def inputs(self, part: str = "model") -> tuple:
        return ()

    def run(self, feeds: Mapping[str, np.ndarray], part: str = "model") -> dict[str, np.ndarray]:
        raise CardError("no model is loaded")


_NO_SESSION = _NoSession()


def check_on_error(on_error: str) -> None:
    """Raise `OptionError` for a word that is not `raise` or `return`."""
    if on_error not in ("raise", "return"):
        raise OptionError(
            f"on_error must be 'raise' or 'return', got {on_error!r}; "
            "'return' puts each error in its item's place, 'raise' stops at the first"
        )
