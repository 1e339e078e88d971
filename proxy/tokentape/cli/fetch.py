"""GET, past any forward proxy."""

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


def fetch(url: str, *, seconds: float = 5.0) -> Fetched:
    """GET a URL, whatever the status.

    Raises:
        OSError: there is no answer in time, or it is no HTTP.
    """
    try:
        with _direct.open(url, timeout=seconds) as reply:
            return Fetched(reply.status, _lowered(reply.headers.items()), reply.read())
    except urllib.error.HTTPError as error:
        with error:
            return Fetched(error.code, _lowered(error.headers.items()), error.read())
    except http.client.HTTPException as error:
        raise OSError(f"what answered at {url} speaks no HTTP") from error


def _lowered(headers: list[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}
