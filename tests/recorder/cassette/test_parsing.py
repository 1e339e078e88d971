"""From bytes to a cassette, whatever the bytes."""

from __future__ import annotations

import contextlib
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recorder.cassette.dialogue import dialogue

from tokentape.recorder.cassette.errors import CassetteError
from tokentape.recorder.cassette.parsing import parse
from tokentape.recorder.cassette.store import written

YAML = written(dialogue())[0]
JSON = written(dialogue(), as_json=True)[0]


@pytest.mark.parametrize("text", [YAML, JSON, f"# by hand\n{YAML}", YAML.replace("\n", "\r\n")])
@pytest.mark.parametrize("name", ["x.yaml", "x.json", "x"])
def test_a_file_is_read_whatever_its_name(text: str, name: str) -> None:
    read = parse(text.encode(), name)
    assert [each.request.uri for each in read.interactions] == [
        each.request.uri for each in dialogue().interactions
    ]


def test_a_gzipped_file_is_read() -> None:
    assert parse(gzip.compress(YAML.encode()), "x.yaml.gz") == parse(YAML.encode(), "x")


def test_a_byte_order_mark_does_no_harm() -> None:
    assert parse(b"\xef\xbb\xbf" + YAML.encode(), "x") == parse(YAML.encode(), "x")


PYTHON_TAGS = """\
interactions:
- request:
    body: {body}
    headers: {{}}
    method: POST
    uri: !!python/unicode https://x/
  response:
    body: {{string: !binary aGk=}}
    headers: {{}}
    status: {{code: 200, message: null}}
"""


@pytest.mark.parametrize(
    "body",
    [
        "!!python/object/apply:builtins.iter {args: [[he, llo]]}",
        "!!python/object/apply:builtins.iter {args: [!!python/tuple [!!binary aGU=, llo]], state: 0}",
        "!!python/object/new:_io.BytesIO {state: !!python/tuple [!!binary aGVsbG8=, 0, null]}",
        "!!python/str hello",
    ],
)
def test_tags_that_vcrpy_writes_are_read_without_running_anything(body: str) -> None:
    (interaction,) = parse(PYTHON_TAGS.format(body=body).encode(), "x").interactions
    assert (interaction.request.body, interaction.response.body) == (b"hello", b"hi")


DEEP = b"[" * 1_000_000
RARE = b"- !!python/tuple []\n- "
"""A reader that goes down by recursion in C would end the process."""


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "x.yaml is empty: record it again, or restore it."),
        (b" \n", "x.yaml is empty: record it again, or restore it."),
        (b"a: [1", "x.yaml is no YAML: did not find expected ',' or ']' in line 2."),
        (b"a: !!python/object/apply:os.system [ls]", "x.yaml is no YAML: could not determine a constructor"),
        (b"a: \xff", "x.yaml is no YAML: 'utf-8' codec can't decode byte 0xff"),
        (b"\x1f\x8bnothing", "x.yaml cannot be unzipped: "),
        (b"a: !!python/object/apply:builtins.iter {args: [[null]]}", "x.yaml is no YAML: "),
        (b"a: !!python/object/apply:builtins.iter {args: 1}", "x.yaml is no YAML: "),
        (b"a: !!python/object/new:_io.BytesIO {state: {b: 1}}", "x.yaml is no YAML: "),
        (b"a: !!python/object/new:_io.BytesIO x", "x.yaml is no YAML: expected a mapping node"),
        (b"a: !!int x", "x.yaml is no YAML: "),
        (b"a: !!timestamp x", "x.yaml is no YAML: "),
        pytest.param(DEEP, "x.yaml is no YAML: it is nested too deeply.", id="deep"),
        pytest.param(RARE + DEEP, "x.yaml is no YAML: it is nested too deeply.", id="rare and deep"),
        (b"<<<<<<< HEAD\na: 1\n", "x.yaml is no YAML: "),
    ],
)
def test_a_broken_file_is_one_sentence(data: bytes, said: str) -> None:
    with pytest.raises(CassetteError) as raised:
        parse(data, "x.yaml")
    assert str(raised.value).startswith(said)
    assert "\n" not in str(raised.value)


def test_broken_json_is_one_sentence() -> None:
    with pytest.raises(CassetteError, match=r"^x.json is no JSON: .*line 1 column 3"):
        parse(b"{ oops", "x.json")


@given(data=st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_nothing_but_a_sentence_comes_of_what_is_no_cassette(data: bytes) -> None:
    with contextlib.suppress(CassetteError):
        assert parse(data, "x").interactions == ()
