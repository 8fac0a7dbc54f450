"""A checkpoint of `transformers`: its configs, its model, its words, its licence.

Weights are read from safetensors only, and no Python of a checkpoint is run.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import transformers
from PIL import Image
from transformers.utils import cached_file

from pixwise.errors import CardError, ModelFileError, ModelMissingError
from pixwise.export.parts import Family
from pixwise.export.tracing import quiet
from pixwise.own.processors import recipe_from_config
from pixwise.recipe import Recipe

__all__ = ["Checkpoint", "open_checkpoint", "read_json"]

_TOKENIZER = ("tokenizer.json", "tokenizer_config.json")
_OLDER = ("vocab.json", "vocab.txt", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model")
_OPTIONAL = ("generation_config.json",)
_LICENCES = {  # how the hub writes them → SPDX
    "apache-2.0": "Apache-2.0",
    "bsd-3-clause": "BSD-3-Clause",
    "cc-by-4.0": "CC-BY-4.0",
    "cc-by-nc-4.0": "CC-BY-NC-4.0",
    "cc-by-nc-sa-4.0": "CC-BY-NC-SA-4.0",
    "cc-by-sa-4.0": "CC-BY-SA-4.0",
    "cc0-1.0": "CC0-1.0",
    "mit": "MIT",
}


@dataclass(frozen=True)
class Checkpoint:
    """What a folder, or a repository of the hub, holds.

    Attributes:
        name: a path, or owner/name.
        revision: of the hub, as asked; empty for its main branch.
        config: `config.json`.
        commit: of the hub, 40 hex digits; empty for a folder.
    """

    looks: ClassVar[bool] = True  # it is given pictures, which its processor and ours prepare
    read: ClassVar[Mapping[str, str]] = {}  # of the files that are written, those that the task reads: path → part

    name: str
    revision: str
    config: Mapping[str, Any]
    commit: str = ""

    @property
    def title(self) -> str:
        """How a card calls it: owner/name, or the name of the folder."""
        return self.name if self.commit else Path(self.name).resolve().name

    def file(self, path: str) -> Path | None:
        """A file of it, fetched if need be; None when it has none."""
        found = cached_file(
            self.name,
            path,
            revision=self.revision or None,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
        )
        return Path(found) if found else None

    def pixels(self, image: Image.Image, **asked: Any) -> np.ndarray | None:
        """(1, 3, H, W) as its own image processor prepares a picture; None where transformers has none that runs.

        `asked` is what the processor takes beside the picture: the boxes of people.
        """
        try:
            with quiet():
                made = transformers.AutoImageProcessor.from_pretrained(self.name, revision=self.revision or None)
                found = np.asarray(made(image, return_tensors="np", **asked)["pixel_values"])
                return found.reshape(-1, *found.shape[-3:])  # processors of clips take it for a clip of one frame
        except Exception:  # it may need torchvision, or a file that this checkpoint lacks
            return None

    def model(self, family: Family) -> Any:
        """The model with its weights, in evaluation mode.

        Raises:
            CardError: weights are missing, or there are none in safetensors.
            ModelFileError: they cannot be read.
        """
        loader = getattr(transformers, family.loader)
        options = {
            "revision": self.revision or None,
            "use_safetensors": True,
            "trust_remote_code": False,
            "attn_implementation": "eager",
            "dtype": "float32",
            "output_loading_info": True,
        }
        try:
            with quiet():
                model, told = loader.from_pretrained(self.name, **options)
        except Exception as error:  # transformers, safetensors and torch each have their own types
            raise _broken(self.name, error) from error
        lacking = sorted(str(name) for name in told["missing_keys"] if not str(name).startswith(family.unread or "\0"))
        if lacking:
            raise CardError(
                f"{self.name}: weights must be whole for {family.loader}, got none for {len(lacking)} "
                f"({', '.join(lacking[:3])}); choose a checkpoint that was trained for this, or another --task"
            )
        return model.eval()

    def recipe(self, folder: Path, tokenizer: bool) -> Recipe:
        """How it wants its pixels; the small files are written.

        Raises:
            CardError: the checkpoint does not say how it wants its pixels, or has no words.
        """
        (folder / "config.json").write_text(json.dumps(self.config, indent=2) + "\n", "utf-8")
        for name in _OPTIONAL:
            self._copy(name, folder)
        if tokenizer:
            self._copy_tokenizer(folder)
        return recipe_from_config(self._copy_preprocessor(folder), self.config, self.name)

    def _copy(self, name: str, folder: Path) -> bool:
        found = self.file(name)
        if found is not None:
            shutil.copyfile(found, folder / name)
        return found is not None

    def _copy_preprocessor(self, folder: Path) -> dict[str, Any]:
        path = folder / "preprocessor_config.json"
        if not self._copy(path.name, folder):  # transformers 5 keeps it inside processor_config.json
            try:
                with quiet():
                    made = transformers.AutoImageProcessor.from_pretrained(self.name, revision=self.revision or None)
            except Exception as error:
                raise CardError(
                    f"{self.name}: expected preprocessor_config.json, got none, and no processor_config.json that "
                    "transformers can read instead; copy it from the repository of the model"
                ) from error
            path.write_text(json.dumps(made.to_dict(), indent=2, default=str) + "\n", "utf-8")
        return dict(read_json(path, self.name))

    def _copy_tokenizer(self, folder: Path) -> None:
        copied = [self._copy(name, folder) for name in _TOKENIZER]
        if not copied[0]:  # older forms are converted
            if not any(self.file(name) for name in _OLDER):  # transformers would make one that knows no words
                raise self._without_words("none of another form either")
            try:
                with quiet():
                    transformers.AutoTokenizer.from_pretrained(
                        self.name, revision=self.revision or None, trust_remote_code=False
                    ).save_pretrained(folder)
            except Exception as error:
                raise self._without_words(f"one that cannot be converted ({_line(error)})") from error
            if not (folder / _TOKENIZER[0]).exists():
                raise self._without_words("a tokenizer of another form")

    def _without_words(self, got: str) -> CardError:
        return CardError(f"{self.name}: expected tokenizer.json, got {got}; copy it from the repository of the model")

    def licence(self) -> str:
        """Its SPDX identifier where its card or its config tells one, else empty."""
        page = self.file("README.md")
        front = re.match(r"---\n(.*?)\n---", page.read_text("utf-8", "replace"), re.DOTALL) if page else None
        said = re.search(r"^license:\s*['\"]?([\w.-]+)", front[1], re.MULTILINE) if front else None
        name = said[1] if said else str(self.config.get("license") or "")
        return _LICENCES.get(name.lower(), name)


def open_checkpoint(source: str | os.PathLike[str]) -> Checkpoint:
    """Read the config of a folder, or of `owner/name[@revision]` on the hub.

    Raises:
        ModelMissingError: nothing is there, or the hub cannot be reached and it was not fetched before.
        CardError: there is no `config.json`, or it is damaged.
    """
    name = os.fspath(source)
    if Path(name).is_dir():
        return Checkpoint(name, "", read_json(Path(name) / "config.json", name))
    repo, _, revision = name.removeprefix("hf:").partition("@")
    if Path(name).exists() or not re.fullmatch(r"[\w.-]+/[\w.-]+", repo):
        what = "a file" if Path(name).exists() else "nothing of this name"
        raise ModelMissingError(f"source must be a folder or owner/name on the hub, got {name!r}, {what}; check it")
    try:
        with quiet():
            path = cached_file(repo, "config.json", revision=revision or None)
    except Exception as error:  # OSError and the types of huggingface_hub
        raise ModelMissingError(
            f"{repo}: expected a checkpoint on this machine or the hub, got {_line(error)}; "
            "check its name and the network, or name a folder"
        ) from error
    commit = re.search(r"/snapshots/([0-9a-f]{40})/", Path(path).as_posix())
    return Checkpoint(repo, revision, read_json(Path(path), repo), commit[1] if commit else "")


def read_json(path: Path, name: str) -> Mapping[str, Any]:
    """A JSON object of the checkpoint `name`; raises `CardError` where there is none."""
    try:
        table = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise CardError(f"{name}: expected {path.name}, got none; name the folder of a checkpoint") from error
    except ValueError as error:
        raise CardError(f"{path.name} of {name}: expected JSON, got {error}; fetch the checkpoint again") from error
    if not isinstance(table, dict):
        kind = type(table).__name__
        raise CardError(f"{path.name} of {name}: expected a JSON object, got {kind}; fetch the checkpoint again")
    return table


def _broken(name: str, error: Exception) -> ModelFileError | CardError:
    if isinstance(error, OSError) and "safetensors" in str(error):
        return CardError(
            f"{name}: expected model.safetensors, got none; pickled weights are never read: "
            "convert them (save_pretrained of transformers writes safetensors)"
        )
    return ModelFileError(
        f"{name}: expected a checkpoint that transformers can load, got {_line(error)}; fetch it again"
    )


def _line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:200] or type(error).__name__
