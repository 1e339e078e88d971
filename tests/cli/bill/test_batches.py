"""Batches through the official SDK and a whole proxy: each result is billed once ever, at the batch price."""

from __future__ import annotations

import http.client
import json
from decimal import Decimal
from typing import TYPE_CHECKING

import anthropic
import httpx2
import pytest
from tests.support.bill import report, send
from tests.support.proxy import eventually, running_proxy

from tokentape.proxy.ledger.listing import listing
from tokentape.proxy.ledger.location import locate
from tokentape.proxy.ledger.reader import Reader
from tokentape.proxy.ledger.selection import Selection
from tokentape.recorder.standin.server import standing_in

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.support.proxy import RunningProxy

    from tokentape.recorder.standin.server import StandIn

MODEL = "claude-haiku-4-5"
RESULT = Decimal("0.000023")
"""One token in and nine out, at half of 1 and 5 USD a million."""
RESULTS = "/v1/messages/batches/{id}/results"


@pytest.fixture
def standin() -> Generator[StandIn]:
    with standing_in() as server:
        yield server


def client_of(proxy: RunningProxy) -> anthropic.Anthropic:
    """A client whose batches tell it to fetch results through the proxy."""
    steer = {"x-standin-behaviour": json.dumps({"results_url": proxy.base_url})}
    return anthropic.Anthropic(base_url=proxy.base_url, api_key="sk-ant-api03-x", default_headers=steer)


def batch_of(client: anthropic.Anthropic, size: int, *, and_one_that_fails: bool = False) -> str:
    """Make a batch; its id."""
    models = [MODEL] * size + ["claude-nobody-knows"] * and_one_that_fails
    created = client.messages.batches.create(
        requests=[
            {
                "custom_id": f"r{number}",
                "params": {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]},
            }
            for number, model in enumerate(models)
        ]
    )
    return created.id


def billed(proxy: RunningProxy) -> dict[str, float]:
    return proxy.metrics().by("tokentape_batch_results_total", "result")


def until_billed(proxy: RunningProxy, **wanted: int) -> None:
    eventually(lambda: billed(proxy) == wanted, f"the billing of {wanted}")


def test_results_are_billed_once_ever_however_often_and_by_whichever_proxy_they_are_fetched(
    standin: StandIn, any_ledger: str
) -> None:
    with running_proxy(standin.url, "--ledger", any_ledger) as proxy, client_of(proxy) as client:
        batch = batch_of(client, 4, and_one_that_fails=True)
        for _ in range(2):
            assert len(list(client.messages.batches.results(batch))) == 5
        until_billed(proxy, succeeded=4, errored=1)
        metrics = proxy.metrics()
        assert metrics.by("tokentape_cost_usd_total", "model") == pytest.approx({MODEL: float(4 * RESULT)})
        assert metrics.by("tokentape_batch_savings_usd_total", "model") == pytest.approx(
            {MODEL: float(4 * RESULT)}
        )
        with running_proxy(standin.url, "--ledger", any_ledger) as other, client_of(other) as neighbour:
            assert len(list(neighbour.messages.batches.results(batch))) == 5
            other.after(2)
            assert billed(other) == {}
    with running_proxy(standin.url, "--ledger", any_ledger) as proxy, client_of(proxy) as client:
        assert len(list(client.messages.batches.results(batch))) == 5
        later = batch_of(client, 1)
        list(client.messages.batches.results(later))
        until_billed(proxy, succeeded=1)
    total = report(any_ledger)["total"]
    assert (total["usd"], total["batch_savings_usd"]) == (5 * RESULT, 5 * RESULT)
    told = standin.totals.batch_tokens
    assert (
        (total["input_tokens"], total["output_tokens"]) == (told.input_tokens, told.output_tokens) == (5, 45)
    )
    rows = {row["batch"]: row["usd"] for row in report(any_ledger, "--by", "batch")["rows"]}
    assert rows == {batch: 4 * RESULT, later: RESULT}


@pytest.mark.slow
def test_what_was_cut_off_is_billed_when_it_is_fetched_again(standin: StandIn, any_ledger: str) -> None:
    with running_proxy(standin.url, "--ledger", any_ledger) as proxy, client_of(proxy) as client:
        batch = batch_of(client, 40)
        client.messages.batches.retrieve(batch)
        for cut in (3_000, 9_000):
            steer = {"x-standin-behaviour": json.dumps({"fault": f"cut:byte={cut}"})}
            with pytest.raises((http.client.IncompleteRead, ConnectionError)):
                send(proxy, RESULTS.format(id=batch), headers=steer)
        eventually(lambda: 0 < billed(proxy).get("succeeded", 0) < 40, "the billing of a part")
        list(client.messages.batches.results(batch))
        until_billed(proxy, succeeded=40)
    rows = report(any_ledger, "--by", "endpoint,outcome", "--where", "model=" + MODEL)["rows"]
    assert [(row["calls"], row["usd"]) for row in rows] == [(40, 40 * RESULT)]


@pytest.mark.slow
def test_the_size_of_a_batch_is_recorded_when_it_is_made(standin: StandIn, ledger: str) -> None:
    with running_proxy(standin.url, "--ledger", ledger) as proxy, client_of(proxy) as client:
        batch = batch_of(client, 3)
        proxy.after(1)
    (made,) = listing(Reader(locate(ledger)), of=Selection(where={"batch": batch}))
    assert (made.call.batch_size, made.call.endpoint, made.call.batch_id) == (
        3,
        "/v1/messages/batches",
        batch,
    )


def test_results_fetched_by_path_go_through_the_proxy_wherever_the_batch_says_they_are(
    standin: StandIn, ledger: str
) -> None:
    """The API names a `results_url` of its own host, which the SDK follows: past any proxy."""
    with (
        running_proxy(standin.url, "--ledger", ledger) as proxy,
        anthropic.Anthropic(base_url=proxy.base_url, api_key="sk-ant-api03-x") as client,
    ):
        batch = batch_of(client, 2)
        assert (
            client.messages.batches.retrieve(batch).results_url == f"{standin.url}{RESULTS.format(id=batch)}"
        )
        reply = client.get(RESULTS.format(id=batch), cast_to=httpx2.Response)
        assert [json.loads(line)["custom_id"] for line in reply.iter_lines()] == ["r0", "r1"]
        until_billed(proxy, succeeded=2)


def test_without_a_ledger_results_are_billed_once_while_the_observer_lives(standin: StandIn) -> None:
    with running_proxy(standin.url, "--ledger", "none") as proxy, client_of(proxy) as client:
        batch = batch_of(client, 3)
        for _ in range(2):
            list(client.messages.batches.results(batch))
        proxy.after(5)
        assert billed(proxy) == {"succeeded": 3}
