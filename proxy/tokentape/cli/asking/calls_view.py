"""Single calls as a table, as CSV, as JSON."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from rich import box
from rich.table import Table

from tokentape.cli import console
from tokentape.cli.asking.figures import NOTHING, cell, exact, ratio

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo

    from tokentape.proxy.ledger.rows import Recorded

_encode = msgspec.json.Encoder(decimal_format="number").encode
COLUMNS: Final = (
    "time",
    "model",
    "project",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "hit_ratio",
    "usd",
    "subscription_usd",
    "bill",
    "ttft",
    "duration",
    "ending",
    "attempt",
    "session",
    "request_id",
)


def values(recorded: Recorded, zone: tzinfo) -> dict[str, Any]:
    """What is shown of a call. Amounts are `None` where no price is known; a subscription is no money."""
    call, bill = recorded.call, recorded.bill
    usage, writes = call.usage, call.cache_writes
    read = (usage.cache_read_input_tokens or 0) if usage else 0
    prompt = (usage.input_tokens or 0) + read + writes.tokens_5m + writes.tokens_1h if usage else 0
    return {
        "time": datetime.fromtimestamp(call.started_at, UTC).astimezone(zone),
        "model": call.model,
        "project": call.project,
        "input_tokens": usage.input_tokens if usage else None,
        "cache_read_tokens": read if usage else None,
        "cache_write_5m_tokens": writes.tokens_5m if usage else None,
        "cache_write_1h_tokens": writes.tokens_1h if usage else None,
        "output_tokens": usage.output_tokens if usage else None,
        "hit_ratio": read / prompt if prompt else None,
        "usd": bill.total if bill and not bill.subscription else None,
        "subscription_usd": bill.total if bill and bill.subscription else None,
        "bill": bill.status.value if bill else None,
        "ttft": call.timings.first_token_any,
        "duration": call.timings.duration,
        "ending": console.ending(call),
        "attempt": call.attempt,
        "session": call.session,
        "request_id": call.request_id,
    }


_HEADS: Final = ("in", "cached", "wrote", "out", "hit", "USD", "", "TTFT", "s", "end", "try", "request id")


def table(calls: Iterable[Recorded], zone: tzinfo) -> Table:
    """For a terminal, a row a call."""
    shown = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0), header_style="bold cyan"
    )
    for name in ("time", "model", "project"):
        shown.add_column(name, no_wrap=True)
    for name in _HEADS:
        text = name in {"", "end", "request id"}
        shown.add_column(name, justify="left" if text else "right", no_wrap=True)
    for recorded in calls:
        shown.add_row(*row(values(recorded, zone)))
    return shown


def row(of: dict[str, Any]) -> tuple[str, ...]:
    """The cells of a call in a table."""
    tokens = (of["input_tokens"], of["cache_read_tokens"], _sum(of), of["output_tokens"])
    return (
        f"{of['time']:%m-%d %H:%M:%S}",
        of["model"],
        of["project"],
        *(f"{count:,}" if count else NOTHING for count in tokens),
        ratio(of["hit_ratio"]) if of["hit_ratio"] else NOTHING,
        _usd(of),
        NOTHING if of["bill"] == "exact" else of["bill"] or NOTHING,
        _seconds(of["ttft"]),
        _seconds(of["duration"]),
        of["ending"],
        str(of["attempt"]) if of["attempt"] else NOTHING,
        of["request_id"] or NOTHING,
    )


def line(recorded: Recorded, zone: tzinfo) -> str:
    """A call as `up` prints it, below a table that has ended."""
    told = console.line(recorded.call, recorded.bill, zone)
    return "  ".join(filter(None, (told, recorded.call.request_id)))


def _sum(of: dict[str, Any]) -> int:
    return (of["cache_write_5m_tokens"] or 0) + (of["cache_write_1h_tokens"] or 0)


def _usd(of: dict[str, Any]) -> str:
    """In brackets where a subscription paid."""
    if of["subscription_usd"] is not None:
        return f"({of['subscription_usd']:,.6f})"
    return NOTHING if of["usd"] is None else f"{of['usd']:,.6f}"


def _seconds(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"


def as_csv(calls: Iterable[Recorded], zone: tzinfo, *, header: bool = True) -> str:
    """A row a call."""
    out = io.StringIO()
    writer = csv.writer(out)
    if header:
        writer.writerow(COLUMNS)
    for recorded in calls:
        of = values(recorded, zone)
        amounts = {name: exact(of[name]) for name in ("usd", "subscription_usd")}
        plain = {**of, **amounts, "time": of["time"].isoformat()}
        writer.writerow([cell(value) for value in plain.values()])
    return out.getvalue()


def as_lines(calls: Iterable[Recorded], zone: tzinfo) -> str:
    """A JSON object a line."""
    return "".join(f"{_encode(values(recorded, zone)).decode()}\n" for recorded in calls)
