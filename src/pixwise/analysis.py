"""Many questions about one picture: opened and decoded once, each task with the best model that is on this machine.

picture ─▶ for each task: fetched default, else built-in, else "skipped: pixwise models pull …" ─▶ Analysis
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from PIL import Image

from pixwise import registry, store
from pixwise.ask import names_checked
from pixwise.errors import OptionError, PixwiseError, nearest
from pixwise.fetching import shelf
from pixwise.picture import Limits, Picture
from pixwise.pool import Pool, shared_pool
from pixwise.registry import Card
from pixwise.results import ImageInfo, Result
from pixwise.session import check_machine
from pixwise.task_table import ANALYSED, check_analysed, task_class

__all__ = ["Analysis", "Outcome", "analyze"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one task.

    Attributes:
        status: `ok`, `skipped` (no model on this machine) or `error`.
        result: the answer; None unless ok.
        message: why it was skipped or failed; for an answer of a built-in, how to get a better one.
    """

    status: Literal["ok", "skipped", "error"]
    result: Result | None = None
    message: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it: status, message, and the answer's own keys without the image, which is said once."""
        answer = self.result.to_dict() if self.result is not None else {}
        answer.pop("image", None)
        return {"status": self.status, "message": self.message, **answer}


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """The answers to several questions about one picture, by task."""

    schema: ClassVar[str] = "pixwise/analysis/1"

    image: ImageInfo
    results: Mapping[str, Outcome] = field(default_factory=dict)

    def __getitem__(self, task: str) -> Result:
        """The answer to one task.

        Raises:
            OptionError: the task was not asked, was skipped, or failed; the message says why.
        """
        outcome = self.results.get(task)
        if outcome is None:
            raise OptionError(f"task must be one that was asked, got {task!r}; {nearest(task, self.results)}")
        if outcome.result is None:
            raise OptionError(f"task {task!r} must have an answer, got {outcome.status}: {outcome.message}")
        return outcome.result

    def __repr__(self) -> str:
        told = ", ".join(f"{task} {outcome.status}" for task, outcome in self.results.items())
        return f"<Analysis of {self.image.source or 'a picture'}: {told}>"

    def _repr_html_(self) -> str:
        """A block for each task, for notebooks; `analysis.draw(picture)` shows the picture."""
        blocks = [f"<div>{html.escape(self.image.source)} {self.image.width} x {self.image.height}</div>"]
        for task, outcome in self.results.items():
            said = f"{task}: {outcome.status}" + (f" ({outcome.message})" if outcome.message else "")
            table = outcome.result._repr_html_() if outcome.result is not None else ""
            blocks.append(f"<div><b>{html.escape(said)}</b>{table}</div>")
        return "".join(blocks)

    def to_dict(self) -> dict[str, Any]:
        """The analysis as JSON has it."""
        results = {task: outcome.to_dict() for task, outcome in self.results.items()}
        return {"schema": self.schema, "image": vars(self.image).copy(), "results": results}

    def draw(self, picture: Any) -> Image.Image:
        """All answers drawn into the picture; their labels make room for one another."""
        from pixwise.draw import draw

        return draw(picture, *(outcome.result for outcome in self.results.values() if outcome.result is not None))


@names_checked
def analyze(
    source: Any,
    tasks: Sequence[str] | str | None = None,
    *,
    pull: bool = False,
    device: str = "auto",
    threads: int = 0,
    offline: bool | None = None,
    accept_licence: Sequence[str] = (),
    exact: bool = False,
    limits: Limits = Limits(),  # noqa: B008 (frozen)
    allow_urls: bool = False,
    background: tuple[int, int, int] = (255, 255, 255),
    pool: Pool | None = None,
) -> Analysis:
    """Ask many questions about one picture.

    Args:
        source: one picture, anything `Picture.open` takes.
        tasks: names, or one name; when None, all but those whose answer only programs can read (embed). Those that
            need words of yours (zeroshot, find) are asked alone.
        pull: fetch default models that are not on this machine.
        device: as in `Task.load`; for fetched models: built-ins run on the CPU.
        threads, offline, accept_licence: as in `Task.load`.
        exact, limits, allow_urls, background: as in `Task` and `Picture.open`.
        pool: where loaded models are kept; the process's own when None.

    Raises:
        OptionError: a name is misspelt, a task needs words, or more than one picture was given.
        PictureError, SourceError, LimitError: the picture cannot be read. A task that fails is told in its outcome.
    """
    if isinstance(source, list | tuple):
        raise OptionError(
            f"analyze takes one picture, got a {type(source).__name__} of {len(source)}; "
            "ask for each: [px.analyze(one) for one in pictures]"
        )
    asked = list(ANALYSED) if tasks is None else [tasks] if isinstance(tasks, str) else list(tasks)
    for task in asked:
        check_analysed(task)
    check_machine(device, threads)  # here too: built-ins are asked for the CPU, whatever it says
    pool = shared_pool() if pool is None else pool  # an empty pool has length 0
    picture = Picture.open(source, limits=limits, allow_urls=allow_urls, background=background)
    picture.image()  # a broken picture fails here, once, not in every task
    load = {"device": device, "threads": threads, "offline": offline, "accept_licence": accept_licence, "exact": exact}
    results = {task: _ask(pool, task, picture, pull, load) for task in asked}
    info = ImageInfo(picture.source, picture.width, picture.height, picture.sha256)
    return Analysis(image=info, results=results)


def _ask(pool: Pool, task: str, picture: Picture, pull: bool, load: Mapping[str, Any]) -> Outcome:
    try:
        card, message = choose_card(task, pull=pull)
        if card is None:
            return Outcome(status="skipped", message=message)
        if card.runtime == "builtin":
            load = {**load, "device": "cpu"}
        return Outcome(status="ok", result=pool.task(task, card.id, **load)(picture), message=message)
    except PixwiseError as error:
        return Outcome(status="error", message=str(error))


def choose_card(
    task: str, *, pull: bool = False, is_ready: Callable[[Card], bool] = store.is_ready
) -> tuple[Card | None, str]:
    """The best model for a task on this machine, and what to say about it.

    Args:
        task: its name.
        pull: fetched models count as present.
        is_ready: tells whether a card's files are on this machine.

    Returns:
        The fetched default where its files are on disk, and those of the tasks that it needs, else the built-in, else
        None; and a line that names the `models pull` command when a fetched model would answer better.
    """
    fetched, builtin = registry.default_card(task, "onnx"), registry.default_card(task, "builtin")
    helpers = [registry.default_card(need) for need in task_class(task).needs] if fetched is not None else []
    missing = [card.id for card in (fetched, *helpers) if card is not None and not (pull or is_ready(card))]
    if fetched is not None and not missing:
        return fetched, ""
    advice = f"pixwise models pull {' '.join(missing)}" if missing else ""
    if fetched is not None and shelf.state(fetched) == "damaged":
        advice = f"{advice} (its file is damaged)"
    if builtin is not None:
        return builtin, f"built-in; for {fetched.title or fetched.id}: {advice}" if fetched is not None else ""
    return None, f"needs {advice}" if advice else f"no model answers {task!r}"
