"""The plugin as a user of pytest-recording meets it: recorded once, and played ever after."""

from __future__ import annotations

import pytest
from tests.recorder.testing.suites import HEAD, UNARY, dead, live, upstream
from tests.support.upstream import held_upstream

pytest_plugins = ["pytester"]

_upstream = pytest.fixture(upstream, name="url")


def test_what_was_recorded_once_is_played_without_a_key_or_a_network(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    pytester.makepyfile(test_it=HEAD + UNARY)
    live(monkeypatch, url)
    recorded = pytester.runpytest_inprocess("--tokentape-record=once")
    recorded.assert_outcomes(passed=1)
    recorded.stdout.fnmatch_lines(["RECORDED 1  test_it.py::test_unary"])
    file = pytester.path / "cassettes" / "test_it" / "test_unary.yaml"
    assert file.exists()
    assert "sk-ant" not in file.read_text()
    assert "https://api.anthropic.com/v1/messages" in file.read_text()
    dead(monkeypatch)
    played = pytester.runpytest_inprocess()
    played.assert_outcomes(passed=1)
    played.stdout.fnmatch_lines(["HIT 1  test_it.py::test_unary"])


ASYNC = """
import anyio

@pytest.mark.tokentape
def test_async():
    async def ask():
        async with anthropic.AsyncAnthropic() as client:
            async with client.messages.stream(**ASK) as stream:
                return await stream.get_final_text()
    assert anyio.run(ask) == "Hello"
"""

THREADS = """
from concurrent.futures import ThreadPoolExecutor

@pytest.mark.tokentape
def test_threads(tokentape_cassette):
    client = anthropic.Anthropic()
    with ThreadPoolExecutor(4) as pool:
        texts = list(pool.map(lambda _: client.messages.create(**ASK).content[0].text, range(4)))
    assert texts == ["Hello"] * 4
    assert len(tokentape_cassette.exchanges) == 4
"""

PLAIN = """
import httpx, httpx2, os
URL = os.environ.get("ANTHROPIC_BASE_URL", "https://api.anthropic.com") + "/v1/messages"
HEADERS = {"x-api-key": "sk-ant-test", "anthropic-version": "2023-06-01"}

@pytest.mark.tokentape
@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_plain(library):
    with library.Client() as client:
        reply = client.post(URL, json=ASK, headers=HEADERS)
    assert reply.json()["content"][0]["text"] == "Hello"
"""


@pytest.mark.parametrize(
    ("test", "hits"),
    [(UNARY, 1), (ASYNC, 1), (THREADS, 4), (PLAIN, 2)],
    ids=["sync", "async", "threads", "plain"],
)
def test_any_client_of_httpx_is_recorded_and_played(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, url: str, test: str, hits: int
) -> None:
    pytester.makepyfile(test_it=HEAD + test)
    live(monkeypatch, url)
    assert pytester.runpytest_inprocess("--tokentape-record=once").ret == 0
    dead(monkeypatch)
    played = pytester.runpytest_inprocess()
    assert played.ret == 0
    lines = [line for line in played.outlines if line.startswith("HIT")]
    assert sum(int(line.split()[1]) for line in lines) == hits


def test_a_miss_fails_the_test_that_swallows_it_and_ends_with_the_command_that_records_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    swallowing = """
@pytest.mark.tokentape
@pytest.mark.parametrize("what", ["one two"])
def test_swallows(what):
    try:
        anthropic.Anthropic().messages.create(**ASK)
    except Exception:
        pass
"""
    pytester.makepyfile(test_it=HEAD + swallowing)
    dead(monkeypatch)
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "No recording answers POST /v1/messages*",
            "To record it: pytest 'test_it.py::test_swallows*one two*' --tokentape-record=once",
            "MISS 1  test_it.py::test_swallows*",
        ]
    )


def test_nothing_connects_elsewhere_while_nothing_may_go_live(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(
        test_it="""
import contextlib, socket, urllib.request
import pytest, httpx

@pytest.mark.tokentape
def test_urllib():
    with contextlib.suppress(Exception):
        urllib.request.urlopen("http://api.weather.com/now")

@pytest.mark.tokentape
def test_socket():
    with contextlib.suppress(Exception):
        socket.create_connection(("192.0.2.7", 80))

@pytest.mark.tokentape
def test_httpx():
    with contextlib.suppress(Exception):
        httpx.get("https://api.weather.com/now?key=1")

def test_unmarked():
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", 1))

@pytest.mark.tokentape
def test_loopback_is_free():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
        socket.create_connection(("localhost", server.getsockname()[1])).close()
"""
    )
    dead(monkeypatch)
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=3, passed=2)
    result.stdout.fnmatch_lines(
        [
            "GET http://api.weather.com/now was blocked: nothing goes live here. Name the host in hosts=*",
            "A connection to 192.0.2.7:80 was blocked: *",
            "GET https://api.weather.com/now was blocked: nothing goes live here. Name the host in hosts=*",
        ]
    )


OTHER = """
import httpx
@pytest.mark.tokentape(hosts=["{host}"])
def test_agent():
    weather = httpx.get("http://{host}/weather?city=Berlin")
    assert weather.json() == {{"data": []}}
    anthropic.Anthropic().messages.create(**ASK)
"""


