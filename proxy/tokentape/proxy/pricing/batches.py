"""Batch results: many messages in one body, each billed once, at the batch price.

The reply of `/v1/messages/batches/{id}/results` is JSON lines (`MessageBatchIndividualResponse` of the
official SDK), in any order, and can be fetched again and again for a month. So each result is billed
when its line is first seen whole, by batch and `custom_id`, and never again.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from tokentape.proxy.messages import tolerant
from tokentape.proxy.messages.call import CallError, Outcome, RequestFacts, Timings
from tokentape.proxy.messages.errors import read_error
from tokentape.proxy.messages.models import model_label
from tokentape.proxy.messages.tolerant import Notes
from tokentape.proxy.messages.usage import NO_WRITES, UsageMerge, cache_writes
from tokentape.proxy.pricing.price import price

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tokentape.proxy.messages.call import Call, Usage
    from tokentape.proxy.pricing.bill import Bill
    from tokentape.proxy.pricing.book import PriceBook

MAX_LINE: Final = 16 * 1024 * 1024
"""Bytes of one result: the longest reply a batch can hold, several times over."""

MAX_SEEN: Final = 200_000
"""Results remembered in memory: two of the largest batches, 30 MB."""

MAX_CUSTOM_ID: Final = 128
"""Characters; the API takes 64. Of a longer one its hash is kept."""

RESULT_TYPES: Final = frozenset({"succeeded", "errored", "canceled", "expired"})
"""Only a result that succeeded is charged."""


class BatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a batch's results, without its text."""

    custom_id: str
    type: str
    """succeeded, errored, canceled or expired; `other` for a newer one."""
    model: str | None = None
    usage: Usage | None = None
    stop_reason: str | None = None
    message_id: str | None = None
    error: CallError | None = None
    unknown: tuple[str, ...] = ()


class SeenResults(Protocol):
    """Remembers which results have been billed."""

    def first(self, key: bytes) -> bool:
        """Whether this result (`result_key`) is new, which it is once only."""
        ...


class SeenInMemory:
    """Remembers as long as the process lives, and at most so many: the oldest go first, counted."""

    def __init__(self, limit: int = MAX_SEEN) -> None:
        """Remember at most `limit` results."""
        self._keys: OrderedDict[bytes, None] = OrderedDict()
        self._limit = limit
        self.forgotten = 0
        """Results that would be billed again."""

    def first(self, key: bytes) -> bool:
        """See `SeenResults`."""
        if key in self._keys:
            self._keys.move_to_end(key)
            return False
        self._keys[key] = None
        if len(self._keys) > self._limit:
            self._keys.popitem(last=False)
            self.forgotten += 1
        return True


def result_key(batch_id: str, custom_id: str) -> bytes:
    """Sixteen bytes that name one result of one batch; a custom id itself may say whose it is."""
    named = b"%d:%b%b" % (len(batch_id), batch_id.encode(), custom_id.encode())
    return hashlib.blake2b(named, digest_size=16).digest()


class ResultLines:
    """Cuts a body into results, wherever it is cut itself. Holds one line at most, `MAX_LINE` long."""

    __slots__ = ("_chunks", "_dropping", "_held", "broken", "too_long")

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._held = 0
        self._dropping = False
        self.broken = 0
        """Lines that were no result."""
        self.too_long = 0
        """Lines that were not kept."""

    def feed(self, data: bytes) -> list[BatchResult]:
        """The results that these next decoded bytes complete."""
        *ended, rest = data.split(b"\n")
        found = [result for line in ended if (result := self._end(line)) is not None]
        self._keep(rest)
        return found

    def finish(self, *, complete: bool) -> list[BatchResult]:
        """The body has ended, or was cut off: its last line may lack a line feed, or its own end."""
        broken = self.broken
        result = self._end(b"")
        if not complete:
            self.broken = broken
        return [] if result is None else [result]

    def _keep(self, part: bytes) -> None:
        self._held += len(part)
        if self._held > MAX_LINE:
            self._chunks.clear()
            self._dropping = True
        elif part:
            self._chunks.append(part)

    def _end(self, part: bytes) -> BatchResult | None:
        self._keep(part)
        line = b"".join(self._chunks).strip()
        dropped, self._dropping, self._held = self._dropping, False, 0
        self._chunks.clear()
        if dropped:
            self.too_long += 1
            return None
        if not line:
            return None
        result = read_result(line)
        self.broken += result is None
        return result


