"""Carry models to a machine without a network: one file with a manifest, written here, checked and installed there.

    manifest.json     {"format", "models": [{"id", "repo", "commit", "files": [{"path", "sha256", …}]}]}
    files/<sha256>    the bytes, each once

Nothing is unpacked by a name from the archive: a file goes where its model's card says, as if it had just been fetched.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pixwise.errors import CardError, ModelFileError, ModelMissingError, OutputError
from pixwise.fetching.intake import Delivery, Parcel, Progress, take_in, writing
from pixwise.fetching.notes import note, read_note
from pixwise.fetching.shelf import Spot, blob_of, check, commit_of, link, lock_of, pin, repo_folder, spot_of, spots
from pixwise.pixels import Recipe
from pixwise.registry import Card, CardFile

__all__ = ["Packed", "install", "pack"]

FORMAT = "pixwise-bundle/1"
_CHUNK = 1 << 20
_MANIFEST_LIMIT = 16 << 20


@dataclass(frozen=True)
class Packed:
    """One model of a bundle."""

    id: str
    task: str
    bytes: int


def pack(cards: Sequence[Card], target: Path) -> list[Packed]:
    """Write the files of some models into one file, whole or not at all.

    Raises:
        CardError: a built-in, or a model in a folder of its own: copy the folder.
        ModelMissingError: a model is not here, or not verified.
        OutputError: the target cannot be written.
    """
    entries = [_entry(card) for card in cards]
    temporary = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        with tarfile.open(temporary, "w", format=tarfile.PAX_FORMAT) as archive:
            _add(archive, "manifest.json", json.dumps({"format": FORMAT, "models": entries}, indent=1).encode())
            for sha256, spot in sorted({spot.sha256: spot for card in cards for spot in spots(card)}.items()):
                with spot.path.open("rb") as file:
                    archive.addfile(_member(f"files/{sha256}", os.fstat(file.fileno()).st_size), file)
        os.replace(temporary, target)
    except OSError as error:
        raise OutputError(
            f"{target}: bundle must be writable, got {error.strerror or error}; choose another place with -o"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return [Packed(entry["id"], entry["task"], sum(file["bytes"] for file in entry["files"])) for entry in entries]


def _entry(card: Card) -> dict[str, Any]:
    """What the manifest says about a model; its files are hashed once more."""
    if card.runtime == "builtin" or card.folder:
        kind = "a built-in" if card.runtime == "builtin" else "one in a folder of its own; copy the folder"
        raise CardError(f"model of a bundle must be one that is fetched, got {card.id!r}, {kind}")
    places = spots(card)
    if not places or any(check(spot, thorough=True) != "ok" for spot in places):
        raise ModelMissingError(
            f"model {card.id!r} must be here and verified, got files missing or damaged; "
            f"run: pixwise models pull {card.id}"
        )
    name, _, revision = card.id.removeprefix("hf:").partition("@")
    told = read_note("repo", f"{name}@{revision or 'main'}") if card.id.startswith("hf:") else {}
    return {
        "id": card.id,
        "task": card.task,
        "title": card.title,
        "licence": card.licence,
        "repo": card.repo,
        "revision": card.revision,
        "commit": commit_of(card),
        "told": told,
        "files": [_file_entry(spot) for spot in places],
    }


def _file_entry(spot: Spot) -> dict[str, Any]:
    blob = blob_of(spot.path)
    return {
        "path": spot.file.path,
        "part": spot.file.part,
        "url": spot.file.url,
        "bytes": spot.path.stat().st_size,
        "sha256": spot.sha256,
        "known": bool(spot.file.sha256),
        "etag": blob.name if blob else spot.sha256,
    }


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    archive.addfile(_member(name, len(content)), io.BytesIO(content))


def install(source: Path, *, progress: Progress | None = None, force: bool = False) -> list[Packed]:
    """Check a bundle from end to end, then put its files where a fetch would have put them.

    Args:
        source: the bundle.
        progress: told while files are written.
        force: where this machine has pinned other bytes for an address, take those of the bundle.

    Raises:
        ModelFileError: not a bundle, a damaged one, or one that says other than this machine's pins.
        FetchError: the folders of models cannot be written.
    """
    with _opened(source) as archive:
        members = _check_archive(source, archive)
        models = _models(source, archive)
        for model in models:
            for spot, entry in model.places:
                if entry["sha256"] not in members or members[entry["sha256"]].size != entry["bytes"]:
                    raise _bad(source, f"{entry['bytes']} bytes of {entry['path']}", "none or another length")
                if not force and spot.sha256 not in ("", entry["sha256"]):
                    raise _bad(source, f"SHA-256 {spot.sha256[:16]}… for {entry['path']}, as pinned here", "another")
        for model in models:
            for spot, entry in model.places:
                _settle(archive, members[entry["sha256"]], spot, entry, progress)
            model.note()
    return [
        Packed(model.card.id, model.card.task, sum(entry["bytes"] for _, entry in model.places)) for model in models
    ]


@contextmanager
def _opened(source: Path) -> Iterator[tarfile.TarFile]:
    try:
        archive = tarfile.open(source, "r:")  # noqa: SIM115 (closed below; a with would hide which error is which)
    except (OSError, tarfile.TarError) as error:
        got = error.strerror if isinstance(error, OSError) and error.strerror else "something else"
        raise _bad(source, "a file of pixwise models bundle", got) from error
    with contextlib.closing(archive):
        yield archive


def _bad(source: Path, expected: str, got: str) -> ModelFileError:
    return ModelFileError(f"{source}: expected {expected}, got {got}; copy the bundle again, or write it anew")


def _check_archive(source: Path, archive: tarfile.TarFile) -> dict[str, tarfile.TarInfo]:
    """Members by hash, each seen to have it; nothing else may be in the archive."""
    members = {}
    try:
        for member in archive:
            if member.name == "manifest.json" and member.isreg():
                continue
            if not member.isreg() or not re.fullmatch(r"files/[0-9a-f]{64}", member.name):
                raise _bad(source, "files named by their hash", repr(member.name))
            digest = hashlib.sha256()
            for chunk in _chunks(archive.extractfile(member)):
                digest.update(chunk)
            if digest.hexdigest() != member.name[6:]:
                raise _bad(source, f"SHA-256 {member.name[6:22]}…", digest.hexdigest()[:16] + "…")
            members[member.name[6:]] = member
    except tarfile.TarError as error:
        raise _bad(source, "a whole bundle", f"a part of one ({error})") from error
    return members


def _chunks(file: BinaryIO | Any) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


@dataclass(frozen=True)
class _Model:
    """A model of a manifest: its card as far as a fetch needs it, where its files belong and what is said of each."""

    card: Card
    commit: str
    places: tuple[tuple[Spot, dict[str, Any]], ...]
    told: dict[str, Any]

    def note(self) -> None:
        """Note what the fetch would have noted: which commit was meant."""
        if self.told:
            note("repo", self.told["key"], {key: self.told[key] for key in ("commit", "licence", "files")})
        elif self.card.repo and not self.card.revision:
            note("repo", f"{self.card.repo}@", {"commit": self.commit})


def _models(source: Path, archive: tarfile.TarFile) -> list[_Model]:
    try:
        member = archive.getmember("manifest.json")
        text = archive.extractfile(member).read(_MANIFEST_LIMIT)  # type: ignore[union-attr]
        manifest = json.loads(text)
        if manifest["format"] != FORMAT:
            raise _bad(source, f"a bundle of the form {FORMAT}", repr(manifest["format"]))
        return [_model(entry) for entry in manifest["models"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise _bad(source, "a manifest that names models and files", f"{type(error).__name__}: {error}") from error


def _model(entry: dict[str, Any]) -> _Model:
    commit, told = _text(entry, "commit", r"([0-9a-f]{40})?"), dict(entry["told"])
    files = [(_file(facts), facts) for facts in entry["files"]]
    card = Card(
        id=_text(entry, "id"),
        task=_text(entry, "task"),
        repo=_text(entry, "repo"),
        revision=_text(entry, "revision", r"([0-9a-f]{40})?"),
        files=tuple(file for file, _ in files),
        recipe=Recipe(resize="none"),
    )
    if told and (told["key"].partition("@")[0] != card.repo or told["commit"] != commit):
        raise ValueError(f"repository {told['key']!r}")
    return _Model(card, commit, tuple((spot_of(card, file, commit), facts) for file, facts in files), told)


def _file(facts: dict[str, Any]) -> CardFile:
    sha256 = _text(facts, "sha256", r"[0-9a-f]{64}") if facts["known"] else ""
    _text(facts, "etag", r"[\w-]+")
    return CardFile(_text(facts, "path"), _text(facts, "part"), 0, sha256, _text(facts, "url"))


def _text(table: dict[str, Any], key: str, form: str = ".*") -> str:
    text = table[key]
    if not isinstance(text, str) or not re.fullmatch(form, text):
        raise ValueError(f"{key} {text!r}")
    return text


def _settle(
    archive: tarfile.TarFile,
    member: tarfile.TarInfo,
    spot: Spot,
    entry: dict[str, Any],
    progress: Progress | None,
) -> None:
    """One file to its place, by the way that fetched files take."""

    @contextmanager
    def source(start: int) -> Iterator[Delivery]:
        yield Delivery(0, member.size, _chunks(archive.extractfile(member)))

    in_repo = not spot.file.url
    folder = repo_folder(spot.key.partition("@")[0]) if in_repo else spot.path.parent
    target = folder / "blobs" / entry["etag"] if in_repo else spot.path
    lock = folder.parent / ".locks" / folder.name / f"{entry['etag']}.lock" if in_repo else lock_of(spot)
    parcel = Parcel(spot.file, target, lock, member.size, entry["sha256"], "the bundle")
    came = take_in(parcel, source, progress=progress)
    if in_repo:
        with writing(spot.path.parent):
            link(target, spot.path)
    pin(spot, *came)
