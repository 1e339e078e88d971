"""Figures read from a scrape."""

from __future__ import annotations

from tokentape.cli.demo.figures import Figures, Row, known_calls, read_figures
from tokentape.cli.scrape import parse
from tokentape.cli.tokens import Tokens

TEXT = """\
tokentape_requests_total{model="a",outcome="ok"} 3
tokentape_requests_total{model="a",outcome="api_error"} 1
tokentape_requests_total{model="none",outcome="ok"} 1
tokentape_requests_total{model="unused",outcome="ok"} 0
tokentape_unmetered_calls_total{reason="buffer_full"} 2
tokentape_tokens_total{model="a",kind="input"} 10
tokentape_tokens_total{model="a",kind="cache_read"} 20
tokentape_tokens_total{model="a",kind="cache_write_5m"} 3
tokentape_tokens_total{model="a",kind="cache_write_1h"} 4
tokentape_tokens_total{model="a",kind="output"} 50
tokentape_time_to_first_token_seconds_bucket{model="a",kind="any",le="0.1"} 0
tokentape_time_to_first_token_seconds_bucket{model="a",kind="any",le="0.2"} 2
tokentape_time_to_first_token_seconds_bucket{model="a",kind="any",le="+Inf"} 2
tokentape_time_to_first_token_seconds_bucket{model="a",kind="text",le="+Inf"} 2
tokentape_stop_reasons_total{model="a",stop_reason="end_turn"} 3
tokentape_errors_total{model="a",error_type="overloaded_error"} 1
tokentape_retries_total{model="a",cause="overloaded_error"} 1
"""


def test_every_figure_comes_from_its_metric() -> None:
    tokens = Tokens(input=10, cache_read=20, cache_write=7, output=50)
    a = Row(name="a", calls=4, tokens=tokens, ttft_p50=0.15000000000000002, ttft_p95=0.195)
    assert read_figures(parse(TEXT)) == Figures(
        models=(a, Row(name="none", calls=1, tokens=Tokens(), ttft_p50=None, ttft_p95=None)),
        total=Row(name="all", calls=5, tokens=tokens, ttft_p50=a.ttft_p50, ttft_p95=a.ttft_p95),
        outcomes={"ok": 4, "api_error": 1},
        stop_reasons={"end_turn": 3},
        errors={"overloaded_error": 1},
        retries={"overloaded_error": 1},
        unmetered=2,
    )


def test_a_call_is_known_when_it_is_metered_or_counted_as_not() -> None:
    assert known_calls(parse(TEXT)) == 7
