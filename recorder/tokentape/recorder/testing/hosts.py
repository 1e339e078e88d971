"""Whom a request is for: the API, a host whose exchanges are recorded too, this machine, or anybody else."""

from __future__ import annotations

import enum
import ipaddress
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from tokentape.recorder.replay.asking import API
from tokentape.recorder.scrubbing.allowed import recordable

EVERY: Final = "*"


class Whom(enum.Enum):
    """Whom a request is for."""

    API = enum.auto()
    NAMED = enum.auto()
    """A host of `hosts=[...]`."""
    HERE = enum.auto()
    """This machine: free."""
    ELSEWHERE = enum.auto()


class Located(NamedTuple):
    """A request's address, understood."""

    whom: Whom
    uri: str
    """As it is kept: under the API's own address where a gateway on this machine stands for it."""


class Places:
    """Tells whom requests are for."""

    def __init__(self, bases: tuple[str, ...], hosts: tuple[str, ...]) -> None:
        """Tell by these.

        Args:
            bases: base URLs that stand for the API.
            hosts: names of hosts, with or without a port; `*` is every one.
        """
        self._bases = tuple(base.rstrip("/") for base in bases if base)
        self._hosts = frozenset(host.lower() for host in hosts)

    def locate(self, method: str, uri: str) -> Located:
        """Whom a request is for; `uri` is whole."""
        parts = urlsplit(uri)
        host = (parts.hostname or "").lower()
        if host in self._hosts or parts.netloc.rpartition("@")[2].lower() in self._hosts:
            return Located(Whom.NAMED, uri)
        for base in self._bases:
            if uri.startswith(f"{base}/"):
                rest = uri.removeprefix(base)
                known = recordable(method, rest)
                kept = API + rest if is_here(host) else uri
                return Located(Whom.API if known else _whom(host), kept if known else uri)
        if is_here(host):
            return Located(Whom.HERE, uri)
        if recordable(method, uri):
            return Located(Whom.API, uri)
        return Located(Whom.NAMED if EVERY in self._hosts else Whom.ELSEWHERE, uri)


def is_here(host: str) -> bool:
    """Whether a host, by name or number, is this machine."""
    name = host.strip("[]").rstrip(".").lower()
    if name in {"", "localhost"} or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _whom(host: str) -> Whom:
    return Whom.HERE if is_here(host) else Whom.ELSEWHERE
