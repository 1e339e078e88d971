"""The bill, end to end: a whole proxy, its ledger, its counters and the commands that ask for them."""

from __future__ import annotations

import csv
import http.server
import io
import json
import subprocess
import sys
import threading
import urllib.request
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.billed_upstream import BilledUpstream, billed_upstream, result
from tests.support.proxy import PATIENCE, RunningProxy, clean_environment, eventually, running_proxy

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

HAIKU, SONNET, OPUS = "claude-3-5-haiku-20241022", "claude-sonnet-4-20250514", "claude-opus-4-20250514"
MODELS = (HAIKU, SONNET, OPUS)
LABELS = {HAIKU: "claude-3-5-haiku", SONNET: "claude-sonnet-4", OPUS: "claude-opus-4"}
EXAMPLES = {
    (500, 200): ("1.20", "4.50", "22.50"),
    (2_000, 1_000): ("5.60", "21", "105"),
    (10_000, 2_000): ("16", "60", "300"),
    (20_000, 5_000): ("36", "135", "675"),
}
"""USD for 1,000 requests of so many input and output tokens, by model."""


@pytest.fixture
def upstream() -> Generator[BilledUpstream]:
    with billed_upstream() as server:
        yield server


@pytest.fixture
def ledger(tmp_path: Path) -> str:
    return str(tmp_path / "ledger.sqlite3")


def send(proxy: RunningProxy, path: str, body: object = None, **labels: str) -> bytes:
    headers = {
        "Content-Type": "application/json",
        "x-api-key": "sk-ant-a-key",
        "anthropic-version": "2023-06-01",
    }
    if labels:
        headers["x-tokentape-labels"] = ",".join(f"{key}={value}" for key, value in labels.items())
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{proxy.base_url}{path}", data, headers)
    with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
        read: bytes = reply.read()
    return read


def ask(proxy: RunningProxy, model: str, usage: dict[str, Any], **labels: str) -> None:
    """One call whose reply has this usage."""
    content = json.dumps(usage)
    body = {"model": model, "max_tokens": 64, "messages": [{"role": "user", "content": content}]}
    send(proxy, "/v1/messages", body, **labels)


