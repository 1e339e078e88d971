"""Rollups: what a batch of rows adds to the sums by time and dimensions. Pure.

Each row is added once, to its quarter of an hour; hours and days are then added up from quarters, of
which a batch has few.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tokentape.proxy.ledger.schema import DIMENSIONS, GRAINS, SUMS, WRITTEN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokentape.proxy.ledger.rows import Row

ROLLUP: Final = ("grain", "starts", *DIMENSIONS, *SUMS, "first_at", "last_at")
"""The columns of an increment, in order."""
KEY: Final = ROLLUP[: 2 + len(DIMENSIONS)]

_QUARTER: Final = GRAINS[0]
_QUARTER_MICROS: Final = _QUARTER * 1_000_000
_SUMS: Final = len(SUMS)

_at: Final = WRITTEN.index
_STARTED, _MODEL, _PROJECT = _at("started_at"), _at("model"), _at("project")
_ENDPOINT, _STATUS, _STOP_REASON = _at("endpoint"), _at("status"), _at("stop_reason")
_CLIENT, _CREDENTIAL, _OUTCOME = _at("client"), _at("credential"), _at("outcome")
_BILL_STATUS, _USD, _SUBSCRIPTION = _at("bill_status"), _at("usd"), _at("subscription")
_INPUT, _CACHE_READ, _OUTPUT = _at("input_tokens"), _at("cache_read_tokens"), _at("output_tokens")
_WRITE_5M, _WRITE_1H = _at("cache_write_5m_tokens"), _at("cache_write_1h_tokens")
_THINKING, _SEARCHES = _at("thinking_tokens"), _at("web_searches")
_SAVINGS, _BATCH_SAVINGS, _WASTED = _at("savings_usd"), _at("batch_savings_usd"), _at("wasted_usd")

Sums = list[int]
"""The values of `SUMS`, then `first_at` and `last_at`."""


def increments(rows: Iterable[Row]) -> list[tuple[Any, ...]]:
    """What these rows add: one tuple of `ROLLUP` for each key, sorted by key."""
    quarters = _quarters(rows)
    found: list[tuple[Any, ...]] = [(_QUARTER, *key, *sums) for key, sums in quarters.items()]
    for grain in GRAINS[1:]:
        found += [(grain, *key, *sums) for key, sums in _coarser(quarters, grain).items()]
    found.sort(key=lambda increment: increment[: len(KEY)])
    return found


def _quarters(rows: Iterable[Row]) -> dict[tuple[Any, ...], Sums]:
    found: dict[tuple[Any, ...], Sums] = {}
    for row in rows:
        started = row[_STARTED]
        key = (
            started // _QUARTER_MICROS * _QUARTER,
            row[_MODEL],
            row[_PROJECT],
            row[_ENDPOINT],
            row[_STATUS] or 0,
            row[_STOP_REASON] or "",
            row[_CLIENT] or "",
            row[_CREDENTIAL] or "",
        )
        sums = found.get(key)
        if sums is None:
            sums = found[key] = [0] * _SUMS + [started, started]
        _add_row(sums, row, started)
    return found


def _add_row(sums: Sums, row: Row, started: int) -> None:
    """Add one row; the order is that of `SUMS`, written out because this runs for every call."""
    total, status = row[_USD], row[_BILL_STATUS]
    sums[0] += 1
    if row[_OUTCOME] != "ok":
        sums[1] += 1
    if status == "estimated":
        sums[3] += 1
    elif status == "unpriced":
        sums[4] += 1
    sums[6] += row[_INPUT] or 0
    sums[7] += row[_CACHE_READ] or 0
    sums[8] += row[_WRITE_5M]
    sums[9] += row[_WRITE_1H]
    sums[10] += row[_OUTPUT] or 0
    sums[11] += row[_THINKING] or 0
    sums[12] += row[_SEARCHES] or 0
    if row[_SUBSCRIPTION]:
        sums[5] += 1
        sums[14] += total or 0
    elif status is not None:
        if total is not None:
            sums[2] += 1
            sums[13] += total
        sums[15] += row[_SAVINGS]
        sums[16] += row[_BATCH_SAVINGS]
        sums[17] += row[_WASTED]
    sums[18] = min(sums[18], started)
    sums[19] = max(sums[19], started)


def _coarser(quarters: dict[tuple[Any, ...], Sums], grain: int) -> dict[tuple[Any, ...], Sums]:
    found: dict[tuple[Any, ...], Sums] = {}
    for (starts, *rest), sums in quarters.items():
        key = (starts // grain * grain, *rest)
        before = found.get(key)
        if before is None:
            found[key] = sums.copy()
            continue
        first, last = min(before[-2], sums[-2]), max(before[-1], sums[-1])
        found[key] = [a + b for a, b in zip(before, sums, strict=True)]
        found[key][-2:] = first, last
    return found
