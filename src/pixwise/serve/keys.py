"""API keys: who asks, and whether he may. The settings keep hashes only; a key itself is shown once, when it is made.

    Authorization: Bearer KEY   or   X-API-Key: KEY  ─▶ sha256 ─▶ compared with all ─▶ Key ─▶ its scopes ∋ the route's

A key is 256 random bits, so that its plain hash cannot be guessed back.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping

from pixwise.errors import OptionError
from pixwise.serve.problems import Problem
from pixwise.serve.settings import NAME_OF_KEY, Key, Settings

__all__ = ["Keyring", "new_key", "scopes_of"]

_OPEN = re.compile(r"/(livez|readyz|openapi\.json|(docs|ui)(/.*)?)?")  # these tell nothing of anybody
_SCOPES = (  # path → what a key must be for; the first that fits
    (re.compile(r"/metrics"), ("metrics",)),
    (re.compile(r"/v1/jobs(/.*)?"), ("jobs",)),
    (re.compile(r"/v1/models(/.*)?"), ("models", "ask")),
    (re.compile(r".*", re.DOTALL), ("ask",)),
)


def scopes_of(method: str, path: str) -> tuple[str, ...]:
    """Scopes of which a key must have one for a path; none where no key is needed. Unknown paths need one."""
    if _OPEN.fullmatch(path) and method in ("GET", "HEAD"):
        return ()
    scopes = next(scopes for pattern, scopes in _SCOPES if pattern.fullmatch(path))
    return scopes if method in ("GET", "HEAD") or scopes[0] != "models" else ("models",)


class Keyring:
    """The keys of a service."""

    def __init__(self, settings: Settings):
        self._keys = [(key.sha256.get_secret_value().encode(), key) for key in settings.keys]

    def admit(self, method: str, path: str, headers: Mapping[str, str]) -> Key | None:
        """Whose key a request carries; None where none is needed.

        Args:
            method, path: what is asked.
            headers: names in lower case.

        Raises:
            Problem: 401, no key or an unknown one; 403, one that is for other things.
        """
        scopes = scopes_of(method, path)
        if not self._keys or not scopes:
            return None
        key = self._owner(_key_in(headers))
        if not set(scopes) & set(key.scopes):
            got = f"{key.name!r} for {', '.join(key.scopes) or 'nothing'}"
            said = f"key must be for {' or '.join(scopes)}, got {got}; ask the operator for another"
            raise Problem(403, said, "key-scope")
        return key

    def _owner(self, given: str) -> Key:
        """Compared with every key to the end, so that the time tells nothing of how near a guess came."""
        hashed = hashlib.sha256(given.encode("latin-1")).hexdigest().encode()
        found = None
        for known, key in self._keys:
            if hmac.compare_digest(hashed, known):
                found = key
        if found is None:
            raise _unknown("one that is not known")
        return found


def _key_in(headers: Mapping[str, str]) -> str:
    if headers.get("x-api-key"):
        return headers["x-api-key"].strip()
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not given.strip():
        raise _unknown("none")
    return given.strip()


def _unknown(got: str) -> Problem:
    said = f"key must be one of this service, got {got}; send Authorization: Bearer KEY, or X-API-Key: KEY"
    return Problem(401, said, "key", headers={"WWW-Authenticate": 'Bearer realm="pixwise"'})


def new_key(name: str) -> tuple[str, Key]:
    """A key that was never seen before, and its entry in the settings.

    Args:
        name: who will use it.

    Raises:
        OptionError: no name that a log could have.
    """
    if not re.fullmatch(NAME_OF_KEY, name):
        raise OptionError(f"name of a key must be 1 to 64 letters, digits, _ . or -, got {name!r:.80}; choose another")
    key = f"pixwise_{secrets.token_urlsafe(32)}"
    return key, Key(name=name, sha256=hashlib.sha256(key.encode()).hexdigest())
