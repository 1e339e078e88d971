"""GET, past any forward proxy unless told otherwise."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from typing import NamedTuple

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Fetched(NamedTuple):
    """An answer."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


def fetch(url: str, *, seconds: float = 5.0, through: bool = False) -> Fetched:
    """GET an http or https URL, whatever the status.

    Args:
        url: where.
        seconds: for each step of it.
        through: go through the forward proxy of the environment, where there is one.

    Raises:
        OSError: there is no answer in time, or it is no HTTP.
    """
    opener = urllib.request.build_opener() if through else _direct
    try:
        with opener.open(url, timeout=seconds) as reply:
            return Fetched(reply.status, _lowered(reply.headers.items()), reply.read())
    except urllib.error.HTTPError as error:
        with error:
            return Fetched(error.code, _lowered(error.headers.items()), error.read())
    except http.client.HTTPException as error:
        raise OSError(f"what answered at {url} speaks no HTTP") from error


def _lowered(headers: list[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}
