"""The pytest plugin: hooks and fixtures.

What a test without the marker pays for is this module and nothing else, so all that has work to do lies in
`tokentape.recorder.testing` and is imported by the first test that needs it. Which of command line, marker,
module and ini file decides is told there, in `settings`.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from tokentape.recorder.testing.cassette import OpenCassette
    from tokentape.recorder.testing.deck import Deck

_OPEN: pytest.StashKey[tuple[OpenCassette, Deck]] = pytest.StashKey()

_CHOICES = {
    "record": ("none", "once", "new_episodes", "all", "rewrite"),
    "match": ("strict", "lenient"),
    "after_last": ("fail", "repeat_last", "cycle"),
    "unplayed": ("ignore", "report", "fail"),
    "write": ("passed", "always"),
}
_HELP = {
    "record": "when requests of marked tests may go live (default: none)",
    "match": "strict: a request that differs is a miss; lenient: the nearest recording answers it",
    "after_last": "what a request gets beyond its last recording (default: fail)",
    "unplayed": "what becomes of a test that leaves recordings unplayed (default: report)",
    "write": "when what was recorded is written (default: passed, only if the test passed)",
    "upstream": "base_url that tokentape_server records from, and that counts as the API",
    "hosts": "other hosts whose exchanges are recorded too, one a line",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options `--tokentape-...` and the ini keys `tokentape_...`."""
    group = parser.getgroup("tokentape", "recorded API calls (tokentape)")
    for name, choices in _CHOICES.items():
        flag = f"--tokentape-{name.replace('_', '-')}"
        group.addoption(flag, dest=f"tokentape_{name}", choices=choices, help=_HELP[name])
        parser.addini(f"tokentape_{name}", _HELP[name], default=None)
    group.addoption(
        "--tokentape-orphans",
        choices=("report", "fail"),
        default="report",
        help="what cassettes do whose tests are gone (default: report)",
    )
    group.addoption("--tokentape-upstream", dest="tokentape_upstream", metavar="URL", help=_HELP["upstream"])
    parser.addini("tokentape_upstream", _HELP["upstream"], default=None)
    parser.addini(
        "tokentape_adopt_vcr",
        "take over the tests that are marked for pytest-recording",
        type="bool",
        default=False,
    )
    parser.addini("tokentape_hosts", _HELP["hosts"], type="linelist", default=None)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        "tokentape(cassette, *, record, match, hosts, max_usd, max_calls, max_tokens, ...): "
        "play the API calls of this test from its cassette.",
    )
    if config.getini("tokentape_adopt_vcr"):
        # pytest-recording stands back from the tests that it would have opened a cassette for.
        config.option.disable_recording = True
        config.addinivalue_line("markers", "vcr: played by tokentape, see tokentape_adopt_vcr.")
        config.addinivalue_line("markers", "default_cassette(name): the cassette of a test marked vcr.")
    config.pluginmanager.register(_Verdicts(), "tokentape-verdicts")


@pytest.fixture(scope="module")
def tokentape_config() -> dict[str, Any]:
    """Settings of a module's tests: override it."""
    return {}


@pytest.fixture
def tokentape_cassette(
    request: pytest.FixtureRequest, tokentape_config: dict[str, Any]
) -> Generator[OpenCassette]:
    """The test's open cassette: its calls, its bill, assertions and faults."""
    from tokentape.recorder.testing.running import opened  # noqa: PLC0415 - see the module's docstring

    item, config = request.node, request.config
    command_line = {name: config.getoption(f"tokentape_{name}") for name in [*_CHOICES, "upstream"]}
    ini = {name: config.getini(f"tokentape_{name}") for name in [*_CHOICES, "upstream", "hosts"]}
    module = {**_vcr_settings(request), **tokentape_config}
    with opened(item, _said(command_line), module, _said(ini)) as (cassette, deck):
        item.stash[_OPEN] = (cassette, deck)
        yield cassette
        del item.stash[_OPEN]


