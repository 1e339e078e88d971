from __future__ import annotations

import re
from pathlib import Path

import pytest

from tokentape.proxy.catalogue import CATALOGUE
from tokentape.proxy.telemetry.otel.attributes import ATTRIBUTES
from tokentape.proxy.telemetry.otel.conventions import Edition
from tokentape.proxy.telemetry.otel.metric_names import SEMCONV, series_of
from tokentape.proxy.telemetry.otel.reference import renewed

PAGE = (Path(__file__).parents[4] / "docs" / "opentelemetry.md").read_text(encoding="utf-8")


def test_the_page_is_up_to_date() -> None:
    again = "python -m tokentape.proxy.telemetry.otel.reference docs/opentelemetry.md"
    assert renewed(PAGE) == PAGE, f"write it again: {again}"


@pytest.mark.parametrize("edition", Edition)
def test_every_attribute_and_every_metric_is_on_the_page(edition: Edition) -> None:
    attributes = [row.named(edition) for row in ATTRIBUTES]
    metrics = [series.name for metric in CATALOGUE for series in series_of(metric, SEMCONV, edition)]
    assert [name for name in (*attributes, *metrics) if f"`{name}`" not in PAGE and name] == []


def test_the_text_names_nothing_that_is_not_in_a_table() -> None:
    named = set(re.findall(r"`((?:gen_ai|tokentape)\.[a-z_.]*[a-z])[`=]", PAGE))
    known = {row.named(edition) for row in ATTRIBUTES for edition in Edition}
    known |= {
        series.name
        for metric in CATALOGUE
        for edition in Edition
        for series in series_of(metric, SEMCONV, edition)
    }
    rest = {name for name in named - known if not name.startswith("tokentape.label")}
    content = {"gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions"}
    content |= {"gen_ai.tool.definitions", "gen_ai.client.inference.operation.details"}
    labels = {name for name in rest if f"`{name}`" in PAGE.split("<!-- metrics:")[1].split("<!-- end of")[0]}
    assert (
        rest - content - labels
        == {
            "gen_ai.conversation.id",  # which is never set
            "gen_ai.token.type",
            "tokentape.abort",
            "tokentape.block.kind",
            "tokentape.call",
            "tokentape.content.truncated",
            "tokentape.duration",
            "tokentape.errors",
            "tokentape.first_token",
            "tokentape.link.kind",
            "tokentape.stream_error",
        }
        & rest
    )
