"""URIs without their secrets: user and password, and the values of telling query parameters."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from tokentape.recorder.scrubbing.finding import PLACEHOLDER, placeholder, without_secrets
from tokentape.recorder.scrubbing.patterns import redacted

if TYPE_CHECKING:
    from tokentape.recorder.scrubbing.policy import Policy

_SECRET_NAME: Final = re.compile(
    r"(?:.*(?:token|secret|passw|api[-_]?key|signature|credential|auth).*|key|sig|code|pwd|pass)",
    re.IGNORECASE,
)


@functools.lru_cache(maxsize=1024)
def scrub_uri(uri: str, policy: Policy, literals: tuple[bytes, ...] = ()) -> str:
    """A URI as it may be kept; one without secrets comes back as it was."""
    parts = urlsplit(uri)
    host = parts.netloc.rpartition("@")[2]
    query = "&".join(_parameter(one, policy, literals) for one in parts.query.split("&"))
    path = "/".join(_part(one, policy, literals) for one in parts.path.split("/"))
    if (host, path, query, parts.fragment) == (parts.netloc, parts.path, parts.query, ""):
        return uri
    return urlunsplit((parts.scheme, host, path, query, ""))


def _parameter(parameter: str, policy: Policy, literals: tuple[bytes, ...]) -> str:
    name, equals, value = parameter.partition("=")
    if value and _SECRET_NAME.fullmatch(unquote(name)):
        done = PLACEHOLDER.fullmatch(value.encode())
        return parameter if done else f"{name}={placeholder('parameter').decode()}"
    return _part(name, policy, literals) + equals + _part(value, policy, literals)


def _part(part: str, policy: Policy, literals: tuple[bytes, ...]) -> str:
    """A part of a URI, searched as it is and decoded; percent-escapes hide nothing."""
    text = unquote(part, errors="surrogateescape")
    data = redacted(text, policy).encode("utf-8", "surrogateescape")
    clean = without_secrets(data, literals).decode("utf-8", "surrogateescape")
    return part if clean == text else quote(clean, safe="", errors="surrogateescape")
