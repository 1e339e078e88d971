"""Beside pytest-recording, and in its place."""

from __future__ import annotations

import pytest
from tests.recorder.testing.suites import HEAD, UNARY, dead, live, upstream

pytest_plugins = ["pytester"]

_upstream = pytest.fixture(upstream, name="url")

ALWAYS = """
import os
@pytest.fixture(scope="module")
def vcr_config():
    return {"filter_headers": ["x-api-key"]}
"""
BOTH = HEAD + ALWAYS + UNARY.replace("tokentape", "vcr").replace("test_unary", "test_theirs") + UNARY


def test_each_plugin_plays_the_tests_of_its_own_marker(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    pytester.makepyfile(test_it=BOTH)
    live(monkeypatch, url)
    recorded = pytester.runpytest_inprocess("--tokentape-record=once", "--record-mode=once")
    recorded.assert_outcomes(passed=2)
    lines = [line for line in recorded.outlines if "  test_it.py::" in line]
    assert lines == ["RECORDED 1  test_it.py::test_unary"]
    pytester.runpytest_inprocess().assert_outcomes(passed=2)


def test_a_cassette_of_pytest_recording_is_played_by_its_own_marker_once_adopted(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    pytester.makepyfile(test_it=HEAD + ALWAYS + UNARY.replace("tokentape", "vcr"))
    live(monkeypatch, url)
    pytester.runpytest_inprocess("--record-mode=once").assert_outcomes(passed=1)
    dead(monkeypatch)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
    pytester.makeini("[pytest]\ntokentape_adopt_vcr = true")
    played = pytester.runpytest_inprocess()
    played.assert_outcomes(passed=1)
    played.stdout.fnmatch_lines(["HIT 1  test_it.py::test_unary"])


def test_markers_and_fixture_of_pytest_recording_are_honoured(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\ntokentape_adopt_vcr = true")
    pytester.makepyfile(
        test_it="""
import pytest

@pytest.fixture(scope="module")
def vcr_config():
    return {"filter_headers": ["x-a", ("x-b", "no")], "allow_playback_repeats": True, "record_mode": "all"}

@pytest.mark.vcr(record_mode="once")
@pytest.mark.default_cassette("other.yaml")
def test_settings(tokentape_cassette):
    found = tokentape_cassette.settings
    assert (found.record, found.after_last, found.hosts) == ("once", "repeat_last", ("*",))
    assert found.redact.redact_headers == ("x-a", "x-b")
    assert tokentape_cassette.path.name == "other.yaml"

@pytest.mark.vcr(before_record_request=print)
def test_functions():
    pass
"""
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["tokentape cannot take over before_record_request: *"])
