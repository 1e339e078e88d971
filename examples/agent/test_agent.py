"""The agent, tested three ways on one cassette: in this process, as a program of its own, and under faults.

Record it again with `pytest examples/agent --tokentape-record=rewrite` and a key.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import anthropic
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from agent import answer  # pyright: ignore[reportImplicitRelativeImport] - an example is no package

from tokentape.recorder.faults import error_event, overloaded

if TYPE_CHECKING:
    from tokentape.recorder.testing.cassette import OpenCassette

QUESTION = "Do I need an umbrella in Berlin?"


@pytest.mark.tokentape("agent", max_calls=3, max_usd=0.01)
def test_in_process(tokentape_cassette: OpenCassette) -> None:
    assert answer(QUESTION, anthropic.Anthropic()) == "Yes: it rains in Berlin."
    tokentape_cassette.assert_tools_called("get_weather")
    tokentape_cassette.assert_no_tool_loop(max_repeats=1)
    tokentape_cassette.assert_no_truncation()
    tokentape_cassette.assert_cache_prefix_stable()
    assert [call.stop_reason for call in tokentape_cassette.calls] == ["tool_use", "end_turn"]


@pytest.mark.tokentape("agent")
def test_as_a_program(tokentape_server: str) -> None:
    program = Path(__file__).with_name("agent.py")
    environment = os.environ | {"ANTHROPIC_BASE_URL": tokentape_server}
    command = [sys.executable, str(program), QUESTION]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert result.stdout == "Yes: it rains in Berlin.\n"


@pytest.mark.tokentape("agent")
def test_when_the_api_is_overloaded(tokentape_cassette: OpenCassette) -> None:
    tokentape_cassette.inject(overloaded(times=2))
    assert answer(QUESTION, anthropic.Anthropic()) == "Yes: it rains in Berlin."
    tokentape_cassette.assert_retries(2)


@pytest.mark.tokentape("agent")
def test_when_an_error_comes_inside_a_stream(tokentape_cassette: OpenCassette) -> None:
    tokentape_cassette.inject(error_event(after=3, times=1))
    with pytest.raises(anthropic.APIStatusError):
        answer(QUESTION, anthropic.Anthropic())
