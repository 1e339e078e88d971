"""A reader of recorded Messages API traffic, for tests: five cassette formats, one `Interaction`.

The recordings are other projects' test data and are no part of this repository. The environment
variable TOKENTAPE_RECORDINGS names their folder; it is read where it lies.
"""

from __future__ import annotations

import gc
import gzip
import json
import os
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
import yaml

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

VARIABLE = "TOKENTAPE_RECORDINGS"
ANTHROPIC = "api.anthropic.com"
GZIP_MAGIC = b"\x1f\x8b"

REDACTED = "**REDACTED**"
"""What langchain's recorder puts for every header value."""

FRAMING = frozenset({"connection", "content-encoding", "content-length", "keep-alive", "transfer-encoding"})
"""Response headers about bytes that the recorder may have changed: whoever serves them says it anew."""

Headers = tuple[tuple[str, str], ...]


class Interaction(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One recorded request and its response."""

    file: str
    """Relative to the folder."""
    index: int
    method: str
    url: str
    request_headers: Headers
    request_body: bytes
    """Empty also where the recording lost it: two braintrust cassettes miss a `.bin` file."""
    status: int
    response_headers: Headers
    stored_body: bytes
    """Compressed as on the wire where the recorder kept it so, else decoded."""

    @property
    def name(self) -> str:
        """Short and unique: a test id."""
        return f"{self.file}#{self.index}"

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def stored_encoding(self) -> str:
        """The recorders that keep bytes keep gzip only; a header that says so proves nothing."""
        return "gzip" if self.stored_body.startswith(GZIP_MAGIC) else "identity"

    @cached_property
    def body(self) -> bytes:
        """The response body, decoded."""
        if self.stored_encoding == "gzip":
            return gzip.decompress(self.stored_body)
        return self.stored_body

    @property
    def stream(self) -> bool:
        """By the body: some recorders redact even `content-type`."""
        return self.body.lstrip().startswith((b"event:", b"data:"))

    @property
    def content_type(self) -> str:
        return "text/event-stream; charset=utf-8" if self.stream else "application/json"

    def served_headers(self) -> list[tuple[str, str]]:
        """The response headers without framing, coding and redacted values, with a content-type."""
        kept = [
            (name, value)
            for name, value in self.response_headers
            if value != REDACTED and name.lower() not in FRAMING | {"content-type"}
        ]
        return [("content-type", self.content_type), *kept]

    def sent_headers(self) -> list[tuple[str, str]]:
        """The request headers without framing, host and redacted values."""
        dropped = FRAMING | {"host"}
        return [
            (name, value)
            for name, value in self.request_headers
            if value != REDACTED and name.lower() not in dropped
        ]

    @property
    def is_message(self) -> bool:
        """Whether this is `POST /v1/messages`."""
        return self.method == "POST" and self.path == "/v1/messages"


class _Loader(yaml.CSafeLoader):
    """libyaml's loader, and the `!binary` that Ruby writes for bytes."""


def _ruby_binary(loader: _Loader, node: yaml.ScalarNode) -> bytes:
    return loader.construct_yaml_binary(node)


_Loader.add_constructor("!binary", _ruby_binary)


def folder() -> Path | None:
    """The recordings on this machine, if there are any."""
    place = os.environ.get(VARIABLE)
    return Path(place) if place and Path(place).is_dir() else None


def load(root: Path) -> list[Interaction]:
    """Every interaction with the API under `root`, in order of file and index; other hosts are left out."""
    with _without_collector():
        return [
            interaction
            for path in sorted(root.rglob("*"))
            if path.suffix in {".json", ".yaml", ".yml"}
            for interaction in load_file(root, path)
        ]


def load_file(root: Path, path: Path) -> list[Interaction]:
    """Every interaction of one file with the API; other hosts are left out."""
    return [
        _interaction(root, path, index, entry)
        for index, entry in enumerate(_entries(_parsed(path)))
        if urlsplit(_url(entry)).hostname == ANTHROPIC
    ]


@contextmanager
def _without_collector() -> Generator[None]:
    """A million small objects and no cycles: collecting them takes longer than parsing."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _parsed(path: Path) -> Any:
    data = path.read_bytes()
    return json.loads(data) if path.suffix == ".json" else yaml.load(data, _Loader)


def _entries(document: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """By format: langchain, Ruby VCR, seinfeld, and vcrpy or go-vcr."""
    if "requests" in document:
        pairs = zip(document["requests"], document["responses"], strict=True)
        return [{"request": request, "response": response} for request, response in pairs]
    for key in ("http_interactions", "entries", "interactions"):
        if key in document:
            return document[key]  # type: ignore[no-any-return]  # parsed YAML
    raise ValueError(f"no known cassette format: {sorted(document)}")


def _interaction(root: Path, path: Path, index: int, entry: dict[str, Any]) -> Interaction:
    request, response = entry["request"], entry["response"]
    return Interaction(
        file=path.relative_to(root).as_posix(),
        index=index,
        method=request["method"].upper(),
        url=_url(entry),
        request_headers=_headers(request),
        request_body=_body(path, request.get("body")),
        status=_status(response),
        response_headers=_headers(response),
        stored_body=_body(path, response["body"]),
    )


def _url(entry: dict[str, Any]) -> str:
    request = entry["request"]
    return str(request.get("url") or request["uri"])


def _headers(side: dict[str, Any]) -> Headers:
    stored: dict[str, str | list[str]] = side.get("headers") or {}
    pairs: list[tuple[str, str]] = []
    for name, value in stored.items():
        pairs += [(name, one) for one in ([value] if isinstance(value, str) else value)]
    return tuple(pairs)


def _status(response: dict[str, Any]) -> int:
    """A number, a mapping with a `code`, or go-vcr's `code` beside a text."""
    match response:
        case {"code": code} | {"status": {"code": code}} | {"status": code}:
            return int(code)
        case _:
            raise ValueError(f"no status among {sorted(response)}")


def _body(path: Path, body: Any) -> bytes:
    """As text, as bytes, under `string`, or by seinfeld's `kind`; a missing file is an empty body."""
    match body:
        case bytes():
            return body
        case str():
            return body.encode()
        case {"string": string}:
            return _body(path, string)
        case {"kind": "json", "value": value}:
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        case {"kind": "sse", "chunks": chunks}:
            text = "".join(f"{chunk}\n\n" for chunk in chunks)
        case {"kind": "binary", "path": blob}:
            file = path.parent / blob
            return file.read_bytes() if file.exists() else b""
        case None | {"kind": "empty"}:
            text = ""
        case _:
            raise ValueError(f"{path.name}: no known body: {str(body)[:80]}")
    return text.encode()
