"""What is volatile beyond what this package knows of the Messages API, as a user sets it."""

from __future__ import annotations

import re

import msgspec

from tokentape.recorder.scrubbing.policy import steps_of


class RulesError(ValueError):
    """Rules that cannot be followed. Its text is one sentence for the user."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What else may differ between a request and its recording; spelled as the fields of `Policy`."""

    json_paths: tuple[str, ...] = ()
    """Members of JSON bodies that are left out: `metadata.trace` or `messages[*].content[*].input.now`;
    `*` is any member or element."""
    patterns: tuple[str, ...] = ()
    """Regular expressions, searched in the path, the query, each string of a JSON body and the text of any
    other body. The whole match is left out, or its groups where it has any."""

    def __post_init__(self) -> None:
        """Refuse what cannot be followed."""
        for path in self.json_paths:
            if not all(steps_of(path)):
                raise RulesError(
                    f"the volatile path {path!r} has an empty step; write it like metadata.trace."
                )
        for pattern in self.patterns:
            _check(pattern)


DEFAULT = Rules()
"""Only what is known of the Messages API and its clients."""


def _check(pattern: str) -> None:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise RulesError(f"the volatile pattern {pattern!r} is no regular expression: {error}.") from None
    if compiled.fullmatch("") is not None:
        raise RulesError(f"the volatile pattern {pattern!r} matches the empty text; make it say more.")
