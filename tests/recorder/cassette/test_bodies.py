"""How bodies are written down."""

from __future__ import annotations

import pytest

from tokentape.recorder.cassette.bodies import written


def json_form(body: bytes) -> str | bytes:
    return written(body, streamed=False)


def stream_form(body: bytes) -> str | bytes:
    return written(body, streamed=True)


def test_json_is_indented_and_its_tokens_are_kept() -> None:
    body = b'{"b":1.10,"a":[1e400,{}],"a":"\\/\\u00e9","n":12345678901234567890}'
    assert json_form(body) == (
        '{\n  "b": 1.10,\n  "a": [\n    1e400,\n    {}\n  ],\n'
        '  "a": "\\/\\u00e9",\n  "n": 12345678901234567890\n}'
    )


def test_characters_outside_ascii_become_json_escapes() -> None:
    assert json_form('["é\x7f😀"]'.encode()) == '[\n  "\\u00e9\\u007f\\ud83d\\ude00"\n]'


@pytest.mark.parametrize("text", ["", "null", "12", '{"a": NaN}', '{"a": 1,}', "[" * 100_000, "plain", "{"])
def test_what_is_no_json_object_or_array_is_left_as_it_is(text: str) -> None:
    assert json_form(text.encode()) == text


def test_bytes_that_are_no_text_stay_bytes() -> None:
    assert json_form(b'{"a": "\xff"}') == b'{"a": "\xff"}'


def test_verbatim_text_is_kept_to_the_byte() -> None:
    body = '{"é":1}\r\n'
    assert written(body.encode(), streamed=True, verbatim=True) == body


def test_a_stream_has_a_line_per_event_line_and_no_padding() -> None:
    body = b'event: a\r\ndata:{"x": "\xc3\xa9",  "y":1   }\r\n\r\n: note\ndata: [DONE]\n\n'
    assert stream_form(body) == 'event: a\ndata: {"x":"\\u00e9","y":1}\n\n: note\ndata: [DONE]\n\n'


def test_data_over_several_lines_is_one_value_and_is_left_as_it_is() -> None:
    body = 'data: {"a":\nid: 1\ndata: [1, 2]}\n\ndata\ndata: [1, 2]\n\n'
    assert stream_form(body.encode()) == body


def test_of_a_stream_that_was_cut_off_the_rest_is_kept() -> None:
    body = 'data: {"a": 1}\n\ndata: {"b": '
    assert stream_form(body.encode()) == 'data: {"a":1}\n\ndata: {"b": '


def test_a_byte_order_mark_before_a_stream_is_dropped() -> None:
    assert stream_form(b"\xef\xbb\xbfdata: x\n\n") == "data: x\n\n"
