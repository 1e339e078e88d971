"""A cassette as the text of a file, in vcrpy's format version 1: YAML to be read, or JSON.

Made to be read in a pull request: who asks what comes before the body, header names are sorted, times
stand on a line of their own below the text they belong to. `version` is last, as vcrpy has it, so that no
file ends in the empty line of a stream, which editors take off.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final

from tokentape.recorder.cassette.scalars import block, literal_lines, scalar
from tokentape.recorder.cassette.stored import EXTRAS, HeaderTable, Stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tokentape.recorder.cassette.bodies import WrittenBody
    from tokentape.recorder.cassette.sharing import Parts

VERSION: Final = 1
ITERATED: Final = "!!python/object/apply:builtins.iter"


def yaml_text(interactions: Sequence[Stored], metadata: Mapping[str, str]) -> str:
    """The file as YAML. ASCII, ends in a line end."""
    lines = [*_head(metadata), *_entries(interactions), f"version: {VERSION}", ""]
    return "\n".join(lines)


def json_text(interactions: Iterable[Stored], metadata: Mapping[str, str]) -> str:
    """The file as JSON. ASCII, ends in a line end."""
    tree: dict[str, Any] = {EXTRAS: dict(metadata)} if metadata else {}
    tree["interactions"] = [_tree(each) for each in interactions]
    tree["version"] = VERSION
    return json.dumps(tree, indent=1) + "\n"


def _head(metadata: Mapping[str, str]) -> Iterator[str]:
    if metadata:
        yield f"{EXTRAS}:"
        yield from (f"  {scalar(name)}: {scalar(value)}" for name, value in metadata.items())


def _entries(interactions: Sequence[Stored]) -> Iterator[str]:
    if not interactions:
        yield "interactions: []"
        return
    yield "interactions:"
    for each in interactions:
        yield from _request(each)
        yield from _response(each)


def _request(each: Stored) -> Iterator[str]:
    yield "- request:"
    yield f"    method: {scalar(each.method)}"
    yield f"    uri: {scalar(each.uri)}"
    yield from _headers(each.request_headers)
    if each.parts:
        yield from _iterated(each.parts)
    else:
        yield f"    body: {block(each.request_body, ' ' * 6)}"


def _iterated(parts: Parts) -> Iterator[str]:
    """As vcrpy writes a body that was sent in pieces: the one form in which it lets requests share text."""
    yield f"    body: {ITERATED}"
    yield "      args:"
    dashes = "      - - "
    for part in parts:
        if part.first:
            anchor = f"&{part.name} " if part.name else ""
            chomping = "" if part.text.endswith("\n") else "-"
            yield f"{dashes}{anchor}|2{chomping}"
            yield literal_lines(part.text, " " * 10)
        else:
            yield f"{dashes}*{part.name}"
        dashes = "        - "


def _response(each: Stored) -> Iterator[str]:
    yield "  response:"
    yield "    status:"
    yield f"      code: {each.status}"
    yield f"      message: {scalar(each.reason)}"
    yield from _headers(each.response_headers)
    yield "    body:"
    yield f"      {each.body_key}: {block(each.response_body, ' ' * 8)}"
    if each.extras:
        yield f"    {EXTRAS}:"
        yield from (f"      {name}: {_extra(value)}" for name, value in each.extras.items())


def _headers(table: HeaderTable) -> Iterator[str]:
    if not table:
        yield "    headers: {}"
        return
    yield "    headers:"
    for name, values in table.items():
        yield f"      {scalar(name)}:"
        yield from (f"      - {scalar(value)}" for value in values)


def _extra(value: object) -> str:
    """Lists of numbers on one line: that of JSON."""
    return scalar(value) if isinstance(value, str) else json.dumps(value)


def _tree(each: Stored) -> dict[str, Any]:
    response: dict[str, Any] = {
        "status": {"code": each.status, "message": each.reason},
        "headers": each.response_headers,
        "body": {_body_key(each.response_body, each.body_key): _json_body(each.response_body)},
    }
    if each.extras:
        response[EXTRAS] = each.extras
    body = each.request_body
    return {
        "request": {
            "method": each.method,
            "uri": each.uri,
            "headers": each.request_headers,
            "body": body if isinstance(body, str) else {_body_key(body): _json_body(body)},
        },
        "response": response,
    }


def _body_key(body: WrittenBody, key: str = "string") -> str:
    return key if isinstance(body, str) else "base64_string"


def _json_body(body: WrittenBody) -> str:
    return body if isinstance(body, str) else base64.b64encode(body).decode()
