"""The reader of cassettes, on small cassettes of each format."""

from __future__ import annotations

import base64
import gzip
import json
from typing import TYPE_CHECKING

import pytest
from tests.support.recordings import Interaction, load

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://api.anthropic.com/v1/messages?beta=true"
REPLY = '{"id":"msg","text":"ö"}'
ZIPPED = base64.b64encode(gzip.compress(REPLY.encode(), mtime=0)).decode()

VCRPY = f"""
version: 1
interactions:
- request: {{body: '{{"a":1}}', headers: {{X-A: [one, two]}}, method: POST, uri: '{URL}'}}
  response:
    body: {{string: !!binary {ZIPPED}}}
    headers: {{Content-Encoding: [gzip], content-type: [application/json]}}
    status: {{code: 200, message: OK}}
"""
LANGCHAIN = f"""
requests: [{{body: '{{"a":1}}', headers: {{X-A: [one, two]}}, method: POST, uri: '{URL}'}}]
responses:
- {{body: {{string: '{REPLY}'}}, headers: {{content-type: '**REDACTED**'}}, status: {{code: 200}}}}
"""
GO_VCR = f"""
version: 2
interactions:
- id: 0
  request: {{body: '{{"a":1}}', headers: {{X-A: [one, two]}}, method: POST, url: '{URL}'}}
  response:
    {{body: '{REPLY}', headers: {{content-type: [application/json]}}, status: OK, code: 200, duration: 9s}}
"""
RUBY_VCR = f"""
http_interactions:
- request:
    {{method: post, uri: '{URL}', body: {{encoding: U, string: '{{"a":1}}'}}, headers: {{X-A: [one, two]}}}}
  response:
    status: {{code: 200, message: OK}}
    headers: {{content-type: [application/json]}}
    body: {{encoding: ASCII-8BIT, string: !binary {base64.b64encode(REPLY.encode()).decode()}}}
"""
SEINFELD = json.dumps(
    {
        "entries": [
            {
                "request": {
                    "body": {"kind": "json", "value": {"a": 1}},
                    "headers": {"X-A": ["one", "two"]},
                    "method": "POST",
                    "url": URL,
                },
                "response": {
                    "body": {"kind": "json", "value": json.loads(REPLY)},
                    "headers": {"content-type": "application/json"},
                    "status": 200,
                },
            }
        ]
    }
)
FORMATS = {
    "vcrpy": VCRPY,
    "langchain": LANGCHAIN,
    "go-vcr": GO_VCR,
    "ruby-vcr": RUBY_VCR,
    "seinfeld": SEINFELD,
}


def read(root: Path, text: str, suffix: str = ".yaml") -> list[Interaction]:
    (root / f"cassette{suffix}").write_text(text, encoding="utf-8")
    return load(root)


@pytest.mark.parametrize("text", FORMATS.values(), ids=FORMATS)
def test_every_format_gives_the_same_interaction(tmp_path: Path, text: str) -> None:
    (one,) = read(tmp_path, text, ".json" if text is SEINFELD else ".yaml")
    facts = (one.name.partition("#")[2], one.method, one.url, one.path, one.status, one.stream)
    assert facts == ("0", "POST", URL, "/v1/messages", 200, False)
    assert (one.request_body, one.body) == (b'{"a":1}', REPLY.encode())
    assert one.sent_headers() == [("X-A", "one"), ("X-A", "two")]
    assert one.served_headers() == [("content-type", "application/json")]


def test_a_compressed_body_is_kept_as_it_was(tmp_path: Path) -> None:
    (one,) = read(tmp_path, VCRPY)
    assert one.stored_encoding == "gzip"
    assert one.stored_body == base64.b64decode(ZIPPED)


def test_seinfeld_bodies_may_be_events_or_files_beside_it(tmp_path: Path) -> None:
    document = json.loads(SEINFELD)
    entry = document["entries"][0]
    entry["request"]["body"] = {"kind": "binary", "path": "blobs/1.bin"}
    entry["response"]["body"] = {"kind": "sse", "chunks": ["event: ping\ndata: {}", "data: 2"]}
    document["entries"].append(
        entry | {"request": entry["request"] | {"body": {"kind": "binary", "path": "2"}}}
    )
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "1.bin").write_bytes(b"\xff")
    first, lost = read(tmp_path, json.dumps(document), ".json")
    assert (first.request_body, lost.request_body) == (b"\xff", b"")
    assert first.body == b"event: ping\ndata: {}\n\ndata: 2\n\n"
    assert first.stream


def test_other_hosts_are_left_out(tmp_path: Path) -> None:
    assert read(tmp_path, GO_VCR.replace("api.anthropic.com", "example.com")) == []
