"""A JSON service that keeps collections and their training data.

    GET {base}/collections.json                         ─▶ [{"id", "name", "collection_focus": {…}}]
    GET {base}/collections/{id}/training_data.json      ─▶ [{"embedding": […], "label": 0|1, "photo_id"}]
        ?embedding_type=NAME where several are joined on photo_id

The operator names the service, so it may be on this very machine or network: unlike the fetcher of pictures, this one
does not refuse private addresses. Only http and https; time, bytes, redirects and tries are capped. JSON may come
wrapped in a page of HTML.
"""

from __future__ import annotations

import html
import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from pixwise.collections.focus import EMBEDDINGS, Focus
from pixwise.collections.rows import Rows, Sample, declared, rows_of
from pixwise.errors import DataError, LimitError, OptionError, PixwiseError, SourceError

__all__ = ["Entry", "Service", "hung_up_at", "json_within", "target_of"]

_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_REDIRECTS = (301, 302, 303, 307, 308)
_HOPS = 3
_PIECE = 1 << 16
_STARTS = 1000  # brackets in a page that are tried as the beginning of the JSON


@dataclass(frozen=True)
class Entry:
    """One collection of the list; `focus` is an error where it cannot be used."""

    id: str
    name: str
    focus: Focus | PixwiseError


@dataclass(frozen=True)
class Service:
    """Asks a service for collections and their training data.

    Attributes:
        base: http(s) address before `/collections.json`.
        timeout_s: for one answer, from connecting to the last byte.
        tries: of one question, where the failure may pass.
        pause_s: before the second try; doubled each time.
        max_bytes: of one answer.
        embeddings: names of embeddings → their models.
    """

    base: str
    timeout_s: float = 60.0
    tries: int = 3
    pause_s: float = 0.5
    max_bytes: int = 512 * 2**20
    embeddings: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        target_of(self.base)
        if self.timeout_s <= 0 or self.tries < 1 or self.max_bytes < 1:
            raise OptionError("timeout_s, tries and max_bytes of a service must be above 0; leave them out")

    def collections(self) -> list[Entry]:
        """All collections; one that cannot be used carries its reason.

        Raises:
            SourceError: the service cannot be reached, or answers with an error.
            DataError: the answer is no list of collections.
        """
        url = f"{self.base.rstrip('/')}/collections.json"
        told = self._ask(url)
        if not isinstance(told, list):
            raise DataError(f"{url}: expected a list of collections, got {_brief(told)}; check the address")
        return [self._entry(each) for each in told]

    def _entry(self, told: Any) -> Entry:
        if (
            not isinstance(told, Mapping)
            or isinstance(told.get("id"), bool)
            or not isinstance(told.get("id"), int | str)
        ):
            reason = DataError(f"collection must be an object with an id, got {_brief(told)}; mend the service")
            return Entry("", "", reason)
        id, name = (str(told.get(key) or told["id"]).encode("utf-8", "replace").decode() for key in ("id", "name"))
        if id != str(told["id"]):  # half of a letter: no address and no folder can be named after it
            return Entry(
                id, name, DataError(f"id of a collection must be Unicode, got {_brief(told)}; mend the service")
            )
        try:
            return Entry(id, name, Focus.of_service(told.get("collection_focus"), self.embeddings or EMBEDDINGS))
        except PixwiseError as error:
            return Entry(id, name, error)

    def sample(self, entry: Entry) -> Sample:
        """The training data of a collection; several embeddings are joined on the photos that have all of them.

        Raises:
            SourceError, LimitError: it cannot be fetched.
            DataError: it is no training data.
        """
        if isinstance(entry.focus, PixwiseError):
            raise entry.focus
        url = f"{self.base.rstrip('/')}/collections/{quote(entry.id, safe='')}/training_data.json"
        names = entry.focus.embeddings
        if len(names) == 1:
            found = [self._table(url)]
        else:
            found = [self._table(f"{url}?embedding_type={quote(name, safe='')}") for name in names]
        known = self.embeddings or EMBEDDINGS
        return declared(_joined(found, names), entry.focus, url, known)

    def _table(self, url: str) -> list[Mapping[str, Any]]:
        told = self._ask(url)
        if not isinstance(told, list):
            raise DataError(f"{url}: expected a list of rows, got {_brief(told)}; mend the service")
        for row in told:
            if not isinstance(row, Mapping) or not {"embedding", "label"} <= set(row):
                raise DataError(f"{url}: row must have embedding and label, got {_brief(row)}; mend the service")
        return told

    def _ask(self, url: str) -> Any:
        """The JSON at an address."""
        for attempt in range(1, self.tries + 1):
            try:
                return json_within(self._fetch(url), url)
            except _MayPass as error:
                if attempt == self.tries:
                    raise SourceError(
                        f"{url}: {error}, {self.tries} times; look at the service, or try later"
                    ) from error
                time.sleep(self.pause_s * 2 ** (attempt - 1))
        raise AssertionError("tries are above 0")

    def _fetch(self, url: str) -> bytes:
        """The body at an address, redirects followed."""
        deadline = time.monotonic() + self.timeout_s
        for _ in range(_HOPS + 1):
            answer = self._get(url, deadline)
            if isinstance(answer, bytes):
                return answer
            url = urljoin(url, answer)
        raise SourceError(f"{url}: redirects must be at most {_HOPS}, got more; name the last address")

    def _get(self, url: str, deadline: float) -> bytes | str:
        """The body, or where it is instead."""
        kind, host, port, path = target_of(url)
        left = deadline - time.monotonic()
        if left <= 0:
            raise self._too_slow(url)
        connection, over = kind(host, port, timeout=left), threading.Event()
        try:
            connection.connect()
            with hung_up_at(deadline, connection.sock, over):
                connection.request("GET", path, headers=_HEADERS)
                body = self._body(connection.getresponse(), url)
            return body
        except (OSError, http.client.HTTPException, ValueError, _MayPass) as error:
            if over.is_set() or isinstance(error, TimeoutError):
                raise self._too_slow(url) from error
            if isinstance(error, PixwiseError | _MayPass):
                raise
            reason = " ".join(str(error).split())[:120] or type(error).__name__
            raise _MayPass(f"expected an answer, got {reason}") from error
        finally:
            connection.close()

    def _too_slow(self, url: str) -> SourceError:
        return SourceError(f"{url}: answer must come within {self.timeout_s:g} s, got none or half of it; try later")

    def _body(self, answer: http.client.HTTPResponse, url: str) -> bytes | str:
        if answer.status in _REDIRECTS and answer.getheader("Location"):
            return str(answer.getheader("Location"))
        if answer.status in _AGAIN:
            raise _MayPass(f"expected 200 OK, got {answer.status} {answer.reason}")
        if answer.status != 200:
            raise SourceError(f"{url}: expected 200 OK, got {answer.status} {answer.reason}; check the address")
        pieces, length = [], answer.length or 0
        self._check_bytes(length, url)
        length = 0
        while piece := answer.read(_PIECE):
            pieces.append(piece)
            length += len(piece)
            self._check_bytes(length, url)
        if answer.length:
            raise _MayPass(f"expected the whole answer, got {answer.length} bytes too few")
        return b"".join(pieces)

    def _check_bytes(self, length: int, url: str) -> None:
        if length > self.max_bytes:
            raise LimitError(
                f"{url}: bytes must be at most {self.max_bytes:,}, got {length:,} or more; raise max_bytes "
                "if you trust it"
            )


