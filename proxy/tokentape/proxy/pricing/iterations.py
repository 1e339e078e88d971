"""Iterations: the parts of a call that `usage.iterations` tells of, beta (SDK: `Beta*IterationUsage`).

- `compaction` is beside the top level, at the price of the model that served.
- `advisor_message` is beside the top level, at the advisor's own price.
- `message` and `fallback_message` of the model that served are inside the top level. The API's pages
  disagree whether all of their input is (compaction: yes; advisor tool: the first prompt only), so a
  reply that tells more in its parts than at its top is taken at the greater word.
- `message` of another model is an attempt that was declined before a fallback served. The top level
  leaves it out. It is charged at that model's price if it had put anything out, else not at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokentape.proxy.messages.call import Iteration, Usage
from tokentape.proxy.messages.usage import cache_writes
from tokentape.proxy.pricing.names import bare_name
from tokentape.proxy.pricing.portions import Counts, Portion

if TYPE_CHECKING:
    from collections.abc import Sequence

_SAMPLING: Final = frozenset({"message", "fallback_message"})


def with_iterations(
    served: str | None,
    top: Portion,
    iterations: Sequence[Iteration],
    ttls: tuple[str, ...],
    reasons: list[str],
) -> list[Portion]:
    """The portions of a call that has iterations; `top` is its top level, `ttls` those it asked for."""
    inside: list[Counts] = []
    beside: list[Portion] = []
    for entry in iterations:
        portion = _portion(entry, served, ttls, reasons)
        if portion is None:
            continue
        if entry.type in _SAMPLING and _same(portion.model, served):
            inside.append(portion.counts)
        else:
            beside.append(portion)
    return [_reconciled(top, inside, reasons), *beside]


def _portion(
    entry: Iteration, served: str | None, ttls: tuple[str, ...], reasons: list[str]
) -> Portion | None:
    """What an iteration is paid for; `None` where that is nothing, or nothing known."""
    if entry.type == "advisor_message":
        model = entry.model
    elif entry.type == "compaction" or entry.type in _SAMPLING:
        model = entry.model or served
    else:
        reasons.append("unknown_iteration")
        return None
    if entry.type == "message" and not entry.output_tokens:
        return None
    writes = cache_writes(
        Usage(
            cache_creation_input_tokens=entry.cache_creation_input_tokens,
            ephemeral_5m_input_tokens=entry.ephemeral_5m_input_tokens,
            ephemeral_1h_input_tokens=entry.ephemeral_1h_input_tokens,
        ),
        ttls,
    )
    beside = entry.type not in _SAMPLING or not _same(model, served)
    if writes.assumed and beside:
        reasons.append("cache_split")
    return Portion(
        model,
        Counts(
            entry.input_tokens,
            entry.cache_read_input_tokens,
            writes.tokens_5m,
            writes.tokens_1h,
            entry.output_tokens,
        ),
    )


def _same(model: str | None, served: str | None) -> bool:
    return model == served or (
        model is not None and served is not None and bare_name(model) == bare_name(served)
    )


def _reconciled(top: Portion, inside: list[Counts], reasons: list[str]) -> Portion:
    """The top level, raised to what the iterations inside it add up to."""
    if not inside:
        return top
    told = top.counts
    parts = Counts(*map(sum, zip(*inside, strict=True)))
    longest = max(part.prompt for part in inside)
    told_writes, part_writes = (counts.cache_write_5m + counts.cache_write_1h for counts in (told, parts))
    split = parts if part_writes > told_writes else told
    counts = Counts(
        max(told.input, parts.input),
        max(told.cache_read, parts.cache_read),
        split.cache_write_5m,
        split.cache_write_1h,
        max(told.output, parts.output),
        told.web_search,
    )
    if (counts.prompt, counts.output) != (told.prompt, told.output):
        reasons.append("iterations")
    return Portion(top.model, counts, longest)
