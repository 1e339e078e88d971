"""What tests assert of their calls. Each raises `AssertionError` with the call that breaks it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec

from tokentape.proxy.messages.call import CacheOutcome
from tokentape.proxy.messages.models import model_label
from tokentape.proxy.messages.routes import MESSAGES
from tokentape.recorder.testing.prefix import blocks_of, marked_prefix, moved

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tokentape.recorder.testing.calls import MadeCall

_CUT_SHORT: Final = frozenset({"max_tokens", "model_context_window_exceeded"})


def no_truncation(calls: Sequence[MadeCall]) -> None:
    """No reply ended for want of tokens, or because its stream broke off."""
    for call in _messages(calls):
        if call.stop_reason in _CUT_SHORT:
            raise AssertionError(f"{_named(call)} was truncated: its stop_reason is {call.stop_reason}.")
        if call.status == 200 and call.stop_reason is None:
            raise AssertionError(f"{_named(call)} was truncated: its reply has no stop_reason.")


def tools_called(calls: Sequence[MadeCall], names: Sequence[str]) -> None:
    """Each of these tools was called, at least once."""
    called = {tool.name for call in calls for tool in call.tools}
    if missing := [name for name in names if name not in called]:
        what = ", ".join(sorted(called)) or "none"
        raise AssertionError(f"The tool {missing[0]} was not called; called were: {what}.")


def no_tool_loop(calls: Sequence[MadeCall], max_repeats: int) -> None:
    """No tool was called more than `max_repeats` times with the same input."""
    counts = Counter(
        (tool.name, msgspec.json.encode(tool.input, order="sorted").decode())
        for call in calls
        for tool in call.tools
    )
    for (name, given), count in counts.most_common(1):
        if count > max_repeats:
            raise AssertionError(
                f"The tool {name} was called {count} times with the same input, more than {max_repeats}: "
                f"{given[:200]}"
            )


def prefix_stable(calls: Sequence[MadeCall]) -> None:
    """Each request begins with what the one before it, of the same model, had in the prompt cache."""
    last: dict[str, MadeCall] = {}
    for call in _messages(calls):
        asked = call.details.model_asked or call.model
        before = last.get(asked)
        last[asked] = call
        if before is None or before.request.body == call.request.body:
            continue
        prefix = marked_prefix(blocks_of(before.request.body))
        if what := moved(prefix, blocks_of(call.request.body)):
            raise AssertionError(
                f"{_named(call)} cannot read what call {before.number} wrote into the prompt cache: {what}."
            )


def cacheable(calls: Sequence[MadeCall]) -> None:
    """Each request asks for caching, and its prompt was long enough to be cached."""
    for call in _messages(calls):
        outcome = call.details.cache_outcome
        if outcome is CacheOutcome.UNMARKED:
            raise AssertionError(f"{_named(call)} is not cacheable: nothing in it has cache_control.")
        if outcome is CacheOutcome.IGNORED:
            raise AssertionError(
                f"{_named(call)} is not cacheable: it has cache_control, and nothing was written or read; "
                "usually the prompt is under the model's minimum."
            )


def hit_ratio(calls: Sequence[MadeCall], least: float) -> None:
    """So large a part of all input tokens was read from the prompt cache, from 0 to 1."""
    usages = [call.usage for call in calls if call.usage is not None]
    read = sum(usage.cache_read_input_tokens or 0 for usage in usages)
    rest = sum((one.input_tokens or 0) + (one.cache_creation_input_tokens or 0) for one in usages)
    ratio = read / (read + rest) if read + rest else 0.0
    if ratio < least:
        raise AssertionError(
            f"The hit ratio is {ratio:.3f}, under {least}: {read:,} of {read + rest:,} input tokens were "
            "read from the prompt cache."
        )


def models(calls: Sequence[MadeCall], expected: Iterable[str]) -> None:
    """These models served, and no others; dates do not count."""
    wanted = {model_label(name) for name in expected}
    served = {call.model for call in _messages(calls) if call.status == 200}
    if served != wanted:
        found = ", ".join(sorted(served)) or "none"
        raise AssertionError(f"The calls were served by {found}, not by {', '.join(sorted(wanted))}.")


def retries(calls: Sequence[MadeCall], number: int) -> None:
    """So many calls were retries, as the SDK counts them (`x-stainless-retry-count`)."""
    found = [call for call in calls if call.attempt]
    if len(found) != number:
        which = ", ".join(str(call.number) for call in found)
        told = f" (calls {which})" if which else ""
        raise AssertionError(f"{len(found)} calls were retries{told}, not {number}.")


def _messages(calls: Iterable[MadeCall]) -> list[MadeCall]:
    return [call for call in calls if call.endpoint == MESSAGES]


def _named(call: MadeCall) -> str:
    return f"Call {call.number} ({call.model})"
