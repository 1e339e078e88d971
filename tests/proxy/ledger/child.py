"""Processes that tests kill: `python -m tests.proxy.ledger.child LEDGER WORK`.

`write` hands over calls for ever and says after each turn how many are settled; `lock` holds an exclusive
lock until its stdin ends; `full` meets a full disk; `fill N` writes N calls and ends.
"""

from __future__ import annotations

import os
import resource
import sqlite3
import sys
import time

from tests.proxy.ledger.cases import record, until, varied

from tokentape.proxy.ledger.location import locate
from tokentape.proxy.ledger.sink import LedgerSink


def write(ledger: str) -> None:
    sink = LedgerSink(locate(ledger))
    sink.start()
    link = f"relay-0-{os.getpid()}:1"
    number = 0
    while True:
        for _ in range(20):
            number += 1
            call, bill = varied(number)
            sink.closed(call, bill, (link, number))
        print(link, number, sink.settled(link) or 0, flush=True)
        time.sleep(0.001)


def lock(ledger: str) -> None:
    connection = sqlite3.connect(ledger, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    print("locked", flush=True)
    sys.stdin.read()
    connection.execute("ROLLBACK")


def fill(ledger: str, count: int) -> None:
    sink = record(locate(ledger), (varied(number) for number in range(count)))
    print(sink.writer.written, sink.lost, flush=True)


def full(ledger: str) -> None:
    """Write 5000 calls where there is room for some; then make room."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, most))
    sink = LedgerSink(locate(ledger))
    sink.start()
    for number in range(5000):
        sink.closed(*varied(number))
    until("the disk is full", lambda: sink.writer.problem is not None)
    print(sink.writer.problem, flush=True)
    print("more than room:", sink.waiting > 0, flush=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    sink.close(30)
    print(f"lost: {sum(sink.lost.values())}, written: {sink.writer.written}", flush=True)


if __name__ == "__main__":
    place, work, *rest = sys.argv[1:]
    {"write": write, "lock": lock, "full": full}[work](place) if work != "fill" else fill(place, int(rest[0]))
