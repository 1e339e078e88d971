"""`tokentape record`: one session, one cassette."""

from __future__ import annotations

import json
import os
import signal
import sys
import textwrap
from typing import TYPE_CHECKING

import psutil
import pytest
from tests.support.proxy import PATIENCE, eventually
from tests.support.recording import record, running_record
from tests.support.upstream import (
    ENDING,
    HEADERS,
    OPENING,
    REQUEST,
    Client,
    HeldUpstream,
    held_upstream,
)

from tokentape.recorder.cassette.store import load

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

CALL = f"""
import json, os, sys, urllib.request
url = os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages"
request = urllib.request.Request(url, {REQUEST!r}, {HEADERS!r})
with urllib.request.urlopen(request) as reply:
    print(json.load(reply)["content"][0]["text"])
"""


@pytest.fixture
def upstream() -> Generator[HeldUpstream]:
    with held_upstream() as server:
        yield server


def python(script: str) -> tuple[str, ...]:
    return ("--", sys.executable, "-c", textwrap.dedent(script))


def events(stream: bytes) -> list[object]:
    """The data of each event: cassettes keep what it means, not how it was spaced."""
    return [json.loads(line[6:]) for line in stream.splitlines() if line.startswith(b"data: ")]


def uris(cassette: Path) -> list[str]:
    return [one.request.uri for one in load(cassette).interactions]


def test_a_command_is_recorded_and_its_status_is_ours(upstream: HeldUpstream, tmp_path: Path) -> None:
    result = record(tmp_path, "new/a.yaml", *python(f"{CALL}\nsys.exit(7)"), upstream=upstream.url)
    assert (result.status, result.out) == (7, "Hello\n")
    assert result.told[-1] == "1 interaction recorded in new/a.yaml"
    assert "input 12, cache read 0, cache write 0, output 5" in result.err
    (interaction,) = load(tmp_path / "new" / "a.yaml").interactions
    assert interaction.request.uri == f"{upstream.url}/v1/messages"
    assert json.loads(interaction.request.body) == json.loads(REQUEST)
    assert json.loads(interaction.response.body)["content"] == [{"type": "text", "text": "Hello"}]
    assert os.listdir(tmp_path / "new") == ["a.yaml"]  # noqa: PTH208 - reads best


def test_a_command_that_calls_nothing_leaves_nothing(upstream: HeldUpstream, tmp_path: Path) -> None:
    result = record(tmp_path, "a.yaml", "--", "true", upstream=upstream.url)
    assert (result.status, result.told) == (0, ["nothing was recorded"])
    assert not list(tmp_path.glob("a.yaml*"))


def test_without_a_command_it_records_until_it_is_stopped(upstream: HeldUpstream, tmp_path: Path) -> None:
    with running_record(tmp_path, "a.json", upstream=upstream.url) as running:
        with Client(running.address) as client:
            assert [client.call("/@project=x/v1/messages"), client.call()] == [200, 200]
            assert client.get("/v1/models")[0] == 200
        result = running.stop(signal.SIGINT)
    assert (result.status, result.told) == (0, ["3 interactions recorded in a.json"])
    assert uris(tmp_path / "a.json") == [
        f"{upstream.url}{path}" for path in ("/v1/messages",) * 2 + ("/v1/models",)
    ]


@pytest.mark.slow
def test_a_cassette_that_exists_is_kept_replaced_or_added_to(upstream: HeldUpstream, tmp_path: Path) -> None:
    first = record(tmp_path, "a.yaml", *python(CALL), upstream=upstream.url)
    before = (tmp_path / "a.yaml").read_bytes()
    refused = record(tmp_path, "a.yaml", *python(CALL), upstream=upstream.url)
    assert (first.status, refused.status, refused.out) == (0, 1, "")
    assert f"{tmp_path}/a.yaml exists: use --append to add to it, --overwrite to replace it" in refused.err
    assert (tmp_path / "a.yaml").read_bytes() == before
    record(tmp_path, "--append", "a.yaml", *python(CALL), upstream=upstream.url)
    assert len(uris(tmp_path / "a.yaml")) == 2
    record(tmp_path, "--overwrite", "a.yaml", *python(CALL), upstream=upstream.url)
    assert len(uris(tmp_path / "a.yaml")) == 1


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("--append", "--overwrite", "a.yaml"), 2, "--append and --overwrite exclude each other"),
        (("a.txt",), 1, "a.txt must end in .yaml or .json"),
        (("/proc/none/a.yaml",), 1, "cannot be"),
    ],
)
def test_what_cannot_be_recorded_to_is_said_at_once(
    tmp_path: Path, arguments: tuple[str, ...], status: int, sentence: str
) -> None:
    result = record(tmp_path, *arguments, "--", "echo", "ran", upstream="http://127.0.0.1:9")
    assert (result.status, result.out) == (status, "")
    assert sentence in result.err


