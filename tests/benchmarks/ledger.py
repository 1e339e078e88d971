"""What the ledger costs and how fast it answers: `python -m tests.benchmarks.ledger [--rows N] [--keep DIR]`.

Figures to read, none to pass. Everything goes through the real sink, writer and queries, into SQLite files
in a temporary folder. The sum of what was handed over is compared with the report before any figure is shown.

- **closed**: CPU of the observer's thread for one call.
- **writer**: CPU of the writer's thread for one row, SQLite's work included, and rows/s: with few rollups to
  add to, with very many, and beside a thread that never rests, as the observer is under load.
- **settled**: how long after `closed` a row is committed, at a steady rate beside such a thread: what a
  kill -9 could lose.
- **report**: wall time of queries over 30 days of `--rows` calls, 8 models, 20 projects.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tests.support.calls import make_call

from tokentape.proxy.ledger.batch import Batch
from tokentape.proxy.ledger.listing import listing
from tokentape.proxy.ledger.location import locate
from tokentape.proxy.ledger.queries import report, seen
from tokentape.proxy.ledger.reader import Reader
from tokentape.proxy.ledger.retention import Retention
from tokentape.proxy.ledger.rows import row_of
from tokentape.proxy.ledger.schema import WRITTEN
from tokentape.proxy.ledger.selection import Selection
from tokentape.proxy.ledger.sink import LedgerSink
from tokentape.proxy.ledger.spending import spend
from tokentape.proxy.ledger.store import open_store
from tokentape.proxy.messages.call import CacheWrites, RateLimit, RequestFacts, Timings, Usage
from tokentape.proxy.pricing.bill import Bill, LineItem, LineKind, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tokentape.proxy.ledger.rows import Row
    from tokentape.proxy.messages.call import Call

DAYS = 30
_STARTED = WRITTEN.index("started_at")
_ENDED = WRITTEN.index("ended_at")
_DAY = WRITTEN.index("day")


def typical(number: int, chance: random.Random, *, mixed: bool = True) -> tuple[Call, Bill]:
    """A streamed call with everything that an ordinary one has; `mixed` in every dimension of a rollup."""
    tokens = chance.randrange(100, 20_000)
    model = f"claude-model-{number % 8 if mixed else 0}"
    call = make_call(
        id=f"relay-0-4711-{number}",
        model=model,
        model_asked=model,
        model_served=model,
        project=f"project-{chance.randrange(20) if mixed else 0}",
        stream=True,
        stop_reason=chance.choice(["end_turn", "end_turn", "tool_use", "max_tokens"]),
        client="Anthropic/Python 2.12.0",
        credential=chance.choice(["c0ffee12", "decade34"]) if mixed else "c0ffee12",
        session=f"session-{number // 50}",
        request_id=f"req_{number:024}",
        message_id=f"msg_{number:024}",
        request=RequestFacts(
            model=model,
            max_tokens=4096,
            stream=True,
            messages=12,
            tools=8,
            cache_marks=3,
            cache_ttls=("5m",),
            body_hash=f"{number:032x}",
            body_bytes=40_000,
        ),
        usage=Usage(
            input_tokens=tokens,
            output_tokens=tokens // 10,
            cache_read_input_tokens=tokens * 3,
            cache_creation_input_tokens=500,
            service_tier="standard",
        ),
        cache_writes=CacheWrites(tokens_5m=500),
        timings=Timings(
            duration=12.0, headers=0.4, first_event=0.4, first_token={"text": 0.8}, first_token_any=0.8
        ),
        rate_limits=tuple(
            RateLimit(kind=kind, limit=1000, remaining=999, reset_at=1_790_000_060.0)
            for kind in ("requests", "tokens", "input_tokens", "output_tokens")
        ),
        labels={"project": "some", "branch": "main"},
    )
    price = Decimal(tokens) * 3 / 1_000_000
    items = tuple(
        LineItem(kind=kind, model=model, quantity=tokens, usd=price)
        for kind in (LineKind.INPUT, LineKind.CACHE_READ, LineKind.CACHE_WRITE_5M, LineKind.OUTPUT)
    )
    bill = Bill(
        status=Status.EXACT, total=price * 4, items=items, price_table="f00d", price_date="2026-11-01"
    )
    return call, bill


class Busy:
    """A thread that never rests, as the observer under load."""

    def __enter__(self) -> None:
        self._stop = False
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop = True
        self._thread.join()

    def _spin(self) -> None:
        while not self._stop:
            [{} for _ in range(100)]


class Idle:
    """Nothing beside the writer."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def closed_cost(folder: Path, count: int = 20_000) -> str:
    """CPU of one `closed` in the thread that calls it, while the writer works."""
    calls = [typical(number, random.Random(number)) for number in range(1000)]
    sink = LedgerSink(locate(str(folder / "closed.db")), limit=count)
    sink.start()
    begin = time.thread_time()
    for number in range(count):
        call, bill = calls[number % 1000]
        sink.closed(call, bill, ("link", number))
    spent = (time.thread_time() - begin) / count * 1e6
    sink.close(60)
    return f"closed: {spent:.2f} µs CPU a call"


def writer_cost(folder: Path, name: str, beside: Busy | Idle, *, mixed: bool, count: int = 30_000) -> str:
    """Saturate the writer, and ask its own thread what it used."""
    calls = [typical(number, random.Random(number), mixed=mixed) for number in range(2000)]
    sink = LedgerSink(locate(str(folder / f"{name}.db")), limit=count, retention=Retention(0))
    spent: list[float] = []
    sink.start(lambda: spent.append(time.thread_time()))
    with beside:
        begin = time.monotonic()
        for number in range(count):
            sink.closed(*calls[number % 2000])
        while sink.waiting:
            time.sleep(0.001)
        took = time.monotonic() - begin
    sink.close(60)
    assert report(Reader(locate(str(folder / f"{name}.db")))).total.calls == count
    return f"writer, {name}: {spent[-1] / count * 1e6:.1f} µs CPU a row, {count / took:,.0f} rows/s"


