r"""Secrets that are known by the name beside them: `"password": "..."`, `API_KEY=...`, `Cookie: ...`.

A name and its value stand in JSON, in JSON inside a JSON string (a tool's result, a streamed tool input), or
in plain text. In JSON a value ends at the quote of its own depth: `"`, then `\"`, then `\\\"`. Plain text is
believed only where the value looks random, since prompts are full of `password = get_password()`.
"""

from __future__ import annotations

import re
from typing import Final

from tokentape.recorder.scrubbing.rules import UUID, Pattern, Rule

_SPACE: Final = rb"(?:\s|\\+[nrt])*"


def _json(value: bytes, escaped: bytes, deeper: bytes) -> bytes:
    """A quote, a colon and a value, by depth of JSON in JSON: none, one, more."""
    return (
        rb'(?:"\s*:\s*"(' + value + rb')|\\"' + _SPACE + b":" + _SPACE + rb'\\"(' + escaped + rb")"
        rb'|(\\{2,})"' + _SPACE + b":" + _SPACE + rb'\3"(' + deeper + rb"))"
    )


_ANY: Final = _json(
    rb'(?:[^"\\]|\\.){1,8192}', rb'(?:[^"\\]|\\\\(?:\\["\\]|[^"\\])){1,8192}', rb'[^"\\]{1,8192}'
)
"""Any value but the empty one."""

_UUID_VALUE: Final = _json(UUID, UUID, UUID)
# What may stand in a value outside JSON: no quote, backslash or byte of a letter beyond ASCII, since each is
# written in another way in JSON, and a secret must have the same ends wherever it stands.
_OCTET: Final = rb"[!#-&(-+\--:<-\[\]-~]"
"""A cookie's, less the single quote (RFC 6265, 4.1.1)."""
_COOKIES: Final = rb"[!#-&(-+\--:<>-\[\]-~]+=" + _OCTET + rb"*(?:; *" + _OCTET + rb"+)*"
_COOKIE_VALUE: Final = _json(_COOKIES, _COOKIES, _COOKIES)
# Letters and a digit, no sign that code has: a call, an index, a template. Twelve at least, as keys are.
_RANDOM: Final = (
    rb"(?=[a-z0-9+/_.~-]*[0-9])(?=[a-z0-9+/_.~-]*[a-z])"
    rb"([a-z0-9+/_~-][a-z0-9+/_.~-]{11,}={0,2})(?![(\[{<])"
)
_ASSIGNED: Final = rb"(?:\\*[\"'])? *(?:=>|:=|=|:) *(?:\\*[\"'])?" + _RANDOM

_TOKEN_OF: Final = re.compile(
    rb"(?:access|refresh|auth|authorization|oauth|oauth2|bearer|session|security|api|secret|deploy|github"
    rb"|gitlab|slack|csrf|xsrf|(?<![a-z])(?:id|bot|app|hf|npm))[_-]?$"
)
_SECRET_OF: Final = re.compile(rb"(?:client|app|api|webhook|signing|consumer|shared|jwt|oauth|auth)[_-]?\Z")
_KEY_OF: Final = re.compile(
    rb"(?:secret|secret[_-]?access|access|api|private|encryption|signing|account|subscription|master)[_-]?$"
)
_PARAMETER: Final = re.compile(rb"[?&;][a-z0-9_-]{0,24}\Z")
_PARAMETER_VALUE: Final = rb"=([!%(-;=?-Z\[\]^-z|~]{8,})"


def _rule(kind: str, anchor: bytes, pattern: bytes, before: Pattern | None = None) -> Rule:
    return Rule(kind=kind, anchor=anchor, pattern=re.compile(pattern), before=before, folded=True)


def _both(
    kind: str, name: bytes, before: Pattern | None = None, *, follows: bytes = b""
) -> tuple[Rule, Rule]:
    """A name whose value counts in JSON whatever it is, and in text where it looks random."""
    return (
        _rule(kind, name, name + follows + _ANY, before),
        _rule(kind, name, name + follows + _ASSIGNED, before),
    )


NAMED: Final = (
    *_both("token", b"token", _TOKEN_OF),
    *_both("secret", b"secret", _SECRET_OF),
    *_both("key", b"key", _KEY_OF),
    *_both("password", b"pass", follows=b"(?:word|wd|phrase)"),
    _rule("cookie", b"cookie", b"cookie" + _COOKIE_VALUE),
    _rule("cookie", b"cookie", rb"cookie: *(" + _COOKIES + rb")"),
    _rule("token", b"bearer ", rb"bearer +(?=[a-z._~+/-]*[0-9])([a-z0-9._~+/-]{16,}={0,2})"),
    _rule(
        "token",
        b"authorization",
        rb"authorization(?:\\*[\"'])? *[:=] *(?:\\*[\"'])?(?:basic|token|apikey) +([a-z0-9+/=_.~-]{8,})",
    ),
    _rule("password", b"://", rb"://[!%&(-.0-9;=?A-Z_a-z~]*:([!%&(-.0-9:;=?A-Z_a-z~]+)@"),
    _rule("parameter", b"pass", b"pass(?:word|wd|phrase)?" + _PARAMETER_VALUE, _PARAMETER),
    _rule("parameter", b"sig", b"sig(?:nature)?" + _PARAMETER_VALUE, _PARAMETER),
    *(
        _rule("parameter", name, name + _PARAMETER_VALUE, _PARAMETER)
        for name in (b"token", b"secret", b"key")
    ),
    _rule("parameter", b"crede", b"credential" + _PARAMETER_VALUE, _PARAMETER),
    _rule("organization-id", b"organ", rb"organi[sz]ation[_-]?(?:uu)?id" + _UUID_VALUE),
    _rule(
        "organization-id",
        b"organ",
        rb"organi[sz]ation(?:'s|\xe2\x80\x99s|\\+u2019s)?(?:[ _-](?:uu)?id)?(?:[ :=('`]|\\*\"){1,4}("
        + UUID
        + rb")",
    ),
    _rule("account-id", b"account_uuid", b"account_uuid" + _UUID_VALUE),
    _rule("workspace-id", b"workspace_id", b"workspace_id" + _UUID_VALUE),
)
"""Matched in a text in lower case."""

USER_ID: Final = Rule(
    kind="user-id",
    anchor=b'"metadata"',
    pattern=re.compile(
        rb'"metadata"\s*:\s*\{(?:[^{}"]|"(?:[^"\\]|\\.)*"){0,64}?"user_id"\s*:\s*"((?:[^"\\]|\\.)+)"'
    ),
)
"""`metadata.user_id` of a request (https://platform.claude.com/docs/en/api/messages/create)."""
