"""Browsers: which pages may ask. Somebody's browser stands inside his network, and runs what any web site sends it.

Host foreign           ─▶ 421   a name of the site's own that leads to 127.0.0.1 (DNS rebinding)
POST from another site ─▶ 403   a form or script that only wants the effect
preflight              ─▶ 204   from the sites that are listed, and from no other
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from pixwise.serve.problems import Problem
from pixwise.serve.settings import Settings

__all__ = ["Origins", "is_loopback"]

_ASKED = "Authorization, X-API-Key, Content-Type, Accept, X-Request-ID"
_TOLD = "X-Request-ID, Server-Timing, Retry-After, Location, Content-Disposition"


class Origins:
    """What is asked of requests that a browser may have sent.

    Args:
        settings: `host`, `allowed_hosts` and `cors_origins`.
    """

    def __init__(self, settings: Settings):
        self._sites = settings.cors_origins
        loopback = is_loopback(settings.host)
        self._hosts = {name.lower() for name in settings.allowed_hosts}
        self._any_host = "*" in self._hosts or not (loopback or self._hosts)
        if loopback:
            self._hosts |= {"localhost"}
        self._hosts |= {settings.host.lower()}

    def check(self, method: str, version: str, headers: Mapping[str, str]) -> None:
        """Refuse what another site had a browser send.

        Args:
            method, version: of the request and of HTTP.
            headers: names in lower case.

        Raises:
            Problem: 400, no Host; 421, a foreign one; 403, from another site.
        """
        host = headers.get("host")
        if host is None and version != "1.0":
            raise Problem(400, "head must name a Host, got none; send one", "host")
        if host is not None and not (self._any_host or self._is_ours(host)):
            raise Problem(421, f"Host must be one of this service, got {host!r:.80}; ask at localhost, or have the "
                               "operator add it to allowed_hosts", "host")  # fmt: skip
        if method not in ("GET", "HEAD", "OPTIONS") and not self._is_at_home(headers):
            raise Problem(403, f"page must be of this service or of a listed site, got {_site(headers)!r:.80}; have "
                               "the operator add it to cors_origins", "cross-site")  # fmt: skip

    def _is_ours(self, host: str) -> bool:
        name = _name(host)
        return name in self._hosts or is_loopback(name) or any(
            name.endswith(known[1:]) for known in self._hosts if known.startswith("*.")
        )  # fmt: skip

    def _is_at_home(self, headers: Mapping[str, str]) -> bool:
        """Whether no browser sent it, or one from our own page or a listed one."""
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if origin is not None and self.is_listed(origin):
            return True
        if site is not None:
            return site in ("same-origin", "none")
        return origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower() != ""

    def is_listed(self, origin: str) -> bool:
        """Whether pages of a site may ask."""
        return "*" in self._sites or origin.lower() in (site.lower().rstrip("/") for site in self._sites)

    def preflight(self, method: str, headers: Mapping[str, str]) -> dict[str, str] | None:
        """The headers that answer a preflight; None where the request is none.

        Raises:
            Problem: 403, from a site that is not listed.
        """
        if method != "OPTIONS" or "access-control-request-method" not in headers or "origin" not in headers:
            return None
        if not self.is_listed(headers["origin"]):
            raise Problem(403, f"site must be listed in cors_origins, got {headers['origin']!r:.80}", "cross-site")
        near = headers.get("access-control-request-private-network") == "true"
        return {
            **self.told(headers),
            "Access-Control-Allow-Methods": "GET, POST, DELETE",
            "Access-Control-Allow-Headers": _ASKED,
            "Access-Control-Max-Age": "600",
            **({"Access-Control-Allow-Private-Network": "true"} if near else {}),
        }

    def told(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers with which a listed site may read an answer; it never gets cookies, of which we have none."""
        if not self._sites:
            return {}
        if not self.is_listed(headers.get("origin", "")):
            return {"Vary": "Origin"}
        return {
            "Access-Control-Allow-Origin": "*" if "*" in self._sites else headers["origin"],
            "Access-Control-Expose-Headers": _TOLD,
            "Vary": "Origin",
        }


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _name(host: str) -> str:
    """A Host without port, brackets and the dot of the root."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().rstrip(".")


def _site(headers: Mapping[str, str]) -> str:
    return headers.get("origin") or headers.get("sec-fetch-site") or ""
