from __future__ import annotations

from typing import Any

import pytest

from tokentape.proxy.telemetry.otel.config import Batching, Content, Destination, Exporting
from tokentape.proxy.telemetry.otel.conventions import Edition
from tokentape.proxy.telemetry.otel.environment import Choices, describe, read_exporting

BASE = "http://collector:4318"
ON = {"OTEL_EXPORTER_OTLP_ENDPOINT": BASE}


def exporting(environment: dict[str, str], **choices: Any) -> Exporting:
    read, warnings = read_exporting(environment, Choices(**choices))
    assert warnings == []
    return read


def warned(environment: dict[str, str], **choices: Any) -> tuple[Exporting, list[str]]:
    return read_exporting(environment, Choices(**choices))


def test_nothing_is_exported_unless_somebody_says_so() -> None:
    assert exporting({}) == Exporting()
    assert not Exporting().on


def test_the_endpoint_alone_switches_all_signals_on() -> None:
    assert exporting(ON) == Exporting(
        traces=Destination(endpoint=f"{BASE}/v1/traces"),
        metrics=Destination(endpoint=f"{BASE}/v1/metrics"),
        logs=Destination(endpoint=f"{BASE}/v1/logs"),
    )


def test_the_option_takes_the_place_of_the_endpoint() -> None:
    assert exporting(ON, otlp="http://other:1/otlp/") == exporting(
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://other:1/otlp"}
    )


def test_a_signals_own_endpoint_is_taken_whole_and_needs_no_other() -> None:
    read = exporting({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://vm:8428/opentelemetry/v1/metrics"})
    assert read.destinations == {"metrics": Destination(endpoint="http://vm:8428/opentelemetry/v1/metrics")}


@pytest.mark.parametrize(
    ("variable", "left"),
    [("OTEL_TRACES_EXPORTER", {"metrics", "logs"}), ("OTEL_LOGS_EXPORTER", {"traces", "metrics"})],
)
def test_a_signal_can_be_left_out(variable: str, left: set[str]) -> None:
    assert set(exporting(ON | {variable: "none"}).destinations) == left
    assert set(exporting(ON | {variable: "otlp,console"}).destinations) == {"traces", "metrics", "logs"}


def test_disabled_is_disabled_whatever_else_is_set() -> None:
    off = {"OTEL_SDK_DISABLED": "TRUE"}
    assert exporting(ON | off) == Exporting()
    assert warned(off, otlp=BASE) == (
        Exporting(),
        [f"OTEL_SDK_DISABLED is true: nothing goes to {BASE}."],
    )
    assert exporting(ON | {"OTEL_SDK_DISABLED": "1"}).on, "only the word true counts"


@pytest.mark.parametrize("infix", ["", "TRACES_"])
def test_every_variable_of_an_exporter_counts_for_all_signals_or_for_one(infix: str) -> None:
    own = {
        "PROTOCOL": "grpc",
        "HEADERS": "authorization=Bearer%20abc, x-tenant = a=b",
        "TIMEOUT": "2500",
        "COMPRESSION": "gzip",
        "CERTIFICATE": "/ca.pem",
        "CLIENT_CERTIFICATE": "/client.pem",
        "CLIENT_KEY": "/key.pem",
        "INSECURE": "true",
    }
    read = exporting(ON | {f"OTEL_EXPORTER_OTLP_{infix}{name}": value for name, value in own.items()})
    assert read.traces == Destination(
        endpoint=BASE,
        protocol="grpc",
        headers={"authorization": "Bearer abc", "x-tenant": "a=b"},
        timeout=2.5,
        compression="gzip",
        certificate="/ca.pem",
        client_certificate="/client.pem",
        client_key="/key.pem",
        insecure=True,
    )
    assert (read.logs == Destination(endpoint=f"{BASE}/v1/logs")) == bool(infix)


def test_a_signals_own_variable_wins() -> None:
    both = {"OTEL_EXPORTER_OTLP_HEADERS": "a=1", "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "b=2"}
    read = exporting(ON | both)
    assert [where.headers for where in read.destinations.values()] == [{"a": "1"}, {"a": "1"}, {"b": "2"}]


def test_all_that_is_not_about_destinations() -> None:
    read = exporting(
        {
            "OTEL_SERVICE_NAME": "gateway",
            "OTEL_RESOURCE_ATTRIBUTES": "team=search,service.name=lost,deployment.environment.name=a%2Cb",
            "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": "0.25",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_BSP_MAX_QUEUE_SIZE": "10",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "20",
            "OTEL_BLRP_SCHEDULE_DELAY": "200",
            "OTEL_METRIC_EXPORT_INTERVAL": "1500",
            "OTEL_METRICS_EXEMPLAR_FILTER": "always_off",
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "DELTA",
            "OTEL_SEMCONV_STABILITY_OPT_IN": "http, gen_ai_latest_experimental",
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_AND_EVENT",
        }
    )
    assert read == Exporting(
        resource={"team": "search", "service.name": "gateway", "deployment.environment.name": "a,b"},
        sampler="parentbased_traceidratio",
        sampler_ratio=0.25,
        spans=Batching(queue=10, batch=10, delay=0.1),
        records=Batching(delay=0.2),
        metric_interval=1.5,
        exemplars=False,
        temporality="delta",
        edition=Edition.LATEST,
        content=Content(spans=True, events=True),
    )


def test_an_option_wins_over_a_variable() -> None:
    environment = ON | {
        "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true",
    }
    read = exporting(
        environment, edition="1.41", temporality="cumulative", protocol="http/protobuf", content="none"
    )
    assert read == exporting(ON)


@pytest.mark.parametrize(
    ("word", "content"),
    [
        ("true", Content(spans=True)),
        ("SPAN_ONLY", Content(spans=True)),
        ("event_only", Content(events=True)),
        ("false", Content()),
        ("NO_CONTENT", Content()),
    ],
)
def test_content_is_captured_only_where_that_was_asked_for(word: str, content: Content) -> None:
    name = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
    assert exporting({name: word}).content == content
    assert not exporting({}).content.wanted


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
        ("OTEL_TRACES_SAMPLER_ARG", "-1"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "lowmemory"),
        ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "perhaps"),
    ],
)
def test_a_value_that_cannot_be_used_is_warned_of_and_left(name: str, value: str) -> None:
    read, warnings = warned(ON | {name: value})
    assert read == exporting(ON)
    assert {warning.split(" ")[0] for warning in warnings} == {name}
    assert value in warnings[0]


