"""The HTTP clients that vcrpy can patch: recorded once, played by our deck, missed by it."""

from __future__ import annotations

import pytest
from tests.recorder.testing.suites import HEAD, dead, live, upstream

pytest_plugins = ["pytester"]

_upstream = pytest.fixture(upstream, name="url")

CLIENTS = """
import asyncio, json, os, urllib.request
import aiohttp, requests, urllib3

URL = os.environ.get("ANTHROPIC_BASE_URL", "https://api.anthropic.com") + "/v1/messages"
HEADERS = {"x-api-key": "sk-ant-test", "anthropic-version": "2023-06-01", "content-type": "application/json"}
BODY = json.dumps(ASK).encode()

def by_requests():
    return requests.post(URL, data=BODY, headers=HEADERS).json()

def by_urllib3():
    with urllib3.PoolManager() as pool:
        return json.loads(pool.request("POST", URL, body=BODY, headers=HEADERS).data)

def by_urllib():
    with urllib.request.urlopen(urllib.request.Request(URL, BODY, HEADERS)) as reply:
        return json.loads(reply.read())

def by_aiohttp():
    async def ask():
        async with aiohttp.ClientSession() as session:
            async with session.post(URL, data=BODY, headers=HEADERS) as reply:
                return await reply.json()
    return asyncio.run(ask())

def by_sdk_on_aiohttp():
    async def ask():
        async with anthropic.AsyncAnthropic(http_client=anthropic.DefaultAioHttpClient()) as client:
            return (await client.messages.create(**ASK)).to_dict()
    return asyncio.run(ask())

@pytest.mark.tokentape
@pytest.mark.parametrize("ask", [by_requests, by_urllib3, by_urllib, by_aiohttp, by_sdk_on_aiohttp])
def test_client(ask):
    assert ask()["content"][0]["text"] == "Hello"
"""


def test_each_is_recorded_once_and_played(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    pytester.makepyfile(test_it=HEAD + CLIENTS)
    live(monkeypatch, url)
    recorded = pytester.runpytest_inprocess("--tokentape-record=once")
    recorded.assert_outcomes(passed=5)
    assert [line.split("  ")[0] for line in recorded.outlines if "  test_it" in line] == ["RECORDED 1"] * 5
    dead(monkeypatch)
    played = pytester.runpytest_inprocess()
    played.assert_outcomes(passed=5)
    assert [line.split("  ")[0] for line in played.outlines if "  test_it" in line] == ["HIT 1"] * 5


def test_each_is_missed_where_nothing_was_recorded(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    swallowing = CLIENTS.replace(
        '    assert ask()["content"]', "    try: ask()\n    except Exception: pass\n    []"
    )
    pytester.makepyfile(test_it=HEAD + swallowing.replace('[][0]["text"] == "Hello"', ""))
    dead(monkeypatch)
    missed = pytester.runpytest_inprocess("-k", "not sdk")
    missed.assert_outcomes(failed=4, deselected=1)
    assert [line.split("  ")[0] for line in missed.outlines if "  test_it" in line] == ["MISS 1"] * 4
