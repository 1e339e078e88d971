"""Rollups: what a batch of rows adds to the sums by time and dimensions. Pure.

Each row is added once, to the finest wide rollup there could be; all others are added up from those, of
which a batch has few.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tokentape.proxy.ledger.schema import DIMENSIONS, GRAINS, NARROW, SUMS, WRITTEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tokentape.proxy.ledger.rows import Row

ROLLUP: Final = ("wide", "grain", "starts", *DIMENSIONS, *SUMS, "first_at", "last_at")
"""The columns of an increment, in order."""
KEY: Final = ROLLUP[: 3 + len(DIMENSIONS)]

_QUARTER: Final = GRAINS[0][0]
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

Key = tuple[Any, ...]
"""When it starts, and the dimensions."""
Sums = list[int]
"""The values of `SUMS`, then `first_at` and `last_at`."""


def increments(rows: Iterable[Row]) -> list[tuple[Any, ...]]:
    """What these rows add: one tuple of `ROLLUP` for each key, sorted by key."""
    quarters = _quarters(rows)
    found: list[tuple[Any, ...]] = []
    for wide, grains in GRAINS.items():
        finest = quarters if wide else _narrow(quarters)
        for grain in grains:
            finest = _coarser(finest, grain)
            found += [(wide, grain, *key, *sums) for key, sums in finest.items()]
    found.sort()
    return found


def _narrow(quarters: dict[Key, Sums]) -> dict[Key, Sums]:
    nothing = tuple(0 if name == "status" else "" for name in DIMENSIONS[len(NARROW) :])
    return _gathered(quarters, lambda key: (*key[: 1 + len(NARROW)], *nothing))


def _coarser(finer: dict[Key, Sums], grain: int) -> dict[Key, Sums]:
    return _gathered(finer, lambda key: (key[0] // grain * grain, *key[1:]))


def _gathered(finer: dict[Key, Sums], coarser: Callable[[Key], Key]) -> dict[Key, Sums]:
    """Sums under coarser keys."""
    found: dict[Key, Sums] = {}
    for key, sums in finer.items():
        under = coarser(key)
        before = found.get(under)
        if before is None:
            # Shared, not copied: sums are replaced here, never changed.
            found[under] = sums
            continue
        first, last = min(before[-2], sums[-2]), max(before[-1], sums[-1])
        added = found[under] = [a + b for a, b in zip(before, sums, strict=True)]
        added[-2:] = first, last
    return found


def _quarters(rows: Iterable[Row]) -> dict[Key, Sums]:
    found: dict[Key, Sums] = {}
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
