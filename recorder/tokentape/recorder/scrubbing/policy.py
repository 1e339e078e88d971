"""What is redacted beyond the default, as a user sets it."""

from __future__ import annotations

import re

import msgspec


class PolicyError(ValueError):
    """A policy that cannot be followed. Its text is one sentence for the user."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What is redacted. `Policy()` is safe by itself; every field asks for more, except `keep_headers`."""

    patterns: tuple[str, ...] = ()
    """Regular expressions, searched in each header value, each string of a JSON body and the text of each
    streamed block. The whole match is redacted, or its groups where it has any."""
    json_paths: tuple[str, ...] = ()
    """Members of JSON bodies and of streamed events whose values are redacted whole: `metadata.tenant`,
    `messages[*].content[*].input.iban` or `$.tools.0.name`; `*` is any member or element."""
    redact_headers: tuple[str, ...] = ()
    """Names of kept headers whose values are redacted."""
    keep_headers: tuple[str, ...] = ()
    """Names of further headers to keep, on both sides. A credential's value is redacted even so."""

    def __post_init__(self) -> None:
        """Refuse what cannot be followed."""
        for pattern in self.patterns:
            try:
                compiled = re.compile(pattern)
            except re.error as error:
                raise PolicyError(
                    f"the redaction pattern {pattern!r} is no regular expression: {error}."
                ) from None
            if compiled.fullmatch("") is not None:
                raise PolicyError(
                    f"the redaction pattern {pattern!r} matches the empty text; make it say more."
                )
        for path in self.json_paths:
            if not all(steps_of(path)):
                raise PolicyError(
                    f"the redaction path {path!r} has an empty step; write it like metadata.tenant."
                )


DEFAULT = Policy()
"""Credentials, cookies, organisation, workspace and user ids, MCP and OAuth tokens, well-known tokens."""


def steps_of(path: str) -> tuple[str, ...]:
    """A path step by step: `$.a[*].b` and `a.*.b` are `("a", "*", "b")`."""
    return tuple(path.removeprefix("$").removeprefix(".").replace("[", ".").replace("]", "").split("."))
