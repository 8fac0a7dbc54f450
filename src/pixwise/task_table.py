"""The tasks: name → where its class lives and one line of help. Light to import: the command line's help reads it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple

from pixwise.errors import OptionError, nearest

if TYPE_CHECKING:
    from pixwise.task import Task

__all__ = [
    "ANALYSED",
    "ASKED_ALONE",
    "MAKERS",
    "TASKS",
    "WHOLE_HEADS",
    "TaskEntry",
    "cards_of",
    "check_analysed",
    "task_class",
]


class TaskEntry(NamedTuple):
    """Home of a task.

    Attributes:
        module, class_name: where it lives.
        help: one line.
        analysed: `analyze` asks it without being told to. A vector says nothing to somebody who looks at a picture,
            and what needs words of the user cannot be asked without them.
        cards: the task whose cards it takes, where it has none of its own.
        parts: of a card's files, those that it runs; empty for all of them.
        options: of a card's options, those that it cannot do without.
        words: of the task's options, the words of the user without which it cannot be asked.
    """

    module: str
    class_name: str
    help: str
    analysed: bool = True
    cards: str = ""
    parts: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    words: str = ""


TASKS: dict[str, TaskEntry] = {
    "detect": TaskEntry("pixwise.tasks.detect", "Detector", "Find objects: boxes with labels."),
    "faces": TaskEntry("pixwise.tasks.faces", "FaceDetector", "Find faces with five landmarks."),
    "identify": TaskEntry(
        "pixwise.tasks.identify", "Identifier", "Say whose faces these are, or give their vectors.", analysed=False
    ),
    "pose": TaskEntry(
        "pixwise.tasks.pose", "PoseEstimator", "Find the joints of people: keypoints, skeletons.", analysed=False
    ),
    "segment": TaskEntry("pixwise.tasks.segment", "Segmenter", "Cut out what you point at: masks.", analysed=False),
    "semantic": TaskEntry(
        "pixwise.tasks.semantic", "SemanticSegmenter", "Say which class each pixel belongs to.", analysed=False
    ),
    "instances": TaskEntry(
        "pixwise.tasks.instances", "InstanceSegmenter", "Find things and cut each one out.", analysed=False
    ),
    "panoptic": TaskEntry(
        "pixwise.tasks.panoptic", "PanopticSegmenter", "Divide the picture into things and stuff.", analysed=False
    ),
    "background": TaskEntry(
        "pixwise.tasks.background", "BackgroundRemover", "Tell the subject from its background.", analysed=False
    ),
    "depth": TaskEntry("pixwise.tasks.depth", "DepthEstimator", "Say how far each pixel is.", analysed=False),
    "find": TaskEntry(
        "pixwise.tasks.find",
        "Finder",
        "Find what you name: boxes for words of your own.",
        analysed=False,
        parts=("model", "tokenizer"),
        words="labels",
    ),
    "classify": TaskEntry("pixwise.tasks.classify", "Classifier", "Say what the whole picture shows."),
    "zeroshot": TaskEntry(
        "pixwise.tasks.zeroshot",
        "ZeroShot",
        "Say which of your own labels fits the picture.",
        analysed=False,
        cards="embed",
        parts=("model", "text", "tokenizer"),
        options=("logit_scale",),
        words="labels",
    ),
    "moderate": TaskEntry(
        "pixwise.tasks.moderate",
        "Moderator",
        "Say by a policy what is to be done with the picture.",
        analysed=False,
        cards="embed",
        parts=("model", "text", "tokenizer"),
        options=("logit_scale",),
    ),
    "ocr": TaskEntry("pixwise.tasks.ocr", "TextReader", "Read printed text."),
    "codes": TaskEntry("pixwise.tasks.codes", "CodeReader", "Read QR and bar codes."),
    "quality": TaskEntry("pixwise.tasks.quality", "QualityMeter", "Measure sharpness, exposure, noise and colours."),
    "embed": TaskEntry(
        "pixwise.tasks.embed",
        "Embedder",
        "Turn the picture into a vector, to compare and search.",
        analysed=False,
        parts=("model",),
    ),
    "caption": TaskEntry("pixwise.tasks.caption", "Captioner", "Say in a sentence what the picture shows."),
    "upscale": TaskEntry("pixwise.tasks.upscale", "Upscaler", "Make the picture larger.", analysed=False),
    "restyle": TaskEntry(
        "pixwise.tasks.restyle",
        "Restyler",
        "Repaint the picture in another manner, or take its noise away.",
        analysed=False,
    ),
    "inpaint": TaskEntry(
        "pixwise.tasks.inpaint", "Inpainter", "Fill a part of the picture with what is around it.", analysed=False
    ),
    "action": TaskEntry(
        "pixwise.tasks.action",
        "ActionRecognizer",
        "Say what happens in a clip: frames, or an animation.",
        analysed=False,
    ),
}
MAKERS: dict[str, TaskEntry] = {  # what takes no picture, so is no task of the contract; cards and folders know it
    "generate": TaskEntry("pixwise.generation.generator", "Generator", "Make pictures from nothing but noise."),
}
WHOLE_HEADS = ("florence",)  # of models whose session is made of all their parts, whichever task they answer
ANALYSED: tuple[str, ...] = tuple(name for name, entry in TASKS.items() if entry.analysed)
ASKED_ALONE: tuple[str, ...] = tuple(name for name, entry in TASKS.items() if entry.words)


def cards_of(task: str) -> str:
    """The task whose cards this one takes: its own, unless the table says otherwise."""
    return TASKS[task].cards or task if task in TASKS else task


def check_analysed(name: str) -> None:
    """Raise `OptionError` for a task that `analyze` cannot ask."""
    if name in ASKED_ALONE:
        words = TASKS[name].words
        raise OptionError(
            f"tasks must be answered without words of yours, got {name!r}, which needs {words}; ask it alone: "
            f"pixwise {name} PICTURE --{words.removesuffix('s')} … (in Python: px.{name}(picture, {words}))"
        )
    if name not in TASKS:
        raise OptionError(f"task must be known, got {name!r}; {nearest(name, set(TASKS) - set(ASKED_ALONE))}")


def task_class(name: str) -> type[Task]:
    """The class of a task; its file is imported now.

    Raises:
        OptionError: no such task; the message names those that look like it.
    """
    if name not in TASKS:
        raise OptionError(f"task must be known, got {name!r}; {nearest(name, TASKS)}")
    entry = TASKS[name]
    return getattr(importlib.import_module(entry.module), entry.class_name)
