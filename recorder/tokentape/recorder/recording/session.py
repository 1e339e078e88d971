"""Which session an exchange belongs to, and what its cassette is called."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tokentape.proxy.messages.hashing import digest
from tokentape.proxy.messages.labels import DEFAULT_PROJECT, parse_labels
from tokentape.recorder.cassette.interaction import first_value

if TYPE_CHECKING:
    from tokentape.recorder.cassette.interaction import Request

_CLAUDE_CODE: Final = "x-claude-code-session-id"
_LONGEST: Final = 80
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")


class _Metadata(msgspec.Struct):
    user_id: Any = None


class _Body(msgspec.Struct):
    metadata: _Metadata | None = None


_body: Final = msgspec.json.Decoder(_Body)


def session_of(request: Request, labels: str, salt: bytes) -> str:
    """The id of the session, as spans and ledger have it; `request` is not scrubbed yet.

    What carries none shares one session with the rest of its project.
    """
    known = parse_labels(labels)
    named = first_value(request.headers, _CLAUDE_CODE) or known.get("session") or _user(request.body, salt)
    return named or f"project-{known.get('project', DEFAULT_PROJECT)}"


def _user(body: bytes, salt: bytes) -> str | None:
    try:
        metadata = _body.decode(body).metadata
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    user = metadata.user_id if metadata else None
    return digest(salt, b"user", user.encode()) if isinstance(user, str) and user else None


def file_name(session: str) -> str:
    """A name that every file system takes, the same for the same session, and another for another.

    >>> file_name("5f0c-11"), file_name("a/../b")
    ('5f0c-11', 'a-..-b-900ea8b7')
    """
    safe = _UNSAFE.sub("-", session).strip("-.")[:_LONGEST]
    if safe and safe == session:
        return safe
    mark = hashlib.sha256(session.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{safe}-{mark}" if safe else mark
