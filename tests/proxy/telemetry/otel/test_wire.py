from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint, NumberDataPoint
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tokentape.proxy.telemetry.otel import wire

U64 = st.integers(0, 2**64 - 1)


@given(
    name=st.text(),
    start=U64,
    flags=st.integers(0, 2**32 - 1),
    trace=st.binary(),
    dropped=st.integers(0, 2**32 - 1),
)
def test_a_message_is_read_back_by_the_official_classes(
    name: str, start: int, flags: int, trace: bytes, dropped: int
) -> None:
    message = (
        wire.blob(1, trace)
        + wire.text(5, name)
        + wire.fixed64(7, start)
        + wire.number(10, dropped)
        + wire.fixed32(16, flags)
    )
    read = Span.FromString(message)
    shown = name.encode("utf-8", "replace").decode()
    assert (read.trace_id, read.name, read.start_time_unix_nano) == (trace, shown, start)
    assert (read.dropped_attributes_count, read.flags) == (dropped, flags)


@given(counts=st.lists(U64), bounds=st.lists(st.floats(allow_nan=False)), total=st.floats(allow_nan=False))
def test_packed_numbers_are_read_back(counts: list[int], bounds: list[float], total: float) -> None:
    message = wire.packed_fixed64(6, counts) + wire.packed_doubles(7, bounds) + wire.double(5, total)
    read = HistogramDataPoint.FromString(message)
    assert (list(read.bucket_counts), list(read.explicit_bounds), read.sum) == (counts, bounds, total)


@given(st.integers(-(2**63), 2**63 - 1))
def test_negative_numbers_are_read_back(value: int) -> None:
    assert NumberDataPoint.FromString(wire.fixed64(6, value)).as_int == value


@given(st.binary(max_size=6000))
def test_lengths_of_any_size_are_read_back(value: bytes) -> None:
    assert wire.blob(2, value) == Span(span_id=value).SerializeToString() or not value


@given(name=st.text(st.characters(codec="utf-8")), start=U64, flags=st.integers(0, 2**32 - 1))
def test_the_official_classes_messages_are_read(name: str, start: int, flags: int) -> None:
    message = Span(name=name, start_time_unix_nano=start, flags=flags, kind=Span.SPAN_KIND_CLIENT)
    read = dict(wire.fields(message.SerializeToString()))
    expected = {5: name.encode(), 6: 3, 7: start, 16: flags}
    assert read == {field: value for field, value in expected.items() if value}


@given(st.binary())
def test_bytes_from_outside_are_read_or_refused(message: bytes) -> None:
    with contextlib.suppress(wire.BrokenMessageError):
        list(wire.fields(message))


def test_a_message_that_is_cut_off_is_refused() -> None:
    whole = Span(name="a name").SerializeToString()
    for end in range(1, len(whole)):
        with pytest.raises(wire.BrokenMessageError):
            list(wire.fields(whole[:end]))
