"""The census of content blocks. What it counts in whole bodies is claimed in test_request."""

from __future__ import annotations

import msgspec

from tokentape.proxy.messages.blocks import MAX_TTLS, Block, Census, starts_with


def read(*blocks: bytes) -> list[Block]:
    return msgspec.json.decode(b"[" + b",".join(blocks) + b"]", type=list[Block])


def test_what_is_left_of_a_block_has_no_marks() -> None:
    blocks = read(
        b'{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}',
        b'{"type":"tool_result","content":[{"type":"text","text":"b","cache_control":{"type":"ephemeral"}}]}',
    )
    census = Census()
    census.blocks(blocks)
    assert census.marks == 2
    assert msgspec.json.encode(blocks) == (
        b'[{"type":"text","text":"a"},{"type":"tool_result","content":[{"type":"text","text":"b"}]}]'
    )


def test_a_block_without_marks_stays_as_it_was_written() -> None:
    written = b'{"type":"tool_result","content":[ {"unknown": 1} ]}'
    blocks = read(written)
    Census().blocks(blocks)
    assert msgspec.json.encode(blocks) == b"[" + written + b"]"


def test_ttls_are_bounded() -> None:
    census = Census()
    for n in range(100):
        census.mark(msgspec.Raw(b'{"ttl":"%dm"}' % n))
    assert (census.marks, len(census.ttls)) == (100, MAX_TTLS)


def test_tool_inputs_nested_too_deeply_are_compared_as_they_are() -> None:
    deep = b'{"type":"tool_use","name":"a","input":' + b"[" * 900 + b"]" * 900 + b"}"
    census = Census()
    census.blocks(read(deep, deep), assistant=True)
    assert census.repeated_tool() == (2, "a")


def test_a_raw_field_is_looked_at_without_a_copy_of_it() -> None:
    assert starts_with(msgspec.Raw(b"[1]"), b"[")
    assert not starts_with(msgspec.Raw(b"{}"), b"[")
    assert not starts_with(msgspec.Raw(b""), b"[")
    assert not starts_with(msgspec.UNSET, b"[")
