"""Where model files lie on disk, and whether they are what they should be. No network.

    card ─▶ spots(card) ─▶ one Spot per file: path, size, SHA-256 ─▶ check(spot) ─▶ ok | missing | damaged

A file of a hub repository lies where huggingface_hub keeps it, so that both find what the other fetched:

    HF_HUB_CACHE/models--owner--name/blobs/<etag>                  the bytes
                                    /snapshots/<commit>/<path>     a link to them
                                    /refs/<branch>                 the commit it meant

A file of a plain address lies in PIXWISE_HOME/files/<id>-<digest>/<path>.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pixwise.errors import CardError, ModelFileError
from pixwise.fetching.notes import folder_of, forget, home, note, read_note, user_cache
from pixwise.registry import Card, CardFile

__all__ = [
    "Spot",
    "blob_of",
    "check",
    "commit_of",
    "damage",
    "drop",
    "find",
    "hub_cache",
    "is_ready",
    "link",
    "lock_of",
    "named_after_content",
    "parts_of",
    "pin",
    "ref_of",
    "spots",
    "state",
]

State = Literal["built in", "ready", "damaged", "not here", "unverified"]
_COMMIT = re.compile(r"[0-9a-f]{40}")


def hub_cache() -> Path:
    """The cache shared with huggingface_hub: HF_HUB_CACHE, else `hub` in HF_HOME or in the user's cache directory."""
    named = folder_of(os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"))
    return named or (folder_of(os.environ.get("HF_HOME")) or user_cache() / "huggingface") / "hub"


# ---------------------------------------------------------------------------------------------------------------------
# Where a file belongs


@dataclass(frozen=True)
class Spot:
    """Where one file of a model belongs, and what it must be.

    Attributes:
        file: the card's entry.
        path: on disk.
        key: how its hash is pinned: `owner/name@commit/path`, or the address; empty for a file in a user's folder.
        bytes, sha256: from the card, else from the first fetch; 0 and empty when unknown.
    """

    file: CardFile
    path: Path
    key: str
    bytes: int
    sha256: str


def commit_of(card: Card) -> str:
    """The commit of a card's repository; empty when unknown.

    It is the card's revision, else what the first fetch pinned, else what `main` meant to whoever filled the cache.
    """
    if card.revision or not card.repo:
        return card.revision
    noted = read_note("repo", f"{card.repo}@").get("commit", "")
    return noted if _COMMIT.fullmatch(noted) else ref_of(card.repo, "main")


def ref_of(repo: str, revision: str) -> str:
    """The commit that a branch meant when the cache was filled; empty when nobody wrote it down."""
    try:
        commit = (repo_folder(repo) / "refs" / revision).read_text("utf-8").strip()
    except OSError:
        return ""
    return commit if _COMMIT.fullmatch(commit) else ""


def repo_folder(repo: str) -> Path:
    """The folder of a repository in the hub's cache."""
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", repo) or ".." in repo:
        raise CardError(f"repo must be owner/name, got {repo!r}; mend the card")
    return hub_cache() / ("models--" + repo.replace("/", "--"))


def lock_of(spot: Spot) -> Path:
    """The lock of a file that lies in our own folder; the lock file stays, as locks do."""
    return home() / "locks" / (hashlib.sha256(str(spot.path).encode()).hexdigest()[:32] + ".lock")


def parts_of(path: str) -> tuple[str, ...]:
    """The folders and the name of a path inside a model, checked not to lead out of it.

    Raises:
        CardError: an absolute path, `..`, or something that Windows would take for a drive.
    """
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or any(sign in path for sign in ":\\\0"):
        raise CardError(f"path of a model file must stay inside its folder, got {path!r}; mend the card")
    return parts


def spots(card: Card) -> tuple[Spot, ...]:
    """Where every file of a card belongs; empty when its repository's commit is not known yet.

    Raises:
        CardError: the card names no files, or nowhere to fetch them from.
    """
    if not card.files:
        raise CardError(f"card {card.id!r}: must name its files, got none; add [[card.files]]")
    if card.folder:
        return tuple(
            Spot(file, Path(card.folder).joinpath(*parts_of(file.path)), "", file.bytes, file.sha256)
            for file in card.files
        )
    commit = commit_of(card)
    if any(not file.url for file in card.files):
        if not card.repo:
            raise CardError(f"card {card.id!r}: files must have a repo or a url, got neither; add one")
        if not commit:
            return ()
    return tuple(spot_of(card, file, commit) for file in card.files)


def spot_of(card: Card, file: CardFile, commit: str) -> Spot:
    """Where one file belongs when the commit of the repository is known."""
    parts = parts_of(file.path)
    if file.url:
        path, key = home() / "files" / _folder_name(card) / Path(*parts), file.url
    else:
        path = repo_folder(card.repo) / "snapshots" / commit / Path(*parts)
        key = f"{card.repo}@{commit}/{file.path}"
    if file.sha256:
        return Spot(file, path, key, file.bytes, file.sha256)
    pinned = read_note("pin", key) or _named_by_blob(path)
    return Spot(file, path, key, file.bytes or pinned.get("bytes", 0), pinned.get("sha256", ""))


def _folder_name(card: Card) -> str:
    """Files of one model lie together, since `.onnx_data` is found by its name; another version is another folder."""
    content = json.dumps([(file.path, file.url, file.sha256) for file in card.files if file.url])
    return f"{re.sub(r'[^A-Za-z0-9._-]', '-', card.id)}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def _named_by_blob(path: Path) -> dict[str, Any]:
    """What huggingface_hub fetched is named by its hash: SHA-256 for large files, git's SHA-1 for small ones."""
    blob = blob_of(path)
    if blob is None or not blob.exists():
        return {}
    if re.fullmatch(r"[0-9a-f]{64}", blob.name):
        return {"sha256": blob.name}
    if _COMMIT.fullmatch(blob.name) and named_after_content(blob):
        return {"sha256": hash_of(blob), "bytes": blob.stat().st_size}
    return {}


def blob_of(path: Path) -> Path | None:
    """The blob that a file of a snapshot points to; one step only, for a blob may itself be a link to a shared one."""
    if not path.is_symlink():
        return None
    blob = Path(os.path.normpath(path.parent / os.readlink(path)))
    return blob if blob.parent.name == "blobs" else None


def named_after_content(blob: Path) -> bool:
    """Whether a small file is what its name says, if the name is a SHA-1: git's, or plain as some mirrors give it."""
    if not _COMMIT.fullmatch(blob.name):
        return True
    try:
        content = blob.read_bytes()
    except OSError:
        return False
    forms = (b"blob %d\0" % len(content) + content, content)
    return any(hashlib.sha1(form, usedforsecurity=False).hexdigest() == blob.name for form in forms)


def link(blob: Path, path: Path) -> None:
    """Let the snapshot point to the blob, or copy it where there are no links."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")  # another thread may be linking the same
    try:
        try:
            temporary.symlink_to(os.path.relpath(blob, path.parent))
        except (OSError, NotImplementedError):  # the file system, or the whole system, has no links
            shutil.copyfile(blob, temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def drop(spot: Spot) -> int:
    """Delete a file and what was noted about it; a blob goes when no other snapshot points to it. Returns its bytes."""
    forget("pin", spot.key)
    if not spot.path.is_symlink() and not spot.path.exists():
        return 0
    blob, size = blob_of(spot.path), spot.path.stat().st_size if spot.path.exists() else 0
    forget("seen", os.path.realpath(spot.path))
    spot.path.unlink()
    if blob is not None:
        if any(blob_of(other) == blob for other in blob.parent.parent.glob("snapshots/*/**/*")):
            return 0
        blob.unlink(missing_ok=True)
    for folder in spot.path.parents:
        if folder.name in ("snapshots", "files") or any(folder.iterdir()):
            break
        folder.rmdir()
    return size


def pin(spot: Spot, sha256: str, size: int) -> None:
    """Remember what came from an address whose card knows no hash; later loads are held to it."""
    if spot.key and not spot.file.sha256:
        note("pin", spot.key, {"sha256": sha256, "bytes": size})


# ---------------------------------------------------------------------------------------------------------------------
# Whether it is what it should be


def check(spot: Spot, *, thorough: bool = False) -> Literal["ok", "missing", "damaged"]:
    """Whether the file is there and has the bytes it must have.

    The hash is computed once per file change: later calls compare what `stat` tells with what was noted.

    Args:
        spot: which file.
        thorough: hash again, whatever was noted.
    """
    try:
        status = spot.path.stat()
    except OSError:
        return "missing"
    if spot.bytes and status.st_size != spot.bytes:
        return "damaged"
    if not spot.sha256:
        return "missing" if spot.key else "ok"  # a fetched file of which nothing is known is not trusted
    return "ok" if hash_of(spot.path, thorough=thorough) == spot.sha256 else "damaged"


def hash_of(path: Path, *, thorough: bool = False) -> str:
    """SHA-256 of a file, from the note if the file has not changed since.

    Raises:
        ModelFileError: the file cannot be read.
    """
    real = os.path.realpath(path)
    before = _signature(real)
    noted = read_note("seen", real)
    if not thorough and noted.get("signature") == before and noted.get("sha256"):
        return noted["sha256"]
    try:
        with open(real, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelFileError(
            f"{path}: model file must be readable, got {error.strerror or error}; check its permissions"
        ) from error
    if _signature(real) == before:
        note("seen", real, {"signature": before, "sha256": digest})
    return digest


def _signature(path: str | Path) -> list[int]:
    status = os.stat(path)
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def remember(path: Path, sha256: str) -> None:
    """Note the hash of a file that was just written."""
    real = os.path.realpath(path)
    note("seen", real, {"signature": _signature(real), "sha256": sha256})


def find(card: Card) -> dict[str, Path] | None:
    """The files of a model by part when all of them, siblings included, are on this machine and verified, else None."""
    places = spots(card)
    if not places or any(check(spot) != "ok" for spot in places):
        return None
    return {spot.file.part: spot.path for spot in places if spot.file.part}


def is_ready(card: Card) -> bool:
    """The model answers without a fetch: it is built in, or its files are here and verified."""
    return card.runtime == "builtin" or find(card) is not None


def state(card: Card, *, thorough: bool = False) -> State:
    """One word for lists; `unverified` is not here, and nobody has written down yet what it must hash to."""
    if card.runtime == "builtin":
        return "built in"
    seen = [check(spot, thorough=thorough) for spot in spots(card)]
    if "damaged" in seen:
        return "damaged"
    if seen and "missing" not in seen:
        return "ready"
    return "not here" if card.verified else "unverified"


def damage(spot: Spot) -> str:
    """What is wrong with a file, as `expected …, got …`."""
    size = spot.path.stat().st_size
    if spot.bytes and size != spot.bytes:
        return f"{spot.path}: expected {spot.bytes} bytes, got {size}"
    return f"{spot.path}: expected SHA-256 {spot.sha256[:16]}…, got {hash_of(spot.path)[:16]}…"
