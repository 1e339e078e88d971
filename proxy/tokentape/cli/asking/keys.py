"""The values by which a report groups, of one call: what the database does for sums, for repricing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tokentape.proxy.ledger.dimensions import LABEL
from tokentape.proxy.ledger.zones import hour_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import tzinfo

    from tokentape.proxy.ledger.rows import Recorded

Key = tuple[Any, ...]


def keys_of(by: Sequence[str], zone: tzinfo) -> Callable[[Recorded], Key]:
    """What makes the key of a call."""
    parts = [_part(name, zone) for name in by]
    return lambda recorded: tuple(part(recorded) for part in parts)


def _part(name: str, zone: tzinfo) -> Callable[[Recorded], Any]:
    if name in {"day", "month"}:
        length = 10 if name == "day" else 7
        return lambda one: _local(one, zone).date().isoformat()[:length]
    if name == "hour":
        return lambda one: hour_name(zone, _hour(one, zone))
    if name.startswith(LABEL):
        label = name.removeprefix(LABEL)
        return lambda one: one.call.labels.get(label) or None
    if name == "bill":
        return lambda one: one.bill.status.value if one.bill else None
    field = {"batch": "batch_id"}.get(name, name)
    return lambda one: getattr(one.call, field) or None


def _local(recorded: Recorded, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(recorded.call.started_at, UTC).astimezone(zone)


def _hour(recorded: Recorded, zone: tzinfo) -> int:
    return round(_local(recorded, zone).replace(minute=0, second=0, microsecond=0).timestamp())
