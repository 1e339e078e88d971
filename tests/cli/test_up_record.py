"""`tokentape up --record`: a cassette for each session."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.support.proxy import PATIENCE, RunningProxy, clean_environment, eventually, running_proxy
from tests.support.recording import environment_in
from tests.support.upstream import HEADERS, REQUEST, Client, HeldUpstream, held_upstream

from tokentape.recorder.cassette.store import load

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

METRIC = "tokentape_recording_exchanges_total"
CLAUDE_CODE = "0b9c6f0e-1111-4222-8333-444455556666"


@pytest.fixture
def upstream() -> Generator[HeldUpstream]:
    with held_upstream() as server:
        server.release()
        yield server


def counts(proxy: RunningProxy) -> dict[str, float]:
    return proxy.metrics().by(METRIC, "result")


def files(folder: Path) -> dict[str, int]:
    """Cassettes with their interactions; other files with -1."""
    return {
        path.name: len(load(path).interactions) if path.suffix == ".yaml" else -1
        for path in sorted(folder.iterdir())
    }


def test_each_session_has_its_cassette_and_each_exchange_its_count(
    upstream: HeldUpstream, tmp_path: Path
) -> None:
    tape = tmp_path / "tape"
    with running_proxy(upstream.url, "--record", str(tape)) as proxy:
        with Client(proxy.address) as client:
            client.call("/@session=one/v1/messages")
            client.call("/@session=two/v1/messages")
            client.call("/@session=one/v1/messages")
            client.call("/@project=checkout/v1/messages")
            client.get("/v1/organizations/me")
            connection = client._connection
            connection.request(
                "POST", "/v1/messages", REQUEST, HEADERS | {"X-Claude-Code-Session-Id": CLAUDE_CODE}
            )
            connection.getresponse().read()
        eventually(lambda: counts(proxy) == {"recorded": 5, "refused": 1}, "the counting of all")
        assert all(name.endswith(".journal") for name in files(tape))
    assert files(tape) == {
        f"{CLAUDE_CODE}.yaml": 1,
        "one.yaml": 2,
        "project-checkout.yaml": 1,
        "two.yaml": 1,
    }


def test_a_session_without_traffic_is_over_and_its_cassette_written(
    upstream: HeldUpstream, tmp_path: Path
) -> None:
    options = ("--record", str(tmp_path), "--record-idle", "0.01")
    with running_proxy(upstream.url, *options) as proxy, Client(proxy.address) as client:
        client.call("/@session=one/v1/messages")
        eventually(lambda: files(tmp_path) == {"one.yaml": 1}, "the end of the session")
        client.call("/@session=one/v1/messages")
    assert files(tmp_path) == {"one.2.yaml": 1, "one.yaml": 1}


@pytest.mark.slow
def test_what_an_observer_died_in_is_counted(upstream: HeldUpstream, tmp_path: Path) -> None:
    upstream.released.clear()
    with running_proxy(upstream.url, "--record", str(tmp_path)) as proxy:
        with Client(proxy.address) as client:
            stream = client.open_stream()
            proxy.kill_observer()
            upstream.release()
            stream.read()
            client.call("/@session=later/v1/messages")
        eventually(lambda: counts(proxy) == {"recorded": 1, "incomplete": 1}, "the counting of both")
        assert proxy.metrics().by(METRIC, "reason", result="incomplete") == {"observer_restarted": 1}
    assert files(tmp_path) == {"later.yaml": 1}


@pytest.mark.slow
def test_after_a_crash_of_everything_sessions_go_on(upstream: HeldUpstream, tmp_path: Path) -> None:
    options = ("--record", str(tmp_path / "tape"))
    with running_proxy(upstream.url, *options) as proxy:
        with Client(proxy.address) as client:
            client.call("/@session=one/v1/messages")
        eventually(lambda: counts(proxy) == {"recorded": 1}, "the recording")
        everyone = [*proxy.processes()]
        for each in everyone:
            each.suspend()
        proxy.process.kill()
        for each in everyone:
            each.kill()
        proxy.process.wait(PATIENCE)
    assert list(files(tmp_path / "tape")) == ["one.yaml.journal"]
    with running_proxy(upstream.url, *options) as proxy, Client(proxy.address) as client:
        client.call("/@session=one/v1/messages")
        client.call("/@session=two/v1/messages")
        eventually(lambda: counts(proxy) == {"recorded": 2}, "the recording")
    assert files(tmp_path / "tape") == {"one.yaml": 2, "two.yaml": 1}


def test_two_proxies_do_not_record_to_one_folder(upstream: HeldUpstream, tmp_path: Path) -> None:
    options = ("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--record", str(tmp_path))
    with running_proxy(upstream.url, "--record", str(tmp_path)):
        command = [sys.executable, "-m", "tokentape.cli.main", "up", "--upstream", upstream.url, *options]
        second = subprocess.run(
            command, env=clean_environment(), capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    assert (second.returncode, second.stdout) == (1, "")
    assert f"{tmp_path} is being recorded to by another process" in second.stderr


@pytest.mark.slow
def test_traffic_does_not_care_for_a_recorder_that_is_stopped(upstream: HeldUpstream, tmp_path: Path) -> None:
    """What it cannot take waits; nothing is lost."""
    with running_proxy(upstream.url, "--record", str(tmp_path)) as proxy:
        recorder = next(each for each in proxy.processes() if "recorder" in each.cmdline())
        recorder.suspend()
        with Client(proxy.address) as client:
            assert {client.call("/@session=one/v1/messages") for _ in range(200)} == {200}
        assert proxy.after(200).value("tokentape_unmetered_calls_total") == 0
        assert proxy.metrics().value("tokentape_recording_waiting_bytes") > 0
        recorder.resume()
        eventually(lambda: counts(proxy) == {"recorded": 200}, "the recording of all")
        assert proxy.metrics().value("tokentape_recording_waiting_bytes") == 0
    assert files(tmp_path) == {"one.yaml": 200}


def test_without_it_no_recorder_runs(upstream: HeldUpstream) -> None:
    with running_proxy(upstream.url) as proxy:
        kinds = [word for each in proxy.processes() for word in each.cmdline() if word == "recorder"]
        assert (kinds, proxy.metrics().by(METRIC, "result")) == ([], {})


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    command = [sys.executable, "-m", "tokentape.cli.main", "up", "--record", str(tmp_path / "file" / "tape")]
    result = subprocess.run(
        command, env=environment_in(tmp_path), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert result.returncode == 1
    assert "cannot be recorded to: Not a directory." in result.stderr
