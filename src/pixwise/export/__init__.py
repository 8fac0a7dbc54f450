"""A checkpoint of `transformers`, or a UNet of `diffusers`, becomes a folder that Pixwise runs without torch.

    from pixwise.export import export
    export("Salesforce/blip-image-captioning-base", "models/blip-base", progress=print)

    checkpoint ─▶ family ─▶ parts ─▶ ONNX ─▶ the same answers as the checkpoint? ─▶ folder with card.toml

Needs `pip install 'pixwise[torch]'`; nothing is imported before `export` is called.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pixwise.errors import CardError, ModelFileError, OptionError, PixwiseError, SetupError, nearest

if TYPE_CHECKING:
    from PIL.Image import Image

    from pixwise.export.checking import Difference
    from pixwise.export.checkpoint import Checkpoint
    from pixwise.export.parts import Family, Part
    from pixwise.picture import Source
    from pixwise.recipe import Recipe

__all__ = ["PRECISIONS", "Exported", "export"]

Precision = Literal["fp32", "fp16", "int8"]
PRECISIONS = {"fp32": 1.0, "fp16": 10.0, "int8": 100.0}  # precision → how many times the tolerance of 32 bits
_MOST = 0.1  # of an output; farther away it is another answer, whatever the precision


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        folder: where; `--model` takes it.
        family, task, precision: what it is.
        licence: of the checkpoint; empty when it does not tell.
        differences: of each output from the checkpoint's own, in words and numbers.
        bytes: of the whole folder.
    """

    folder: Path
    family: str
    task: str
    precision: str
    licence: str
    differences: tuple[Difference, ...]
    bytes: int


def export(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    task: str = "",
    precision: Precision = "fp32",
    picture: Source | None = None,
    tolerance: float | None = None,
    force: bool = False,
    progress: Callable[[str], None] | None = None,
    families: Sequence[Family] | None = None,
) -> Exported:
    """Export a checkpoint, check it against itself, and write a model folder.

    Args:
        source: a folder, or `owner/name[@revision]` of the hub; HF_HUB_OFFLINE keeps it from the network.
        out: a folder that is not there yet, or is empty.
        task: what it must answer, where the checkpoint can do several things.
        precision: of the weights in the files.
        picture: what the check looks at; None takes a drawn one.
        tolerance: largest difference, as a share of the largest number of an output; None takes the family's own.
        force: replace an export that is there.
        progress: told what happens, line by line.
        families: the table; None takes `families.FAMILIES`.

    Raises:
        SetupError: torch, transformers or onnx is not installed.
        OptionError: an option is out of range, or the checkpoint has no such task.
        CardError: the checkpoint is of no family that is known, or lacks a file.
        ModelMissingError: there is no such checkpoint.
        ModelFileError: it is damaged, or the export does not answer as it does; then nothing is written.
        OutputError: the folder is taken, or cannot be written.
    """
    _check_options(task, precision, tolerance)
    _check_installed()
    from pixwise.export.diffusion import open_any
    from pixwise.export.families import FAMILIES, family_of
    from pixwise.export.folder import fresh_folder

    say = progress or (lambda line: None)
    with fresh_folder(Path(out), force) as part:
        checkpoint = open_any(source)
        family = family_of(checkpoint.config, task, FAMILIES if families is None else families, checkpoint.name)
        say(f"{checkpoint.name}: {family.title}, for the task {family.task}")
        usual = min(family.tolerance * PRECISIONS[precision], _MOST)
        allowed = usual if tolerance is None else tolerance
        return _fill(part, Path(out), checkpoint, family, precision, picture, allowed, say)


def _fill(
    folder: Path,
    out: Path,
    checkpoint: Checkpoint,
    family: Family,
    precision: Precision,
    picture: Source | None,
    tolerance: float,
    say: Callable[[str], None],
) -> Exported:
    from pixwise.export.folder import CARD, card_text, file_facts
    from pixwise.export.trials import picture_for

    recipe = checkpoint.recipe(folder, family.tokenizer)
    image = picture_for(picture)
    compared = _compare_recipe(checkpoint, family, recipe, image, say) if checkpoint.looks else []
    parts, model = _parts(checkpoint, family, recipe, image)
    if family.tokenizer:
        _compare_words(folder, model, checkpoint.name)
    found = [row for part in parts for row in _write(part, folder, precision, say)]
    _judge(found, tolerance)
    licence = checkpoint.licence()
    say(f"licence: {licence or 'the checkpoint does not tell; find out before you use it'}")
    names = {part.file: part.name for part in parts} | dict(checkpoint.read)
    names |= {"tokenizer.json": "tokenizer"} if family.tokenizer else {}
    facts, files = _facts(out.name, checkpoint, family, precision, licence), file_facts(folder, names)
    (folder / CARD).write_text(card_text(facts, recipe, family.options(model, folder), files), "utf-8")
    _open_like_a_user(folder, family, facts["id"])
    total = sum(each["bytes"] for each in files)
    return Exported(out, family.title, family.task, precision, licence, (*compared, *found), total)


def _compare_recipe(
    checkpoint: Checkpoint, family: Family, recipe: Recipe, image: Image, say: Callable[[str], None]
) -> list[Difference]:
    """Whether we prepare a picture as the checkpoint's own processor does."""
    from pixwise.export.checking import compare_pixels
    from pixwise.export.trials import prepared

    ours, asked = prepared(image, recipe, family.task)
    wanted = checkpoint.pixels(image, **asked)
    if wanted is None:
        say("pixels: not compared, transformers has no processor of this checkpoint that runs here")
        return []
    row = compare_pixels(wanted, ours)
    say(f"pixels differ by {row.share:.1e} of their largest number from its own processor's ({row.shapes})")
    return [row]


