"""Sums over a run, made and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.calls import make_call

from tokentape.cli.tokens import Tokens
from tokentape.cli.totals import Totals, read_totals
from tokentape.cli.totals_sink import TotalsSink, add
from tokentape.proxy.frames import Anchor, Hello, WorkerState
from tokentape.proxy.messages.call import Iteration, Outcome, Usage

if TYPE_CHECKING:
    from pathlib import Path

ANCHOR = Anchor(wall=0, monotonic=0)
WORKER = Hello(worker="relay-0-1", engine="relay", pid=1, upstream="https://u", anchor=ANCHOR)


def state(**unmetered: int) -> WorkerState:
    return WorkerState(
        anchor=ANCHOR,
        inflight=0,
        oldest_inflight=0,
        loop_lag=0,
        resident_bytes=0,
        cpu_seconds=0,
        buffered_bytes=0,
        carried=0,
        unmetered=unmetered,
    )


def test_kinds_are_summed_apart() -> None:
    totals = Totals()
    usage = Usage(
        input_tokens=1, cache_read_input_tokens=20, cache_creation_input_tokens=300, output_tokens=4000
    )
    add(totals, make_call(usage=usage))
    add(totals, make_call(usage=Usage(input_tokens=1)))
    add(totals, make_call(usage=None))
    models = totals.models
    assert [sums[0] for sums in models.values()] == [3]
    assert totals == Totals(
        calls=3, models=models, tokens=Tokens(input=2, cache_read=20, cache_write=300, output=4000)
    )


def test_iterations_that_the_top_level_leaves_out_are_added() -> None:
    totals = Totals()
    iterations = (
        Iteration(type="message", input_tokens=10, output_tokens=10),
        Iteration(type="compaction", input_tokens=100, output_tokens=200),
    )
    add(totals, make_call(usage=Usage(input_tokens=10, output_tokens=10, iterations=iterations)))
    assert totals.tokens == Tokens(input=110, output=210)


@pytest.mark.parametrize(
    ("outcome", "errors", "aborted"),
    [
        (Outcome.OK, 0, 0),
        (Outcome.CLIENT_ABORT, 0, 1),
        *((o, 1, 0) for o in Outcome if "ok" != o != "client_abort"),
    ],
)
def test_an_abort_is_no_error(outcome: Outcome, errors: int, aborted: int) -> None:
    totals = Totals()
    add(totals, make_call(outcome=outcome))
    assert (totals.errors, totals.aborted) == (errors, aborted)


def test_sums_survive_the_observer_that_made_them(tmp_path: Path) -> None:
    path = tmp_path / "totals.json"
    first = TotalsSink(path)
    first.closed(make_call())
    first.worker_state(WORKER, state(buffer_full=2, observer_lost=1))
    second = TotalsSink(path)
    second.closed(make_call())
    second.worker_state(WORKER, state(buffer_full=5))
    kept = read_totals(path)
    assert [sums[0] for sums in kept.models.values()] == [2]
    assert kept == Totals(
        models=kept.models, calls=2, tokens=Tokens(input=200, output=40), unmetered={"relay-0-1": 5}
    )


def test_nothing_is_written_without_news(tmp_path: Path) -> None:
    path = tmp_path / "totals.json"
    sink = TotalsSink(path)
    sink.closed(make_call())
    sink.write()
    path.unlink()
    sink.write()
    assert not path.exists()


def test_a_disk_that_cannot_take_it_disturbs_nothing(tmp_path: Path) -> None:
    sink = TotalsSink(tmp_path / "missing" / "totals.json")
    sink.closed(make_call())
    sink.write()
    (tmp_path / "missing").mkdir()
    sink.write()
    assert read_totals(tmp_path / "missing" / "totals.json").calls == 1
