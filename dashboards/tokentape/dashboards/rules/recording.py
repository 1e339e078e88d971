"""Recording rules: what alerts and long ranges ask again and again. Named `level:metric:operation`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokentape.dashboards.queries.series import Scope, none_of, total
from tokentape.dashboards.queries.tokens import PROMPT
from tokentape.dashboards.queries.traffic import FAILED
from tokentape.dashboards.rules.spans import HOUR, MINUTE

if TYPE_CHECKING:
    from tokentape.dashboards.options import Options
    from tokentape.dashboards.rules.spans import Clock


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording rule."""

    record: str
    expr: str


def recording_rules(options: Options, clock: Clock) -> list[Recording]:
    """All recording rules."""
    scope = Scope(options.metric_labels, variables=False)
    labels = options.metric_labels
    level = "_".join((*labels, "model"))
    hour, minutes = clock.span(HOUR), clock.span(5 * MINUTE)

    def rate(name: str, window: str, *by: str, **where: str) -> str:
        return total(f"rate({scope.vector(name, **where)}[{window}])", *by)

    return [
        Recording(
            f"{level}:tokentape_cost_usd:rate1h",
            rate("tokentape_cost_usd_total", hour, *labels, "model"),
        ),
        Recording("tokentape:tokentape_cost_usd:rate1h", rate("tokentape_cost_usd_total", hour)),
        Recording(
            "model:tokentape_tokens:hit_ratio1h",
            f"{rate('tokentape_tokens_total', hour, 'model', kind='cache_read')}"
            f" / ({rate('tokentape_tokens_total', hour, 'model', kind=PROMPT)} > 0)",
        ),
        Recording(
            "model:tokentape_requests:error_ratio5m",
            f"({rate('tokentape_requests_total', minutes, 'model', outcome=FAILED)}"
            f" or 0 * {rate('tokentape_requests_total', minutes, 'model')})"
            f" / ({rate('tokentape_requests_total', minutes, 'model', outcome=none_of('client_abort'))} > 0)",
        ),
        Recording(
            "model:tokentape_requests:rate5m",
            rate("tokentape_requests_total", minutes, "model"),
        ),
    ]
