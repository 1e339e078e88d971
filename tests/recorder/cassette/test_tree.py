"""What other recorders write in vcrpy's shape, and what is said of a file that is broken."""

from __future__ import annotations

import base64
import gzip
import zlib
from typing import Any

import brotli
import pytest
import zstandard

from tokentape.recorder.cassette import tree
from tokentape.recorder.cassette.errors import CassetteError
from tokentape.recorder.cassette.interaction import Cassette, Ending, Interaction, Request, Response

URI = "https://api.anthropic.com/v1/messages"
REQUEST: dict[str, Any] = {"method": "POST", "uri": URI, "headers": {}, "body": "{}"}
RESPONSE: dict[str, Any] = {"status": {"code": 200, "message": "OK"}, "headers": {}, "body": {"string": "hi"}}
PLAIN = Interaction(
    request=Request(method="POST", uri=URI, body=b"{}"),
    response=Response(status=200, reason="OK", body=b"hi"),
)


def read(request: dict[str, Any], response: dict[str, Any]) -> Interaction:
    """One interaction; keys that are given stand in place of the usual ones."""
    entry = {"request": REQUEST | request, "response": RESPONSE | response}
    return tree.cassette({"version": 1, "interactions": [entry]}, "x.yaml").interactions[0]


def body_of(stored: Any, **headers: str) -> bytes:
    return read({}, {"body": stored, "headers": headers}).response.body


def test_vcrpys_own_shape_is_read() -> None:
    assert read({}, {}) == PLAIN


@pytest.mark.parametrize(
    "stored",
    [
        "hi",
        b"hi",
        {"string": "hi"},
        {"string": b"hi", "encoding": "utf-8"},
        {"base64_string": "aGk="},
        {"base64": "aGk="},
        {"string": {"base64_string": "aGk="}},
    ],
)
def test_a_body_may_be_text_or_bytes_in_many_wrappings(stored: Any) -> None:
    assert body_of(stored) == b"hi"


def test_no_body_is_an_empty_one() -> None:
    assert body_of(None) == b""
    assert body_of({"string": None}) == b""
    assert read({"body": None}, {}).request.body == b""


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(b"hello")),
        ("deflate", zlib.compress(b"hello")),
        ("br", brotli.compress(b"hello")),
        ("zstd", zstandard.compress(b"hello")),
        ("**REDACTED**", gzip.compress(b"hello")),
    ],
)
def test_a_body_that_was_stored_compressed_is_decoded(coding: str, packed: bytes) -> None:
    kept = {"content-encoding": [coding], "x": "1", "Content-Length": "9", "transfer-encoding": "chunked"}
    response = read({}, {"headers": kept, "body": {"string": packed}}).response
    assert (response.body, response.headers) == (b"hello", (("x", "1"),))
    request = read({"headers": kept, "body": packed}, {}).request
    assert (request.body, request.headers) == (b"hello", (("x", "1"),))


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_body_that_only_claims_to_be_compressed_is_left_as_it_is(coding: str) -> None:
    text = '{"type": "message"}'
    assert body_of({"string": text}, **{"content-encoding": coding}) == text.encode()


def test_a_compressed_stream_that_was_cut_off_is_what_can_be_read_of_it() -> None:
    packer = zlib.compressobj(wbits=31)
    cut = packer.compress(b"data: 1\n\n") + packer.flush(zlib.Z_SYNC_FLUSH)
    assert body_of(cut, **{"content-encoding": "gzip"}) == b"data: 1\n\n"


def test_a_file_that_is_itself_compressed_stays_so() -> None:
    packed = gzip.compress(b"hello")
    assert body_of(packed, **{"content-type": "application/gzip"}) == packed
    assert body_of(packed) == packed


def test_headers_may_be_lists_values_or_pairs() -> None:
    expected = (("a", "1"), ("a", "2"), ("b", "3"))
    for headers in (
        {"a": ["1", "2"], "b": 3},
        [["a", "1"], ("a", "2"), ["b", b"3"]],
        [{"name": "a", "value": ["1", "2"]}, {"name": "b", "value": "3"}],
    ):
        assert read({"headers": headers}, {"headers": headers}).response.headers == expected
    assert read({"headers": None}, {"headers": {"a": None}}).response.headers == ()


def test_a_status_may_be_a_number_of_its_own() -> None:
    assert read({}, {"status": 404}).response.status == 404
    assert read({}, {"status": {"code": "529"}}).response.status == 529


def test_the_older_shape_of_httpx_is_read() -> None:
    response: dict[str, Any] = {
        "status_code": 201,
        "content": "hi",
        "http_version": "HTTP/1.1",
        "headers": {},
    }
    tree_ = {"interactions": [{"request": REQUEST, "response": response}]}
    assert tree.cassette(tree_, "x").interactions[0].response == Response(status=201, body=b"hi")


