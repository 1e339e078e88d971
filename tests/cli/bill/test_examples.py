"""What calls cost, through a whole proxy: in the report, in single calls, in the counters, in the ledger."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from tests.support.bill import KEY, SONNET, ask, calls, report, tokentape
from tests.support.billed_upstream import billed_upstream
from tests.support.proxy import Metrics, eventually, running_proxy

if TYPE_CHECKING:
    from collections.abc import Generator

HAIKU, OPUS = "claude-3-5-haiku-20241022", "claude-opus-4-20250514"
MODELS = (HAIKU, SONNET, OPUS)
LABELS = {HAIKU: "claude-3-5-haiku", SONNET: "claude-sonnet-4", OPUS: "claude-opus-4"}
EXAMPLES = {
    (500, 200): ("1.20", "4.50", "22.50"),
    (2_000, 1_000): ("5.60", "21", "105"),
    (10_000, 2_000): ("16", "60", "300"),
    (20_000, 5_000): ("36", "135", "675"),
}
"""USD for 1,000 requests of so many input and output tokens, by model."""
COSTS = {
    (LABELS[model], f"{given}-{put_out}"): Decimal(cost) / 1000
    for (given, put_out), costs in EXAMPLES.items()
    for model, cost in zip(MODELS, costs, strict=True)
}
TOTAL = Decimal("1.3818")

SUBSCRIPTION = {"Authorization": "Bearer sk-ant-oat01-a-token-of-a-subscription"}
USAGE = {"input_tokens": 1_000, "output_tokens": 1_000}
"""0.018 USD on Sonnet 4."""


class Spent(NamedTuple):
    """Where the calls are."""

    ledger: str
    metrics: Metrics


@pytest.fixture(scope="module")
def spent(tmp_path_factory: pytest.TempPathFactory) -> Generator[Spent]:
    """The twelve examples, and beside them what is no money: each sort under a project of its own."""
    ledger = str(tmp_path_factory.mktemp("spent") / "ledger.sqlite3")
    with billed_upstream() as upstream, running_proxy(upstream.url, "--ledger", ledger) as proxy:
        for given, put_out in EXAMPLES:
            for model in MODELS:
                usage = {"input_tokens": given, "output_tokens": put_out}
                ask(proxy, model, usage, shape=f"{given}-{put_out}", project="examples")
        ask(proxy, SONNET, USAGE, headers=SUBSCRIPTION, project="subscribed")
        upstream.stop_reason = "max_tokens"
        ask(proxy, SONNET, USAGE, project="truncated")
        upstream.stop_reason = "end_turn"
        ask(proxy, "claude-opus-4-10", USAGE, project="unknown")
        proxy.after(15)
        eventually(
            lambda: proxy.metrics().value("tokentape_spend_usd", project="truncated", window="day"), "a spend"
        )
        yield Spent(ledger, proxy.metrics())


def examples(spent: Spent, *arguments: str) -> dict[str, Any]:
    return report(spent.ledger, "--where", "project=examples", *arguments)


def test_the_twelve_examples_are_exact_in_the_report(spent: Spent) -> None:
    found = examples(spent, "--by", "model,shape")
    assert {(row["model"], row["label:shape"]): row["usd"] for row in found["rows"]} == COSTS
    assert found["total"]["usd"] == sum(COSTS.values()) == TOTAL


def test_the_twelve_examples_are_exact_in_csv_and_in_the_table(spent: Spent) -> None:
    where = ("--ledger", spent.ledger, "--where", "project=examples")
    text = tokentape("report", *where, "--by", "model,shape", "--format", "csv")
    rows = csv.DictReader(io.StringIO(text))
    assert {(row["model"], row["label:shape"]): Decimal(row["usd"]) for row in rows} == COSTS
    lines = tokentape("report", *where).splitlines()
    shown = {line.split()[0]: line.split()[7] for line in lines if line.startswith(("claude", "all"))}
    assert shown == {
        "claude-opus-4": "1.1025",
        "claude-sonnet-4": "0.2205",
        "claude-3-5-haiku": "0.0588",
        "all": "1.3818",
    }


def test_the_twelve_examples_are_exact_call_by_call(spent: Spent) -> None:
    found = calls(spent.ledger, "--where", "project=examples")
    by_usage = {(f"{call['input_tokens']}-{call['output_tokens']}", call["model"]): call for call in found}
    assert {(model, shape): call["usd"] for (shape, model), call in by_usage.items()} == COSTS


def test_the_twelve_examples_are_exact_in_the_counters(spent: Spent) -> None:
    """A counter is a sum of floating-point numbers: equal to a billionth of a cent."""
    by_model = spent.metrics.by("tokentape_cost_usd_total", "model", project="examples")
    assert by_model == pytest.approx(
        {
            label: float(sum(usd for (model, _), usd in COSTS.items() if model == label))
            for label in LABELS.values()
        },
        abs=1e-11,
    )
    kinds = spent.metrics.by("tokentape_cost_usd_total", "kind", project="examples")
    assert kinds == pytest.approx({"input": 0.611, "output": 0.7708}, abs=1e-11)
    assert spent.metrics.by("tokentape_priced_calls_total", "status", project="examples") == {"exact": 12}


def test_spend_is_that_of_the_ledger(spent: Spent) -> None:
    of = spent.metrics.by("tokentape_spend_usd", "project", window="month")
    assert of == pytest.approx({"_all": 1.3998, "examples": 1.3818, "truncated": 0.018}, abs=1e-9)


def test_a_subscription_is_apart_from_money_everywhere(spent: Spent) -> None:
    metrics = spent.metrics
    assert metrics.value("tokentape_subscription_equivalent_usd_total", project="subscribed") == 0.018
    money = (
        "cost_usd_total",
        "spend_usd",
        "cache_savings_usd_total",
        "wasted_usd_total",
        "request_cost_usd_sum",
    )
    assert [metrics.value(f"tokentape_{name}", project="subscribed") for name in money] == [0] * 5
    assert metrics.by("tokentape_tokens_total", "kind", project="subscribed") == {
        "input": 1000,
        "output": 1000,
    }
    (row,) = report(spent.ledger, "--where", "project=subscribed")["rows"]
    assert (row["usd"], row["subscription_usd"], row["subscription_share"]) == (0, Decimal("0.018"), 1)


def test_what_a_truncated_reply_cost_is_wasted(spent: Spent) -> None:
    wasted = spent.metrics.by("tokentape_wasted_usd_total", "cause", project="truncated")
    assert wasted == {"truncated": 0.018}
    assert report(spent.ledger, "--where", "project=truncated")["total"]["wasted_usd"] == Decimal("0.018")


def test_an_unknown_model_is_unpriced_and_never_zero(spent: Spent) -> None:
    of = {"project": "unknown"}
    assert spent.metrics.by("tokentape_priced_calls_total", "status", **of) == {"unpriced": 1}
    names = {name for name, labels in spent.metrics if "usd" in name and ("project", "unknown") in labels}
    values = {name: spent.metrics.value(name, **of) for name in names}
    assert not any(values.values())
    (row,) = report(spent.ledger, "--where", "project=unknown")["rows"]
    assert (row["model"], row["unpriced"], row["usd"], row["usd_per_call"]) == (
        "claude-opus-4-10",
        1,
        None,
        None,
    )


def test_all_calls_at_another_models_prices(spent: Spent) -> None:
    found = examples(spent, "--what-if", SONNET)
    assert {row["model"]: row["what_if_usd"] for row in found["rows"]} == dict.fromkeys(
        LABELS.values(), Decimal("0.2205")
    )
    assert found["total"]["what_if_usd"] == Decimal("0.6615")


def test_no_file_of_the_ledger_holds_a_key_or_what_was_said(spent: Spent) -> None:
    """The first message is the usage as JSON, the answer `Hello`; SUBSCRIPTION is a key too."""
    files = {path.name: path.read_bytes() for path in Path(spent.ledger).parent.iterdir()}
    assert any(b"examples" in data for data in files.values()), "the search would find what is there"
    planted = (KEY, "PLANTEDKEY", "a-token-of-a-subscription", "sk-ant", '"output_tokens": 5000', "Hello")
    found = [
        (name, text)
        for name, data in files.items()
        for text in planted
        if text.encode() in data or text.encode("utf-16-le") in data
    ]
    assert found == []


def test_every_file_of_the_ledger_is_for_its_owner_only(spent: Spent) -> None:
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in Path(spent.ledger).parent.iterdir()}
    assert modes == dict.fromkeys(("ledger.sqlite3", "ledger.sqlite3-wal", "ledger.sqlite3-shm"), "0o600")
