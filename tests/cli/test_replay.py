"""`tokentape replay`: cassettes as the API, for a command or until it is told to stop."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import textwrap
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tests.recorder.replay.plain import interaction, message, question
from tests.support.proxy import PATIENCE, clean_environment, get

from tokentape.cli.replay import _environment
from tokentape.recorder.cassette.interaction import Cassette
from tokentape.recorder.cassette.store import save
from tokentape.recorder.standin.server import standing_in

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

ASK = """
import json, os, sys, urllib.error, urllib.request
def ask(text):
    body = json.dumps({"model": "claude-haiku-4-5", "max_tokens": 100,
                       "messages": [{"role": "user", "content": text}]}).encode()
    request = urllib.request.Request(os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages", body)
    try:
        with urllib.request.urlopen(request) as reply:
            print(json.load(reply)["content"][0]["text"])
    except urllib.error.HTTPError as error:
        print(error.code, json.load(error)["error"]["message"].splitlines()[-1])
"""


@pytest.fixture
def cassette(tmp_path: Path) -> Path:
    """A cassette of two calls, in the folder where commands run."""
    recorded = (interaction(question("one"), message("1")), interaction(question("two"), message("2")))
    path = tmp_path / "day.yaml"
    save(Cassette(interactions=recorded), path)
    (tmp_path / "ask.py").write_text(ASK)
    return path


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tokentape.cli.main", "replay", *arguments]


def replay(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def python(script: str) -> tuple[str, ...]:
    return ("--", sys.executable, "-c", "from ask import *\n" + textwrap.dedent(script).strip())


@contextmanager
def serving(*arguments: str, cwd: Path) -> Generator[tuple[str, subprocess.Popen[str]]]:
    """`tokentape replay` and its address."""
    process = subprocess.Popen(
        command(*arguments),
        cwd=cwd,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline().strip()
        assert line.startswith("export ANTHROPIC_BASE_URL=http://127.0.0.1:")
        yield line.partition("=")[2], process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.usefixtures("cassette")
def test_the_command_has_stdout_and_its_status_and_the_summary_goes_to_stderr(tmp_path: Path) -> None:
    result = replay("day.yaml", *python("ask('one'); ask('two'); sys.exit(7)"), cwd=tmp_path)

    assert (result.returncode, result.stdout) == (7, "1\n2\n")
    assert result.stderr == "tokentape: day: 2 hits, 0 misses, 0 unplayed\n"


@pytest.mark.usefixtures("cassette")
def test_a_miss_fails_a_command_that_swallowed_it(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("from ask import *\nask('one'); ask('three')")
    result = replay("day.yaml", "--", sys.executable, "app.py", cwd=tmp_path)

    what_to_run = f"To record it: tokentape record day.yaml --append -- {sys.executable} app.py"
    assert (result.returncode, result.stdout) == (1, f"1\n422 {what_to_run}\n")
    lines = result.stderr.splitlines()
    missed = "miss: No recording in day matches POST /v1/messages (claude-haiku-4-5, 1 message)."
    assert lines[:3] == [
        f"tokentape: {missed}",
        "tokentape: day: 1 hit, 1 miss, 1 unplayed",
        f"tokentape:   {missed}",
    ]
    assert lines[-1] == "tokentape:   unplayed: POST /v1/messages"


@pytest.mark.usefixtures("cassette")
def test_all_is_well_without_a_miss(tmp_path: Path) -> None:
    result = replay("day.yaml", *python("ask('one')"), cwd=tmp_path)

    assert (result.returncode, result.stdout) == (0, "1\n")
    assert result.stderr.splitlines()[0] == "tokentape: day: 1 hit, 0 misses, 1 unplayed"


def test_a_command_needs_no_key_and_keeps_the_one_it_has() -> None:
    assert _environment({}, "u") == {"ANTHROPIC_BASE_URL": "u", "ANTHROPIC_API_KEY": "replayed-needs-no-key"}
    with_token = {"ANTHROPIC_AUTH_TOKEN": "t"}
    assert _environment(with_token, "u") == with_token | {"ANTHROPIC_BASE_URL": "u"}


@pytest.mark.usefixtures("cassette")
def test_without_a_command_it_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    with serving("day.yaml", cwd=tmp_path) as (url, process):
        assert get(f"{url}/.tokentape/healthz") == (200, b'{"status":"ok"}')
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=PATIENCE)

    assert (process.returncode, stderr) == (0, "tokentape: day: nobody asked for it\n")


@pytest.mark.usefixtures("cassette")
def test_a_folder_is_served_and_clients_choose(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    save(Cassette(interactions=(interaction(question("one"), message("other")),)), tmp_path / "more/x.json")
    script = """
    url = os.environ["ANTHROPIC_BASE_URL"]
    for name in ("day", "more%2Fx,session=1", "more%2Fx,session=2"):
        os.environ["ANTHROPIC_BASE_URL"] = f"{url}/@cassette={name}"
        ask("one")
    """
    result = replay(".", *python(script), cwd=tmp_path)

    assert (result.returncode, result.stdout) == (0, "1\nother\nother\n")
    lines = result.stderr.splitlines()
    assert lines[0].startswith("tokentape: 2 cassettes: choose one by http://127.0.0.1:")
    assert lines[0].endswith("/@cassette=NAME, such as day")
    assert "tokentape: more/x, session 2: 1 hit, 0 misses, 0 unplayed" in lines


@pytest.mark.usefixtures("cassette")
def test_faults_strike_replies_and_the_next_attempt_is_answered(tmp_path: Path) -> None:
    script = "ask('one'); ask('one')"
    result = replay("day.yaml", "--fault", "overloaded:times=1", *python(script), cwd=tmp_path)

    assert (result.returncode, result.stdout) == (0, "529 Overloaded\n1\n")


@pytest.mark.usefixtures("cassette")
def test_chaos_strikes_the_same_requests_for_the_same_seed(tmp_path: Path) -> None:
    chaos = ("--chaos", "50%: overloaded", "--seed", "7")
    script = "[ask('one') for _ in range(20)]"
    results = [replay("day.yaml", *chaos, *python(script), cwd=tmp_path).stdout for _ in range(2)]

    assert results[0] == results[1]
    assert 0 < results[0].count("529 Overloaded") < 20


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (
            ["gone.yaml"],
            1,
            "There is no cassette gone.yaml: record it with `tokentape record gone.yaml -- COMMAND`.",
        ),
        (["day.yaml", "more/day.yaml"], 1, "Two cassettes are called day: day.yaml and more/day.yaml: "),
        (["broken.yaml"], 1, "broken.yaml: "),
        (["day.yaml", "--fault", "nonsense"], 2, "nonsense"),
        (["day.yaml", "--chaos", "often"], 2, "Chaos cannot be `often`"),
        (["day.yaml", "--match", "loose"], 2, "--match must be "),
        (["day.yaml", "--listen", "0.0.0.0:0"], 2, "--listen 0.0.0.0:0 can be reached by other machines"),
        (["day.yaml", "--", "no-such-command"], 127, "no-such-command was not found"),
        ([], 2, "Missing argument 'CASSETTE...'"),
    ],
)
@pytest.mark.usefixtures("cassette")
def test_what_cannot_be_done_is_told_in_a_sentence(
    tmp_path: Path, arguments: list[str], status: int, sentence: str
) -> None:
    (tmp_path / "broken.yaml").write_text("interactions: [{request: 7}]\n")
    (tmp_path / "more").mkdir()
    (tmp_path / "more/day.yaml").touch()
    result = replay(*arguments, cwd=tmp_path)

    assert (result.returncode, result.stdout) == (status, "")
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Error: ")
    assert sentence in last


@pytest.mark.usefixtures("cassette")
def test_a_port_in_use_is_told_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = replay("day.yaml", "--listen", address, cwd=tmp_path)

    assert result.returncode == 1
    what_to_do = "stop what listens there, or choose another port with --listen HOST:PORT."
    assert result.stderr == f"Error: {address} is taken: {what_to_do}\n"


@pytest.mark.usefixtures("cassette")
def test_the_users_redaction_is_that_of_the_look_up(tmp_path: Path) -> None:
    """What was redacted by a pattern at recording is found under the same pattern."""
    (tmp_path / "tokentape.toml").write_text("[redact]\npatterns = ['Order \\d+']\n")
    recorded: Any = question("REDACTED is late")
    save(Cassette(interactions=(interaction(recorded, message("sorry")),)), tmp_path / "day.yaml")
    found = replay("day.yaml", *python("ask('Order 17 is late')"), cwd=tmp_path)

    assert found.stdout == "sorry\n"


@pytest.mark.usefixtures("cassette")
def test_what_the_user_calls_volatile_may_differ(tmp_path: Path) -> None:
    (tmp_path / "tokentape.toml").write_text("[volatile]\npatterns = ['run \\d+: ']\n")
    recorded = (interaction(question("run 1: go"), message("gone")),)
    save(Cassette(interactions=recorded), tmp_path / "day.yaml")
    result = replay("day.yaml", *python("ask('run 2: go')"), cwd=tmp_path)

    assert (result.returncode, result.stdout) == (0, "gone\n")
    assert result.stderr == "tokentape: day: 1 hit (1 normalised), 0 misses, 0 unplayed\n"


@pytest.mark.usefixtures("cassette")
def test_after_the_last_reply_comes_what_the_user_says(tmp_path: Path) -> None:
    script = "ask('one'); ask('one')"
    result = replay("day.yaml", "--after-last", "repeat_last", *python(script), cwd=tmp_path)

    assert (result.returncode, result.stdout) == (0, "1\n1\n")


SESSION = """
import anthropic
client = anthropic.Anthropic()
messages = [{"role": "user", "content": "What is a tape?"}]
for turn in range(3):
    with client.messages.stream(model="claude-haiku-4-5", max_tokens=60, messages=messages) as stream:
        for event in stream:
            print(event.type)
        reply = stream.get_final_message()
    print(reply.id, reply.usage.to_json(indent=None), reply.content[0].text)
    messages += [{"role": "assistant", "content": reply.content[0].text}]
    messages += [{"role": "user", "content": f"And {turn}?"}]
print([model.id for model in client.models.list(limit=100)])
try:
    client.messages.create(model="claude-none", max_tokens=5, messages=messages)
except anthropic.APIStatusError as error:
    print(error, error.request_id)
"""


@pytest.mark.slow
def test_a_recorded_session_says_the_same_again(tmp_path: Path) -> None:
    (tmp_path / "session.py").write_text(SESSION)
    program = ("--", sys.executable, "session.py")
    with standing_in() as upstream:
        recorded = subprocess.run(
            [*command()[:-1], "record", "s.yaml", "--upstream", upstream.url, "--ledger", "none", *program],
            cwd=tmp_path,
            env=clean_environment(ANTHROPIC_API_KEY="sk-ant-test"),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
    result = replay("s.yaml", *program, cwd=tmp_path)

    assert (result.returncode, result.stdout) == (0, recorded.stdout)
    assert result.stderr == "tokentape: s: 5 hits, 0 misses, 0 unplayed\n"
