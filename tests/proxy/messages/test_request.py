"""What a request body says."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proxy.messages.exchanges import MODEL, SALT, dump, request_body

from tokentape.proxy.messages.call import RequestFacts
from tokentape.proxy.messages.hashing import digest
from tokentape.proxy.messages.prefix import MAX_PREFIXES
from tokentape.proxy.messages.request import peek_request, read_request

MARK = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}


def facts(**fields: Any) -> RequestFacts:
    read = read_request(request_body(**fields), SALT)
    assert read.error is None
    return read.facts


def turns(*contents: Any) -> list[dict[str, Any]]:
    """Messages, user first."""
    return [{"role": ("user", "assistant")[n % 2], "content": content} for n, content in enumerate(contents)]


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": value} | more


def tool_use(name: str, value: Any, kind: str = "tool_use") -> dict[str, Any]:
    return {"type": kind, "id": "toolu_1", "name": name, "input": value}


def test_every_plain_fact_is_read() -> None:
    body = request_body(
        stream=True,
        system="Be brief.",
        tools=[{"name": "a", "input_schema": {}}, {"name": "b", "input_schema": {}}],
        tool_choice={"type": "any"},
        thinking={"type": "enabled", "budget_tokens": 1024},
        output_config={"effort": "high"},
        service_tier="auto",
        speed="fast",
        inference_geo="us",
        metadata={"user_id": "user-1"},
        temperature=0.5,
        not_yet_invented={"a": 1},
    )
    read = read_request(body, SALT)
    sums = read.facts.prefix_sums
    assert read.facts == RequestFacts(
        model=MODEL,
        max_tokens=64,
        stream=True,
        messages=1,
        tools=2,
        tool_choice="any",
        thinking="enabled",
        effort="high",
        service_tier="auto",
        speed="fast",
        inference_geo="us",
        prefix_sums=sums,
        prefix_parts=("tools", "system", "messages.0"),
        body_hash=read.facts.body_hash,
        body_bytes=len(body),
    )
    assert (read.user, read.error) == (digest(SALT, b"user", b"user-1"), None)
    assert len(set(sums)) == 3
    assert len(read.facts.body_hash or "") == 16


def test_nothing_is_made_up_for_a_minimal_request() -> None:
    found = facts()
    assert found == RequestFacts(
        model=MODEL,
        max_tokens=64,
        messages=1,
        prefix_sums=found.prefix_sums,
        prefix_parts=("messages.0",),
        body_hash=found.body_hash,
        body_bytes=len(request_body()),
    )


class TestMarksAndMedia:
    def test_a_mark_counts_wherever_the_api_takes_one(self) -> None:
        image = {"type": "image", "source": {"type": "url", "url": "https://x"}, "cache_control": MARK}
        inline = {"type": "content", "content": [text("a", cache_control=MARK), image]}
        found = facts(
            cache_control=HOUR,
            tools=[{"name": "a", "input_schema": {}, "cache_control": MARK}, {"name": "b"}],
            system=[text("s", cache_control=HOUR), text("t")],
            messages=turns(
                [text("u", cache_control={"type": "ephemeral", "ttl": "5m"})],
                [tool_use("a", {}) | {"cache_control": MARK}],
                [
                    {"type": "tool_result", "tool_use_id": "x", "cache_control": MARK, "content": [image]},
                    {"type": "document", "source": inline, "cache_control": MARK},
                    {
                        "type": "search_result",
                        "source": "s",
                        "title": "t",
                        "content": [text("c", cache_control=MARK)],
                    },
                ],
            ),
        )
        assert (found.cache_marks, found.cache_ttls) == (11, ("1h", "5m"))
        assert (found.images, found.documents) == (2, 1)

    def test_a_text_about_marks_and_media_counts_for_nothing(self) -> None:
        story = '{"type":"image","cache_control":{"type":"ephemeral"}} "tool_use" "document"'
        schema = {"type": "object", "properties": {"cache_control": {"type": "object"}}}
        found = facts(
            system=story,
            tools=[{"name": "cache_control", "input_schema": schema}],
            metadata={"user_id": "cache_control"},
            messages=turns(
                story,
                [tool_use("image", {"cache_control": MARK, "type": "image", "list": [{"type": "document"}]})],
                [{"type": "tool_result", "tool_use_id": "x", "content": story}, text(story)],
            ),
        )
        assert (found.cache_marks, found.cache_ttls, found.images, found.documents) == (0, (), 0, 0)

    def test_a_null_mark_is_none(self) -> None:
        assert facts(cache_control=None, system=[text("s", cache_control=None)]).cache_marks == 0

    def test_blocks_nested_without_end_are_followed_for_a_few_levels(self) -> None:
        block: dict[str, Any] = {"type": "image"}
        for _ in range(300):
            block = {"type": "tool_result", "content": [block]}
        assert facts(messages=turns([block])).images == 0


def blocks(depth: int) -> st.SearchStrategy[dict[str, Any]]:
    """Content blocks, nested as the API allows, decoys among them."""
    mark = st.fixed_dictionaries({}, optional={"cache_control": st.sampled_from([MARK, HOUR, None])})
    plain = st.sampled_from(
        [
            text('"cache_control" "image" tool_use"'),
            {"type": "image", "source": {"type": "base64", "data": "aaaa"}},
            {"type": "document", "source": {"type": "text", "data": "image"}},
            {"type": "thinking", "thinking": "cache_control", "signature": "s"},
            {"type": "tool_result", "tool_use_id": "x", "content": "image"},
            {"type": "web_search_tool_result", "tool_use_id": "x", "content": {"type": "error"}},
        ]
    )
    uses = st.builds(
        tool_use,
        st.sampled_from(["a", "b"]),
        st.sampled_from([{"x": 1, "y": [2]}, {"y": [2], "x": 1}, {"cache_control": MARK}, {}]),
        st.sampled_from(["tool_use", "server_tool_use", "mcp_tool_use"]),
    )
    kinds: list[st.SearchStrategy[dict[str, Any]]] = [plain, uses]
    if depth:
        inner = st.lists(blocks(depth - 1), max_size=3)
        kinds += [inner.map(tool_result), inner.map(document)]
    return st.builds(merged, st.one_of(kinds), mark)


def merged(block: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    return block | more


def tool_result(content: list[Any]) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "x", "content": content}


def document(content: list[Any]) -> dict[str, Any]:
    return {"type": "document", "source": {"type": "content", "content": content}}


TOOLS = st.sampled_from([{"name": "a"}, {"name": "b", "cache_control": HOUR}])
CONTENTS = st.one_of(st.text(), st.lists(blocks(1), max_size=4))
BODIES = st.fixed_dictionaries(
    {"messages": st.lists(CONTENTS, max_size=5).map(lambda each: turns(*each))},
    optional={
        "system": st.one_of(st.text(), st.lists(blocks(0), max_size=3)),
        "tools": st.lists(TOOLS, max_size=3),
        "cache_control": st.sampled_from([None, MARK]),
    },
)


def walk(found: list[dict[str, Any]], content: Any) -> list[dict[str, Any]]:
    """The oracle: every block in a content, found by plain recursion."""
    blocks: list[dict[str, Any]] = [] if content is None or isinstance(content, str | dict) else content
    for block in blocks:
        found.append(block)
        if block["type"] == "document":
            walk(found, block["source"].get("content"))
        elif not block["type"].endswith("tool_use"):
            walk(found, block.get("content"))
    return found


def tool_uses(body: dict[str, Any]) -> list[tuple[str, str]]:
    """The oracle: name and canonical input of every tool use that an assistant message has."""
    found: list[tuple[str, str]] = []
    for said in body["messages"]:
        if said["role"] != "assistant" or not isinstance(said["content"], list):
            continue
        blocks: list[dict[str, Any]] = said["content"]
        uses = [block for block in blocks if block["type"].endswith("tool_use")]
        found += [(use["name"], json.dumps(use["input"], sort_keys=True)) for use in uses]
    return found


@given(BODIES, st.sampled_from([None, 2]), st.booleans())
def test_counts_are_exact_for_any_body(body: dict[str, Any], indent: int | None, ascii_only: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
    found = read_request(json.dumps(body, indent=indent, ensure_ascii=ascii_only).encode(), SALT).facts
    contents = [message["content"] for message in body["messages"]]
    every = [block for content in [body.get("system"), *contents] for block in walk([], content)]
    marks = [each.get("cache_control") for each in [body, *body.get("tools", []), *every]]
    marks = [mark for mark in marks if mark]
    assert found.cache_marks == len(marks)
    assert found.cache_ttls == tuple(sorted({mark.get("ttl", "5m") for mark in marks}))
    assert found.images == sum(block["type"] == "image" for block in every)
    assert found.documents == sum(block["type"] == "document" for block in every)
    assert found.repeated_tool_calls == max(Counter(tool_uses(body)).values(), default=0)
    assert (found.messages, found.tools) == (len(body["messages"]), len(body.get("tools", [])))


class TestRepeatedTools:
    def test_identical_calls_are_counted_whatever_the_order_of_their_keys(self) -> None:
        first, same = (
            tool_use("read", {"path": "/a", "limit": 5}),
            tool_use("read", {"limit": 5, "path": "/a"}),
        )
        others = [tool_use("read", {"path": "/b"}), tool_use("write", {"path": "/a", "limit": 5})]
        found = facts(messages=turns("go", [first], "r", [same, *others], "r", [first, text("x")]))
        assert (found.repeated_tool_calls, found.repeated_tool) == (3, "read")

    def test_calls_in_user_messages_do_not_count(self) -> None:
        found = facts(messages=turns([tool_use("read", {})] * 5, [tool_use("read", {})]))
        assert (found.repeated_tool_calls, found.repeated_tool) == (1, "read")

    def test_calls_without_name_or_input_are_calls(self) -> None:
        found = facts(messages=turns("go", [{"type": "tool_use"}, {"type": "tool_use"}]))
        assert (found.repeated_tool_calls, found.repeated_tool) == (2, None)


class TestPrefixHashes:
    def test_a_longer_conversation_begins_with_the_same_hashes(self) -> None:
        short, longer = facts(messages=turns("a", "b", "c")), facts(messages=turns("a", "b", "c", "d", "e"))
        assert longer.prefix_sums[:3] == short.prefix_sums
        assert longer.prefix_parts == tuple(f"messages.{n}" for n in range(5))

    def test_a_change_changes_its_own_hash_and_all_that_follow(self) -> None:
        tools = [{"name": "a"}]
        before = facts(tools=tools, system="s", messages=turns("a", "b", "c"))
        after = facts(tools=tools, system="s", messages=turns("a", "B", "c"))
        same = [one == other for one, other in zip(before.prefix_sums, after.prefix_sums, strict=True)]
        assert dict(zip(before.prefix_parts, same, strict=True)) == {
            "tools": True,
            "system": True,
            "messages.0": True,
            "messages.1": False,
            "messages.2": False,
        }
        assert facts(system="other", tools=tools).prefix_sums[0] == before.prefix_sums[0]
        assert facts(system="s", tools=[{"name": "b"}]).prefix_sums[0] != before.prefix_sums[0]

    @pytest.mark.parametrize(
        ("marked", "plain"),
        [
            ({"system": [text("s", cache_control=MARK)]}, {"system": [text("s")]}),
            ({"tools": [{"name": "a", "cache_control": MARK}]}, {"tools": [{"name": "a"}]}),
            ({"messages": turns([text("a", cache_control=HOUR)])}, {"messages": turns([text("a")])}),
            (
                {"messages": turns([{"type": "tool_result", "content": [text("a", cache_control=HOUR)]}])},
                {"messages": turns([{"type": "tool_result", "content": [text("a")]}])},
            ),
        ],
        ids=["system", "tools", "message", "nested"],
    )
    def test_a_mark_that_moves_changes_no_hash(self, marked: dict[str, Any], plain: dict[str, Any]) -> None:
        assert facts(**marked).prefix_sums == facts(**plain).prefix_sums

    def test_the_role_is_part_of_a_message(self) -> None:
        said = [[{"role": role, "content": "a"}] for role in ("user", "assistant")]
        assert facts(messages=said[0]).prefix_sums != facts(messages=said[1]).prefix_sums

    def test_fields_of_blocks_are_part_of_a_message(self) -> None:
        images = [{"type": "image", "source": {"type": "base64", "data": data}} for data in ("aa", "bb")]
        first, second = (facts(messages=turns([image])) for image in images)
        assert first.prefix_sums != second.prefix_sums

    def test_billing_data_of_claude_code_is_no_part_of_the_prompt(self) -> None:
        def claude_code(checksum: str) -> RequestFacts:
            billing = f"x-anthropic-billing-header: cc_version=2.1.81; cch={checksum};"
            return facts(system=[text(billing), text("You are a helper.")])

        assert claude_code("00000").prefix_sums == claude_code("a1b2c").prefix_sums
        assert claude_code("00000").body_hash == claude_code("00000").body_hash

    def test_only_the_last_hashes_are_kept_and_they_still_cover_the_beginning(self) -> None:
        contents = [f"turn {n}" for n in range(100)]
        found, changed = facts(messages=turns(*contents)), facts(messages=turns("x", *contents[1:]))
        assert len(found.prefix_sums) == len(found.prefix_parts) == MAX_PREFIXES
        assert (found.prefix_parts[0], found.prefix_parts[-1]) == (
            f"messages.{100 - MAX_PREFIXES}",
            "messages.99",
        )
        assert not set(found.prefix_sums) & set(changed.prefix_sums)

    def test_hashes_are_salted(self) -> None:
        body = request_body()
        one, other = read_request(body, b"one").facts, read_request(body, b"other").facts
        assert not set(one.prefix_sums) & set(other.prefix_sums)
        assert one.body_hash != other.body_hash


class TestBodyHash:
    def test_equal_bodies_have_one_hash(self) -> None:
        assert facts(temperature=1).body_hash == facts(temperature=1).body_hash

    @pytest.mark.parametrize(
        "fields",
        [
            {"model": "claude-opus-4-1"},
            {"max_tokens": 65},
            {"temperature": 0.5},
            {"metadata": {"user_id": "b"}},
            {"system": "s"},
            {"messages": turns("Hallo")},
            {"messages": turns("Hello", "b")},
            {"not_yet_invented": 1},
        ],
    )
    def test_any_other_parameter_makes_another_hash(self, fields: dict[str, Any]) -> None:
        assert facts(**fields).body_hash != facts().body_hash


@pytest.mark.parametrize(
    ("field", "value", "partial"),
    [
        ("container", "container_1", True),
        ("container", {"id": "container_1"}, True),
        ("thread", {"type": "continue", "previous_message_id": "msg_1"}, True),
        ("fallbacks", [{"model": "claude-opus-4-1"}], True),
        ("container", None, False),
        ("temperature", 1, False),
    ],
)
def test_state_held_by_the_api_makes_the_body_partial(field: str, value: Any, partial: bool) -> None:  # noqa: FBT001 - a parametrized value
    assert facts(**{field: value}).partial_conversation is partial


WORDS = (
    *("model", "messages", "system", "tools", "content", "type", "text", "source", "role", "user_id"),
    *("cache_control", "metadata", "tool_choice", "thinking", "output_config"),
)
SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.sampled_from(WORDS), each, max_size=4),
    max_leaves=20,
)


class TestBadBodies:
    def test_an_empty_body_has_no_facts_and_no_error(self) -> None:
        assert read_request(b"", SALT) == (RequestFacts(), None, None)

    @pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"null", b"[1]", b"5", b"[" * 100_000, b"{} {}"])
    def test_what_is_no_json_object_is_noted(self, body: bytes) -> None:
        assert read_request(body, SALT) == (RequestFacts(body_bytes=len(body)), None, "request_json")

    def test_of_broken_json_the_model_is_found_all_the_same(self) -> None:
        found = read_request(request_body(stream=True)[:-1], SALT)
        size = len(request_body(stream=True)) - 1
        assert found == (RequestFacts(model=MODEL, stream=True, body_bytes=size), None, "request_json")

    @pytest.mark.parametrize(
        "fields",
        [
            {"messages": None},
            {"messages": "Hello"},
            {"messages": [5]},
            {"messages": turns(5)},
            {"messages": turns([5])},
            {"messages": turns([{"type": 5}])},
            {"system": 5},
            {"tools": {}},
            {"max_tokens": -1},
            {"max_tokens": "many"},
            {"max_tokens": 10**30},
            {"stream": "yes"},
            {"model": 5},
            {"speed": []},
        ],
    )
    def test_a_wrong_shape_is_noted_and_the_rest_is_read(self, fields: dict[str, Any]) -> None:
        body = request_body(**{"metadata": {"user_id": "u"}} | fields)
        found = read_request(body, SALT)
        assert found.error == "request_shape"
        assert found.user == digest(SALT, b"user", b"u")
        assert found.facts.model == (None if "model" in fields else MODEL)
        assert found.facts.body_hash == digest(SALT, b"body", body)
        assert found.facts.body_bytes == len(body)

    @given(st.binary())
    def test_no_bytes_raise(self, body: bytes) -> None:
        read_request(body, SALT)

    @given(SHAPES)
    def test_no_shape_raises(self, body: Any) -> None:
        read_request(dump(body), SALT)
        block = {"type": "document", "source": body, "content": body, "cache_control": body}
        around = {"messages": turns([block]), "metadata": body, "thinking": body, "container": body}
        read_request(dump(around), SALT)


def test_the_start_of_a_body_says_model_and_stream() -> None:
    start = b'{"model" : "claude-opus-4-1" , "stream": false, "messages": [{"content": "\\"model\\": \\"x'
    assert peek_request(start, 999) == RequestFacts(model="claude-opus-4-1", stream=False, body_bytes=999)
    quoted = b'{"messages": [{"content": "\\"model\\": \\"x\\", \\"stream\\":true"}'
    assert peek_request(quoted, 1) == RequestFacts(body_bytes=1)