def _parts(checkpoint: Checkpoint, family: Family, recipe: Recipe, image: Image) -> tuple[list[Part], Any]:
    """The parts with their trials, and the model that they were made from."""
    import torch

    from pixwise.export.parts import Given
    from pixwise.export.trials import pictures_for

    pixels, others = (torch.from_numpy(rows) for rows in pictures_for(recipe, image))
    model = checkpoint.model(family)
    with torch.no_grad():
        return family.parts(Given(model, pixels, others)), model


def _write(part: Part, folder: Path, precision: Precision, say: Callable[[str], None]) -> list[Difference]:
    from pixwise.export.checking import differences
    from pixwise.export.precision import reduce_to
    from pixwise.export.tracing import write_onnx

    path = folder / part.file
    write_onnx(part, path)
    reduce_to(precision, path)
    say(f"{part.name}: {part.file}, {path.stat().st_size / 1e6:.1f} MB")
    rows = differences(part, path)
    for group in dict.fromkeys(row.output.partition(".")[0] for row in rows):  # keys and values of layers are one line
        alike = [row for row in rows if row.output.partition(".")[0] == group]
        worst = max(alike, key=lambda row: row.share)
        count = f", the worst of {len(alike)}" if len(alike) > 1 else ""
        say(f"  {worst.output} differs by {worst.share:.1e} of its largest number{count} (runs: {worst.shapes})")
    return rows


def _judge(found: Sequence[Difference], tolerance: float) -> None:
    worst = max(found, key=lambda row: row.share)
    if not worst.share <= tolerance:
        raise ModelFileError(
            f"export must answer as the checkpoint within {tolerance:g}, got {worst.share:.1e} for {worst.output!r} of "
            f"part {worst.part!r}; nothing was written: use --precision fp32, or --tolerance where you can bear it"
        )


def _compare_words(folder: Path, model: Any, name: str) -> None:
    """Whether the model has a vector for each word of the tokenizer: else it is that of another model."""
    from pixwise.language.tokens import load_tokenizer

    known, words = load_tokenizer(folder / "tokenizer.json").size, model.config.get_text_config(decoder=True).vocab_size
    if known > words:
        raise CardError(
            f"{name}: tokenizer.json must be that of the model, which has {words} words, got one with {known}; "
            "copy it from the repository of the model"
        )


def _open_like_a_user(folder: Path, family: Family, id: str) -> None:
    """What cannot be loaded is not written: numbers of the checkpoint's own configs may be nonsense."""
    from pixwise.task_table import MAKERS, TASKS

    entry = {**TASKS, **MAKERS}[family.task]
    try:
        cls = getattr(importlib.import_module(entry.module), entry.class_name)
        helpers = dict.fromkeys(getattr(cls, "needs", ()), lambda picture: picture)  # others' models are not part of it
        cls.load(str(folder), device="cpu", accept_licence=[id], **({"helpers": helpers} if helpers else {}))
    except PixwiseError as error:
        said = str(error).replace(folder.name, id)
        raise ModelFileError(
            f"export must be a folder that can be loaded, got: {said}; nothing was written: mend the checkpoint"
        ) from error


def _facts(id: str, checkpoint: Checkpoint, family: Family, precision: str, licence: str) -> Mapping[str, Any]:
    """Keys of the card; what is empty is left out when it is written."""
    from pixwise.own.folder import names_from_config
    from pixwise.own.heads import head_of
    from pixwise.own.poses import keypoint_names
    from pixwise.own.universal import universal_names

    config, on_hub = checkpoint.config, bool(checkpoint.commit)
    named = ("action", "classify", "detect", "instances", "panoptic", "pose", "semantic")
    names = universal_names(names_from_config(config, checkpoint.name), config) if family.task in named else ()
    return {
        "id": id,
        "task": family.task,
        "title": f"{family.title}, exported from {checkpoint.title}",
        "head": family.head or head_of(config, family.task, family.loader, checkpoint.name),
        "licence": licence,
        **({"commercial": False} if "NC" in licence.upper().split("-") else {}),
        "repo": checkpoint.name if on_hub else "",
        "revision": checkpoint.commit,
        "paper": family.paper,
        "source": f"https://huggingface.co/{checkpoint.name}" if on_hub else "",
        "precision": precision,
        "batch": family.batch,
        "names": list(keypoint_names(names) if family.task == "pose" else names),
    }


def _check_options(task: str, precision: str, tolerance: float | None) -> None:
    from pixwise.task_table import MAKERS, TASKS

    if precision not in PRECISIONS:
        raise OptionError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
    if tolerance is not None and not (math.isfinite(tolerance) and tolerance >= 0):
        raise OptionError(f"tolerance must be a number from 0 up, got {tolerance!r}; 0.001 is usual")
    if task and task not in {**TASKS, **MAKERS}:
        raise OptionError(f"task must be known, got {task!r}; {nearest(task, TASKS)}")


def _check_installed() -> None:
    for package in ("torch", "transformers", "onnx"):
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise SetupError(
                f"export needs the package {package}, got {error}; run: pip install 'pixwise[torch]'"
            ) from error