def tokentape(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tokentape.cli.main", *arguments],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def report(ledger: str, *arguments: str) -> dict[str, Any]:
    text = tokentape("report", "--ledger", ledger, "--format", "json", *arguments)
    read: dict[str, Any] = json.loads(text, parse_float=Decimal)
    return read


def ask_all_examples(proxy: RunningProxy) -> None:
    for given, put_out in EXAMPLES:
        for model in MODELS:
            ask(proxy, model, {"input_tokens": given, "output_tokens": put_out}, shape=f"{given}-{put_out}")


def test_the_twelve_cost_examples_come_out_exactly_in_report_and_counters(
    upstream: BilledUpstream, ledger: str
) -> None:
    with running_proxy(upstream.url, "--ledger", ledger) as proxy:
        ask_all_examples(proxy)
        metrics = proxy.after(12)
        eventually(
            lambda: proxy.metrics().value("tokentape_spend_usd", project="_all", window="day"), "a spend"
        )
        spent = proxy.metrics().by("tokentape_spend_usd", "window", project="_all")
    wanted = {
        (LABELS[model], f"{given}-{put_out}"): Decimal(cost) / 1000
        for (given, put_out), costs in EXAMPLES.items()
        for model, cost in zip(MODELS, costs, strict=True)
    }
    found = report(ledger, "--by", "model,shape")
    assert {(row["model"], row["label:shape"]): row["usd"] for row in found["rows"]} == wanted
    assert found["total"]["usd"] == sum(wanted.values()) == Decimal("1.3818")
    by_model = metrics.by("tokentape_cost_usd_total", "model")
    assert by_model == pytest.approx(
        {
            LABELS[model]: float(sum(Decimal(costs[at]) for costs in EXAMPLES.values())) / 1000
            for at, model in enumerate(MODELS)
        },
        abs=1e-12,
    )
    assert metrics.by("tokentape_priced_calls_total", "status") == {"exact": 12}
    assert spent == pytest.approx({"day": 1.3818, "month": 1.3818}, abs=1e-9)


def test_spend_goes_on_exactly_over_a_restart_and_known_sets_are_there_at_zero(
    upstream: BilledUpstream, ledger: str
) -> None:
    usage = {"input_tokens": 100_000, "output_tokens": 0}
    with running_proxy(upstream.url, "--ledger", ledger) as proxy:
        ask(proxy, SONNET, usage, project="checkout")
        proxy.after(1)
    with running_proxy(upstream.url, "--ledger", ledger) as proxy:
        cost = ("model", "claude-sonnet-4"), ("project", "checkout"), ("kind", "input")
        assert proxy.metrics()["tokentape_cost_usd_total", frozenset(cost)] == 0
        eventually(lambda: proxy.metrics().value("tokentape_spend_usd", project="checkout"), "a spend")
        spent = proxy.metrics().by("tokentape_spend_usd", "window", project="checkout")
        assert spent == pytest.approx({"day": 0.3, "month": 0.3})


def test_an_unknown_model_is_unpriced_and_costs_nothing_that_is_shown(
    upstream: BilledUpstream, ledger: str
) -> None:
    with running_proxy(upstream.url, "--ledger", ledger) as proxy:
        ask(proxy, "claude-opus-4-10", {"input_tokens": 1000, "output_tokens": 1000})
        metrics = proxy.after(1)
    assert metrics.by("tokentape_priced_calls_total", "status") == {"unpriced": 1}
    assert metrics.by("tokentape_cost_usd_total", "model") == {}
    row = report(ledger)["rows"][0]
    assert (row["model"], row["unpriced"], row["usd"], row["usd_per_call"]) == (
        "claude-opus-4-10",
        1,
        None,
        None,
    )


BATCH_USAGE = {"input_tokens": 100_000, "output_tokens": 0}


def results_of(proxy: RunningProxy) -> None:
    send(proxy, "/v1/messages/batches/msgbatch_1/results")


def billed(proxy: RunningProxy) -> dict[str, float]:
    return proxy.metrics().by("tokentape_batch_results_total", "result")


def test_batch_results_are_billed_once_ever_at_the_batch_price(upstream: BilledUpstream, ledger: str) -> None:
    upstream.results = [result(f"r{number}", SONNET, BATCH_USAGE) for number in range(3)]
    upstream.results.append({"custom_id": "e", "result": {"type": "errored", "error": {"type": "error"}}})
    with running_proxy(upstream.url, "--ledger", ledger) as proxy:
        send(proxy, "/v1/messages/batches", {"requests": [{"custom_id": "a"}, {"custom_id": "b"}]})
        results_of(proxy)
        eventually(lambda: billed(proxy) == {"succeeded": 3, "errored": 1}, "the billing of the results")
        results_of(proxy)
        metrics = proxy.after(3)
        assert metrics.value("tokentape_cost_usd_total") == pytest.approx(0.45)
        assert metrics.value("tokentape_batch_savings_usd_total") == pytest.approx(0.45)
        assert metrics.value("tokentape_requests_total") == 3
    upstream.results.append(result("r9", SONNET, BATCH_USAGE))
    with running_proxy(upstream.url, "--ledger", ledger) as proxy:
        results_of(proxy)
        eventually(lambda: billed(proxy), "the billing of the new result")
        assert billed(proxy) == {"succeeded": 1}
    total = report(ledger)["total"]
    assert (total["usd"], total["batch_savings_usd"]) == (Decimal("0.6"), Decimal("0.6"))


def test_without_a_ledger_results_are_billed_once_while_the_observer_lives(upstream: BilledUpstream) -> None:
    upstream.results = [result(f"r{number}", SONNET, BATCH_USAGE) for number in range(3)]
    with running_proxy(upstream.url, "--ledger", "none") as proxy:
        results_of(proxy)
        results_of(proxy)
        metrics = proxy.after(2)
    assert metrics.by("tokentape_batch_results_total", "result") == {"succeeded": 3}


def test_a_killed_observer_loses_nothing_that_its_ledger_has(upstream: BilledUpstream, ledger: str) -> None:
    """What was sent is what the ledger holds and what the worker counts as unmetered, exactly."""
    usage = {"input_tokens": 1000, "output_tokens": 0}
    with running_proxy(upstream.url, "--ledger", ledger) as proxy:
        for _ in range(4):
            for _ in range(10):
                ask(proxy, SONNET, usage)
            (observer,) = (one for one in proxy.processes() if "observer" in one.cmdline())
            observer.kill()
            eventually(
                lambda: any("observer" in one.cmdline() for one in proxy.processes()), "a new observer"
            )
        metrics = proxy.settled_in_ledger(40, lambda: report(ledger)["total"]["calls"])
        unmetered = int(metrics.value("tokentape_unmetered_calls_total"))
    total = report(ledger)["total"]
    assert total["calls"] + unmetered == 40
    assert total["usd"] == Decimal("0.003") * total["calls"]


def observing(proxy: RunningProxy) -> bool:
    return any("observer" in one.cmdline() for one in proxy.processes())


class Hook(http.server.BaseHTTPRequestHandler):
    posted: list[dict[str, Any]]

    def do_POST(self) -> None:
        self.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Nothing to say."""


@pytest.fixture
def hook() -> Generator[tuple[str, list[dict[str, Any]]]]:
    posted: list[dict[str, Any]] = []
    kind = type("One", (Hook,), {"posted": posted})
    with http.server.HTTPServer(("127.0.0.1", 0), kind) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/hook", posted
        server.shutdown()
        thread.join()


def test_a_crossed_budget_is_posted_once_also_over_a_restart(
    upstream: BilledUpstream, ledger: str, hook: tuple[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    url, posted = hook
    (tmp_path / "tokentape.toml").write_text("[budgets.checkout]\nday = 100\n", encoding="utf-8")
    options = ("--ledger", ledger, "--budget", "day=0.5", "--budget-webhook", url)
    usage = {"input_tokens": 100_000, "output_tokens": 0}
    with running_proxy(upstream.url, *options, cwd=tmp_path) as proxy:
        ask(proxy, SONNET, usage, project="checkout")
        eventually(lambda: posted, "the post")
        assert proxy.metrics().by("tokentape_budget_usd", "project") == {"checkout": 100, "_all": 0.5}
    with running_proxy(upstream.url, *options, cwd=tmp_path) as proxy:
        ask(proxy, SONNET, usage, project="checkout")
        eventually(lambda: len(posted) > 1, "the second post")
    told = [
        (one["project"], one["window"], one["level"], one["spend_usd"], one["budget_usd"]) for one in posted
    ]
    assert told == [("_all", "day", 50, 0.3, 0.5), ("_all", "day", 100, 0.6, 0.5)]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A ledger with the twelve examples in it."""
    ledger = str(tmp_path_factory.mktemp("kept") / "ledger.sqlite3")
    with billed_upstream() as upstream, running_proxy(upstream.url, "--ledger", ledger) as proxy:
        ask_all_examples(proxy)
        proxy.after(12)
    return ledger


def rows(text: str) -> Sequence[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_table_has_a_row_a_model_and_a_total(kept: str) -> None:
    lines = tokentape("report", "--ledger", kept).splitlines()
    assert [line.split()[:2] for line in lines if line.startswith(("claude", "all"))] == [
        ["claude-opus-4", "4"],
        ["claude-sonnet-4", "4"],
        ["claude-3-5-haiku", "4"],
        ["all", "12"],
    ]
    assert "1.3818" in next(line for line in lines if line.startswith("all"))


def test_csv_has_every_digit(kept: str) -> None:
    found = rows(tokentape("report", "--ledger", kept, "--format", "csv"))
    costs = {row["model"]: row["usd"] for row in found}
    assert costs == {"claude-opus-4": "1.1025", "claude-sonnet-4": "0.2205", "claude-3-5-haiku": "0.0588"}


def test_what_if_prices_the_same_calls_at_another_model(kept: str) -> None:
    found = report(kept, "--what-if", SONNET)
    assert {row["model"]: row["what_if_usd"] for row in found["rows"]} == dict.fromkeys(
        LABELS.values(), Decimal("0.2205")
    )
    assert found["total"]["what_if_usd"] == Decimal("0.6615")


def test_a_credential_has_its_first_and_last_use(kept: str) -> None:
    (row,) = report(kept, "--by", "credential")["rows"]
    assert row["credential"]
    assert row["first_at"] < row["last_at"]


def test_calls_sorts_by_cost(kept: str) -> None:
    found = tokentape("calls", "--ledger", kept, "--sort", "cost", "--limit", "2", "--format", "json")
    calls = [json.loads(line, parse_float=Decimal) for line in found.splitlines()]
    assert [(call["model"], call["usd"]) for call in calls] == [
        ("claude-opus-4", Decimal("0.675")),
        ("claude-opus-4", Decimal("0.3")),
    ]


def test_prices_names_table_date_and_fingerprint(tmp_path: Path) -> None:
    del tmp_path
    listed = json.loads(tokentape("prices", "--format", "json"))
    assert listed["models"]["claude-sonnet-4-5"]["input"] == 3
    assert len(listed["fingerprint"]) == 16


def test_the_ledger_holds_no_key(kept: str) -> None:
    from pathlib import Path

    files = [path.read_bytes() for path in Path(kept).parent.iterdir()]
    assert files
    assert not any(b"sk-ant-a-key" in data for data in files)