def test_a_host_that_is_named_is_recorded_into_the_same_cassette(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    with held_upstream() as weather:
        host = weather.url.removeprefix("http://")
        pytester.makepyfile(test_it=HEAD + OTHER.format(host=host))
        live(monkeypatch, url)
        pytester.runpytest_inprocess("--tokentape-record=once").assert_outcomes(passed=1)
    dead(monkeypatch)
    played = pytester.runpytest_inprocess()
    played.assert_outcomes(passed=1)
    played.stdout.fnmatch_lines(["HIT 2  test_it.py::test_agent"])


def test_what_failed_is_not_written_unless_asked(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    pytester.makepyfile(test_it=HEAD + UNARY + "    assert False\n")
    live(monkeypatch, url)
    pytester.runpytest_inprocess("--tokentape-record=once").assert_outcomes(failed=1)
    assert not (pytester.path / "cassettes").exists()
    pytester.runpytest_inprocess("--tokentape-record=once", "--tokentape-write=always")
    assert (pytester.path / "cassettes" / "test_it" / "test_unary.yaml").exists()


def test_the_record_modes_do_what_their_names_say_to_those_who_know_vcrpy(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    live(monkeypatch, url)
    both = "def test_it():\n    for text in TEXTS:\n        ASK['messages'][0]['content'] = text\n"
    both = "@pytest.mark.tokentape\n" + both + "        anthropic.Anthropic().messages.create(**ASK)\n"

    def run(mode: str, *texts: str) -> str:
        pytester.makepyfile(test_it=f"{HEAD}TEXTS = {texts}\n{both}")
        result = pytester.runpytest_inprocess(f"--tokentape-record={mode}")
        return next(line.partition("  test")[0] for line in result.outlines if "  test_it.py::" in line)

    assert run("once", "a") == "RECORDED 1"
    assert run("once", "a", "b") == "HIT 1, MISS 1"
    assert run("new_episodes", "a", "b") == "HIT 1, RECORDED 1"
    assert run("none", "a", "b") == "HIT 2"
    assert run("none", "b") == "HIT 1, UNPLAYED 1"
    assert run("all", "b") == "RECORDED 1"
    assert run("none", "b") == "HIT 1"
    assert run("none", "a") == "MISS 1"
    assert run("rewrite") == "no requests"
    assert not (pytester.path / "cassettes" / "test_it" / "test_it.yaml").exists()


def test_recordings_that_nobody_asks_for_fail_the_test_where_that_is_asked(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    pytester.makepyfile(test_it=HEAD + UNARY)
    live(monkeypatch, url)
    pytester.runpytest_inprocess("--tokentape-record=once").assert_outcomes(passed=1)
    pytester.makepyfile(test_it=HEAD + "@pytest.mark.tokentape\ndef test_unary(): pass")
    pytester.runpytest_inprocess().assert_outcomes(passed=1)
    strict = pytester.runpytest_inprocess("--tokentape-unplayed=fail")
    strict.assert_outcomes(failed=1)
    strict.stdout.fnmatch_lines(["1 recorded and never asked for, in cassettes/test_it/test_unary.yaml:"])


@pytest.mark.slow  # three interpreters
def test_verdicts_come_from_workers_and_into_junit_files(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    pytester.makepyfile(test_it=HEAD + UNARY, test_other=HEAD + UNARY)
    live(monkeypatch, url)
    recorded = pytester.runpytest_subprocess("-n2", "--tokentape-record=once", "--junitxml=out.xml")
    recorded.assert_outcomes(passed=2)
    recorded.stdout.fnmatch_lines_random(
        [f"RECORDED 1  test_{name}.py::test_unary" for name in ("it", "other")]
    )
    junit = (pytester.path / "out.xml").read_text()
    assert junit.count('<property name="tokentape" value="RECORDED 1"') == 2


def test_the_command_line_wins_over_marker_module_and_ini(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makeini("[pytest]\ntokentape_record = all\ntokentape_match = lenient\ntokentape_unplayed = fail")
    pytester.makepyfile(
        test_it="""
import pytest

@pytest.fixture(scope="module")
def tokentape_config():
    return {"match": "strict", "after_last": "cycle"}

@pytest.mark.tokentape(after_last="repeat_last", max_usd=0.5)
def test_settings(tokentape_cassette):
    found = tokentape_cassette.settings
    assert (found.record, found.match, found.after_last, found.unplayed, found.max_usd) == (
        "none", "strict", "repeat_last", "fail", 0.5
    )

@pytest.mark.tokentape(recrod="all")
def test_misspelt():
    pass
"""
    )
    dead(monkeypatch)
    result = pytester.runpytest_inprocess("--tokentape-record=none")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*tokentape knows no setting 'recrod': use one of record, match*"])


ANYIO = """
import os

@pytest.mark.anyio
@pytest.mark.tokentape
async def test_by_the_plugin_of_anyio():
    async with anthropic.AsyncAnthropic() as client:
        assert (await client.messages.create(**ASK)).content[0].text == "Hello"

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.tokentape
def test_credential():
    assert os.environ["ANTHROPIC_API_KEY"] == EXPECTED

def test_unmarked():
    assert os.environ.get("ANTHROPIC_API_KEY") == ("sk-ant-test" if EXPECTED == "sk-ant-test" else None)
"""


def test_a_dummy_credential_is_there_for_a_test_that_cannot_go_live(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    live(monkeypatch, url)
    pytester.makepyfile(test_it=HEAD + 'EXPECTED = "sk-ant-test"' + ANYIO)
    pytester.runpytest_inprocess("--tokentape-record=once").assert_outcomes(passed=3)
    dead(monkeypatch)
    pytester.makepyfile(test_it=HEAD + 'EXPECTED = "replayed-needs-no-key"' + ANYIO)
    pytester.runpytest_inprocess().assert_outcomes(passed=3)