class _Message(msgspec.Struct):
    """Of a message, what is not its text."""

    usage: msgspec.Raw = msgspec.Raw(b"null")
    model: Any = None
    id: Any = None
    stop_reason: Any = None


class _Result(msgspec.Struct):
    type: str
    message: _Message | None = None
    error: msgspec.Raw = msgspec.Raw(b"null")


class _Line(msgspec.Struct):
    custom_id: str
    result: _Result


_decode = msgspec.json.Decoder(_Line).decode


def read_result(line: bytes) -> BatchResult | None:
    """One line; `None` where it is no result."""
    try:
        read = _decode(line)
    except tolerant.BROKEN:
        return None
    notes = Notes()
    result, message = read.result, read.result.message or _Message()
    kind = result.type if result.type in RESULT_TYPES else "other"
    if kind == "other":
        notes.unfamiliar("batch_result", result.type)
    usage = UsageMerge(notes)
    usage.update(tolerant.parse(message.usage))
    return BatchResult(
        custom_id=read.custom_id,
        type=kind,
        model=tolerant.text(message.model),
        usage=usage.result(),
        stop_reason=tolerant.text(message.stop_reason, 64),
        message_id=tolerant.text(message.id),
        error=_error(result) if kind == "errored" else None,
        unknown=tuple(notes.unknown),
    )


def _error(result: _Result) -> CallError:
    """An errored result holds a whole error reply (`ErrorResponse` of the SDK)."""
    return read_error(tolerant.parse(result.error), "api_error")


def result_call(fetch: Call, batch_id: str, result: BatchResult) -> Call:
    """The call that a result was, as far as its line and the call that fetched it tell.

    It is a part of the fetch: same client, labels and time; what the batch's own request said of it was
    not seen here. Its usage is of the batch tier whatever the line says of it.
    """
    key = result_key(batch_id, result.custom_id).hex()
    usage = result.usage
    if usage is not None:
        usage = msgspec.structs.replace(usage, service_tier="batch")
    succeeded = result.type == "succeeded"
    return msgspec.structs.replace(
        fetch,
        id=f"{fetch.id}#{key}",
        outcome=Outcome.OK if succeeded else Outcome.API_ERROR,
        error=result.error,
        model=model_label(result.model),
        model_asked=None,
        model_served=result.model,
        request=RequestFacts(),
        usage=usage,
        cache_writes=NO_WRITES if usage is None else cache_writes(usage, ()),
        message_id=result.message_id,
        stop_reason=result.stop_reason,
        timings=Timings(duration=0.0),
        rate_limits=(),
        rate_limit_windows=(),
        attempt=0,
        retry_of=None,
        retry_cause=None,
        batch_id=batch_id,
        custom_id=result.custom_id if len(result.custom_id) <= MAX_CUSTOM_ID else key,
        result=result.type,
        resumed=False,
        unknown=result.unknown,
        parse_errors=(),
    )


def price_results(
    fetch: Call, results: Iterable[BatchResult], book: PriceBook
) -> Iterator[tuple[Call, Bill]]:
    """Each result as a call of its own with its bill, whether it was billed before or not.

    `fetch` is the call that fetched them; where it names no batch there is nothing to tell them apart by,
    and none is priced.
    """
    if fetch.batch_id is not None:
        for result in results:
            call = result_call(fetch, fetch.batch_id, result)
            yield call, price(call, book)


def bill_results(
    fetch: Call, results: Iterable[BatchResult], seen: SeenResults, book: PriceBook
) -> Iterator[tuple[Call, Bill]]:
    """Those of `price_results` that `seen` had not seen before."""
    batch = fetch.batch_id or ""
    new = (result for result in results if batch and seen.first(result_key(batch, result.custom_id)))
    return price_results(fetch, new, book)
