r"""A body as it is written down: JSON indented, streams with a line per event line, all else verbatim.

Only white space between JSON tokens changes, and characters outside ASCII become `\u` escapes: the
order of keys, repeated keys, the digits of numbers and existing escapes stay. So what is read back is
JSON-equal, and a file may be opened in any locale.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

WrittenBody = str | bytes
"""Text where the body is UTF-8, else its bytes."""

_INDENT: Final = 2
_ON_ONE_LINE: Final = -1  # as msgspec.json.format has it
_BYTE_ORDER_MARK: Final = "\ufeff"
_LINE_END: Final = re.compile("\r\n|\r")
_TO_ESCAPE: Final = re.compile(r"[^\x20-\x7e\n]")
_FIRST_SUPPLEMENTARY: Final = 0x10000


def written(body: bytes, *, streamed: bool, verbatim: bool = False) -> WrittenBody:
    """The form in which a body is written; `verbatim` keeps it to the byte."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return body
    if verbatim:
        return text
    if streamed:
        return _event_lines(text)
    indented = _formatted(body, _INDENT)
    return text if indented is None else indented


def as_bytes(form: WrittenBody) -> bytes:
    """The body that a reader makes of a written form."""
    return form if isinstance(form, bytes) else form.encode()


def _formatted(data: bytes, indent: int) -> str | None:
    """JSON in another layout; `None` where it is no JSON object or array."""
    if not data.lstrip(b" \t\r\n").startswith((b"{", b"[")):
        return None
    try:
        return _ascii(msgspec.json.format(data, indent=indent).decode())
    except (msgspec.DecodeError, RecursionError):
        return None


def _ascii(json: str) -> str:
    """Outside ASCII, and DEL, which YAML does not take: inside JSON strings only, so as their escapes."""
    return _TO_ESCAPE.sub(_escaped, json)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < _FIRST_SUPPLEMENTARY:
        return f"\\u{code:04x}"
    code -= _FIRST_SUPPLEMENTARY
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def _event_lines(text: str) -> str:
    """A stream with LF for every line end, and the padding inside its JSON lines gone."""
    text = _LINE_END.sub("\n", text.removeprefix(_BYTE_ORDER_MARK))
    return "\n\n".join(map(_trimmed, text.split("\n\n")))


def _trimmed(event: str) -> str:
    """An event; data that runs over several lines is one value, and is left as it is."""
    lines = event.split("\n")
    data = [index for index, line in enumerate(lines) if line.startswith("data:") or line == "data"]
    if len(data) != 1:
        return event
    compact = _formatted(lines[data[0]][len("data:") :].encode(), _ON_ONE_LINE)
    if compact is None:
        return event
    lines[data[0]] = f"data: {compact}"
    return "\n".join(lines)
