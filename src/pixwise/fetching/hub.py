"""Speak to the hub and to plain https servers; the only file that opens a socket for a model.

    ask(url, repo) ─▶ HEAD ─▶ Facts(commit, etag, bytes)          deliver(url, start) ─▶ GET ─▶ Delivery for intake.py

The bytes are not fetched by `hf_hub_download`: it moves a file to its place before anybody has verified it, and drops
its part file with the process, so nothing is resumed. Layout, locks and token are huggingface_hub's all the same.
Environment, read at each call: HF_ENDPOINT, HF_TOKEN, PIXWISE_FETCH_TIMEOUT or HF_HUB_DOWNLOAD_TIMEOUT, HTTPS_PROXY,
NO_PROXY, SSL_CERT_FILE.
"""

from __future__ import annotations

import errno
import json
import os
import re
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from http.client import HTTPException
from importlib import import_module
from importlib.util import find_spec
from socket import gaierror
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urljoin, urlsplit
from urllib.request import (
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
)

from pixwise import __version__
from pixwise.errors import FetchError, OptionError
from pixwise.fetching.intake import TRIES, Again, Delivery, Unreachable

__all__ = ["Facts", "ask", "deliver", "describe", "endpoint", "host_of", "timeout"]

_HOPS = 5
_SLOWEST = 1024  # bytes per second, over six timeouts
_CHUNK = 1 << 20
_NO_NETWORK = (errno.ENETUNREACH, errno.EHOSTUNREACH)
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True)
class Facts:
    """What the hub tells about a file before it is fetched."""

    commit: str
    etag: str
    bytes: int


def endpoint() -> str:
    """Address of the hub: HF_ENDPOINT, else huggingface.co."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def ask(url: str, repo: str) -> Facts:
    """HEAD: the commit, the name of the blob and its size; of a large file they are on the redirect to its bytes."""
    with _patiently(url, "HEAD", repo) as reply:
        headers = reply.headers
    commit = headers.get("X-Repo-Commit", "")
    etag = (headers.get("X-Linked-Etag") or headers.get("ETag") or "").removeprefix("W/").strip('"')
    if not re.fullmatch(r"[0-9a-f]{40}", commit) or not re.fullmatch(r"[\w-]+", etag):
        raise FetchError(
            f"{host_of(url)} must answer as the Hugging Face hub, got no commit or no ETag for {url}; check HF_ENDPOINT"
        )
    size = headers.get("X-Linked-Size") or headers.get("Content-Length") or "0"
    return Facts(commit, etag, int(size) if size.isdecimal() else 0)


def describe(repo: str, revision: str) -> dict[str, Any]:
    """What the hub tells about a repository: `sha`, `siblings` with sizes and hashes, `cardData`."""
    url = f"{endpoint()}/api/models/{repo}/revision/{quote(revision, safe='')}?blobs=true"
    with _patiently(url, "GET", repo) as reply:
        text = b"".join(_chunks(reply, url))
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    if not isinstance(told, dict) or not re.fullmatch(r"[0-9a-f]{40}", str(told.get("sha"))):
        raise FetchError(f"{url} must answer as the Hugging Face hub, got no commit; check HF_ENDPOINT")
    return told


def _patiently(url: str, method: str, repo: str) -> Any:
    """A reply, after as many tries as a passing trouble deserves."""
    for attempt in range(1, TRIES + 1):
        try:
            return _request(url, method, repo)
        except Again as again:
            if attempt == TRIES:
                raise FetchError(f"{host_of(url)}: {again}; check the network and run it again") from again
            time.sleep(again.wait or again.pause * 2**attempt)
    raise AssertionError("unreachable")


@contextmanager
def deliver(url: str, start: int, repo: str = "") -> Iterator[Delivery]:
    """GET, from a position on where the server can."""
    with _request(url, "GET", repo, start) as reply:
        span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", reply.headers.get("Content-Range", ""))
        if reply.status == 416:  # nothing after `start`: all is there, or more than there should be
            whole = reply.headers.get("Content-Range", "").rpartition("/")[2]
            yield Delivery(start, int(whole) if whole.isdecimal() else 0, iter(()))
        elif reply.status == 206 and span:
            yield Delivery(int(span[1]), int(span[2]) if span[2] != "*" else 0, _chunks(reply, url))
        else:
            yield Delivery(0, int(reply.headers.get("Content-Length") or 0), _chunks(reply, url))


def _chunks(reply: Any, url: str) -> Iterator[bytes]:
    """The body as it arrives; a body that only trickles is an error, not a wait of hours."""
    window_start, window_bytes, window = time.monotonic(), 0, 6 * timeout()
    while True:
        try:
            chunk = reply.read1(_CHUNK)
        except (OSError, HTTPException) as error:
            raise _trouble(error, url) from error
        if not chunk:
            return
        yield chunk
        window_bytes += len(chunk)
        spent = time.monotonic() - window_start
        if spent > window:
            if window_bytes < _SLOWEST * spent:
                raise Again(
                    f"expected {_SLOWEST} bytes per second, got {window_bytes / spent:.0f}", pause=timeout() / 20
                )
            window_start, window_bytes = time.monotonic(), 0


def _request(url: str, method: str, repo: str = "", start: int = 0) -> Any:
    """One request; redirects are followed by hand, so that the token stays with the hub and every hop is https.

    HEAD stops at the redirect to where the bytes are: the hub's headers are on it.
    """
    token = _token() if repo else ""
    first = urlsplit(url).netloc
    for _ in range(_HOPS):
        reply = _one_hop(url, method, token if urlsplit(url).netloc == first else "", start)
        if reply.status not in _REDIRECTS:
            break
        target = urljoin(url, reply.headers.get("Location", ""))
        leaves = urlsplit(target).netloc != urlsplit(url).netloc
        if method == "HEAD" and leaves and reply.headers.get("X-Repo-Commit"):
            break
        reply.close()
        url = target
    else:
        raise FetchError(f"{first}: expected at most {_HOPS} redirects, got more; check HF_ENDPOINT")
    if reply.status >= 400 and not (reply.status == 416 and start):
        reply.close()
        raise _refusal(reply, url, repo, bool(token))
    return reply


def _one_hop(url: str, method: str, token: str, start: int) -> Any:
    parts = urlsplit(url)
    loopback = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
        raise FetchError(f"address of a model must begin with https://, got {url!r}; mend the card or HF_ENDPOINT")
    headers = {"User-Agent": f"pixwise/{__version__}", "Accept-Encoding": "identity"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        return _opener(url, loopback).open(Request(url, method=method, headers=headers), timeout=timeout())
    except HTTPError as reply:  # urllib's name for any reply that is not 2xx
        return reply
    except (OSError, HTTPException) as error:
        raise _trouble(error, url) from error


def _opener(url: str, loopback: bool) -> OpenerDirector:
    """Proxies of the environment, except to this machine; redirects are not followed."""
    handlers: list[Any] = [_NoRedirect(), *([ProxyHandler({})] if loopback else [])]
    if url.startswith("https:"):
        handlers.append(HTTPSHandler(context=_certificates(os.environ.get("SSL_CERT_FILE", ""))))
    opener = build_opener(*handlers)
    opener.addheaders = []
    return opener


@cache
def _certificates(named: str) -> ssl.SSLContext:
    """Those of the system or of SSL_CERT_FILE, and of certifi, which is there where the system's are not found."""
    context = ssl.create_default_context()
    if not named and find_spec("certifi"):
        context.load_verify_locations(import_module("certifi").where())
    return context


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *args: Any) -> None:
        return None