def test_a_header_that_cannot_be_read_is_not_repeated() -> None:
    read, warnings = warned(ON | {"OTEL_EXPORTER_OTLP_HEADERS": "Bearer secret,a=b%0d%0asecret:1,c=d"})
    assert read.traces is not None
    assert read.traces.headers == {"c": "d"}
    assert "secret" not in " ".join(warnings)
    assert "OTEL_EXPORTER_OTLP_HEADERS has an entry that is not name=value; it is left out." in warnings


@pytest.mark.parametrize(
    "endpoint", ["collector:4318", "ftp://collector", "http://", "http://a b", "http://[::1", "http://a:b"]
)
def test_what_is_no_endpoint_is_refused_with_its_name(endpoint: str) -> None:
    with pytest.raises(ValueError, match=r"^OTEL_EXPORTER_OTLP_ENDPOINT must be a URL"):
        warned({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})


def test_grpc_needs_no_scheme() -> None:
    read = exporting({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
    assert read.traces == Destination(endpoint="collector:4317", protocol="grpc")


def test_a_password_in_an_endpoint_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match="must have no user name or password") as refused:
        warned({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://me:secret@collector"})
    assert "secret" not in str(refused.value)


def test_the_start_line_says_what_goes_where_and_why() -> None:
    assert describe(exporting(ON), asked=False) == (
        "OpenTelemetry: traces, metrics and logs go to http://collector:4318 (http/protobuf), "
        "because OTEL_EXPORTER_OTLP_ENDPOINT or one like it is set."
    )
    assert describe(exporting({}, otlp=f"{BASE}?key=secret"), asked=True).count("secret") == 0
    assert describe(exporting({}), asked=False) == ""


def test_the_start_line_says_that_prompts_leave() -> None:
    read = exporting(ON | {"OTEL_LOGS_EXPORTER": "none"}, content="true")
    assert describe(read, asked=True) == (
        "OpenTelemetry: traces and metrics go to http://collector:4318 (http/protobuf), "
        "prompts and answers included."
    )
