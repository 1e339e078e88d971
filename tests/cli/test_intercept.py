"""`--intercept`: clients that cannot set a base_url, through `up` and `run`; and the authority's commands."""

from __future__ import annotations

import stat
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.intercept import require_mitmproxy
from tests.support.proxy import PATIENCE, clean_environment, running_proxy
from tests.support.upstream import HEADERS, REQUEST, HeldUpstream, held_upstream

from tokentape.cli.intercepting import client_variables
from tokentape.cli.run import is_claude, keeps_tool_search

if TYPE_CHECKING:
    from collections.abc import Generator

API = "https://api.anthropic.com"
INSISTING = f"""
import json, sys, urllib.request
request = urllib.request.Request("{API}/v1/messages", {REQUEST!r}, {HEADERS!r})
with urllib.request.urlopen(request) as reply:
    print(json.load(reply)["content"][0]["text"])
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's data, with an authority that is made once: keys take time."""
    require_mitmproxy()
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def upstream() -> Generator[HeldUpstream]:
    with held_upstream() as server:
        yield server


def tokentape(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tokentape.cli.main", *arguments],
        cwd=home,
        env=clean_environment(XDG_DATA_HOME=str(home), **environment),
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )


def run(home: Path, upstream: str, script: str, *options: str, **environment: str) -> list[str]:
    """The lines of stdout, then those of stderr, of a script behind `run --intercept`, which succeeds."""
    command = ("--", sys.executable, "-c", textwrap.dedent(script))
    result = tokentape(home, "run", "--intercept", "--upstream", upstream, *options, *command, **environment)
    assert result.returncode == 0, result.stderr
    return [*result.stdout.splitlines(), *result.stderr.splitlines()]


def test_a_program_that_insists_on_the_api_is_metered(home: Path, upstream: HeldUpstream) -> None:
    lines = run(home, upstream.url, INSISTING, "--label", "project=insisting")
    assert lines[0] == "Hello"
    assert "tokentape: 1 call, 0 errors" in lines
    assert "           tokens: input 12, cache read 0, cache write 0, output 5, hit ratio 0%" in lines
    by_engine = tokentape(home, "report", "--by", "engine", "--where", "project=insisting", "--format", "csv")
    assert by_engine.stdout.splitlines()[1].startswith("intercept,1,"), by_engine


def test_what_is_set_is_said_and_only_the_command_has_it(home: Path, upstream: HeldUpstream) -> None:
    show = "import os; print(os.environ['HTTPS_PROXY'], 'ANTHROPIC_BASE_URL' in os.environ)"
    lines = run(home, upstream.url, show, ANTHROPIC_BASE_URL=upstream.url, NO_PROXY=".anthropic.com,intranet")
    proxy, base_url = lines[0].split()
    assert (proxy.startswith("http://127.0.0.1:"), base_url) == (True, "False")
    said = "\n".join(lines[1:])
    assert f"tokentape: set for the command: HTTPS_PROXY, https_proxy={proxy}\n" in said
    assert "set for the command: NO_PROXY, no_proxy=intranet,127.0.0.1,localhost,::1\n" in said
    assert "SSL_CERT_FILE, REQUESTS_CA_BUNDLE" in said
    assert "tokentape: taken off for the command: ANTHROPIC_BASE_URL" in said


