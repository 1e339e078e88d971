"""Headers as they may be kept, and the credentials that were among them."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Final

from tokentape.recorder.scrubbing.allowed import keeps_request_header, keeps_response_header
from tokentape.recorder.scrubbing.finding import usable_literals, without_secrets
from tokentape.recorder.scrubbing.patterns import REDACTED, redacted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentape.recorder.cassette.interaction import Headers
    from tokentape.recorder.scrubbing.policy import Policy

_SECRET_HEADER: Final = re.compile(
    r"(?!access-control-|www-authenticate).*(?:(?P<cookie>cookie)|(?P<organization_id>organi[sz]ation)"
    r"|(?P<workspace_id>workspace)|(?P<credential>auth|token|secret|passw|api-?key|credential|signature)).*",
    re.IGNORECASE,
)


def secret_kind(name: str) -> str | None:
    """The kind of secret that a header's value is by its name, if it is one."""
    listed = keeps_request_header(name) or keeps_response_header(name)
    match = None if listed else _SECRET_HEADER.fullmatch(name)
    return (match.lastgroup or "credential").replace("_", "-") if match else None


def credentials(headers: Headers) -> tuple[bytes, ...]:
    """The credentials that a request was sent with, to be searched for wherever they may be repeated."""
    return usable_literals(secret.encode() for name, value in headers for secret in _secrets_of(name, value))


def _secrets_of(name: str, value: str) -> list[str]:
    """What of a header's value is a credential: a gateway's key and a cookie are, too."""
    kind = secret_kind(name)
    if kind == "cookie":
        return [pair.partition("=")[2].strip() for pair in value.split(";")]
    return [value.rpartition(" ")[2]] if kind == "credential" else []


def scrub_request_headers(headers: Headers, policy: Policy, literals: tuple[bytes, ...] = ()) -> Headers:
    """The headers of a request that are kept."""
    kept = (pair for pair in headers if keeps_request_header(pair[0]) or _wanted(pair[0], policy))
    return tuple(_scrubbed(kept, policy, literals))


def scrub_response_headers(headers: Headers, policy: Policy, literals: tuple[bytes, ...] = ()) -> Headers:
    """The headers of a response that are kept."""
    kept = (pair for pair in headers if keeps_response_header(pair[0]) or _wanted(pair[0], policy))
    return tuple(_scrubbed(kept, policy, literals))


def scrub_value(value: str, policy: Policy, literals: tuple[bytes, ...] = ()) -> str:
    """A line of text without its secrets."""
    clean = without_secrets(redacted(value, policy).encode("utf-8", "surrogatepass"), literals)
    return clean.decode("utf-8", "surrogatepass")


_scrub_header = functools.lru_cache(maxsize=4096)(scrub_value)
"""Most headers say the same in every call."""


def _wanted(name: str, policy: Policy) -> bool:
    return name.lower() in {kept.lower() for kept in policy.keep_headers}


def _scrubbed(
    headers: Iterator[tuple[str, str]], policy: Policy, literals: tuple[bytes, ...]
) -> Iterator[tuple[str, str]]:
    named = {name.lower() for name in policy.redact_headers}
    for name, value in headers:
        hidden = name.lower() in named or secret_kind(name)
        yield name, REDACTED if hidden and value else _scrub_header(value, policy, literals)
