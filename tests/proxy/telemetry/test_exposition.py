from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Info
from tests.support.calls import STARTED, make_call, varied_calls
from tests.support.metrics import parse_openmetrics, parse_plain
from tests.support.prometheus import require

from tokentape.proxy.catalogue import CATALOGUE
from tokentape.proxy.messages.call import Call, CallError, Outcome, ToolCall, Trace
from tokentape.proxy.telemetry.exposition import FOR_HUMANS, View, exposition, wants_openmetrics
from tokentape.proxy.telemetry.instruments import Instruments
from tokentape.proxy.telemetry.prometheus import PrometheusSink
from tokentape.proxy.telemetry.sets import tick


def registry_of(*calls: Call) -> CollectorRegistry:
    registry = CollectorRegistry()
    sink = PrometheusSink(registry, clock=lambda: STARTED, bill=True)
    for call in calls:
        sink.closed(call)
    return registry


def settled(registry: CollectorRegistry, *, openmetrics: bool) -> str:
    now = tick()
    return exposition(registry, View(openmetrics, now, now)).decode()


def first_scrape(registry: CollectorRegistry) -> str:
    return exposition(registry, View(openmetrics=True, now=tick(), seen=0)).decode()


def lines(text: str, start: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(start)]


def test_openmetrics_of_a_counter() -> None:
    text = settled(registry_of(make_call(stop_reason="refusal")), openmetrics=True)
    assert lines(text, "# TYPE tokentape_stop") == ["# TYPE tokentape_stop_reasons counter"]
    labels = 'model="claude-sonnet-4-5",project="default",stop_reason="refusal"'
    assert lines(text, "tokentape_stop") == [
        f"tokentape_stop_reasons_total{{{labels}}} 1",
        f"tokentape_stop_reasons_created{{{labels}}} 1790000000.0",
    ]
    assert text.endswith("# EOF\n")


def test_plain_text_of_a_counter() -> None:
    text = settled(registry_of(make_call(stop_reason="refusal")), openmetrics=False)
    assert lines(text, "# TYPE tokentape_stop") == ["# TYPE tokentape_stop_reasons_total counter"]
    assert lines(text, "tokentape_stop") == [
        'tokentape_stop_reasons_total{model="claude-sonnet-4-5",project="default",stop_reason="refusal"} 1'
    ]
    assert "# EOF" not in text


def test_a_plain_scrape_begins_by_telling_a_human_where_the_true_values_are() -> None:
    registry = registry_of(make_call())
    plain = exposition(registry, View(openmetrics=False, now=tick(), seen=0)).decode()
    assert plain.splitlines(keepends=True)[0] == FOR_HUMANS
    assert "/metrics?settled=1" in FOR_HUMANS
    assert plain.count(FOR_HUMANS) == 1
    parse_plain(plain)


def test_no_other_scrape_has_that_line() -> None:
    registry = registry_of(make_call())
    others = [
        settled(registry, openmetrics=False),
        settled(registry, openmetrics=True),
        first_scrape(registry),
    ]
    assert [text.count(FOR_HUMANS) for text in others] == [0, 0, 0]


def test_units_stand_only_where_openmetrics_has_them() -> None:
    registry = registry_of()
    assert "# UNIT tokentape_tokens tokens\n" in settled(registry, openmetrics=True)
    assert "# UNIT" not in settled(registry, openmetrics=False)


def test_a_gauge_like_sum_has_no_unit_line_since_its_name_does_not_end_in_one() -> None:
    text = settled(registry_of(), openmetrics=True)
    assert "# TYPE tokentape_cache_savings_usd_total gauge\n" in text
    assert "# UNIT tokentape_cache_savings_usd_total" not in text


def test_latency_buckets_carry_their_exemplars() -> None:
    trace = Trace(trace_id="ab" * 16, span_id="cd" * 8, sampled=True)
    text = settled(registry_of(make_call(trace=trace, request_id="req_1")), openmetrics=True)
    (bucket,) = [line for line in lines(text, "tokentape_request_duration_seconds_bucket") if " # " in line]
    assert bucket == (
        'tokentape_request_duration_seconds_bucket{endpoint="/v1/messages",model="claude-sonnet-4-5",'
        'project="default",stream="false",le="2.56"} 1'
        f' # {{trace_id="{"ab" * 16}",request_id="req_1"}} 2.0 1790000002.000'
    )


def test_plain_text_has_no_exemplars() -> None:
    assert " # {" not in settled(registry_of(make_call(request_id="req_1")), openmetrics=False)


def test_a_call_without_ids_leaves_no_exemplar() -> None:
    assert " # {" not in settled(registry_of(make_call()), openmetrics=True)


def test_a_set_that_the_scraper_has_not_seen_is_at_zero() -> None:
    registry = registry_of(make_call(request_id="req_1"))
    text = first_scrape(registry)
    assert lines(
        text, 'tokentape_tokens_total{model="claude-sonnet-4-5",project="default",kind="output"}'
    ) == ['tokentape_tokens_total{model="claude-sonnet-4-5",project="default",kind="output"} 0']
    histogram = [
        line for line in lines(text, "tokentape_request_duration_seconds_") if "_created" not in line
    ]
    assert len(histogram) == 16
    assert {line.rpartition(" ")[2] for line in histogram} == {"0"}
    assert " # {" not in text