def test_up_carries_both_kinds_of_clients_and_says_what_the_second_needs(upstream: HeldUpstream) -> None:
    require_mitmproxy()
    with running_proxy(upstream.url, "--intercept", "--intercept-listen", "127.0.0.1:0") as proxy:
        assert proxy.process.stdout is not None
        lines = [proxy.process.stdout.readline().strip() for _ in range(6)]
        assert all(line.startswith("export ") for line in lines)
        variables = dict(line.removeprefix("export ").split("=", 1) for line in lines)
        for script in (INSISTING, INSISTING.replace(API, proxy.base_url)):
            result = subprocess.run(
                [sys.executable, "-c", script],
                env=clean_environment(**variables),
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
            assert (result.returncode, result.stdout) == (0, "Hello\n"), result.stderr
        metrics = proxy.after(2)
        assert metrics.by("tokentape_tokens_total", "kind") == {"input": 24, "output": 10}
        assert metrics.value("tokentape_unmetered_calls_total") == 0
        assert proxy.stop() == 0
        assert proxy.orphans() == []


def test_the_key_is_its_owners_alone_and_is_neither_printed_nor_exported(
    home: Path, upstream: HeldUpstream, tmp_path: Path
) -> None:
    run(home, upstream.url, "pass")
    folder = home / "tokentape" / "intercept"
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert set(modes.values()) == {0o600}
    shown = tokentape(home, "intercept", "ca", "print")
    assert (shown.returncode, shown.stdout.splitlines()[0]) == (0, f"folder {folder}")
    exported = tmp_path / "ca.pem"
    assert tokentape(home, "intercept", "ca", "export", str(exported)).returncode == 0
    text = exported.read_text("ascii")
    assert text.startswith("-----BEGIN CERTIFICATE-----")
    assert shown.stdout.endswith(text)
    assert "PRIVATE KEY" not in shown.stdout + text


def test_the_authority_can_be_removed(tmp_path: Path) -> None:
    folder = tmp_path / "tokentape" / "intercept"
    folder.mkdir(parents=True)
    (folder / "mitmproxy-ca.pem").write_text("key", "ascii")
    removed = tokentape(tmp_path, "intercept", "ca", "remove")
    assert (removed.returncode, removed.stdout, folder.exists()) == (0, f"{folder} is deleted\n", False)
    absent = tokentape(tmp_path, "intercept", "ca", "print")
    assert (absent.returncode, absent.stderr) == (
        1,
        "Error: There is no certificate authority yet: up --intercept or run --intercept makes it.\n",
    )


def test_without_the_extra_one_sentence_says_what_to_install(tmp_path: Path) -> None:
    script = """
        import sys
        sys.modules["mitmproxy"] = None
        from importlib import util
        util.find_spec = lambda name: None
        from tokentape.cli.main import main
        main(["run", "--intercept", "--", "true"])
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=clean_environment(XDG_DATA_HOME=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    wanted = (
        "--intercept needs mitmproxy: pip install 'tokentape[intercept]'."
        if sys.version_info >= (3, 12)
        else "--intercept needs Python 3.12 or newer: everything else runs on this one."
    )
    assert (result.returncode, result.stderr) == (1, f"Error: {wanted}\n")


def test_a_client_trusts_what_it_trusted_and_the_authority(
    home: Path, upstream: HeldUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(home, upstream.url, "pass")
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    theirs, node = tmp_path / "theirs.pem", tmp_path / "node.pem"
    theirs.write_text("theirs", "ascii")
    node.write_text("node", "ascii")
    variables = client_variables(
        {"SSL_CERT_FILE": str(theirs), "NODE_EXTRA_CA_CERTS": str(node)}, "http://127.0.0.1:1", ()
    )
    own = (home / "tokentape" / "intercept" / "mitmproxy-ca-cert.pem").read_text("ascii").strip()
    assert Path(variables["SSL_CERT_FILE"]).read_text("ascii") == f"theirs\nnode\n{own}\n"


@pytest.mark.parametrize(
    ("environment", "upstream_url", "kept"),
    [
        ({}, API, True),
        ({"ENABLE_TOOL_SEARCH": "false"}, API, False),
        ({}, "https://gateway.example", False),
    ],
)
def test_tool_search_is_kept_where_nobody_decided_and_the_api_itself_answers(
    environment: dict[str, str], upstream_url: str, *, kept: bool
) -> None:
    assert keeps_tool_search(environment, upstream_url) is kept


def test_claude_code_is_known_by_its_name() -> None:
    assert [is_claude([name]) for name in ("/usr/bin/claude", "claude", "python", "/x/claude/run")] == [
        True,
        True,
        False,
        False,
    ]


def test_a_program_that_insists_on_the_api_runs_from_a_cassette(home: Path, upstream: HeldUpstream) -> None:
    cassette = home / "insisting.yaml"
    direct = INSISTING.replace(API, "http://127.0.0.1:1").replace(
        '"http://127.0.0.1:1/v1', "__import__('os').environ['ANTHROPIC_BASE_URL'] + \"/v1"
    )
    recorded = tokentape(
        home, "record", str(cassette), "--upstream", upstream.url, "--", sys.executable, "-c", direct
    )
    assert (recorded.returncode, recorded.stdout) == (0, "Hello\n"), recorded.stderr
    asked = len(upstream.requests)
    replayed = tokentape(home, "replay", str(cassette), "--intercept", "--", sys.executable, "-c", INSISTING)
    assert (replayed.returncode, replayed.stdout) == (0, "Hello\n"), replayed.stderr
    missed = tokentape(
        home,
        *("replay", str(cassette), "--intercept", "--", sys.executable, "-c"),
        INSISTING.replace("Hello", "Goodbye"),
    )
    assert missed.returncode == 1
    assert len(upstream.requests) == asked
