"""Links between boards, which keep the time and the variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentape.dashboards.variables import scrape_labels

if TYPE_CHECKING:
    from tokentape.dashboards.options import Options


def to_model(options: Options, field: str = "${__value.raw}") -> str:
    """Address of the detail board of the model that a cell names."""
    kept = ("datasource", *scrape_labels(options), *options.metric_labels)
    variables = "&".join(f"${{{name}:queryparam}}" for name in kept)
    return f"/d/tokentape-model?var-model={field}&{variables}&${{__url_time_range}}"
