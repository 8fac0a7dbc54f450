"""The verbs of `pixwise eval` that compare files of truth with files of answers; no model runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click

from pixwise.cli.endings import say
from pixwise.cli.model_rows import print_json, print_table
from pixwise.cli.options import CODE_ROWS, Number, OneOf, Rows, Verb, option, with_lines
from pixwise.errors import DataError, ShapeError

__all__ = ["VERBS"]

_SHARE = {".png", ".json"}
_PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}


def _panoptic(truth: str, found: str, truth_maps: str, found_maps: str, write: str, each: bool, json_: bool) -> int:
    from pixwise.evaluate.answers import answered_entries, paired_answers
    from pixwise.evaluate.coco_panoptic import paired, read_panoptic, write_panoptic
    from pixwise.evaluate.panoptic import panoptic_quality

    known = read_panoptic(truth, truth_maps)
    if not known.categories:
        raise DataError(f'{truth}: must have "categories" with id, name and isthing, got none; add them')
    if _is_ours(found):
        answers = _answers(found, {entry.path.stem for entry in known.entries})
        pairs = paired_answers(known, answers)
        if write:
            ours = ((entry.image_id, entry.path.name, map) for entry, map in answered_entries(known, answers))
            write_panoptic(write, ours, known.categories)
    elif write:
        raise click.UsageError(f"--write must have answers (.jsonl) to write, got {found}; leave it out")
    else:
        pairs = paired(known, read_panoptic(found, found_maps))
    quality = panoptic_quality(pairs, known.categories)
    means = {"all": quality.all, "things": quality.things, "stuff": quality.stuff}
    columns = zip(quality.pq, quality.sq, quality.rq, quality.tp, quality.fp, quality.fn, strict=True)
    rows = [
        {"id": kind.id, "name": kind.name, "thing": kind.thing, "pq": _n(pq), "sq": _n(sq), "rq": _n(rq),
         "tp": int(tp), "fp": int(fp), "fn": int(fn)}
        for kind, (pq, sq, rq, tp, fp, fn) in zip(quality.categories, columns, strict=True)
    ]  # fmt: skip
    if json_:
        told = {name: {key: _n(value) for key, value in mean._asdict().items()} for name, mean in means.items()}
        return _document("panoptic", pictures=quality.pictures, **told, categories=rows)
    print_table(
        ("", "PQ", "SQ", "RQ", "categories"),
        [(name, *map(_percent, mean[:3]), str(mean.categories)) for name, mean in means.items()],
    )
    if each:
        there = [row for row in rows if row["pq"] is not None]
        cells = [[row["name"], *(_percent(row[key]) for key in ("pq", "sq", "rq"))] for row in there]
        counts = [[str(row[key]) for key in ("tp", "fp", "fn")] for row in there]
        titles = ("category", "PQ", "SQ", "RQ", "found", "invented", "missed")
        print_table(titles, [a + b for a, b in zip(cells, counts, strict=True)])
    return 0


def _semantic(truth: str, found: str, names: str, ignore: int, each: bool, json_: bool) -> int:
    from pixwise.evaluate.map_files import ids_from_file
    from pixwise.evaluate.regions import ClassQuality, added, class_quality

    known = with_lines([f"@{names}"], "--names") if names else ()
    files = _paired(truth, found, _SHARE)

    def counted(pair: Any) -> Any:
        return class_quality([(ids_from_file(pair.truth), ids_from_file(pair.found))], len(known), ignore).confusion

    quality = ClassQuality(added(_over(files, counted), len(known)))
    called = known or [str(place) for place in range(len(quality.confusion))]
    facts = {
        "mean_iou": _n(quality.mean_iou),
        "mean_dice": _n(quality.mean_dice),
        "mean_accuracy": _n(quality.mean_recall),
        "accuracy": _n(quality.accuracy),
    }
    columns = zip(quality.iou, quality.dice, quality.recall, strict=True)
    rows = [
        {"id": place, "name": name, "iou": _n(iou), "dice": _n(dice), "accuracy": _n(recall)}
        for place, (name, (iou, dice, recall)) in enumerate(zip(called, columns, strict=True))
    ]
    if json_:
        return _document("semantic", pictures=len(files), **facts, classes=rows)
    titles = {
        "mean_iou": "mIoU",
        "mean_dice": "mean Dice",
        "mean_accuracy": "mean class accuracy",
        "accuracy": "pixels right",
    }
    print_table((), [(titles[key], _percent(value)) for key, value in facts.items()])
    if each:
        there = [row for row in rows if row["iou"] is not None]
        cells = [(row["name"], *(_percent(row[key]) for key in ("iou", "dice", "accuracy"))) for row in there]
        print_table(("class", "IoU", "Dice", "accuracy"), cells)
    return 0


def _masks(truth: str, found: str, width: float, each: bool, json_: bool) -> int:
    from pixwise.evaluate.map_files import mask_from_file
    from pixwise.evaluate.regions import boundary_iou, dice, mask_iou

    def measured(pair: Any) -> dict[str, float]:
        theirs, ours = mask_from_file(pair.truth), mask_from_file(pair.found)
        return {
            "iou": mask_iou(theirs, ours),
            "dice": dice(theirs, ours),
            "boundary_iou": boundary_iou(theirs, ours, width),
        }

    titles = {"iou": "IoU", "dice": "Dice", "boundary_iou": "boundary IoU"}
    return _per_file("masks", "masks", _paired(truth, found, _SHARE), measured, titles, _percent, each, json_)


def _pictures(truth: str, found: str, window: str, border: int, each: bool, json_: bool) -> int:
    from pixwise.evaluate.likeness import psnr, ssim
    from pixwise.picture import Picture

    def measured(pair: Any) -> dict[str, float]:
        theirs, ours = (_shaved(Picture.open(path).pixels(), border, path) for path in (pair.truth, pair.found))
        return {"psnr": psnr(theirs, ours), "ssim": ssim(theirs, ours, window)}

    titles = {"psnr": "PSNR, dB", "ssim": "SSIM"}
    files = _paired(truth, found, _PICTURES)
    return _per_file("pictures", "pictures", files, measured, titles, "{:.4f}".format, each, json_)


def _shaved(pixels: Any, border: int, path: Path) -> Any:
    if border and 2 * border >= min(pixels.shape[:2]):
        raise DataError(
            f"{path}: must be larger than twice the border, {border}, got {pixels.shape[1]} x {pixels.shape[0]}"
        )
    return pixels[border : pixels.shape[0] - border, border : pixels.shape[1] - border]


def _poses(truth: str, found: str, sigmas: tuple[float, ...], json_: bool) -> int:
    from pixwise.evaluate.coco_things import compare_poses
    from pixwise.points import COCO_SIGMAS

    compare = partial(compare_poses, sigmas=sigmas or COCO_SIGMAS)
    return _things("poses", truth, found, "keypoints", compare, ("all", "medium", "large"), 20, json_)


def _boxes(truth: str, found: str, json_: bool) -> int:
    from pixwise.evaluate.coco_things import compare_boxes

    return _things("boxes", truth, found, "bbox", compare_boxes, ("all", "small", "medium", "large"), 100, json_)


def _things(
    verb: str,
    truth: str,
    found: str,
    needs: str,
    compare: Callable[..., Any],
    sizes: tuple[str, ...],
    most: int,
    json_: bool,
) -> int:
    from pixwise.evaluate.answers import boxes_of, image_ids, poses_of
    from pixwise.evaluate.coco_things import read_found, read_truth
    from pixwise.evaluate.precision import average_precision

    known = read_truth(truth, needs)
    if _is_ours(found):
        answers = _answers(found, image_ids(known["images"]))
        categories = compare(known, boxes_of(answers, known) if needs == "bbox" else poses_of(answers, known))
    else:
        categories = compare(known, read_found(found, needs, known))
    measured = {size: average_precision(categories, size, most) for size in sizes}
    if json_:
        told = {size: {key: _n(value) for key, value in each._asdict().items()} for size, each in measured.items()}
        return _document(verb, pictures=len(known["images"]), most=most, **told)
    titles = ("size", "AP", "AP50", "AP75", "AR", "AR50", "AR75")
    return print_table(titles, [(size, *map(_percent, each)) for size, each in measured.items()])


def _is_ours(found: str) -> bool:
    """Answers as `--jsonl` writes them; COCO's files are JSON."""
    return Path(found).suffix.lower() in (".jsonl", ".ndjson")


