"""`tokentape up` with a collector behind it, as its users see it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import uuid
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.support import otlp
from tests.support.otlp_receiver import Receiver, otlp_over_http
from tests.support.proxy import PATIENCE, RunningProxy, clean_environment, eventually, running_proxy
from tests.support.traced_sdk import traced_sdk
from tests.support.upstream import MODEL, Client, HeldUpstream, held_upstream, standin_process

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

QUICK = {
    "OTEL_BSP_SCHEDULE_DELAY": "50",
    "OTEL_BLRP_SCHEDULE_DELAY": "50",
    "OTEL_METRIC_EXPORT_INTERVAL": "500",
}
SECRET = "the prompt that nobody may see"


@pytest.fixture
def upstream() -> Generator[HeldUpstream]:
    with held_upstream() as server:
        server.release()
        yield server


@pytest.fixture
def receiver() -> Generator[Receiver]:
    with otlp_over_http() as collector:
        yield collector


def environment(**changes: str) -> dict[str, str]:
    return clean_environment(**QUICK, **changes)


def ask(client: object, prompt: str = SECRET, *, stream: bool = False) -> str:
    reply = client.messages.create(  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]  # the SDK's client
        model=MODEL, max_tokens=64, messages=[{"role": "user", "content": prompt}], stream=stream
    )
    return str(list(reply) if stream else reply.content[0].text)  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]  # same


def test_the_endpoint_alone_switches_it_on_and_the_start_says_so(
    upstream: HeldUpstream, receiver: Receiver
) -> None:
    on = environment(OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint)
    with running_proxy(upstream.url, environment=on) as proxy:
        assert proxy.process.stdout is not None
        assert proxy.process.stdout.readline() == (
            f"OpenTelemetry: traces, metrics and logs go to {receiver.endpoint} (http/protobuf), "
            "because OTEL_EXPORTER_OTLP_ENDPOINT or one like it is set.\n"
        )
        with Client(proxy.address) as client:
            assert client.call() == 200
        (span,), (record,) = receiver.spans(1), receiver.records(1)
        metrics = proxy.after(1)
        assert metrics.value("tokentape_otlp_lost_items_total") == 0
    assert record.span_id == span.span_id
    said = otlp.attributes(span.attributes)
    assert (said["gen_ai.usage.input_tokens"], said["gen_ai.usage.output_tokens"]) == (12, 5)
    assert said["server.address"] == "127.0.0.1"


def test_spans_are_children_of_the_sdks_linked_over_attempts_and_absent_where_nothing_was_sampled(
    receiver: Receiver,
) -> None:
    fault = {"fault": "overloaded:times=1,retry_after_ms=1", "id": uuid.uuid4().hex}
    steer = {"x-standin-behaviour": json.dumps(fault)}
    with (
        standin_process() as url,
        running_proxy(url, "--otlp", receiver.endpoint, environment=environment()) as proxy,
    ):
        with traced_sdk(proxy.base_url, sampled=False) as sdk:
            ask(sdk.client)
        with traced_sdk(proxy.base_url) as plain:
            ask(plain.client)
            ask(plain.client, stream=True)
        with traced_sdk(proxy.base_url, headers=steer) as retried:
            ask(retried.client)
        receiver.records(5)
        *once, first, second = receiver.spans(4)
    assert len(receiver.spans()) == 4, "one of five attempts was not sampled"
    theirs = [span.context for span in (*plain.spans, *retried.spans, *retried.spans)]
    assert [parent(span) for span in (*once, first, second)] == [
        (context.trace_id, context.span_id) for context in theirs if context is not None
    ]
    assert [link.span_id for link in second.links] == [first.span_id]
    failed, ended = (otlp.attributes(span.attributes) for span in (first, second))
    assert (failed["error.type"], failed["http.response.status_code"]) == ("overloaded_error", 529)
    assert (ended.get("error.type"), ended["http.request.resend_count"]) == (None, 1)


def parent(span: Span) -> tuple[int, int]:
    return int.from_bytes(span.trace_id, "big"), int.from_bytes(span.parent_span_id, "big")


def on_the_wire(upstream: HeldUpstream, receiver: Receiver, *options: str) -> bytes:
    """All bytes that a collector got of two calls with a secret prompt and the answer `Hello`."""
    options = ("--otlp", receiver.endpoint, *options)
    with running_proxy(upstream.url, *options, environment=environment()) as proxy:
        with traced_sdk(proxy.base_url) as sdk:
            assert ask(sdk.client) == "Hello"
            ask(sdk.client, stream=True)
        receiver.spans(2)
        proxy.after(2)
    return b"".join(request.body for request in receiver.requests)


def test_by_default_not_one_byte_of_content_leaves(upstream: HeldUpstream, receiver: Receiver) -> None:
    sent = on_the_wire(upstream, receiver)
    assert MODEL.encode() in sent
    for secret in (SECRET.encode(), b"Hello", b"sk-ant", b"gen_ai.input.messages"):
        assert secret not in sent


def test_content_leaves_where_that_was_asked_for_without_keys(
    upstream: HeldUpstream, receiver: Receiver
) -> None:
    options = ("--capture-content", "both", "--content-redact", "nobody")
    sent = on_the_wire(upstream, receiver, *options)
    assert b"sk-ant" not in sent
    assert SECRET.encode() not in sent
    for span in receiver.spans():
        said = otlp.attributes(span.attributes)
        assert json.loads(said["gen_ai.input.messages"]) == [
            {"role": "user", "parts": [{"type": "text", "content": "the prompt that [redacted] may see"}]}
        ]
        assert json.loads(said["gen_ai.output.messages"]) == [
            {"role": "assistant", "parts": [{"type": "text", "content": "Hello"}], "finish_reason": "stop"}
        ]
    events = [record for record in receiver.records() if record.event_name.startswith("gen_ai.")]
    assert len(events) == 2
    assert all("gen_ai.output.messages" in otlp.attributes(event.attributes) for event in events)


class Load:
    """Calls through a proxy, four at a time."""

    def __init__(self, proxy: RunningProxy) -> None:
        self._proxy = proxy
        self.statuses: list[int] = []

    def run(self, calls: int) -> None:
        threads = [threading.Thread(target=self._calls, args=(calls // 4,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _calls(self, number: int) -> None:
        with Client(self._proxy.address) as client:
            self.statuses += [client.call() for _ in range(number)]


def counted(proxy: RunningProxy, signal: str) -> tuple[int, int]:
    """Items that were sent, and that were lost."""
    metrics = proxy.metrics()
    names = ("tokentape_otlp_sent_items_total", "tokentape_otlp_lost_items_total")
    sent, lost = (int(metrics.value(name, signal=signal)) for name in names)
    return sent, lost


def settled(proxy: RunningProxy, signal: str, calls: int) -> bool:
    return sum(counted(proxy, signal)) == calls


@pytest.mark.slow
def test_a_collector_that_is_killed_and_comes_back_is_never_felt_and_every_loss_is_counted(
    upstream: HeldUpstream,
) -> None:
    receiver, collector = Receiver(), contextlib.ExitStack()
    collector.enter_context(otlp_over_http(receiver=receiver))
    port = int(receiver.endpoint.rpartition(":")[2])
    small = {f"OTEL_{prefix}_MAX_QUEUE_SIZE": "64" for prefix in ("BSP", "BLRP")}
    options = ("--otlp", receiver.endpoint)
    with running_proxy(upstream.url, *options, environment=environment(**small)) as proxy:
        load = Load(proxy)
        load.run(40)
        receiver.spans(1)
        collector.close()
        load.run(400)
        eventually(lambda: counted(proxy, "traces")[1] and counted(proxy, "logs")[1], "a loss")
        with otlp_over_http(port, receiver):
            load.run(40)
            for signal in ("traces", "logs"):
                eventually(partial(settled, proxy, signal, 480), f"all {signal}")
            sent, lost = counted(proxy, "traces")
            assert (len(receiver.spans()), len(receiver.records())) == (sent, counted(proxy, "logs")[0])
            assert min(sent, lost) > 0
        assert proxy.settled().value("tokentape_unmetered_calls_total") == 0
    assert load.statuses == [200] * 480


def test_the_request_log_has_stdout_to_itself(upstream: HeldUpstream) -> None:
    ports = ("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
    command = [sys.executable, "-m", "tokentape.cli.main", "up", *ports, "--upstream", upstream.url]
    with subprocess.Popen(
        [*command, "--request-log", "-"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stderr.readline().strip().removeprefix("export ANTHROPIC_BASE_URL=")
        host, _, port = url.removeprefix("http://").rpartition(":")
        with Client((host, int(port))) as client:
            assert client.call() == 200
        line = json.loads(process.stdout.readline())
        process.terminate()
        rest, _ = process.communicate(timeout=PATIENCE)
    assert (line["gen_ai.usage.input_tokens"], line["tokentape.outcome"], rest) == (12, "ok", "")


def test_the_request_log_of_a_file_needs_no_collector(upstream: HeldUpstream, tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    with running_proxy(upstream.url, "--request-log", str(path), environment=environment()) as proxy:
        with Client(proxy.address) as client:
            assert [client.call() for _ in range(3)] == [200] * 3
        eventually(lambda: path.exists() and path.read_text().count("\n") == 3)
    assert SECRET not in path.read_text()
    assert {json.loads(line)["gen_ai.request.model"] for line in path.read_text().splitlines()} == {MODEL}
