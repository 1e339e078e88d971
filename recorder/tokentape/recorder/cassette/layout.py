"""The three layouts of a file. They differ in where text stands, never in what a reader gets.

| layout | requests share text | media in files of their own | stock vcrpy |
|---|---|---|---|
| readable | no | no | loads and replays it |
| shared | yes | no | loads and replays it |
| compact | yes | yes | loads it, and replays what has no media in its reply |
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from tokentape.recorder.cassette.media import LEAST, NAME, Files, added, put_back, taken_out
from tokentape.recorder.cassette.sharing import shared

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tokentape.recorder.cassette.bodies import WrittenBody
    from tokentape.recorder.cassette.stored import Stored


class Layout(enum.StrEnum):
    """How a file is laid out."""

    READABLE = "readable"
    """Every body whole, where it belongs: any YAML reader reads it."""
    SHARED = "shared"
    """What requests have in common is written once."""
    COMPACT = "compact"
    """The same, and long base64 and binary bodies are files in a folder beside it."""


TEXT_WITH_MEDIA: Final = "media_string"
"""The key of a reply's text that refers to files: none that vcrpy would serve."""
MEDIA: Final = "media"
"""The key of a reply's body that is a file. Among the extras it says that the request refers to files."""


def laid_out(interactions: Sequence[Stored], layout: Layout) -> tuple[list[Stored], Files]:
    """The interactions as the layout has them, and the files that go beside."""
    files: Files = {}
    found = list(interactions)
    if layout is Layout.COMPACT:
        found = [_without_media(each, files) for each in found]
    if layout is not Layout.READABLE:
        parts = shared([each.request_body for each in found])
        found = [msgspec.structs.replace(each, parts=own) for each, own in zip(found, parts, strict=True)]
    return found, files


def _without_media(each: Stored, files: Files) -> Stored:
    request = _referring(each.request_body, files)
    if request != each.request_body:
        each = msgspec.structs.replace(each, request_body=request, extras={**each.extras, MEDIA: "request"})
    if isinstance(each.response_body, bytes) and len(each.response_body) >= LEAST:
        name = added(each.response_body, files)
        return msgspec.structs.replace(each, response_body=name, body_key=MEDIA)
    response = _referring(each.response_body, files)
    if response != each.response_body:
        return msgspec.structs.replace(each, response_body=response, body_key=TEXT_WITH_MEDIA)
    return each


def _referring(body: WrittenBody, files: Files) -> WrittenBody:
    return taken_out(body, files) if isinstance(body, str) else body


def put_together(document: object, fetch: Callable[[str], bytes]) -> object:
    """A parsed file with its media back in place; `fetch` gives a file's content by its name."""
    match cast("Any", document):
        case {"interactions": [*entries], **others}:
            return {**others, "interactions": [_whole(entry, fetch) for entry in entries]}
        case _:
            return document


def _whole(entry: Any, fetch: Callable[[str], bytes]) -> Any:
    match entry:
        case {"request": {"body": str(text)}, "response": {"tokentape": {"media": "request"}}}:
            entry = {**entry, "request": {**entry["request"], "body": put_back(text, fetch)}}
        case _:
            pass
    match entry:
        case {"response": {"body": {"media": str(name)}}} if NAME.fullmatch(name):
            return {**entry, "response": {**entry["response"], "body": fetch(name)}}
        case {"response": {"body": {"media_string": str(text)}}}:
            return {**entry, "response": {**entry["response"], "body": put_back(text, fetch)}}
        case _:
            return entry