def _answers(found: str, names: Container[str]) -> list[Any]:
    from pixwise.evaluate.answers import of_pictures, read_answers

    answers, left_out = of_pictures(read_answers(found), names)
    if left_out:
        say(f"pixwise: {len(left_out)} answers of {found} have no truth and are left out, {left_out[0]} first")
    return answers


def _per_file(
    verb: str,
    rows_key: str,
    files: list[Any],
    measured: Callable[[Any], dict[str, float]],
    titles: dict[str, str],
    shown: Callable[[float], str],
    each: bool,
    json_: bool,
) -> int:
    """Measure file by file, and tell the mean."""
    rows = list(_over(files, measured))
    means = {key: sum(row[key] for row in rows) / len(rows) for key in titles}
    if json_:
        told = [{"name": pair.name, **_told(row)} for pair, row in zip(files, rows, strict=True)]
        return _document(verb, count=len(rows), mean=_told(means), **{rows_key: told})
    print_table((), [(f"mean {title}", shown(means[key])) for key, title in titles.items()])
    if each:
        cells = [(pair.name, *(shown(row[key]) for key in titles)) for pair, row in zip(files, rows, strict=True)]
        print_table(("name", *titles.values()), cells)
    return 0


def _paired(truth: str, found: str, suffixes: set[str]) -> list[Any]:
    from pixwise.evaluate.map_files import paired_files

    files = paired_files(truth, found, suffixes)
    if files.left_out:
        say(f"pixwise: {len(files.left_out)} of {found} have no truth and are left out, {files.left_out[0]} first")
    return files.pairs