def test_a_set_that_the_scraper_has_seen_has_its_value() -> None:
    registry = registry_of(make_call())
    seen = tick()
    text = exposition(registry, View(openmetrics=True, now=tick(), seen=seen)).decode()
    assert 'tokentape_tokens_total{model="claude-sonnet-4-5",project="default",kind="output"} 20\n' in text


def test_a_set_born_during_a_scrape_is_left_to_the_next() -> None:
    registry = CollectorRegistry()
    sink = PrometheusSink(registry)
    now = tick()
    sink.closed(make_call())
    text = exposition(registry, View(openmetrics=True, now=now, seen=0)).decode()
    assert lines(text, "tokentape_requests_total") == []


def test_other_collectors_of_the_registry_are_shown_too() -> None:
    registry = registry_of()
    Counter("mine", "Of the user.", ["a"], registry=registry).labels('x"y').inc(2)
    Info("theirs", "About\nit.", registry=registry).info({"v": "1"})
    openmetrics, plain = settled(registry, openmetrics=True), settled(registry, openmetrics=False)
    assert "# TYPE mine counter\n" in openmetrics
    assert 'mine_total{a="x\\"y"} 2.0\n' in openmetrics
    assert "mine_created" in openmetrics
    assert lines(openmetrics, "# HELP theirs") == ["# HELP theirs About\\nit."]
    assert "# TYPE mine_total counter\n" in plain
    assert "mine_created" not in plain
    assert lines(plain, "# TYPE theirs") == ["# TYPE theirs_info gauge"]
    assert 'theirs_info{v="1"} 1.0\n' in plain
    parse_openmetrics(openmetrics)


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        ("application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", True),
        ("application/openmetrics-text", True),
        ("text/plain, Application/OpenMetrics-Text ; version=0.0.1", True),
        ("application/openmetrics-text; q=0", False),
        ("text/plain;version=0.0.4", False),
        ("*/*", False),
        ("", False),
        (",;,", False),
    ],
)
def test_openmetrics_goes_to_those_who_ask_for_it(accept: str, *, openmetrics: bool) -> None:
    assert wants_openmetrics(accept) is openmetrics


def test_both_texts_say_what_the_registry_says() -> None:
    registry = registry_of(*varied_calls("claude-opus-4-8", "checkout"))
    true = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if "observer" not in sample.name
    }
    openmetrics = parse_openmetrics(settled(registry, openmetrics=True))
    plain = parse_plain(settled(registry, openmetrics=False))
    read = [
        {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
            if "observer" not in sample.name
        }
        for families in (openmetrics, plain)
    ]
    assert normal(read[0]) == normal(true)
    assert normal(read[1]) == normal({key: value for key, value in true.items() if "_created" not in key[0]})


def normal(values: dict[tuple[str, tuple[tuple[str, str], ...]], float]) -> dict[object, float]:
    """With bucket bounds as numbers, since their spelling is free."""
    return {
        (name, tuple((k, float(v) if k == "le" else v) for k, v in labels)): value
        for (name, labels), value in values.items()
    }


any_text = st.text(st.characters(), max_size=40)


@settings(max_examples=40)
@given(
    model=any_text, project=any_text, tool=any_text, error=any_text, request_id=any_text, endpoint=any_text
)
def test_whatever_a_client_sends_the_scrape_can_be_read(
    model: str, project: str, tool: str, error: str, request_id: str, endpoint: str
) -> None:
    call = make_call(
        model=model,
        model_asked=model,
        model_served=tool,
        project=project,
        endpoint=endpoint,
        outcome=Outcome.API_ERROR,
        error=CallError(type=error),
        request_id=request_id,
        stop_reason=error,
        tool_calls=(
            ToolCall(name=tool, id=None, block_type="tool_use", input_digest=None, input_characters=0),
        ),
        unknown=(tool,),
        parse_errors=(error,),
    )
    registry = registry_of(call)
    families = {family.name: family for family in parse_openmetrics(settled(registry, openmetrics=True))}
    assert [s.value for s in families["tokentape_errors"].samples if s.name.endswith("_total")] == [1]
    parse_plain(settled(registry, openmetrics=False))


def test_promtool_finds_nothing_but_the_sum_that_may_fall() -> None:
    registry = CollectorRegistry()
    instruments = Instruments(registry, bill=True)
    for metric in CATALOGUE:
        family = instruments.distributions if metric.buckets else instruments.amounts
        family(metric.name).at(*("x" for _ in metric.label_names(("project",))))
    found = subprocess.run(
        [require("promtool"), "check", "metrics"],
        input=FOR_HUMANS + settled(registry, openmetrics=False),
        capture_output=True,
        text=True,
        check=False,
    )
    # The name is public and says what it is, a total; only, savings can be negative, so it is a gauge.
    assert found.stderr.splitlines() == [
        'tokentape_cache_savings_usd_total non-counter metrics should not have "_total" suffix'
    ]
