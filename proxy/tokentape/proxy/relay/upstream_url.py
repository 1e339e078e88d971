"""The upstream that a relay carries to: its address, and how it is reached."""

from __future__ import annotations

import base64
from urllib.parse import SplitResult, unquote, urlsplit

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

    @property
    def origin(self) -> str:
        """Scheme, host and port, written anew: nothing else of what was configured is in it."""
        return f"{'https' if self.tls else 'http'}://{self.host_header}"


def parse_upstream(url: str, environment: dict[str, str] | None = None) -> Upstream:
    """Read an upstream's URL; `HTTPS_PROXY` and `NO_PROXY` of `environment` decide about a tunnel.

    Raises:
        ValueError: one sentence that says what is wrong with the URL.
    """
    if "@" in url.rpartition("://")[2].partition("/")[0]:
        # Not repeated: what stands before it may be a password.
        raise ValueError("The upstream URL must have no user name or password.")
    parts = _split(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"The upstream must be an http:// or https:// URL, not {url!r}.")
    if parts.query or parts.fragment:
        raise ValueError("The upstream URL must have no query or fragment.")
    port = parts.port or (443 if parts.scheme == "https" else 80)
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
    name = "HTTPS_PROXY" if lowered.get("https_proxy") else "ALL_PROXY"
    address = lowered.get(name.lower())
    if not address:
        return None
    if _bypassed(host, lowered.get("no_proxy", "")):
        return None
    parts = _split(address if "://" in address else f"http://{address}")
    if parts is None or parts.scheme != "http" or not parts.hostname:
        # Not repeated: it can hold a password.
        raise ValueError(f"{name} must be an http://host:port address: CONNECT goes over plain HTTP.")
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode()).decode()
    return Via(host=parts.hostname, port=parts.port or 80, authorization=authorization)


def _split(url: str) -> SplitResult | None:
    """The parts of a URL whose port is a number and which can stand in a request head."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _bypassed(host: str, no_proxy: str) -> bool:
    """NO_PROXY as curl reads it: `*`, host names, and domains with or without a leading dot."""
    names = [name.strip().lower().lstrip(".") for name in no_proxy.split(",") if name.strip()]
    return any(name in {"*", host} or host.endswith(f".{name}") for name in names)
