"""`tokentape_server`: the same cassette for curl, for subprocesses and for the TypeScript SDK."""

from __future__ import annotations

import pytest
from tests.recorder.testing.suites import HEAD, UNARY, dead, live, upstream

pytest_plugins = ["pytester"]

_upstream = pytest.fixture(upstream, name="url")

CURL = """
import json, subprocess

def curl(url, stream):
    body = json.dumps(ASK | {"stream": stream})
    headers = ["-H", "content-type: application/json", "-H", "anthropic-version: 2023-06-01",
               "-H", "x-api-key: sk-ant-test"]
    command = ["curl", "-sS", "--no-buffer", *headers, "-d", body, url + "/v1/messages"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout

@pytest.mark.tokentape
def test_curl(tokentape_server):
    assert json.loads(curl(tokentape_server, False))["content"][0]["text"] == "Hello"
    assert curl(tokentape_server, True).count("event: ") == 6
"""


def test_curl_is_recorded_and_played(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    pytester.makepyfile(test_it=HEAD + CURL)
    dead(monkeypatch)
    recorded = pytester.runpytest_inprocess("--tokentape-record=once", f"--tokentape-upstream={url}")
    recorded.assert_outcomes(passed=1)
    recorded.stdout.fnmatch_lines(["RECORDED 2  test_it.py::test_curl"])
    played = pytester.runpytest_inprocess()
    played.assert_outcomes(passed=1)
    played.stdout.fnmatch_lines(["HIT 2  test_it.py::test_curl"])


def test_server_and_client_in_process_share_one_cassette(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    pytester.makepyfile(test_it=HEAD + UNARY)
    live(monkeypatch, url)
    pytester.runpytest_inprocess("--tokentape-record=once").assert_outcomes(passed=1)
    by_server = UNARY.replace("test_unary()", "test_unary(tokentape_server)")
    by_server = by_server.replace("Anthropic()", "Anthropic(base_url=tokentape_server)")
    pytester.makepyfile(test_it=HEAD + by_server)
    dead(monkeypatch)
    pytester.runpytest_inprocess("--tokentape-unplayed=fail").assert_outcomes(passed=1)


def test_a_miss_of_another_process_fails_the_test(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(test_it=HEAD + CURL.replace("assert ", "").replace("json.loads", "str"))
    dead(monkeypatch)
    missed = pytester.runpytest_inprocess()
    missed.stdout.fnmatch_lines(["*To record it: pytest test_it.py::test_curl --tokentape-record=once"])
