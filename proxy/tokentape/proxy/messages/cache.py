"""What the prompt cache did for a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentape.proxy.messages.call import CacheOutcome

if TYPE_CHECKING:
    from tokentape.proxy.messages.call import Usage


def cache_outcome(usage: Usage | None, marks: int | None) -> CacheOutcome | None:
    """Hit, write, mixed, ignored or unmarked; `None` where the reply said nothing about its input.

    `marks` is how many `cache_control` the request carried, `None` where it was not read whole. A
    cache count that is absent beside a known input count is a zero: older API versions leave it out.
    """
    if usage is None:
        return None
    read, written = usage.cache_read_input_tokens, usage.cache_creation_input_tokens
    if usage.input_tokens is None and read is None and written is None:
        return None
    if read:
        return CacheOutcome.MIXED if written else CacheOutcome.HIT
    if written:
        return CacheOutcome.WRITE
    if marks is None:
        return None
    return CacheOutcome.IGNORED if marks else CacheOutcome.UNMARKED