def _over(files: list[Any], measured: Callable[[Any], Any]) -> Iterator[Any]:
    """What was measured of each pair; an error says of which."""
    for pair in files:
        try:
            yield measured(pair)
        except (DataError, ShapeError) as error:
            if str(pair.truth) in str(error) or str(pair.found) in str(error):
                raise
            raise type(error)(f"{pair.name}: {error}") from error


def _document(verb: str, **facts: Any) -> int:
    return print_json({"schema": f"pixwise/eval-{verb}/1", **facts})


def _n(value: float) -> float | None:
    """For JSON: what has no value is null, and so is infinity."""
    return round(float(value), 6) if math.isfinite(value) else None


def _told(row: dict[str, float]) -> dict[str, float | None]:
    return {key: _n(value) for key, value in row.items()}


def _percent(value: float | None) -> str:
    """`41.23`; a dash for what has no value."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:.2f}"


def _verb(
    name: str, callback: Callable[..., int], help: str, files: Rows, *own: click.Parameter, each: str = ""
) -> Verb:
    return Verb(
        name,
        callback=callback,
        help=help,
        more=lambda: {"TRUTH and FOUND": files, "Exit code": [row for row in CODE_ROWS if row[0] in "02"]},
        params=[
            click.Argument(["truth"], metavar="TRUTH"),
            click.Argument(["found"], metavar="FOUND"),
            *own,
            *([option("Output", "--each", is_flag=True, help=f"A row for {each}, too.")] if each else []),
            option("Output", "--json", "json_", is_flag=True, help="One JSON document."),
        ],
    )


def _ours(task: str) -> tuple[str, str]:
    return ".jsonl", f"Or FOUND: answers of pixwise {task}, which go with the truth by names of pictures and classes."


_COCO = ("FILE", "A COCO file of truth, and one of results: a list of what was found.")
_TWO = "Two files, or two folders: files of one name, but for the ending, go together."
_WHERE = "Folder of the PNGs of {}.  [default: beside it, of its name]"

VERBS = [
    _verb(
        "panoptic",
        _panoptic,
        "PQ, SQ and RQ of panoptic files.\n\nAs COCO's panoptic API has them, of things and of stuff.",
        [("FILE", "Two COCO panoptic files (JSON), each with its folder of PNGs."), _ours("panoptic")],
        option("Files", "--truth-maps", metavar="FOLDER", default="", help=_WHERE.format("TRUTH")),
        option("Files", "--found-maps", metavar="FOLDER", default="", help=_WHERE.format("FOUND")),
        option("Output", "--write", metavar="FILE", default="", help="Of .jsonl: write it in COCO's form, too."),
        each="each category",
    ),
    _verb(
        "semantic",
        _semantic,
        "mIoU, Dice and accuracy of classes of pixels.\n\nPixels are counted over all pictures.",
        [
            ("FILE, FOLDER", _TWO),
            (".png", "Grey, or with a palette: each value is the id of a class."),
            (".json", "An answer of pixwise semantic."),
        ],
        option("Files", "--names", metavar="FILE", default="", help="Names of the classes, one per line; id 0 first."),
        option(
            "Files", "--ignore", type=Number(int), metavar="ID", default=255, show_default=True,
            help="Id in the truth that says that nobody knows; its pixels do not count.",
        ),
        each="each class",
    ),
    _verb(
        "masks",
        _masks,
        "IoU, Dice and boundary IoU of masks.\n\nThe means over pictures.",
        [
            ("FILE, FOLDER", _TWO),
            (".png", "Grey: from 128 up is in; of one with transparency what is at least half opaque."),
            (".json", "Run lengths in COCO's form."),
        ],
        option(
            "Answer", "--width", type=Number(float), metavar="X", default=0.02, show_default=True,
            help="How near the outline the pixels of boundary IoU lie, as a share of the diagonal.",
        ),
        each="each picture",
    ),
    _verb(
        "pictures",
        _pictures,
        "PSNR and SSIM of pictures.\n\nHow like they are to those that they should be: the means over pictures.",
        [("FILE, FOLDER", _TWO)],
        option(
            "Answer", "--window", type=OneOf(("gaussian", "uniform")), default="gaussian", show_default=True,
            help="Of SSIM: 11 x 11 with a bell, as its paper has it, or 7 x 7, all alike.",
        ),
        option(
            "Answer", "--border", type=Number(int), metavar="N", default=0, show_default=True,
            help="Pixels at each edge that are left out, as is done for super-resolution.",
        ),
        each="each picture",
    ),
    _verb(
        "poses", _poses, "AP and AR of poses by OKS, as COCO has them.", [_COCO, _ours("pose")],
        option(
            "Answer", "--sigma", "sigmas", type=Number(float), metavar="X", multiple=True,
            help="How far apart people mark a point; one per point, in their order.  [default: COCO's 17]",
        ),
    ),
    _verb("boxes", _boxes, "AP and AR of boxes by IoU, as COCO has them.", [_COCO, _ours("detect")]),
]  # fmt: skip