def _trouble(error: BaseException, url: str) -> Exception:
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return Again(f"expected an answer within {timeout():g} s, got none", pause=timeout() / 20)
    if isinstance(reason, ssl.SSLCertVerificationError):  # asking again brings the same certificate
        got = f"a certificate that is not trusted ({getattr(reason, 'verify_message', '') or reason})"
        return Unreachable(host_of(url), got, "set SSL_CERT_FILE to the certificates of your network, check the clock")
    if isinstance(reason, gaierror | ConnectionRefusedError) or getattr(reason, "errno", 0) in _NO_NETWORK:
        hub = " and HF_ENDPOINT" if host_of(url) == host_of(endpoint()) else ""
        got = getattr(reason, "strerror", "") or str(reason)
        return Unreachable(host_of(url), got, f"check the network{hub}")
    return Again(f"expected an answer, got {reason or type(reason).__name__}", pause=timeout() / 20)


def _refusal(reply: Any, url: str, repo: str, had_token: bool) -> Exception:
    """The error for a status of 400 and above, in the words of somebody who has to do something about it."""
    status, host = reply.status, host_of(url)
    code = reply.headers.get("X-Error-Code", "")
    if status == 429:
        return _asked_to_wait(reply, host)
    if status in (408, 500, 502, 503, 504):
        return Again(f"expected the file, got HTTP status {status}", pause=timeout() / 20)
    if status in (401, 403) and repo:
        doing = "the token of HF_TOKEN has no access" if had_token else "set HF_TOKEN, or run: hf auth login"
        return FetchError(
            f"{repo} must be open to you, got HTTP status {status} ({code or 'private, gated or absent'}) from {host}; "
            f"accept its terms at {endpoint()}/{repo} if it is gated; {doing}"
        )
    what = {"RepoNotFound": "repository", "RevisionNotFound": "revision"}.get(code, "file")
    return FetchError(f"{what} must be there, got HTTP status {status} for {url}; check its name, or report the card")


def _asked_to_wait(reply: Any, host: str) -> Exception:
    asked, longest = _seconds(reply.headers.get("Retry-After", "")), 6 * timeout()
    if asked > longest:
        return FetchError(
            f"{host} must serve us within {longest:g} s, got HTTP status 429 and a wait of {asked:.0f} s; "
            "try again later, or set HF_TOKEN for a higher limit"
        )
    return Again("expected the file, got HTTP status 429 (too many requests)", wait=asked, pause=timeout() / 20)


def _seconds(retry_after: str) -> float:
    """Retry-After: seconds, or a date."""
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except ValueError:
        return 0.0


def timeout() -> float:
    """Seconds without a byte before a try is given up; every other wait is a multiple of it.

    PIXWISE_FETCH_TIMEOUT, else HF_HUB_DOWNLOAD_TIMEOUT, else 10.
    """
    text = os.environ.get("PIXWISE_FETCH_TIMEOUT") or os.environ.get("HF_HUB_DOWNLOAD_TIMEOUT") or "10"
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 86400:
        raise OptionError(f"PIXWISE_FETCH_TIMEOUT must be seconds above 0, got {text!r}; unset it for 10")
    return seconds


def _token() -> str:
    from huggingface_hub import get_token

    return get_token() or ""


def host_of(url: str) -> str:
    """Host and port of an address, for messages."""
    return urlsplit(url).netloc
