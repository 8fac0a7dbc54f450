"""One run of a verb over its inputs: answers come in, are written as they come, and errors are told.

inputs ─▶ answered(task, inputs) ─▶ write_all(…) ─▶ exit code
"""

from __future__ import annotations

import contextlib
import io
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pixwise.cli.endings import code_of, say
from pixwise.cli.files import PICTURE_FORMATS, Plan, StandardOutput
from pixwise.cli.inputs import Input
from pixwise.cli.progress import Progress
from pixwise.cli.sinks import AltSink, CsvSink, JsonListSink, JsonSink, LinesSink, Sink, TableSink
from pixwise.clip import Clip
from pixwise.errors import CardError, PixwiseError, ShapeError
from pixwise.picture import Limits, Picture
from pixwise.reading.sources import limit_names
from pixwise.whole_file import WholeFile

if TYPE_CHECKING:
    from pathlib import Path

    from pixwise.answers.result import Result
    from pixwise.task import Task

__all__ = ["Answered", "answered", "limits_of", "one_line", "write_all"]

FAILURES = (PixwiseError, OSError, MemoryError)  # what one picture may do without ending the run
_MISFITS = (CardError, ShapeError)  # of a picture from a file: the card does not fit its model, whatever the picture


class Answered(NamedTuple):
    """What became of one input."""

    input: Input
    answer: Any  # Result | Analysis | Exception
    picture: Picture | Clip | None = None  # kept only where it will be drawn
    problems: tuple[str, ...] = ()  # of an answer that is not whole


def answered(task: Task, inputs: Sequence[Input], *, keep: bool) -> Iterator[Answered]:
    """Answer all inputs through the task's batches, in order.

    Args:
        task: a loaded one.
        inputs: those with an error are passed through.
        keep: open the pictures here, so that the answer can be drawn without reading its source twice.
    """
    waiting: deque[Answered] = deque()  # in the order of the inputs; answer None: the task has it

    def sources() -> Iterator[Any]:
        for given in inputs:
            if given.error is not None:
                waiting.append(Answered(given, given.error))
                continue
            source: Any = given.frames or given.source
            if keep:
                source = opened(given, task.limits, task.allow_urls, task.background)
            waiting.append(Answered(given, source if isinstance(source, Exception) else None, source if keep else None))
            if not isinstance(source, Exception):
                yield source

    for answer in task.stream(sources()):
        while waiting[0].answer is not None:
            yield waiting.popleft()
        yield waiting.popleft()._replace(answer=answer)
    yield from waiting


def opened(
    given: Input, limits: Limits, allow_urls: bool, background: tuple[int, int, int]
) -> Picture | Clip | Exception:
    """The picture or the clip of an input, or why there is none."""
    kind = Clip if given.is_clip else Picture
    try:
        return kind.open(given.frames or given.source, limits=limits, allow_urls=allow_urls, background=background)
    except FAILURES as error:
        return error


def write_all(
    items: Iterable[Answered],
    plan: Plan,
    total: int,
    *,
    one: bool,
    render: Callable[[Any, str], str],
    kind: type[Result] | None = None,
    save: Callable[[Path, Answered], str] | None = None,
) -> int:
    """Write answers as they come.

    Args:
        items: one per input, in order.
        plan: where to.
        total: how many will come.
        one: a JSON answer is one document, not a list.
        render: text of one answer for the table.
        kind: of answer, for the header of a CSV.
        save: writes the file that is made of an answer, and tells its name; None draws the picture.

    Returns:
        Exit code: 0; 1 when an input failed; 2 when it did for a model that its card does not fit.

    Raises:
        KeyboardInterrupt, SystemExit: again, after what was done was written.
    """
    progress, code = Progress(total), 0
    stopped: BaseException | None = None
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(WholeFile(plan.data) if plan.data else StandardOutput())
        sink = sink_of(plan, out.write, one, render, kind)
        try:
            for index, item in enumerate(progress.over(items)):
                for line in about(item):
                    code = max(code, code_of(item.answer) if isinstance(item.answer, _MISFITS) else 1)
                    say(f"pixwise: {line}")
                _write_one(index, item, plan, sink, save or _draw)
        except (KeyboardInterrupt, SystemExit) as error:  # Ctrl-C, SIGTERM
            stopped = error
        progress.clear()
        with held_back():
            sink.close()
    if stopped:
        raise stopped
    return code


def _write_one(index: int, item: Answered, plan: Plan, sink: Sink, save: Callable[[Path, Answered], str]) -> None:
    if isinstance(item.answer, Exception):
        with held_back():
            sink.fail(item.input.source, item.answer)
        return
    drawn = save(plan.drawn[index], item) if plan.drawn else ""
    if plan.documents:
        with WholeFile(plan.documents[index]) as file:
            JsonSink(file.write).add(item.answer, drawn)
    else:
        with held_back():
            sink.add(item.answer, drawn)


def _draw(path: Path, item: Answered) -> str:
    """Save the drawn picture; returns its path."""
    image, data, pipe = item.answer.draw(item.picture), io.BytesIO(), str(path) == "-"
    kind = "PNG" if pipe else PICTURE_FORMATS[path.suffix.lower()]
    image.save(data, kind, **({"quality": 92, "subsampling": 0} if kind == "JPEG" else {}))
    if pipe:
        StandardOutput().write_bytes(data.getvalue())
    else:
        with WholeFile(path) as file:
            file.write(data.getvalue())
    return str(path)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait until a piece is written; a second one does not: the reader may have stopped reading."""
    came: list[int] = []

    def keep(number: int, frame: Any) -> None:
        came.append(number)
        if len(came) > 1:
            raise KeyboardInterrupt

    try:
        before = {number: signal.signal(number, keep) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: signals do not come here
        before = {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for number in came:
        signal.raise_signal(number)


class _NoSink:
    """Every input has a document of its own."""

    def add(self, answer: Any, drawn: str) -> None:
        pass

    def fail(self, source: str, error: Exception) -> None:
        pass

    def close(self) -> None:
        pass


def sink_of(
    plan: Plan, write: Callable[[str], None], one: bool, render: Callable[[Any, str], str], kind: type[Result] | None
) -> Sink:
    """The form that the plan names."""
    if plan.documents:
        return _NoSink()
    forms: dict[str, Callable[[], Sink]] = {
        "table": lambda: TableSink(write, render),
        "json": lambda: JsonSink(write) if one else JsonListSink(write),
        "jsonl": lambda: LinesSink(write),
        "alt": lambda: AltSink(write),
        "csv": lambda: CsvSink(write, kind, terminal=plan.data is None and sys.stdout.isatty()),
    }
    return forms[plan.format]()


def about(item: Answered) -> list[str]:
    """What is wrong with an input's answer, in lines that name the input."""
    wrong = [one_line(item.answer)] if isinstance(item.answer, Exception) else item.problems
    name = item.input.source[:200]
    return [text if name in text else f"{name}: {text}" for text in wrong]


def one_line(error: BaseException) -> str:
    """The message of an error without line breaks; its type when it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def limits_of(options: dict[str, Any]) -> Limits:
    """Take the limits out of a command's options."""
    return Limits(**{name: options.pop(name) for name in limit_names()})
