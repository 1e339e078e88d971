"""A recorded day, metered again: the real proxy in front of the replay server says what it said then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
from tests.recorder.replay.plain import desk, question
from tests.recorder.standin.asking import settings
from tests.support.proxy import running_proxy

from tokentape.recorder.cassette.interaction import Interaction, Request, Response
from tokentape.recorder.replay.server import replaying
from tokentape.recorder.standin.server import standing_in

if TYPE_CHECKING:
    from tests.support.proxy import Metrics

METERED = (
    "tokentape_requests_total",
    "tokentape_tokens_total",
    "tokentape_cost_usd_total",
    "tokentape_priced_calls_total",
    "tokentape_stop_reasons_total",
    "tokentape_cache_outcomes_total",
    "tokentape_errors_total",
    "tokentape_tool_calls_total",
)
LONG = {"type": "text", "text": "context " * 4000, "cache_control": {"type": "ephemeral"}}
TOOL = {"name": "look", "input_schema": {"type": "object", "properties": {"at": {"type": "string"}}}}
HEADERS = {"x-api-key": "sk-ant-test", "anthropic-version": "2023-06-01", "content-type": "application/json"}
DAY: list[dict[str, Any]] = [
    question("one"),
    question("two", stream=True),
    question("three", system=[LONG]),
    question("four", system=[LONG], stream=True),
    question("five", model="claude-opus-4-1", stream=True),
    question("six", tools=[TOOL], tool_choice={"type": "any"}),
    question("seven", model="claude-none-9"),
]


def sent(url: str, bodies: list[dict[str, Any]]) -> list[Interaction]:
    """Ask for each, and keep what came."""
    kept: list[Interaction] = []
    with httpx2.Client(trust_env=False, timeout=30) as client:
        for body in bodies:
            reply = client.post(f"{url}/v1/messages", json=body, headers=HEADERS)
            request = Request(
                method="POST", uri="https://api.anthropic.com/v1/messages", body=reply.request.content
            )
            headers = tuple(reply.headers.multi_items())
            response = Response(status=reply.status_code, headers=headers, body=reply.content)
            kept.append(Interaction(request=request, response=response))
    return kept


def figures(metrics: Metrics) -> dict[Any, float]:
    """Everything that was metered, but what is 0."""
    return {sample: value for sample, value in metrics.items() if sample[0] in METERED and value}


def test_the_figures_of_a_recorded_day_come_out_again() -> None:
    with standing_in(settings(encoding="identity")) as standin, running_proxy(standin.url) as proxy:
        recorded = sent(f"{proxy.base_url}/@project=day", DAY)
        then = figures(proxy.after(len(DAY)))

    with replaying(desk(other=[], day=recorded)) as server, running_proxy(server.url) as proxy:
        again = sent(f"{proxy.base_url}/@project=day/@cassette=day,session=7", DAY)
        now = figures(proxy.after(len(DAY)))

    assert now == then
    assert sum(value for (name, _), value in now.items() if name == "tokentape_cost_usd_total") > 0
    assert [each.response.status for each in again] == [200, 200, 200, 200, 200, 200, 404]
    assert [each.response.body for each in again] == [each.response.body for each in recorded]
    assert server.desk.shelf.totals.verdicts.keys() <= {"exact", "normalised"}