@pytest.fixture
def tokentape_server(request: pytest.FixtureRequest, tokentape_cassette: OpenCassette) -> Generator[str]:
    """A base_url that plays and records the test's cassette, for subprocesses and other languages."""
    from tokentape.recorder.testing.server import serving  # noqa: PLC0415 - see the module's docstring

    _, deck = request.node.stash[_OPEN]
    with serving(deck, tokentape_cassette.settings.upstream) as url:
        yield url


@pytest.fixture(autouse=True)
def _tokentape_marked(request: pytest.FixtureRequest) -> None:
    """A marked test has its cassette, whether it asks for the fixture or not."""
    if request.node.get_closest_marker("tokentape") is not None or _adopts(request):
        request.getfixturevalue("tokentape_cassette")


def _adopts(request: pytest.FixtureRequest) -> bool:
    marked = request.node.get_closest_marker("vcr") is not None
    return marked and bool(request.config.getini("tokentape_adopt_vcr"))


def _vcr_settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What a test marked for pytest-recording stands for."""
    if not _adopts(request):
        return {}
    from tokentape.recorder.testing.adopting import adopted  # noqa: PLC0415 - see the module's docstring
    from tokentape.recorder.testing.settings import SettingsError  # noqa: PLC0415

    config: dict[str, Any] = {}
    with contextlib.suppress(pytest.FixtureLookupError):
        config = request.getfixturevalue("vcr_config")
    try:
        return adopted(request.node, config)
    except SettingsError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """A miss fails its test, even where the application swallowed it."""
    found = item.stash.get(_OPEN, None)
    if found is None:
        return (yield)
    from tokentape.recorder.testing.running import judge  # noqa: PLC0415 - see the module's docstring

    cassette, _ = found
    try:
        result = yield
    except BaseException:
        for text in cassette.refusals():
            item.add_report_section("call", "tokentape", text)
        raise
    if wrong := judge(cassette):
        pytest.fail("\n\n".join(wrong), pytrace=False)
    cassette.passed = True
    return result


class _Verdicts:
    """The verdicts of the tests that have ended, for the terminal; workers of pytest-xdist send theirs."""

    def __init__(self) -> None:
        self._lines: dict[str, str] = {}
        self._orphans: set[str] = set()
        self._whole = True

    def pytest_deselected(self) -> None:
        """Where not all tests run, nobody knows which cassettes are left over."""
        self._whole = False

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Look for cassettes whose tests are gone."""
        marked = any(item.get_closest_marker("tokentape") for item in session.items)
        if marked and self._whole and not any("::" in argument for argument in session.config.args):
            from tokentape.recorder.testing.orphans import orphans  # noqa: PLC0415 - see the module's docstring

            self._orphans.update(orphans(session.items))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A worker of pytest-xdist hands over what it found."""
        output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
        if output is not None:
            output["tokentape_orphans"] = sorted(self._orphans)
        elif self._orphans and session.config.getoption("tokentape_orphans") == "fail":
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """pytest-xdist: a worker has ended."""
        self._orphans.update(getattr(node, "workeroutput", {}).get("tokentape_orphans", ()))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the verdict of a test that has ended."""
        if report.when == "teardown":
            found = [str(value) for name, value in report.user_properties if name == "tokentape"]
            for line in found:
                self._lines[report.nodeid] = line

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """One line a test."""
        if self._lines or self._orphans:
            terminalreporter.section("tokentape")
        for nodeid, line in self._lines.items():
            terminalreporter.write_line(f"{line}  {nodeid}")
        for path in sorted(self._orphans):
            terminalreporter.write_line(f"ORPHAN  {path}: no test has this cassette; remove it")


def _said(values: dict[str, Any]) -> dict[str, Any]:
    """What is not left open."""
    return {name: value for name, value in values.items() if value not in (None, "", [])}
