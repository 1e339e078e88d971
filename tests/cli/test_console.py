"""A line per call."""

from __future__ import annotations

import io
import threading
from datetime import datetime

import pytest
from tests.support.calls import STARTED, make_call

from tokentape.cli.console import ConsoleSink, ending, line
from tokentape.proxy.messages.call import CallError, Outcome, Timings, Usage

CLOCK = datetime.fromtimestamp(STARTED).astimezone().strftime("%H:%M:%S")


def test_a_stream_says_what_it_used_and_how_long_it_took() -> None:
    call = make_call(
        usage=Usage(
            input_tokens=1204,
            cache_read_input_tokens=8120,
            cache_creation_input_tokens=0,
            output_tokens=310,
        ),
        timings=Timings(duration=2.345, first_token_any=0.414),
    )
    assert line(call) == (
        f"{CLOCK}  claude-sonnet-4-5         in 1,204  cached 8,120  out 310  "
        "first token 0.41 s  2.35 s  end_turn"
    )


def test_a_call_without_a_model_is_named_by_its_endpoint() -> None:
    call = make_call(
        model="none",
        method="GET",
        endpoint="/v1/models",
        usage=None,
        stop_reason=None,
        timings=Timings(duration=0.1),
    )
    assert line(call) == f"{CLOCK}  GET /v1/models            0.10 s  200"


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, "end_turn"),
        ({"stop_reason": None}, "200"),
        (
            {"outcome": Outcome.API_ERROR, "status": 429, "error": CallError(type="rate_limit_error")},
            "429 rate_limit_error",
        ),
        ({"outcome": Outcome.STREAM_ERROR, "error": CallError(type="overloaded_error")}, "overloaded_error"),
        ({"outcome": Outcome.CLIENT_ABORT, "stop_reason": None}, "client_abort"),
        (
            {"outcome": Outcome.PROXY_ERROR, "status": 502, "error": CallError(type="upstream_unreachable")},
            "upstream_unreachable",
        ),
    ],
)
def test_a_call_ends_with_its_stop_reason_or_with_what_went_wrong(
    changes: dict[str, object], shown: str
) -> None:
    assert ending(make_call(**changes)) == shown


def test_lines_come_in_order_and_closing_waits_for_them() -> None:
    out = io.StringIO()
    sink = ConsoleSink(out)
    for number in range(50):
        sink.closed(make_call(model=f"model-{number}"))
    sink.close()
    assert [row.split()[1] for row in out.getvalue().splitlines()] == [f"model-{n}" for n in range(50)]


class Stopped(io.StringIO):
    """A terminal that is stopped until it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.go_on = threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        self.go_on.wait()
        return super().write(text)


def test_a_stopped_terminal_costs_lines_and_never_time() -> None:
    out = Stopped()
    sink = ConsoleSink(out)
    sink.closed(make_call())
    assert out.reached.wait(10)
    for _ in range(1000):
        sink.closed(make_call())
    out.go_on.set()
    sink.close()
    rows = out.getvalue().splitlines()
    assert (len(rows), rows.count("  (800 more calls)")) == (202, 1)


def test_a_terminal_that_is_gone_ends_the_printing_only() -> None:
    out = io.StringIO()
    out.close()
    sink = ConsoleSink(out)
    sink.closed(make_call())
    sink.close()
