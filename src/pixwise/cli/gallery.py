"""`pixwise gallery VERB`: the people whom `identify` names, and groups of unknown faces."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import click

from pixwise.cli.ask import load
from pixwise.cli.endings import say
from pixwise.cli.inputs import Input, expand
from pixwise.cli.model_rows import print_json, print_table
from pixwise.cli.options import (
    CODE_ROWS,
    INPUT_ROWS,
    Verb,
    VerbGroup,
    limit_options,
    model_options,
    option,
    task_options,
)  # fmt: skip
from pixwise.cli.progress import Progress
from pixwise.cli.run import about, answered, limits_of
from pixwise.cli.table import clean
from pixwise.errors import PixwiseError
from pixwise.identity.gallery import Gallery, check_name
from pixwise.identity.groups import group
from pixwise.identity.threshold import threshold_of
from pixwise.results import Identities
from pixwise.task import Task
from pixwise.tasks.identify import Identifier

__all__ = ["command"]


def _add(name: str, inputs: tuple[str, ...], gallery: str, largest: bool, **options: Any) -> int:
    name = check_name(name)
    people = Gallery.load(gallery) if os.path.exists(gallery) else Gallery()
    seen, failed = Gallery(people.model), _Failures()
    pictures = _pictures(inputs, options, failed)
    for answer in _asked(load(Identifier, options), pictures, failed) if pictures else ():
        try:
            people.check_model(answer.model)
            face, before = answer.largest if largest and len(answer) else answer, seen.people.get(name, 0)
            seen.add(name, face)
            if seen.people[name] == before or people.has_picture(name, face.vectors[0]):
                say(f"pixwise: {answer.image.source}: left out, {clean(name)} has this picture already")
        except PixwiseError as error:  # no face, several, or another model: the other pictures are added
            failed.tell(str(error))
    added = 0
    if len(seen):
        with Gallery.changing(gallery, new=True) as people:  # as it is now: looking at pictures took its time
            added = _merged(people, seen)
    click.echo(f"{clean(name)}: {added} added, {people.people.get(name, 0)} in {gallery}")
    return int(failed.seen)


def _list(gallery: str, json_: bool) -> int:
    people = Gallery.load(gallery)
    rows = [{"name": name, "pictures": count} for name, count in people.people.items()]
    if json_:
        return print_json({"schema": "pixwise/people/1", "model": vars(people.model), "people": rows})
    return print_table(("name", "pictures"), [(clean(row["name"]), str(row["pictures"])) for row in rows])


def _rm(names: tuple[str, ...], gallery: str) -> int:
    with Gallery.changing(gallery) as people:  # a change that fails leaves the file as it was
        for name in names:
            people.remove(name)
    say(f"pixwise: {', '.join(map(clean, names))} deleted from {gallery}")
    return 0


def _rename(name: str, to: str, gallery: str, join: bool) -> int:
    with Gallery.changing(gallery) as people:
        people.rename(name, to, join=join)
    say(f"pixwise: {clean(name)} is {clean(to)} now in {gallery}, with {_count(len(people.vectors_of(to)))}")
    return 0


def _merge(other: str, gallery: str) -> int:
    with Gallery.changing(gallery) as people:
        added = _merged(people, Gallery.load(other))
    say(f"pixwise: {_count(added)} added to {gallery}, which has {len(people)} people now")
    return 0


def _count(pictures: int) -> str:
    return f"{pictures} picture{'s' * (pictures != 1)}"


def _merged(people: Gallery, others: Gallery) -> int:
    """How many pictures came to `people`; those that they have already do not count."""
    before = sum(people.people.values())
    people.merge(others)
    return sum(people.people.values()) - before


def _group(inputs: tuple[str, ...], threshold: float | None, json_: bool, **options: Any) -> int:
    failed = _Failures()
    pictures = _pictures(inputs, options, failed)
    if not pictures:
        return 1
    task = load(Identifier, {**options, "threshold": threshold})
    limit, _ = threshold_of(task.card, threshold)  # before the work, not after it
    answers = list(_asked(task, pictures, failed))
    labels = group(answers, limit).tolist()
    faces = [(answer.image.source, row) for answer in answers for row in answer]
    rows = [
        {"group": label, "source": source, "box": [round(float(edge), 1) for edge in row.box]}
        for label, (source, row) in zip(labels, faces, strict=True)
    ]
    rows.sort(key=lambda row: row["group"])
    if json_:
        print_json({"schema": "pixwise/groups/1", "groups": len(set(labels)), "faces": rows})
    else:
        titles = ("group", "picture", "box x1 y1 x2 y2")
        print_table(
            titles, [(str(r["group"]), clean(r["source"]), " ".join(f"{e:.0f}" for e in r["box"])) for r in rows]
        )
    return int(failed.seen)


class _Failures:
    """Pictures that could not be used, told as they come."""

    seen = False

    def tell(self, line: str) -> None:
        self.seen = True
        say(f"pixwise: {line}")


def _pictures(inputs: tuple[str, ...], options: dict[str, Any], failed: _Failures) -> list[Input]:
    """The pictures that are there; what is not is told."""
    options["limits"] = limits_of(options)
    pictures = expand(inputs, allow_urls=options["allow_urls"])
    for given in pictures:
        if given.error:
            failed.tell(str(given.error))
    return [given for given in pictures if not given.error]


def _asked(task: Task, pictures: list[Input], failed: _Failures) -> Iterator[Identities]:
    """Answers about the pictures; those that cannot be answered are told."""
    for item in Progress(len(pictures)).over(answered(task, pictures, keep=False)):
        if isinstance(item.answer, Exception):
            for line in about(item):
                failed.tell(line)
        else:
            yield item.answer


_PLACE = option(
    "Gallery", "-g", "--gallery", metavar="FILE", default="people.npz", show_default=True, help="A .npz or .json file."
)
_JSON = option("Output", "--json", "json_", is_flag=True, help="One JSON document.")
_LARGEST = option("Gallery", "--largest", is_flag=True, help="Of several faces in a picture take the largest.")
_JOIN = option("Gallery", "--join", is_flag=True, help="TO is there already, and both are one person.")


def _verb(name: str, callback: Callable[..., int], help: str, *params: click.Parameter, asks: bool = False) -> Verb:
    more = {"INPUT": INPUT_ROWS} if asks else {}
    machine = [*model_options(needs=Identifier.needs), *limit_options()] if asks else []
    return Verb(
        name, callback=callback, help=help, params=[*params, *machine], more=lambda: {**more, "Exit code": CODE_ROWS}
    )


def _inputs() -> click.Argument:
    return click.Argument(["inputs"], nargs=-1, required=True, metavar="INPUT...")


command = VerbGroup(
    "gallery",
    help="Keep the people whom identify names, and group unknown faces.",
    subcommand_metavar="VERB …",
    commands=[
        _verb("add", _add, "Add pictures of a person.",
              click.Argument(["name"]), _inputs(), _PLACE, _LARGEST, asks=True),
        _verb("list", _list, "List the people and how many pictures each has.", _PLACE, _JSON),
        _verb("rm", _rm, "Forget people and all of their pictures.",
              click.Argument(["names"], nargs=-1, required=True, metavar="NAME..."), _PLACE),
        _verb("rename", _rename, "Give a person another name.",
              click.Argument(["name"]), click.Argument(["to"]), _PLACE, _JOIN),
        _verb("merge", _merge, "Add everybody of another gallery.", click.Argument(["other"], metavar="OTHER"), _PLACE),
        _verb("group", _group, "Sort the faces of pictures by person, without knowing who it is.",
              _inputs(), *task_options(Identifier, ("threshold",)), _JSON, asks=True),
    ],
)  # fmt: skip
