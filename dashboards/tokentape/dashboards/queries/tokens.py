"""Questions about tokens and the prompt cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokentape.dashboards.queries.series import any_of, per_minute, share, total

if TYPE_CHECKING:
    from tokentape.dashboards.queries.series import Scope

TOKENS: Final = "tokentape_tokens_total"
PROMPT: Final = any_of("input", "cache_read", "cache_write_5m", "cache_write_1h")
WRITES: Final = any_of("cache_write_5m", "cache_write_1h")
UNCACHED: Final = any_of("input", "cache_write_5m", "cache_write_1h")
"""What counts towards the limit of input tokens: cache reads do not."""
OUTCOMES: Final = "tokentape_cache_outcomes_total"


def used(scope: Scope, *by: str, **where: str) -> str:
    """Tokens of the range."""
    return total(scope.in_range(TOKENS, **where), *by)


def a_minute(scope: Scope, *by: str, **where: str) -> str:
    """Tokens a minute."""
    return per_minute(total(scope.per_second(TOKENS, **where), *by))


def hit_ratio(scope: Scope, *by: str) -> str:
    """Share of the prompt of the range that came from the cache: read / (input + read + written)."""
    return share(used(scope, *by, kind="cache_read"), used(scope, *by, kind=PROMPT))


def hit_ratio_course(scope: Scope, *by: str) -> str:
    """The same over time."""
    read = total(scope.per_second(TOKENS, kind="cache_read"), *by)
    return share(read, total(scope.per_second(TOKENS, kind=PROMPT), *by))


def reads_per_write(scope: Scope, *by: str) -> str:
    """How often a token that was written to the cache in the range was read from it."""
    return share(used(scope, *by, kind="cache_read"), used(scope, *by, kind=WRITES))


def write_cost(scope: Scope, *by: str) -> str:
    """USD paid for cache writes in the range."""
    return total(scope.in_range("tokentape_cost_usd_total", kind=WRITES), *by)


def outcomes(scope: Scope, *by: str, **where: str) -> str:
    """Replies of the range by what the cache did."""
    return total(scope.in_range(OUTCOMES, **where), *by)


def marked_but_ignored(scope: Scope, *by: str) -> str:
    """Share of the marked requests of the range that neither read nor wrote the cache."""
    return share(outcomes(scope, *by, outcome="ignored"), outcomes(scope, *by, outcome='!="unmarked"'))


def thinking_share(scope: Scope, *by: str) -> str:
    """Share of the output of the range that is thinking."""
    thinking = total(scope.in_range("tokentape_thinking_tokens_total"), *by)
    return share(thinking, used(scope, *by, kind="output"))
