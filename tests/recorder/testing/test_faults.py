"""Faults in tests: the real SDK meets them, in milliseconds, in process and by a server."""

from __future__ import annotations

import pytest
from tests.recorder.testing.suites import HEAD, UNARY, dead, live, upstream

pytest_plugins = ["pytester"]

_upstream = pytest.fixture(upstream, name="url")

FAULTS = """
from tokentape.recorder.faults import *

@pytest.mark.tokentape("test_unary")
def test_overloaded(tokentape_cassette):
    tokentape_cassette.inject(overloaded(times=2))
    reply = anthropic.Anthropic().messages.create(**ASK)
    assert reply.content[0].text == "Hello"
    tokentape_cassette.assert_retries(2)
    assert [call.status for call in tokentape_cassette.calls] == [529, 529, 200]
    assert {one.response.header("retry-after-ms") for one in tokentape_cassette.exchanges[:2]} == {"1"}

@pytest.mark.tokentape("test_unary")
@pytest.mark.parametrize("fault", [hang_up(times=1), hang_up(times=1, reset=True), refused(times=1)])
def test_connections(tokentape_cassette, fault):
    tokentape_cassette.inject(fault)
    assert anthropic.Anthropic().messages.create(**ASK).content[0].text == "Hello"
    assert tokentape_cassette.verdicts() == {"FAULT": 1, "HIT": 1}

@pytest.mark.tokentape("test_unary")
def test_cut_inside_and_tried_again(tokentape_cassette):
    tokentape_cassette.inject(cut(byte=300, times=1))
    assert anthropic.Anthropic().messages.create(**ASK).content[0].text == "Hello"
    assert tokentape_cassette.verdicts() == {"FAULT": 1, "HIT": 1}

@pytest.mark.tokentape("test_unary")
def test_truncated(tokentape_cassette):
    tokentape_cassette.inject(truncated(tokens=1))
    assert anthropic.Anthropic().messages.create(**ASK).stop_reason == "max_tokens"
    with pytest.raises(AssertionError, match="Call 1 .* was truncated"):
        tokentape_cassette.assert_no_truncation()

@pytest.mark.tokentape("test_unary")
def test_a_wait_longer_than_the_timeout_is_not_waited_for(tokentape_cassette):
    tokentape_cassette.inject(slow_headers(3000))
    with pytest.raises(anthropic.APITimeoutError):
        anthropic.Anthropic(max_retries=0, timeout=600).messages.create(**ASK)

@pytest.mark.tokentape("test_unary")
def test_server(tokentape_cassette, tokentape_server):
    tokentape_cassette.inject(rate_limited(times=1))
    client = anthropic.Anthropic(base_url=tokentape_server)
    assert client.messages.create(**ASK).content[0].text == "Hello"
    tokentape_cassette.assert_retries(1)
"""


def test_faults_strike_the_real_sdk(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    pytester.makepyfile(test_it=HEAD + UNARY)
    live(monkeypatch, url)
    pytester.runpytest_inprocess("--tokentape-record=once").assert_outcomes(passed=1)
    pytester.makepyfile(test_it=HEAD + FAULTS)
    dead(monkeypatch)
    pytester.runpytest_inprocess().assert_outcomes(passed=8)


def test_what_answers_instead_of_the_api_strikes_while_recording_and_is_not_recorded(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    pytester.makepyfile(test_it=HEAD + FAULTS)
    live(monkeypatch, url)
    recorded = pytester.runpytest_inprocess("--tokentape-record=once", "-k", "overloaded")
    recorded.assert_outcomes(passed=1, deselected=7)
    recorded.stdout.fnmatch_lines(["FAULT 2, RECORDED 1  test_it.py::test_overloaded"])
    dead(monkeypatch)
    pytester.runpytest_inprocess("-k", "overloaded").assert_outcomes(passed=1, deselected=7)
