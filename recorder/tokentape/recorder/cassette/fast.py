"""The fast reader: exactly the YAML that our own writer makes, by a few regular expressions.

It reads what it knows to the letter, and declines everything else (`None`), comments and other indents
included; the full reader then has it. It never reads anything otherwise than YAML would: each form it
knows means in YAML what it takes it for. Each of its expressions fits a text in one way only, so a file that
it declines costs no more than one that it reads. (Possessive quantifiers would say so by themselves, but
Python before 3.11.5 gets nested ones wrong: https://github.com/python/cpython/issues/106052.)
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

from tokentape.recorder.cassette import tree
from tokentape.recorder.cassette.interaction import Cassette, Headers, Interaction, Request, Response
from tokentape.recorder.cassette.layout import MEDIA
from tokentape.recorder.cassette.scalars import DOUBLE, PLAIN, RESERVED, unescaped
from tokentape.recorder.cassette.stored import EXTRAS, FRAMING
from tokentape.recorder.cassette.writing import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

_ALLOWED: Final = bytes([0x0A, *range(0x20, 0x7F)])
_SINGLE: Final = "'(?:[^'\n]|'')*'"
_SCALAR: Final = f"(?:{PLAIN}|{_SINGLE}|{DOUBLE})"
_LINE: Final = f"(?:{PLAIN}|{_SINGLE}|" + r'"(?:[^"\\\n]|\\[^\n])*")'


def _lines(indent: int) -> str:
    return rf" {{{indent}}}[^ \n][^\n]*\n(?:(?: {{{indent}}}[^\n]+)?\n)*"


def _body(name: str, indent: int) -> str:
    """A body: a scalar, or a block of lines with how it ends, and whether it is binary."""
    block = rf"(?P<{name}_tag>!!binary )?\|(?P<{name}_chomp>[+-]?)\n(?P<{name}_block>{_lines(indent)})"
    return rf"(?:{block}|(?P<{name}>{_SCALAR})\n)"


def _headers(name: str) -> str:
    return rf"    headers:(?P<{name}> \{{\}}\n|\n(?:      [^ \n][^\n]*\n)+)"


_HEAD: Final = re.compile(
    rf"(?:{EXTRAS}:\n(?P<metadata>(?:  {_LINE}: {_LINE}\n)+))?interactions:(?P<none> \[\])?\n"
)
_PAIR: Final = re.compile(rf"  (?P<name>{_LINE}): (?P<value>{_LINE})\n")
_TAIL: Final = f"version: {VERSION}\n"
_ENTRY: Final = re.compile(
    rf"- request:\n    method: (?P<method>{_LINE})\n    uri: (?P<uri>{_LINE})\n"
    + _headers("request_headers")
    + "    body: "
    + _body("request", 6)
    + "  response:\n    status:\n      code: (?P<status>[1-9][0-9]{2})\n"
    + rf"      message: (?P<reason>{_LINE})\n"
    + _headers("response_headers")
    + "    body:\n      string: "
    + _body("response", 8)
    + rf"(?:    {EXTRAS}:\n(?P<extras>(?:      [a-z_]+: [^\n]+\n)+))?"
)
_HEADER: Final = re.compile(rf"(?:      (?P<name>{_LINE}):|      - (?P<value>{_LINE}))\n")
_EXTRA: Final = re.compile(
    r"      (?P<name>[a-z_]+): (?:(?P<list>\[[0-9., ]*\])|(?P<number>[0-9][0-9.]*)|"
    rf"(?P<text>{_LINE}))\n"
)
_BASE64: Final = re.compile("[A-Za-z0-9+/\n]*={0,2}\n*")
_LONGEST_KEY: Final = 256
"""libyaml takes keys of up to 1,024 characters."""


class _Decline(Exception):  # noqa: N818  # no error: the full reader goes on
    """Not of our making; the full reader has it."""


def read(data: bytes) -> Cassette | None:
    """The cassette in a file of our own writing; `None` where it is anything else, or broken."""
    if data.translate(None, _ALLOWED) or b" \n" in data:
        return None
    text = data.decode("ascii")
    head = _HEAD.match(text)
    if head is None or not text.endswith(_TAIL):
        return None
    if head["none"] and head.end() + len(_TAIL) != len(text):
        return None
    try:
        return Cassette(
            interactions=tuple(_interactions(text, head.end())),
            metadata=_metadata(head["metadata"]),
        )
    except (_Decline, tree.Wrong):
        return None


def _interactions(text: str, begin: int) -> Iterator[Interaction]:
    known: dict[str, Headers] = {}
    end = len(text) - len(_TAIL)
    while begin < end:
        entry = _ENTRY.match(text, begin, end)
        if entry is None:
            raise _Decline
        yield _interaction(entry, known)
        begin = entry.end()


def _interaction(entry: re.Match[str], known: dict[str, Headers]) -> Interaction:
    extras = _extras(entry["extras"])
    headers = _known(entry["request_headers"], known)
    return Interaction(
        request=Request(
            method=_scalar(entry["method"]).upper(),
            uri=_uri(entry["uri"]),
            headers=headers,
            body=_stored_body(entry, "request", headers, 6),
        ),
        response=_response(entry, extras, known),
        recorded_at=tree.recorded_at(extras),
    )


def _response(entry: re.Match[str], extras: dict[str, Any], known: dict[str, Headers]) -> Response:
    headers = _known(entry["response_headers"], known)
    response = Response(
        status=int(entry["status"]),
        reason=_scalar(entry["reason"]),
        headers=headers,
        body=_stored_body(entry, "response", headers, 8),
        ending=tree.ending(extras),
    )
    return tree.timed(response, extras) if extras else response


def _scalar(written: str) -> str:
    """The text of a scalar on one line, or of a double-quoted one on several."""
    if written[0] == "'":
        return written[1:-1].replace("''", "'")
    if written[0] != '"':
        if written.lower() in RESERVED:
            raise _Decline
        return written
    text = unescaped(written)
    if text is None:
        raise _Decline
    return text


def _uri(written: str) -> str:
    """A URI that `tree` takes, too; brackets, and signs that fold into others, are all that it may refuse."""
    uri = _scalar(written)
    if "[" in uri or "]" in uri or not uri.isascii():
        try:
            urlsplit(uri)
        except ValueError:
            raise _Decline from None
    return uri


def _known(block: str, known: dict[str, Headers]) -> Headers:
    """Many interactions have the same header lines."""
    if block not in known:
        known[block] = tuple(_headers_in(block))
    return known[block]


def _headers_in(block: str) -> Iterator[tuple[str, str]]:
    position = 1  # after the line end of `headers:`
    names: set[str] = set()
    name, empty = "", False
    while block[0] == "\n" and position < len(block):
        line = _HEADER.match(block, position)
        if line is None:
            raise _Decline
        position = line.end()
        if line["name"] is None:
            if not names:
                raise _Decline
            empty = False
            yield name, _scalar(line["value"])
            continue
        name = _new_key(line["name"], names)
        if empty or name.lower() in FRAMING:
            raise _Decline
        empty = True
    if empty:
        raise _Decline


def _new_key(written: str, names: set[str]) -> str:
    """A key that no mapping has twice, and that libyaml does not find too long."""
    name = _scalar(written)
    if name in names or len(written) > _LONGEST_KEY:
        raise _Decline
    names.add(name)
    return name


def _stored_body(entry: re.Match[str], name: str, headers: Headers, indent: int) -> bytes:
    block: str | None = entry[f"{name}_block"]
    if block is None:
        return _scalar(entry[name]).encode()
    text = block.replace("\n" + " " * indent, "\n")[indent:]
    chomping = entry[f"{name}_chomp"]
    if chomping != "+" and text.endswith("\n\n"):
        raise _Decline
    if entry[f"{name}_tag"]:
        return tree.decoded(_binary(text), headers, name)
    return (text[:-1] if chomping == "-" else text).encode()


def _binary(lines: str) -> bytes:
    if not _BASE64.fullmatch(lines):
        raise _Decline
    try:
        return base64.b64decode(lines)
    except binascii.Error:
        raise _Decline from None


def _metadata(lines: str | None) -> dict[str, str]:
    names: set[str] = set()
    pairs = _PAIR.finditer(lines or "")
    return {_new_key(pair["name"], names): _scalar(pair["value"]) for pair in pairs}


def _extras(lines: str | None) -> dict[str, Any]:
    if lines is None:
        return {}
    names: set[str] = set()
    extras = {_new_key(name, names): value for name, value in map(_extra, lines.splitlines(keepends=True))}
    if MEDIA in extras:
        raise _Decline
    return extras


def _extra(line: str) -> tuple[str, object]:
    match = _EXTRA.fullmatch(line)
    if match is None:
        raise _Decline
    if match["text"] is not None:
        return match["name"], _scalar(match["text"])
    try:
        return match["name"], msgspec.json.decode(match["list"] or match["number"])
    except msgspec.DecodeError:
        raise _Decline from None