def settle_time(folder: Path, rate: int = 5000, seconds: int = 5) -> str:
    """From `closed` to committed, at a steady rate."""
    calls = [typical(number, random.Random(number)) for number in range(1000)]
    sink = LedgerSink(locate(str(folder / "settle.db")), retention=Retention(0))
    handed: list[float] = []
    waits: list[float] = []

    def settled() -> None:
        now = time.monotonic()
        waits.extend(now - at for at in handed[len(waits) : sink.writer.inbox.settled])

    sink.start(settled)
    with Busy():
        begin = time.monotonic()
        while (now := time.monotonic()) < begin + seconds:
            while len(handed) < (now - begin) * rate:
                handed.append(time.monotonic())
                sink.closed(*calls[len(handed) % 1000])
            time.sleep(0.002)
    sink.close(60)
    waits.sort()
    median, last = statistics.median(waits) * 1000, waits[-1] * 1000
    return f"settled, {rate}/s beside a busy thread: {median:.0f} ms median, {last:.0f} ms at most"


def generated(count: int, end: datetime) -> Iterator[list[Row]]:
    """Rows over the last days, in order of time, in batches; made from a stock, so that it ends."""
    chance = random.Random(7)
    stock = [row_of(*typical(number, chance)) for number in range(20_000)]
    begin = round((end - timedelta(days=DAYS)).timestamp() * 1e6)
    step = DAYS * 86_400 * 1_000_000 // count
    for start in range(0, count, 20_000):
        rows: list[Row] = []
        for number in range(start, min(start + 20_000, count)):
            row = list(stock[chance.randrange(20_000)])
            at = begin + number * step
            row[_STARTED], row[_ENDED] = at, at + 12_000_000
            row[_DAY] = time.strftime("%Y-%m-%d", time.gmtime(at // 1_000_000))
            rows.append(tuple(row))
        yield rows


def fill(place: Path, count: int) -> str:
    """Write the rows of the report, as a writer would."""
    store = open_store(locate(str(place)))
    begin = time.monotonic()
    for token, rows in enumerate(generated(count, datetime.now(UTC)), 1):
        batch = Batch(rows)
        batch.token = token
        store.write(batch, writer="benchmark", losses={}, now=token)
    store.close()
    took = time.monotonic() - begin
    size = place.stat().st_size
    return f"filled: {count:,} rows in {took:.0f} s, {size / 1e9:.2f} GB, {size / count:.0f} bytes a row"


def questions(reader: Reader) -> dict[str, Callable[[], object]]:
    """What is asked, by what to call it."""
    now = datetime.now(UTC)
    month = Selection(since=now - timedelta(days=DAYS))
    berlin, kolkata = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata")
    hour = Selection(since=now - timedelta(hours=1))
    return {
        "by model and day": lambda: report(reader, of=month, by=["model", "day"]),
        "by model and day, Berlin": lambda: report(reader, of=month, by=["model", "day"], zone=berlin),
        "by model and day, Kolkata": lambda: report(reader, of=month, by=["model", "day"], zone=kolkata),
        "by project, credential, client": lambda: report(
            reader, of=month, by=["project", "credential", "client"]
        ),
        "by model and hour": lambda: report(reader, of=month, by=["model", "hour"]),
        "one project by day": lambda: report(
            reader, of=Selection(since=month.since, where={"project": "project-3"}), by=["day"]
        ),
        "the last hour by session (rows)": lambda: report(reader, of=hour, by=["session"]),
        "spend gauges": lambda: spend(reader, now),
        "spend gauges, Kolkata": lambda: spend(reader, now, kolkata),
        "models and projects seen": lambda: seen(reader),
        "the newest 20 calls": lambda: listing(reader),
        "one session's calls": lambda: listing(reader, of=Selection(where={"session": "session-77"})),
    }


def ask(place: Path, count: int) -> Iterator[str]:
    """Each question three times: the first, and the best."""
    reader = Reader(locate(str(place)))
    assert report(reader).total.calls == count
    for name, question in questions(reader).items():
        times: list[float] = []
        for _ in range(3):
            begin = time.monotonic()
            question()
            times.append((time.monotonic() - begin) * 1000)
        yield f"  {name}: {times[0]:,.0f} ms, best {min(times):,.0f} ms"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rows", type=int, default=1_000_000, help="rows that reports are asked of; 0 for none"
    )
    parser.add_argument("--keep", type=Path, help="fill this folder, and leave it there")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ledger") as name:
        folder = Path(name)
        print(closed_cost(folder), flush=True)
        print(writer_cost(folder, "one project and model", Idle(), mixed=False), flush=True)
        print(writer_cost(folder, "160 of them", Idle(), mixed=True), flush=True)
        print(writer_cost(folder, "beside a busy thread", Busy(), mixed=False), flush=True)
        print(settle_time(folder), flush=True)
        if chosen.rows:
            place = (chosen.keep or folder) / "report.db"
            print(fill(place, chosen.rows), flush=True)
            print(f"report, {DAYS} days of {chosen.rows:,} rows:")
            for line in ask(place, chosen.rows):
                print(line, flush=True)


if __name__ == "__main__":
    main()