def test_two_lists_of_requests_and_responses_are_read() -> None:
    tree_ = {"requests": [REQUEST], "responses": [RESPONSE]}
    assert tree.cassette(tree_, "x") == Cassette(interactions=(PLAIN,))


def test_a_parsed_body_is_read_as_json() -> None:
    request = {"method": "post", "url": URI, "parsed_body": {"é": [1]}}
    tree_ = {"interactions": [{"request": request, "response": RESPONSE}]}
    assert tree.cassette(tree_, "x").interactions[0].request == Request(
        method="POST", uri=URI, body=b'{"\\u00e9": [1]}'
    )


def test_keys_that_nobody_knows_are_left_alone() -> None:
    assert read({"n": 1}, {"protocol": "HTTP/1.1", "tokentape": {"later": True}}) == PLAIN


def test_half_a_surrogate_pair_does_no_harm() -> None:
    assert body_of({"string": "\ud83d"}) == b"\xed\xa0\xbd"
    assert read({"headers": {"a": "\ud83d"}}, {}).request.headers == (("a", "?"),)


def test_what_the_extras_say_is_read() -> None:
    extras = {"recorded_at": "2026-11-22T15:00:00.500Z", "ending": "timeout", "headers_ms": 1}
    interaction = read({}, {"tokentape": extras})
    assert interaction.recorded_at == 1795359600.5
    assert interaction.response.ending is Ending.TIMEOUT
    assert interaction.response.timing is not None


def test_metadata_is_vcrpys_or_ours() -> None:
    tree_ = {"interactions": None, "metadata": {"a": 1}, "tokentape": {"b": "2"}}
    assert tree.cassette(tree_, "x") == Cassette(metadata={"a": "1", "b": "2"})


@pytest.mark.parametrize(
    ("request_", "response", "said"),
    [
        ({"method": None}, {}, "has no `method` in its request"),
        ({"uri": None}, {}, "has no `uri` in its request"),
        ({"uri": "http://["}, {}, "has a `uri` that is none: http://["),
        ({"body": 7}, {}, "has a body in its request that is neither text nor bytes"),
        ({"headers": "a"}, {}, "has headers in its request that are neither a mapping nor a list"),
        ({}, {"status": None}, "has a status code that is no number: None"),
        ({}, {"status": {"code": "ok"}}, "has a status code that is no number: 'ok'"),
        ({}, {"headers": ["a"]}, "has a header in its response that is no pair of name and value: 'a'"),
        ({}, {"body": {"base64": "a"}}, "has a body in its response that is no base64"),
        ({}, {"tokentape": 1}, "has no `tokentape`"),
        (
            {},
            {"tokentape": {"ending": "x"}},
            "has the unknown ending 'x'; known are complete, client_abort, upstream_abort, timeout",
        ),
        (
            {},
            {"tokentape": {"recorded_at": "noon"}},
            "has a `recorded_at` that is no RFC 3339 time: 'noon'",
        ),
        (
            {},
            {"tokentape": {"headers_ms": "x"}},
            "has a timing that cannot be read: 'x' is no number of milliseconds",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence(request_: dict[str, Any], response: dict[str, Any], said: str) -> None:
    good = {"request": REQUEST, "response": RESPONSE}
    bad = {"request": REQUEST | request_, "response": RESPONSE | response}
    with pytest.raises(CassetteError) as raised:
        tree.cassette({"interactions": [good, bad]}, "dir/x.yaml")
    assert str(raised.value) == f"dir/x.yaml: interaction 1 {said}."


def test_a_broken_gzip_body_is_named() -> None:
    broken = base64.b64encode(gzip.compress(b"hello" * 100)[:10] + b"\xff" * 30).decode()
    with pytest.raises(CassetteError, match=r"^x\.yaml: interaction 0 has a gzip body in its response that"):
        read({}, {"headers": {"content-encoding": "gzip"}, "body": {"base64": broken}})


NO_CASSETTES: list[tuple[Any, str]] = [
    ([], "x is no cassette: it holds no mapping with a list of interactions."),
    ({"interactions": "none"}, "x is no cassette: it holds no list of interactions."),
    ({"http_interactions": []}, "x is no cassette: it holds no list of interactions."),
    ({"version": 2}, "x has the format version 2, and only version 1 can be read."),
    ({"interactions": [1]}, "x: interaction 0 has no `request`."),
    ({"interactions": [{"request": {}}]}, "x: interaction 0 has no `response`."),
]


@pytest.mark.parametrize(("document", "said"), NO_CASSETTES)
def test_what_is_no_cassette_is_one_sentence(document: Any, said: str) -> None:
    with pytest.raises(CassetteError) as raised:
        tree.cassette(document, "x")
    assert str(raised.value) == said