_HEADERS = {"User-Agent": "pixwise", "Accept": "application/json, text/html;q=0.5", "Accept-Encoding": "identity"}


class _MayPass(Exception):
    """A failure that may pass."""


@contextmanager
def hung_up_at(deadline: float, sock: socket.socket, over: threading.Event) -> Iterator[None]:
    """Hang up at the deadline, and say so: the timeout of a socket is for each piece, and a server that sends a byte
    now and then would never be too slow."""

    def hang_up() -> None:
        over.set()
        with suppress(OSError):  # it is closed already
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(deadline - time.monotonic(), 0), hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
        if over.is_set():
            raise TimeoutError("half of an answer may look whole")
    finally:
        timer.cancel()


def target_of(url: str) -> tuple[Any, str, int, str]:
    """What connects to the address of a service, host, port, and path.

    Raises:
        OptionError: it is no http(s) address, or has a password in it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise OptionError(f"address of a service must be http(s)://host/path, got {url!r}: {error}") from error
    kinds = {"http": (http.client.HTTPConnection, 80), "https": (http.client.HTTPSConnection, 443)}
    if parts.scheme not in kinds or not parts.hostname or "@" in parts.netloc:
        raise OptionError(f"address of a service must be http(s)://host/path without a password, got {url!r}; mend it")
    kind, usual = kinds[parts.scheme]
    path = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe="/?%:@!$&'()*+,;=~-._")
    return kind, parts.hostname, port or usual, path


def json_within(body: bytes, where: str) -> Any:
    """JSON, or the JSON inside a page of HTML: in its `pre`, else the first that can be read in its text.

    Args:
        body: as it came.
        where: for messages.

    Raises:
        DataError: there is none.
    """
    text = body.decode("utf-8-sig", "replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    for candidate in _texts_of_page(text):
        for found in _documents(candidate):
            return found
    raise DataError(f"{where}: expected JSON, got {_brief(text.strip())}; check the address")


def _texts_of_page(text: str) -> Iterator[str]:
    """The places of a page where JSON may be, likeliest first."""
    for inside in re.findall(r"<pre\b[^>]*>(.*?)</pre\s*>", text, re.DOTALL | re.IGNORECASE):
        yield html.unescape(re.sub(r"<[^<>]*>", "", inside))
        yield inside
    bare = re.sub(r"<(script|style|head)\b.*?</\1\s*>|<!--.*?-->", " ", text, flags=re.DOTALL | re.IGNORECASE)
    yield html.unescape(re.sub(r"<[^<>]*>", "", bare))
    yield bare


def _documents(text: str) -> Iterator[Any]:
    """The lists and objects that can be read in a text."""
    decoder = json.JSONDecoder()
    for number, start in enumerate(re.finditer(r"[\[{](?=\s*[\[{\]}\"])", text)):
        if number == _STARTS:
            return
        try:
            yield decoder.raw_decode(text, start.start())[0]
        except (ValueError, RecursionError):
            continue


def _joined(tables: list[list[Mapping[str, Any]]], names: tuple[str, ...]) -> Rows:
    """One row per photo that has all embeddings."""
    if len(tables) == 1:
        rows = tables[0]
        ids = [_photo_id(row, number) for number, row in enumerate(rows, start=1)]
        return rows_of([[row["embedding"] for row in rows]], [row["label"] for row in rows], ids)
    by_id = [_by_photo(rows, name) for rows, name in zip(tables, names, strict=True)]
    ids = [photo_id for photo_id in by_id[0] if all(photo_id in others for others in by_id[1:])]
    if not ids:
        counts = ", ".join(f"{len(found)} of {name}" for found, name in zip(by_id, names, strict=True))
        raise DataError(f"photos must have all embeddings, got none that has ({counts}); embed the same photos")
    for photo_id in ids:
        labels = {str(found[photo_id]["label"]) for found in by_id}
        if len(labels) > 1:
            raise DataError(
                f"photo {photo_id!r} must have one label, got {' and '.join(sorted(labels))}; mend the data"
            )
    vectors = [[found[photo_id]["embedding"] for photo_id in ids] for found in by_id]
    return rows_of(vectors, [by_id[0][photo_id]["label"] for photo_id in ids], ids)


def _photo_id(row: Mapping[str, Any], number: int) -> str:
    told = row.get("photo_id")
    return f"row {number}" if told is None else str(told)


def _by_photo(rows: list[Mapping[str, Any]], name: str) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        if row.get("photo_id") is None:
            raise DataError(f"rows of {name} must have photo_id to be joined on, got {_brief(row)}; mend the service")
        other = found.setdefault(str(row["photo_id"]), row)
        if str(other["label"]) != str(row["label"]):
            raise DataError(f"photo {row['photo_id']!r} must have one label, got both 0 and 1; mend the data")
    return found


def _brief(thing: Any) -> str:
    text = " ".join((thing if isinstance(thing, str) else repr(thing)).split())
    return (text if len(text) <= 80 else text[:79] + "…") or "nothing"
