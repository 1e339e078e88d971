"""The prompt cache: writes, reads, grows, forgets; and its arithmetic never loses a token."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokentape.recorder.standin.prompt_cache import InputTokens, PromptCache, prompt_tokens, units
from tokentape.recorder.standin.request import Prompt
from tokentape.recorder.wire.errors import ApiError

MARK = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}


def text(tokens: int, letter: str = "x", mark: dict[str, str] | None = None) -> dict[str, Any]:
    """A block of so many tokens."""
    block: dict[str, Any] = {"type": "text", "text": letter * 4 * tokens}
    return {**block, "cache_control": mark} if mark else block


def prompt(*blocks: dict[str, Any], **fields: Any) -> Prompt:
    """A prompt of one user message."""
    messages = [{"role": "user", "content": list(blocks)}]
    return msgspec.convert({"model": "m", "messages": messages, **fields}, Prompt)


class Asker:
    """Uses one cache; the smallest prefix is 100 tokens."""

    def __init__(self) -> None:
        self.cache = PromptCache()
        self.now = 1000.0

    def ask(self, asked: Prompt, *, credential: bytes = b"me", model: str = "m") -> InputTokens:
        return self.cache.use(units(asked), credential, model, 100, self.now)


def test_a_prompt_without_marks_is_not_cached() -> None:
    asker = Asker()

    assert [asker.ask(prompt(text(500))) for _ in range(2)] == [InputTokens(500)] * 2


def test_the_first_request_writes_and_the_next_one_reads() -> None:
    asker = Asker()
    asked = prompt(text(500, mark=MARK), text(20, "q"))

    assert [asker.ask(asked) for _ in range(3)] == [
        InputTokens(uncached=20, written_5m=500),
        InputTokens(uncached=20, read=500),
        InputTokens(uncached=20, read=500),
    ]


def test_a_conversation_that_grows_reads_the_old_and_writes_the_difference() -> None:
    asker = Asker()
    blocks = [text(300, "a")]
    spent: list[InputTokens] = []
    for letter in "bcd":
        blocks.append(text(50, letter))
        spent.append(asker.ask(prompt(*blocks[:-1], {**blocks[-1], "cache_control": MARK})))

    assert spent == [
        InputTokens(uncached=0, written_5m=350),
        InputTokens(uncached=0, read=350, written_5m=50),
        InputTokens(uncached=0, read=400, written_5m=50),
    ]


def test_a_top_level_mark_stands_for_one_on_the_last_block() -> None:
    asker = Asker()

    first = asker.ask(prompt(text(300), cache_control=MARK))
    second = asker.ask(prompt(text(300), text(40, "y"), cache_control=HOUR))

    assert (first, second) == (InputTokens(0, written_5m=300), InputTokens(0, read=300, written_1h=40))


def test_a_string_is_the_same_as_one_text_block() -> None:
    asker = Asker()
    asker.ask(prompt(text(300), cache_control=MARK))

    as_string = msgspec.convert(
        {
            "model": "m",
            "messages": [{"role": "user", "content": "x" * 1200}],
            "cache_control": MARK,
        },
        Prompt,
    )

    assert asker.ask(as_string) == InputTokens(0, read=300)


def test_tools_come_before_system_before_messages() -> None:
    asker = Asker()
    tool = {"name": "t", "description": "d" * 800}
    asked = prompt(text(50), tools=[tool], system=[text(200, "s", MARK)])
    tool_tokens = prompt_tokens(prompt(text(50), tools=[tool])) - 50

    assert asker.ask(asked) == InputTokens(50, written_5m=200 + tool_tokens)
    assert asker.ask(prompt(text(70, "z"), tools=[tool], system=[text(200, "s", MARK)])) == InputTokens(
        70, read=200 + tool_tokens
    )


def test_another_tool_choice_keeps_the_system_and_loses_the_messages() -> None:
    asker = Asker()
    system = [text(200, "s", MARK)]
    asker.ask(prompt(text(150, mark=MARK), system=system))

    spent = asker.ask(prompt(text(150, mark=MARK), system=system, tool_choice={"type": "any"}))

    assert spent == InputTokens(0, read=200, written_5m=150)


@pytest.mark.parametrize(("seconds", "kept"), [(299, True), (301, False)])
def test_five_minutes_after_its_last_use_a_prefix_is_forgotten(seconds: float, kept: bool) -> None:  # noqa: FBT001
    asker = Asker()
    asked = prompt(text(300, mark=MARK))
    asker.ask(asked)
    for _ in range(3):
        asker.now += 200
        assert asker.ask(asked) == InputTokens(0, read=300)

    asker.now += seconds

    assert asker.ask(asked) == (InputTokens(0, read=300) if kept else InputTokens(0, written_5m=300))


def test_an_hour_lasts_an_hour() -> None:
    asker = Asker()
    asked = prompt(text(300, mark=HOUR))

    assert asker.ask(asked) == InputTokens(0, written_1h=300)
    asker.now += 3599
    assert asker.ask(asked) == InputTokens(0, read=300)
    asker.now += 3601
    assert asker.ask(asked) == InputTokens(0, written_1h=300)


def test_two_ttls_split_what_is_written_at_the_marks() -> None:
    asker = Asker()

    spent = asker.ask(prompt(text(300, "a", HOUR), text(40, "b", MARK), text(7, "c")))

    assert spent == InputTokens(uncached=7, written_5m=40, written_1h=300)


def test_an_hour_after_five_minutes_is_refused() -> None:
    with pytest.raises(ApiError, match="must not come after"):
        units(prompt(text(300, mark=MARK), text(300, mark=HOUR)))


def test_five_marks_are_refused() -> None:
    with pytest.raises(ApiError, match=r"A maximum of 4 blocks with cache_control may be provided\. Found 5"):
        units(prompt(*(text(1, mark=MARK) for _ in range(5))))


def test_what_is_smaller_than_the_model_allows_is_not_cached() -> None:
    asker = Asker()
    asked = prompt(text(99, mark=MARK))

    assert [asker.ask(asked) for _ in range(2)] == [InputTokens(99)] * 2


def test_a_small_prefix_inside_a_large_prompt_is_not_cached_either() -> None:
    asker = Asker()
    asked = prompt(text(60, "a", MARK), text(500, "b"))

    assert [asker.ask(asked) for _ in range(2)] == [InputTokens(560)] * 2


def test_credentials_and_models_do_not_share() -> None:
    asker = Asker()
    asked = prompt(text(300, mark=MARK))
    asker.ask(asked)

    written = InputTokens(0, written_5m=300)
    assert asker.ask(asked, credential=b"you") == written
    assert asker.ask(asked, model="n") == written
    assert asker.ask(asked) == InputTokens(0, read=300)


@pytest.mark.parametrize(("between", "found"), [(19, True), (20, False)])
def test_a_prefix_is_looked_for_twenty_blocks_back(between: int, found: bool) -> None:  # noqa: FBT001
    asker = Asker()
    asker.ask(prompt(text(300, "a", MARK)))

    later = [text(10, "b") for _ in range(between)]
    spent = asker.ask(prompt(text(300, "a"), *later, text(10, "c", MARK)))

    total = 310 + 10 * between
    assert spent == (
        InputTokens(0, read=300, written_5m=total - 300) if found else InputTokens(0, written_5m=total)
    )


def test_the_cache_is_bounded() -> None:
    asker = Asker()
    for number in range(20_100):
        asker.ask(prompt(text(100, mark=MARK)), credential=b"%d" % number)

    assert len(asker.cache._kept) == 20_000


marks = st.sampled_from([None, None, MARK])
blocks = st.builds(text, st.integers(0, 200), st.sampled_from("ab"), marks)


@settings(max_examples=60)
@given(st.lists(st.lists(blocks, min_size=1, max_size=4), min_size=1, max_size=8))
def test_no_token_is_lost_and_a_repeated_prompt_never_writes(prompts: list[list[dict[str, Any]]]) -> None:
    asker = Asker()
    for content in prompts:
        asked = prompt(*content)
        first, again = asker.ask(asked), asker.ask(asked)

        assert first.total == again.total == prompt_tokens(asked)
        assert again.written_5m == again.written_1h == 0
        assert again.read == first.read + first.written_5m
