"""What a reply cost that broke off, through a whole proxy: what is known or estimated, and wasted."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING

import pytest
from tests.support.bill import calls, report, send
from tests.support.proxy import running_proxy
from tests.support.upstream import Client, held_upstream

from tokentape.recorder.standin.server import standing_in

if TYPE_CHECKING:
    from tests.support.proxy import RunningProxy


def test_a_client_that_leaves_pays_for_what_is_known_and_what_arrived(ledger: str) -> None:
    """12 tokens in, and `Hello` taken for two tokens out, of Sonnet 4.6 at 3 and 15 USD a million."""
    with held_upstream() as upstream, running_proxy(upstream.url, "--ledger", ledger) as proxy:
        with Client(proxy.address) as client:
            client.open_stream().close()
        metrics = proxy.after(1)
    assert metrics.by("tokentape_wasted_usd_total", "cause") == pytest.approx({"client_abort": 0.000066})
    assert metrics.by("tokentape_priced_calls_total", "status") == {"estimated": 1}
    (call,) = calls(ledger)
    assert (call["ending"], call["bill"], float(call["usd"])) == ("client_abort", "estimated", 0.000066)
    assert float(report(ledger)["total"]["wasted_usd"]) == 0.000066


def ask(proxy: RunningProxy, fault: str, **headers: str) -> None:
    """A stream that goes wrong."""
    body = {"model": "claude-sonnet-4-6", "max_tokens": 64, "stream": True}
    steer = {"x-standin-behaviour": json.dumps({"fault": fault}), **headers}
    try:
        send(proxy, "/v1/messages", body | {"messages": [{"role": "user", "content": "Hi"}]}, steer)
    except (http.client.HTTPException, OSError):
        return


@pytest.mark.slow
def test_broken_streams_are_wasted_by_cause(ledger: str) -> None:
    with standing_in() as upstream, running_proxy(upstream.url, "--ledger", ledger) as proxy:
        ask(proxy, "cut:after=6")
        ask(proxy, "error_event:after=6")
        ask(proxy, "cut:after=6", **{"x-stainless-retry-count": "1"})
        metrics = proxy.after(3)
    causes = metrics.by("tokentape_wasted_usd_total", "cause")
    assert causes.keys() == {"stream_error", "retry"}
    wasted = sum(causes.values())
    total = report(ledger)["total"]
    assert float(total["wasted_usd"]) == pytest.approx(wasted)
    assert total["estimated"] == 3
    assert total["wasted_usd"] == total["usd"]
