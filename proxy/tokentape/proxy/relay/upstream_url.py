"""The upstream that a relay carries to: its address, and how it is reached."""

from __future__ import annotations

import base64
from urllib.parse import unquote, urlsplit

import msgspec


class Via(msgspec.Struct, frozen=True, kw_only=True):
    """A corporate proxy that tunnels to the upstream with CONNECT."""

    host: str
    port: int
    authorization: str | None = None
    """The value of `Proxy-Authorization`."""


class Upstream(msgspec.Struct, frozen=True, kw_only=True):
    """Where requests go."""

    url: str
    tls: bool
    host: str
    port: int
    prefix: str = ""
    """Path in front of every request target, without a trailing slash."""
    via: Via | None = None

    @property
    def host_header(self) -> str:
        """The value of the `Host` header."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == (443 if self.tls else 80) else f"{name}:{self.port}"


def parse_upstream(url: str, environment: dict[str, str] | None = None) -> Upstream:
    """Read an upstream's URL; `HTTPS_PROXY` and `NO_PROXY` of `environment` decide about a tunnel.

    Raises:
        ValueError: one sentence that says what is wrong with the URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"The upstream must be an http:// or https:// URL, not {url!r}.")
    if parts.query or parts.fragment or parts.username:
        raise ValueError(f"The upstream URL must have no query, fragment or user name: {url!r}.")
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise ValueError(f"The upstream's port is not a number up to 65535: {url!r}.") from None
    tls = parts.scheme == "https"
    return Upstream(
        url=url.rstrip("/"),
        tls=tls,
        host=parts.hostname,
        port=port,
        prefix=parts.path.rstrip("/"),
        via=_via(parts.hostname, environment or {}) if tls else None,
    )


def _via(host: str, environment: dict[str, str]) -> Via | None:
    lowered = {name.lower(): value for name, value in environment.items()}
    address = lowered.get("https_proxy") or lowered.get("all_proxy")
    if not address:
        return None
    if _bypassed(host, lowered.get("no_proxy", "")):
        return None
    parts = urlsplit(address if "://" in address else f"http://{address}")
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(
            f"HTTPS_PROXY must be an http:// address, since CONNECT goes over plain HTTP: {address!r}."
        )
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode()).decode()
    return Via(host=parts.hostname, port=parts.port or 80, authorization=authorization)


def _bypassed(host: str, no_proxy: str) -> bool:
    """NO_PROXY as curl reads it: `*`, host names, and domains with or without a leading dot."""
    names = [name.strip().lower().lstrip(".") for name in no_proxy.split(",") if name.strip()]
    return any(name in {"*", host} or host.endswith(f".{name}") for name in names)
