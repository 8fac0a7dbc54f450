"""A user's own model: a card from what lies in a folder.

folder/card.toml + *.onnx                                  → the card as written
folder/config.json + preprocessor_config.json + *.onnx     → a card derived from them, and from
                                                             tokenizer_config.json where it reads texts
folder/model_index.json + scheduler/ + unet/*.onnx         → a card for `generate`, see `diffusion.py`
folder/model.onnx                                          → the card.toml or the configs beside it

`card_from_configs` is pure: `store.py` derives cards of `hf:owner/name` with it as well.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from pixwise.errors import CardError, UnknownModelError
from pixwise.own.captions import caption_files, caption_options
from pixwise.own.configs import read_json
from pixwise.own.diffusion import diffusion_card
from pixwise.own.florence import florence_card
from pixwise.own.heads import head_of, task_of
from pixwise.own.mattes import matte_kind
from pixwise.own.pairs import card_files
from pixwise.own.poses import keypoint_names, pose_options
from pixwise.own.processors import recipe_from_config
from pixwise.own.segments import segment_files
from pixwise.own.texts import text_files, text_options
from pixwise.own.universal import UNIVERSAL_HEADS, grid_option, universal_names, universal_options
from pixwise.registry import Card, CardFile, card_from_table, cards
from pixwise.task_table import TASKS

__all__ = [
    "card_from_configs",
    "card_of_path",
    "choose_onnx",
    "looks_like_path",
    "names_from_config",
]

Config = Mapping[str, Any]

_STEMS = {"embed": ("vision_model", "model")}  # of towers that were exported together, the one for pictures
_PAIRS = {
    "conditional_detr": 100,
    "dab-detr": 100,
    "deformable_detr": 100,
}  # the rest take as many as there are queries
_PRECISIONS = {"fp16": "fp16", "int8": "int8", "uint8": "int8", "quantized": "int8", "q4": "int4", "bnb4": "int4"}
_MOST_LABELS = 1_000_000  # one wild number would otherwise take gigabytes for the gaps before it
_EXPORT = "export it, for instance: optimum-cli export onnx --model NAME FOLDER"


def looks_like_path(model: str) -> bool:
    """The name means a place on disk: it has a separator, ends in .onnx, or is there and no card has this name."""
    bare = not ("/" in model or "\\" in model or model.endswith(".onnx"))
    return not bare or (Path(model).exists() and model not in {card.id for card in cards()})


def card_of_path(model: str, task: str) -> Card:
    """The card of a folder, or of an ONNX file with a `card.toml` or configs beside it.

    An empty task takes a model for any, when its card or its configs tell which.

    Raises:
        UnknownModelError: nothing is there.
        CardError: neither a card nor configs, no ONNX file, a needed key is missing, or a model for another task.
    """
    path = Path(model)
    if not path.exists():
        raise UnknownModelError(
            f"model must be a known id, a folder or an ONNX file, got {model!r}, which is not there; check the path"
        )
    if path.is_file() and path.suffix.lower() != ".onnx":
        raise CardError(
            f"model must be a folder or an ONNX file, got {model!r}; name the folder or the .onnx file "
            "(several pictures go into a list)"
        )
    if path.is_dir() and not any(path.iterdir()):
        raise CardError(f"{path}: expected the files of a model, got an empty folder; check the path, or {_EXPORT}")
    for folder in (path,) if path.is_dir() else (path.parent, path.parent.parent):  # …/onnx/model.onnx: one above
        onnx = "" if path.is_dir() else path.relative_to(folder).as_posix()
        if (folder / "card.toml").exists():
            return _card_of_toml(folder / "card.toml", task, onnx)
        if (folder / "model_index.json").exists():
            return diffusion_card(folder, task, onnx)
        if (folder / "config.json").exists() and not (folder.parent / "model_index.json").exists():  # of a part
            return _card_of_configs(folder, task, onnx)
    raise CardError(
        f"{path}: expected config.json and preprocessor_config.json, or a card.toml, beside the model, got neither; "
        "write a card.toml (docs/own-models.md)"
    )


def card_from_configs(
    config: Config,
    preprocessor: Config | None,
    files: Sequence[str],
    *,
    task: str,
    id: str,
    onnx: str = "",
    tokenizer: Config | None = None,
    generation: Config | None = None,
) -> Card:
    """Derive a card from the configs of a model in Hugging Face form.

    Args:
        config: `config.json`.
        preprocessor: `preprocessor_config.json`; None when there is none.
        files: paths of all files, relative, with `/`.
        task: what the model must answer.
        id: what the card is called, and how messages call the model.
        onnx: which of `files` is the model; empty chooses.
        tokenizer: `tokenizer_config.json`; None when there is none.
        generation: `generation_config.json`, of models that write.

    Returns:
        A card whose files have neither sizes nor hashes.

    Raises:
        CardError: the message says which key or file is missing or odd, or that the model answers another task.
    """
    try:
        return _card_from_configs(config, preprocessor, tokenizer or {}, generation or {}, files, task, id, onnx)
    except CardError as error:
        if str(error).startswith(f"{id}: "):
            raise
        raise CardError(f"{id}: {error}") from error  # a recipe does not know whose it is
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise CardError(
            f"{id}: config.json and preprocessor_config.json must hold values of the usual types, got "
            f"{type(error).__name__}: {error}; compare them with the model's repository, or write a card.toml"
        ) from error


def _card_from_configs(
    config: Config,
    preprocessor: Config | None,
    tokenizer: Config,
    generation: Config,
    files: Sequence[str],
    task: str,
    id: str,
    onnx: str,
) -> Card:
    architecture = _architecture(config, id)
    if config.get("model_type") == "florence2":
        found = florence_card(config, recipe_from_config(preprocessor, {}, id), files, task=task, id=id, onnx=onnx)
        return replace(found, precision=_precision(next(file.path for file in found.files if file.part == "decoder")))
    task = task_of(config, architecture, task, id)
    if "max_num_patches" in (preprocessor or {}):
        raise CardError(
            f"{id}: preprocessor must make pictures of one size, got patches of any aspect (NaFlex); "
            "use a checkpoint of fixed size, such as siglip2-base-patch16-224"
        )
    nameless = ("background", "caption", "depth", "find", "segment", "upscale")  # find: its labels are the user's
    names = _names(config, task, id) if task not in nameless else ()
    if task == "pose":
        names = keypoint_names(names)
    if task == "segment":
        mine, options = segment_files(files, id, onnx), {}
    elif task == "caption":
        mine, options = caption_files(files, id, onnx), caption_options(config, generation, id)
    else:
        onnx = onnx or choose_onnx(files, id, _STEMS.get(task, ("model",)))
        mine = (*card_files({"model": onnx}, files), *_words(config, task, onnx, files, id))
        options = _options(config, tokenizer, task, id)
    return Card(
        id=id,
        task=task,
        title=f"{architecture} of {id}",
        head=head_of(config, task, architecture, id),
        precision=_precision(mine[0].path),
        recipe=recipe_from_config(preprocessor, config, id),
        names=names,
        files=mine,
        options=options,
    )


def _names(config: Config, task: str, where: str) -> tuple[str, ...]:
    found = names_from_config(config, where)
    return universal_names(found, config) if task in ("panoptic", "instances", "semantic") else found


def _options(config: Config, tokenizer: Config, task: str, where: str) -> dict[str, Any]:
    """What the head needs to know beside the recipe."""
    if task == "embed":
        return text_options(config, tokenizer, where)
    if task == "find":
        tokens = (config.get("text_config") or {}).get("max_position_embeddings")
        tokens = config.get("max_text_len") if config["model_type"] == "grounding-dino" else tokens
        return {"tokens": tokens} if tokens else {}
    if task in ("panoptic", "instances"):
        return universal_options(config, _names(config, task, where))
    if task == "semantic" and config.get("model_type") in UNIVERSAL_HEADS:
        return grid_option(config)
    if task == "semantic":
        none = [name for name in names_from_config(config, where) if name.lower() == "background"]
        return {"nothing": none[0]} if none else {}
    if task == "upscale":
        return {"scale": config["upscale"], "output": "reconstruction"}
    if task == "pose":
        return pose_options(config, where)
    kind = str(config.get("model_type"))
    if task == "action":
        return {"frames": config["num_frames"]} if config.get("num_frames") else {}
    return {"pairs": _PAIRS[kind]} if kind in _PAIRS else {}


def _words(config: Config, task: str, onnx: str, files: Sequence[str], where: str) -> tuple[CardFile, ...]:
    """The parts of a task that read words."""
    if task == "embed":
        return text_files(config, onnx, files)
    if "tokenizer" not in TASKS[task].parts:
        return ()
    if "tokenizer.json" not in files:
        raise CardError(f"{where}: expected tokenizer.json beside config.json, got none; copy it from the repository")
    return (CardFile("tokenizer.json", part="tokenizer"),)


def choose_onnx(files: Sequence[str], where: str, stems: Sequence[str] = ("model",)) -> str:
    """The ONNX file that is meant: onnx/model.onnx, else model.onnx, else the only one; the first stem that is there.

    Raises:
        CardError: there is none, or more than one.
    """
    found = sorted(path for path in files if path.endswith(".onnx"))
    for wanted in (f"{folder}{stem}.onnx" for stem in stems for folder in ("onnx/", "")):
        if wanted in found:
            return wanted
    if len(found) == 1:
        return found[0]
    if not found:
        weights = [path for path in files if path.endswith((".safetensors", ".bin", ".pt", ".pth", ".h5"))]
        raise CardError(f"{where}: expected an ONNX file, got {weights[0] if weights else 'none'}; {_EXPORT}")
    raise CardError(
        f"{where}: expected onnx/model.onnx or a single ONNX file, got {len(found)} ({', '.join(found[:4])}); "
        "name the one you mean: FOLDER/FILE.onnx"
    )


def _card_of_configs(folder: Path, task: str, onnx: str) -> Card:
    found = sorted(path.relative_to(folder).as_posix() for path in folder.glob("**/*") if path.is_file())
    names = ("preprocessor_config.json", "tokenizer_config.json", "generation_config.json")
    preprocessor, tokenizer, generation = (read_json(folder / name) if name in found else None for name in names)
    if preprocessor is None and "video_preprocessor_config.json" in found:
        preprocessor = read_json(folder / "video_preprocessor_config.json")
    told = {"tokenizer": tokenizer, "generation": generation}
    config, id = read_json(folder / "config.json"), folder.resolve().name
    card = card_from_configs(config, preprocessor, found, task=task, id=id, onnx=onnx, **told)
    return replace(card, folder=str(folder))


def _architecture(config: Config, where: str) -> str:
    named = config.get("architectures") or [config.get("architecture") or matte_kind(config)]
    if isinstance(named, str):
        named = [named]
    if not named[0]:
        raise CardError(
            f'{where}: config.json must name its architectures, got none; add "architectures": ["…ForObjectDetection"] '
            "or write a card.toml (docs/own-models.md)"
        )
    return str(named[0])


def names_from_config(config: Config, where: str) -> tuple[str, ...]:
    """Labels by index; gaps in the numbering become empty names, which are never answered."""
    labels = config.get("id2label") or {index: name for name, index in (config.get("label2id") or {}).items()}
    labels = labels or dict(
        enumerate(config.get("label_names") or (config.get("pretrained_cfg") or {}).get("labels") or ())
    )
    try:
        numbered = {int(index): str(name) for index, name in labels.items()}
    except (TypeError, ValueError) as error:
        raise CardError(f"{where}: id2label of config.json must have numbers as keys, got {error}; mend it") from error
    if any(not 0 <= index < _MOST_LABELS for index in numbered):
        odd = min(numbered) if min(numbered) < 0 else max(numbered)
        raise CardError(f"{where}: id2label of config.json must count from 0 to {_MOST_LABELS:,}, got {odd}; mend it")
    return tuple(numbered.get(index, "") for index in range(max(numbered, default=-1) + 1))


def _precision(onnx: str) -> str:
    stem = PurePosixPath(onnx).stem
    return next((name for ending, name in _PRECISIONS.items() if stem.endswith("_" + ending)), "fp32")


def _card_of_toml(toml: Path, task: str, onnx: str) -> Card:
    try:
        table = tomllib.loads(toml.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CardError(f"{toml}: expected TOML, got {error}; mend the file") from error
    if not (task or table.get("task")):
        raise CardError(f'{toml}: task must be said, got none; add task = "…" to it, or --task')
    card = card_from_table({"id": toml.parent.resolve().name, "task": task, **table}, where=str(toml))
    if task and card.task != task:
        raise CardError(f"{toml}: model must answer {task!r}, got one for {card.task!r}; choose another task or model")
    if not card.files:
        found = sorted(path.relative_to(toml.parent).as_posix() for path in toml.parent.glob("**/*.onnx*"))
        card = replace(card, files=card_files({"model": onnx or choose_onnx(found, str(toml.parent))}, found))
    return replace(card, folder=str(toml.parent))
