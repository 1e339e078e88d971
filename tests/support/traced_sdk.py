"""The official SDK in an application that traces: its spans, and the calls that it makes under them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import anthropic
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter


class TracedSdk:
    """A client, and the spans that it has ended."""

    def __init__(self, client: anthropic.Anthropic, memory: InMemorySpanExporter) -> None:
        self.client = client
        self._memory = memory

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        """In the order in which they ended."""
        return self._memory.get_finished_spans()


@contextmanager
def traced_sdk(
    base_url: str,
    exporter: SpanExporter | None = None,
    *,
    sampled: bool = True,
    headers: dict[str, str] | None = None,
) -> Generator[TracedSdk]:
    """A client of a proxy; its spans go to an exporter, too, where there is one."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(
        sampler=ALWAYS_ON if sampled else ALWAYS_OFF,
        resource=Resource.create({"service.name": "application"}),
    )
    for one in (memory, exporter):
        if one is not None:
            provider.add_span_processor(SimpleSpanProcessor(one))
    with anthropic.Anthropic(
        base_url=base_url,
        api_key="sk-ant-test-0123456789",
        default_headers=headers,
        open_telemetry={"tracer_provider": provider},
    ) as client:
        yield TracedSdk(client, memory)
    provider.shutdown()
