from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from tokentape.proxy.catalogue import BY_NAME
from tokentape.proxy.telemetry.bounds import RESERVED_LINES, LineBudget
from tokentape.proxy.telemetry.families import AmountFamily, DistributionFamily, exemplar_labels, label_text
from tokentape.proxy.telemetry.sets import ALWAYS, UNBORN, Exemplar


def tokens(lines: int = 10_000) -> AmountFamily:
    return AmountFamily(
        BY_NAME["tokentape_tokens_total"], ("project",), LineBudget(RESERVED_LINES + lines), lambda: 7.0
    )


def gaps() -> DistributionFamily:
    return DistributionFamily(
        BY_NAME["tokentape_stream_max_gap_seconds"], (), LineBudget(RESERVED_LINES + 10_000), lambda: 7.0
    )


def test_the_same_labels_are_the_same_set() -> None:
    family = tokens()
    assert family.at("m", "p", "input") is family.at("m", "p", "input")
    assert family.at("m", "p", "input") is not family.at("m", "p", "output")


def test_a_new_set_is_born_after_every_earlier_one() -> None:
    family = tokens()
    first, second = family.at("m", "p", "input"), family.at("m", "p", "output")
    assert ALWAYS < first.born < second.born < UNBORN


def test_a_set_older_than_the_process_was_always_there() -> None:
    assert tokens().at("m", "p", "input", born=ALWAYS).born == ALWAYS


def test_without_lines_left_a_new_set_falls_to_the_project_other() -> None:
    family = tokens(lines=2)
    family.at("m", "p", "input").value += 1
    family.at("m", "q", "input").value += 2
    assert [(one.values, one.value) for one in family.sets()] == [
        (("m", "other", "input"), 3),
    ]


def test_without_any_line_left_it_falls_to_the_model_other_too() -> None:
    family = tokens(lines=6)  # the rank's ceiling is at 97 %: two sets of two lines fit under it
    values = [family.at(model, "p", "input").values for model in ("a", "b", "c", "d", "c")]
    assert values == [
        ("a", "p", "input"),
        ("b", "p", "input"),
        ("c", "other", "input"),
        ("other", "other", "input"),
        ("c", "other", "input"),
    ]


def test_a_set_that_exists_costs_no_line() -> None:
    family = tokens(lines=3)
    own = family.at("m", "p", "input")
    assert family.at("m", "q", "input").values == ("other", "other", "input")
    assert family.at("m", "p", "input") is own


def test_collect_gives_true_values_in_the_clients_own_shape() -> None:
    registry = CollectorRegistry()
    family = tokens()
    registry.register(family)
    family.at("m", "p", "input").value += 3
    assert generate_latest(registry).decode() == (
        "# HELP tokentape_tokens_total Tokens as the API counted them;"
        " the kinds are disjoint (input excludes cached tokens).\n"
        "# TYPE tokentape_tokens_total counter\n"
        'tokentape_tokens_total{kind="input",model="m",project="p"} 3.0\n'
        "# HELP tokentape_tokens_created Tokens as the API counted them;"
        " the kinds are disjoint (input excludes cached tokens).\n"
        "# TYPE tokentape_tokens_created gauge\n"
        'tokentape_tokens_created{kind="input",model="m",project="p"} 7.0\n'
    )


def test_collected_histograms_are_cumulative_and_carry_exemplars() -> None:
    family = gaps()
    family.at("m").observe_exemplar(0.015, "t1", "", 9.0)
    family.at("m").observe(1000.0)
    (snapshot,) = family.collect()
    buckets = [sample for sample in snapshot.samples if sample.name.endswith("_bucket")]
    assert [(b.labels["le"], b.value) for b in buckets][:3] == [("0.01", 0), ("0.02", 1), ("0.04", 1)]
    assert (buckets[-1].labels["le"], buckets[-1].value) == ("+Inf", 2)
    assert [b.exemplar.labels for b in buckets if b.exemplar] == [{"trace_id": "t1"}]
    rest = {s.name: s.value for s in snapshot.samples if not s.name.endswith("_bucket")}
    assert rest == {
        "tokentape_stream_max_gap_seconds_count": 2,
        "tokentape_stream_max_gap_seconds_sum": 1000.015,
        "tokentape_stream_max_gap_seconds_created": 7.0,
    }


def test_label_values_are_escaped() -> None:
    assert label_text(("a", "b"), ('x"y', "c\\d\ne")) == 'a="x\\"y",b="c\\\\d\\ne"'


def test_an_exemplar_has_both_ids_where_there_is_room() -> None:
    assert exemplar_labels(Exemplar("t" * 32, "r" * 30, 1.0, 2.0)) == {
        "trace_id": "t" * 32,
        "request_id": "r" * 30,
    }


def test_an_id_that_makes_an_exemplar_too_long_is_left_out() -> None:
    assert exemplar_labels(Exemplar("t" * 32, "r" * 79, 1.0, 2.0)) == {"trace_id": "t" * 32}
    assert exemplar_labels(Exemplar("", "", 1.0, 2.0)) == {}