def test_two_recordings_of_one_cassette_are_an_error_and_no_mixture(
    upstream: HeldUpstream, tmp_path: Path
) -> None:
    with running_record(tmp_path, "a.yaml", upstream=upstream.url) as running:
        second = record(tmp_path, "a.yaml", *python(CALL), upstream=upstream.url)
        with Client(running.address) as client:
            client.call()
        first = running.stop()
    assert (second.status, second.out) == (1, "")
    assert f"{tmp_path}/a.yaml is being" in second.err
    assert (first.status, len(uris(tmp_path / "a.yaml"))) == (0, 1)


def test_an_exchange_that_the_observer_died_in_is_named_and_not_written(
    upstream: HeldUpstream, tmp_path: Path
) -> None:
    """The client gets its stream all the same. With an admin port the command waits for its observer."""
    with running_record(tmp_path, "--admin", "127.0.0.1:0", "a.yaml", upstream=upstream.url) as running:
        with Client(running.address) as client, Client(running.address) as other:
            stream = client.open_stream()
            running.kill("observer")
            assert other.call() == 200
            upstream.release()
            assert stream.read() == ENDING
        result = running.stop()
    assert result.status == 1, result.err
    assert result.told[0] == "1 interaction recorded in a.yaml"
    (lost,) = result.told[1:]
    assert lost.startswith("not recorded: POST /v1/messages at ")
    assert lost.endswith(": the observer was restarted while it was under way")
    assert len(uris(tmp_path / "a.yaml")) == 1


@pytest.mark.slow
def test_a_recorder_that_is_killed_loses_nothing(upstream: HeldUpstream, tmp_path: Path) -> None:
    with running_record(tmp_path, "a.yaml", upstream=upstream.url) as running:
        with Client(running.address) as client, Client(running.address) as other:
            stream = client.open_stream()
            other.call()
            running.kill("recorder")
            other.call()
            upstream.release()
            assert stream.read() == ENDING
            running.kill("recorder")
        result = running.stop()
    assert (result.status, result.told) == (0, ["3 interactions recorded in a.yaml"])
    streams = [one.response.body for one in load(tmp_path / "a.yaml").interactions if one.response.streamed]
    assert list(map(events, streams)) == [events(OPENING + ENDING)]


def test_when_all_is_killed_the_next_recording_writes_what_was_there(
    upstream: HeldUpstream, tmp_path: Path
) -> None:
    journal = tmp_path / "a.yaml.journal"
    with (
        running_record(tmp_path, "a.yaml", upstream=upstream.url) as running,
        Client(running.address) as client,
        Client(running.address) as other,
    ):
        client.open_stream()
        other.call()
        until_written(journal)
        running.kill_all()
    assert not (tmp_path / "a.yaml").exists()
    again = record(tmp_path, "a.yaml", *python(CALL), upstream=upstream.url)
    assert (again.status, again.out) == (1, "")
    assert "a.yaml was cut short, and is in it now (1 interaction): use --append" in again.err
    assert len(uris(tmp_path / "a.yaml")) == 1
    assert not journal.exists()


def until_written(journal: Path) -> None:
    """Until something beside its header is in a journal."""
    eventually(lambda: journal.stat().st_size > 200, "the journal's first interaction")


@pytest.mark.slow
def test_when_the_command_itself_is_killed_the_cassette_is_written_by_those_that_are_left(
    upstream: HeldUpstream, tmp_path: Path
) -> None:
    """The recorder waits for an observer that is late, since there may be something in it."""
    with running_record(tmp_path, "--admin", "127.0.0.1:0", "a.yaml", upstream=upstream.url) as running:
        children = running.children()
        children["observer"].suspend()
        with Client(running.address) as client:
            client.call()
        running.process.kill()
        running.process.wait(PATIENCE)
        psutil.wait_procs([children["worker"]], PATIENCE)
        assert children["recorder"].is_running()
        assert not (tmp_path / "a.yaml").exists()
        children["observer"].resume()
        eventually((tmp_path / "a.yaml").exists, "the cassette")
        eventually(lambda: not (tmp_path / "a.yaml.journal").exists(), "the end of the journal")
        _, alive = psutil.wait_procs(children.values(), PATIENCE)
    assert (alive, len(uris(tmp_path / "a.yaml"))) == ([], 1)
