"""Each scene does what its title says, as the proxy's metrics tell it."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING

import pytest
from tests.support.proxy import Metrics, RunningProxy, running_proxy
from tests.support.upstream import standin_process

from tokentape.cli.demo import scenes
from tokentape.cli.demo.clients import Clients

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

REQUESTS = "tokentape_requests_total"


@pytest.fixture(scope="module")
def proxy() -> Generator[RunningProxy]:
    with standin_process() as upstream, running_proxy(upstream) as running:
        yield running


def played(proxy: RunningProxy, scene: Callable[[Clients], Awaitable[None]], calls: int) -> Metrics:
    """What a scene of so many calls adds to the metrics."""

    async def play() -> None:
        async with Clients(proxy.base_url) as clients:
            await scene(clients)

    before = proxy.metrics()
    asyncio.run(play())
    after = proxy.after(int(before.value(REQUESTS)) + calls)
    return Metrics(
        {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key, 0)}
    )


def test_a_conversation_is_three_calls_of_one_project(proxy: RunningProxy) -> None:
    added = played(proxy, scenes.conversation, 3)
    assert added.by(REQUESTS, "stream") == {"false": 3}
    assert added.by(REQUESTS, "project") == {"support": 3}


def test_streams_are_streams_of_three_models_and_three_projects(proxy: RunningProxy) -> None:
    assert played(proxy, scenes.sync_stream, 1).by(REQUESTS, "stream") == {"true": 1}
    added = played(proxy, scenes.async_streams, 12)
    assert added.by(REQUESTS, "model") == {scenes.SONNET: 3, scenes.HAIKU: 6, scenes.OPUS: 3}
    assert added.by(REQUESTS, "project") == {"support": 4, "search": 4, "checkout": 4}
    assert added.value("tokentape_time_to_first_token_seconds_count", kind="any") == 12


def test_a_tool_loop_calls_its_tool_twice_and_ends(proxy: RunningProxy) -> None:
    added = played(proxy, scenes.tool_loop, 3)
    assert added.by("tokentape_tool_calls_total", "tool") == {"get_weather": 2}
    assert added.by("tokentape_stop_reasons_total", "stop_reason") == {"tool_use": 2, "end_turn": 1}
    assert added.value("tokentape_tool_loops_total") == 0


def test_a_picture_is_counted(proxy: RunningProxy) -> None:
    assert played(proxy, scenes.vision, 1).by("tokentape_media_blocks_total", "kind") == {"image": 1}


def test_a_prompt_is_written_once_and_read_three_times(proxy: RunningProxy) -> None:
    added = played(proxy, scenes.caching, 4)
    assert added.by("tokentape_cache_outcomes_total", "outcome") == {"write": 1, "hit": 3}
    kinds = added.by("tokentape_tokens_total", "kind")
    assert kinds["cache_read"] == 3 * kinds["cache_write_5m"] > 0


def test_thinking_has_its_tokens_and_its_first_token(proxy: RunningProxy) -> None:
    added = played(proxy, scenes.thinking, 1)
    assert added.value("tokentape_thinking_tokens_total") == 120
    assert added.value("tokentape_time_to_first_token_seconds_count", kind="thinking") == 1


def test_an_answer_is_cut_at_max_tokens(proxy: RunningProxy) -> None:
    added = played(proxy, scenes.truncation, 1)
    assert added.by("tokentape_stop_reasons_total", "stop_reason") == {"max_tokens": 1}


def test_a_call_is_refused_twice_and_then_answered(proxy: RunningProxy) -> None:
    added = played(proxy, scenes.retries, 3)
    assert added.by(REQUESTS, "status") == {"429": 1, "529": 1, "200": 1}
    assert added.by("tokentape_retries_total", "cause") == {"rate_limit_error": 1, "overloaded_error": 1}


def test_a_stream_breaks_with_an_error_inside(proxy: RunningProxy) -> None:
    added = played(proxy, scenes.broken_stream, 1)
    assert added.by(REQUESTS, "outcome") == {"stream_error": 1}
    assert added.by("tokentape_errors_total", "error_type") == {"overloaded_error": 1}


def test_a_client_aborts(proxy: RunningProxy) -> None:
    assert played(proxy, scenes.aborted_stream, 1).by(REQUESTS, "outcome") == {"client_abort": 1}


def test_other_endpoints_are_carried_and_counted_by_route(proxy: RunningProxy) -> None:
    added = played(proxy, scenes.other_endpoints, 2)
    assert added.by(REQUESTS, "endpoint") == {"/v1/messages/count_tokens": 1, "/v1/models": 1}


def test_every_scene_is_in_the_programme() -> None:
    functions = dict(inspect.getmembers(scenes, inspect.iscoroutinefunction))
    assert set(functions.values()) == {scene.play for scene in scenes.SCENES}
