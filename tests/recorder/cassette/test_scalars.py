"""What is written as YAML is read as the same text, by any YAML reader."""

from __future__ import annotations

import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tokentape.recorder.cassette.scalars import DOUBLE, block, scalar, unescaped

TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.text("ab01 \n\t\r\"'\\#:-~é\x00\x85\u2028")


@given(text=TEXTS)
def test_a_scalar_is_one_line_of_ascii_and_read_as_it_was(text: str) -> None:
    line = scalar(text)
    assert line.isascii()
    assert "\n" not in line
    assert yaml.safe_load(f"- {line}\n") == [text]
    assert yaml.safe_load(f"a:\n  b: {line}\n") == {"a": {"b": text}}


@given(body=TEXTS | st.binary().filter(lambda data: not _is_text(data)))
def test_a_block_is_read_as_it_was(body: str | bytes) -> None:
    text = f"a:\n  b: {block(body, '    ')}\n  c: 1\n"
    assert text.isascii()
    assert yaml.safe_load(text) == {"a": {"b": body, "c": 1}}


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@given(text=TEXTS)
def test_a_double_quoted_scalar_is_unescaped_as_yaml_does(text: str) -> None:
    line = block(text, "  ")
    if line.startswith('"'):
        assert re.fullmatch(DOUBLE, line)
        assert unescaped(line) == text


@pytest.mark.parametrize("escape", [r"\a", r"\x41", r"\ud83d", r"\U00110000", r"\N"])
def test_escapes_that_are_never_written_are_left_to_the_full_reader(escape: str) -> None:
    assert unescaped(f'"{escape}"') is None


def test_a_body_of_lines_is_a_literal_block() -> None:
    assert block("{\n  1\n}", "    ") == "|-\n    {\n      1\n    }"
    assert block("data: x\n\n", "    ") == "|+\n    data: x\n"
    assert block("x\n", "    ") == "|\n    x"


def test_white_space_at_the_end_of_a_line_is_safe_from_editors() -> None:
    lines = block("x \n  é\n", "    ")
    assert lines == '"\\\n    x \\n\\\n    \\  \\u00e9\\n\\\n    "'
    assert not re.search(" $", lines, re.MULTILINE)


@pytest.mark.parametrize(
    "word", ["yes", "No", "TRUE", "null", "y", "on", "600", "1.0", "~", "2026-11-22", ""]
)
def test_a_word_that_yaml_takes_for_something_else_is_quoted(word: str) -> None:
    assert scalar(word) == f"'{word}'"


@pytest.mark.parametrize(
    "text",
    ["application/json", "gzip, deflate", "Not Found", "https://api.anthropic.com/v1/messages?beta=true"],
)
def test_what_headers_mostly_are_is_plain(text: str) -> None:
    assert scalar(text) == text


def test_half_a_surrogate_pair_is_replaced() -> None:
    assert yaml.safe_load(scalar("a\ud83d")) == "a\ufffd"
