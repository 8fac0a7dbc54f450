"""`pixwise collections VERB`: train yes/no classifiers of one's own, ask them, and look after them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from pixwise.cli.ask import run_with
from pixwise.cli.endings import say
from pixwise.cli.model_rows import print_json, print_table
from pixwise.cli.options import (
    CODE_ROWS,
    INPUT_ROWS,
    Number,
    OneOf,
    Verb,
    VerbGroup,
    limit_options,
    model_options,
    option,
    output_options,
)  # fmt: skip
from pixwise.cli.progress import Progress
from pixwise.cli.table import clean
from pixwise.collections.classifying import MembershipClassifier
from pixwise.collections.focus import EMBEDDINGS, TARGETS, Focus
from pixwise.collections.jobs import evaluate, train_all, train_service
from pixwise.collections.looking import Looker
from pixwise.collections.rows import Sample
from pixwise.collections.service import Entry, Service
from pixwise.collections.shelf import Shelf
from pixwise.collections.sources import sample_of_file, sample_of_folder
from pixwise.collections.training import Outcome
from pixwise.errors import ModelFileError, SourceError
from pixwise.loading import advising
from pixwise.results import Membership

__all__ = ["command"]

_SHOWN = ("macro_precision", "precision", "recall", "f1", "roc_auc", "pr_auc", "brier", "calibration_error", "rows")
_CODES = [
    ("0", "All well."),
    ("1", "A collection was skipped, or a picture failed; the others were done."),
    *CODE_ROWS[2:],
]


def _train(
    folders: tuple[str, ...], service: str, only: tuple[str, ...], timeout: float, data: str, id: str, embedding: str,
    of: str, finder: str, seed: int, folder: str | None, json_: bool, **machine: Any,
) -> int:  # fmt: skip
    if not (folders or service or data) or (data and not id):
        raise click.UsageError("source must be given, got none; name a FOLDER, --service URL, or --data FILE with --id")
    focus, shelf = Focus.of(embedding, of), Shelf(folder)
    samples: list[tuple[str, Callable[[], Sample]]] = []
    if folders:
        if not any(Path(each).is_dir() for each in folders):  # else a model would be fetched for nothing
            raise SourceError(f"{folders[0]}: expected a folder of pictures, got no such folder; check the path")
        with advising("embed", "--embedding"):
            looker = Looker.load(focus, finder=finder, **_on(machine))
        over = lambda pictures: Progress(len(pictures)).over(pictures)  # noqa: E731
        names = [id] if id and len(folders) == 1 and not data else [Path(each).resolve().name for each in folders]
        for name, place in zip(names, folders, strict=True):
            samples.append((name, lambda place=place: sample_of_folder(place, looker, over=over)))
    if data:
        samples.append((id, lambda: sample_of_file(data, focus)))
    outcomes = [_told(outcome, json_) for outcome in train_all(samples, shelf, seed=seed)]
    if service:
        asked = Service(service, timeout_s=timeout)
        outcomes += [_told(outcome, json_) for outcome in train_service(asked, shelf, only=only, seed=seed)]
    if json_:
        print_json({"schema": "pixwise/collections/1", "collections": [outcome.to_dict() for outcome in outcomes]})
    return int(any(outcome.reason or outcome.notes for outcome in outcomes))


def _told(outcome: Outcome, json_: bool) -> Outcome:
    """Say at once what became of a collection."""
    name = clean(outcome.id if outcome.name in ("", outcome.id) else f"{outcome.id} ({outcome.name})")
    for note in outcome.notes:
        say(f"pixwise: {note}")
    if outcome.reason:
        why = " ".join(str(outcome.reason).split()).removeprefix(
            f"{name}: "
        )  # a folder here is called like its collection
        say(f"pixwise: {name or 'a collection'}: skipped: {why}")
    elif not json_ and outcome.trained and outcome.metrics:
        made, numbers = outcome.trained, outcome.metrics
        rank = "the best" if outcome.best == made.version else f"an earlier one is better: {outcome.best}"
        click.echo(
            f"{name}  {made.data['rows']} rows, {made.data['yes']} yes  {made.version}, {rank}  "
            f"macro precision {numbers['macro_precision']:.3f}  ROC AUC {numbers['roc_auc']:.3f}"
        )
    return outcome


def _list(folder: str | None, json_: bool) -> int:
    shelf, found, code = Shelf(folder), [], 0
    for id in shelf.ids():
        try:
            found.append(shelf.best(id))
        except ModelFileError as error:  # the others can be listed
            say(f"pixwise: {error}")
            code = 3
    if json_:
        return max(code, print_json([each.to_dict() for each in found]))
    if not found and not code:
        say(f"pixwise: no collections in {shelf.folder}; train one: pixwise collections train FOLDER")
    titles = ("id", "name", "looks at", "embeddings", "rows", "yes", "trained", "macro precision")
    print_table(titles, [
        (
            clean(each.id), clean(each.name), each.focus.target, "+".join(each.focus.embeddings),
            str(each.data["rows"]), str(each.data["yes"]), each.trained, f"{each.metrics['macro_precision']:.3f}",
        )
        for each in found
    ])  # fmt: skip
    return code


def _show(id: str, folder: str | None, json_: bool) -> int:
    shelf = Shelf(folder)
    best, standing = shelf.best(id), shelf.standing(id)
    if json_:
        return print_json({**best.to_dict(), "bake_off": standing["bake_off"]})
    told = best.to_dict()
    spaces = [
        f"{each.model} {each.revision or 'no revision known'} {each.precision} {each.dimension}" for each in best.spaces
    ]
    print_table((), [
        ("id", clean(best.id)), ("name", clean(best.name)), ("version", best.version), ("trained", best.trained),
        ("looks at", best.focus.target), *(("embedding", space) for space in spaces),
        *((key, str(value)) for key, value in told["data"].items()), ("kept in", str(shelf.place(id))),
    ])  # fmt: skip
    click.echo()
    return _print_ranking(standing["bake_off"])


def _print_ranking(told: dict[str, dict[str, float]]) -> int:
    titles = ("version", *(name.replace("_", " ") for name in _SHOWN))
    rows = [(version, *(f"{numbers[name]:.3f}" if name != "rows" else str(numbers[name]) for name in _SHOWN))
            for version, numbers in told.items()]  # fmt: skip
    return print_table(titles, rows)


def _eval(
    id: str, source: str, service: str, timeout: float, data: str, finder: str, folder: str | None, json_: bool,
    **machine: Any,
) -> int:  # fmt: skip
    if sum(map(bool, (source, service, data))) != 1:
        raise click.UsageError("source must be given once; name a FOLDER, --service URL, or --data FILE")
    shelf = Shelf(folder)
    best = shelf.best(id)
    if source:
        with advising("embed"):  # no other can take the place of the one that it was trained on
            looker = Looker.load(best.focus, models=best.models, finder=finder, **_on(machine))
        sample = sample_of_folder(source, looker, over=lambda pictures: Progress(len(pictures)).over(pictures))
    elif data:
        sample = sample_of_file(data, best.focus)
    else:
        sample = Service(service, timeout_s=timeout).sample(Entry(best.id, best.name, best.focus))
    for note in sample.notes:
        say(f"pixwise: {note}")
    told = evaluate(id, sample, shelf)
    if json_:
        print_json({"id": best.id, "in_force": best.version, "versions": told})
    else:
        _print_ranking(told)
    return int(bool(sample.notes))


def _classify(id: str, inputs: tuple[str, ...], folder: str | None, finder: str, **options: Any) -> int:
    def load(given: dict[str, Any]) -> MembershipClassifier:
        machine = _on({key: given.pop(key) for key in ("device", "threads", "offline", "accept_licence")})
        return MembershipClassifier.load(id, folder=folder, finder=finder, **given, **machine)

    Shelf(folder).best(id)  # before pictures are looked for
    return run_with(load, Membership, inputs, options)


def _rm(ids: tuple[str, ...], folder: str | None) -> int:
    for id in ids:
        Shelf(folder).remove(id)
        click.echo(f"{id} deleted")
    return 0


def _on(machine: dict[str, Any]) -> dict[str, Any]:
    """How models are loaded; not told to be offline is as the environment says."""
    return {**machine, "offline": machine["offline"] or None}


def _verb(name: str, callback: Callable[..., int], help: str, *params: click.Parameter, **more: Any) -> Verb:
    return Verb(name, callback=callback, help=help, params=[*params, _KEPT], more=lambda: {**more, "Exit code": _CODES})


def _sources() -> Iterator[click.Parameter]:
    yield option("Data", "--service", metavar="URL", default="", help="Address before /collections.json.")
    yield option(
        "Data", "--timeout", type=Number(float), metavar="S", default=60, show_default=True,
        help="Seconds for one answer of the service.",
    )  # fmt: skip
    yield option(
        "Data", "--data", metavar="FILE", default="", help="CSV, JSONL or Parquet with label, photo_id and vectors."
    )


def _id() -> click.Parameter:
    return click.Argument(["id"], metavar="ID")


_KEPT = option(
    "Output", "--folder", metavar="DIR", default=None, help="Where collections are kept.  [default: in PIXWISE_HOME]"
)
_JSON = option("Output", "--json", "json_", is_flag=True, help="One JSON document.")
_FINDER = option(
    "Model and machine", "--finder", metavar="ID", default="", help="Model that finds persons or faces to look at."
)

command = VerbGroup(
    "collections",
    help="Train yes/no classifiers of your own, and ask them: is this picture in the collection?",
    subcommand_metavar="VERB …",
    commands=[
        _verb(
            "train", _train, "Train collections; of all kept versions the best answers.",
            click.Argument(["folders"], nargs=-1, metavar="[FOLDER]..."),
            *_sources(),
            option("Data", "--only", metavar="ID", multiple=True, help="Of the service's, only this. May be repeated."),
            option("Data", "--id", metavar="ID", default="", help="Of what is trained from --data, or one FOLDER."),
            option(
                "What is looked at", "--embedding", metavar="NAMES", default="clip", show_default=True,
                help=f"{', '.join(EMBEDDINGS)}, or a model; several with + between.",
            ),
            option(
                "What is looked at", "--of", type=OneOf(TARGETS), default="whole_image", show_default=True,
                help="Part of the picture.",
            ),
            option("What is looked at", "--seed", type=Number(int), metavar="N", default=0, help="Of the test set."),
            _FINDER, *model_options(model=False), _JSON,
            FOLDER=[("FOLDER", "With pictures in FOLDER/yes and FOLDER/no.")],
        ),
        _verb("list", _list, "List the collections.", _JSON),
        _verb("show", _show, "Show how a collection came to be, and how its versions did.", _id(), _JSON),
        _verb(
            "eval", _eval, "Measure all versions of a collection on other data.", _id(),
            click.Argument(["source"], default="", metavar="[FOLDER]"),
            *_sources(), _FINDER, *model_options(model=False), _JSON,
        ),
        _verb(
            "classify", _classify, "Say of pictures whether they are in a collection.", _id(),
            click.Argument(["inputs"], nargs=-1, required=True, metavar="INPUT..."),
            *output_options(), _FINDER, *model_options(model=False), *limit_options(), INPUT=INPUT_ROWS,
        ),
        _verb("rm", _rm, "Delete collections.", click.Argument(["ids"], nargs=-1, required=True, metavar="ID...")),
    ],
)  # fmt: skip
