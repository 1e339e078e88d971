"""The TypeScript SDK from npm, on the cassette of a pytest test."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.recorder.testing.suites import dead, upstream

pytest_plugins = ["pytester"]

_upstream = pytest.fixture(upstream, name="url")

EXAMPLE = Path(__file__).parents[3] / "examples" / "typescript"

SUITE = """
import os, subprocess
import pytest

@pytest.mark.tokentape
def test_typescript(tokentape_server):
    environment = os.environ | {"ANTHROPIC_BASE_URL": tokentape_server, "ANTHROPIC_API_KEY": "sk-ant-test"}
    result = subprocess.run(["node", "--test"], env=environment, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout
"""


@pytest.mark.slow
def test_the_typescript_sdk_is_recorded_and_played(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    for file in EXAMPLE.iterdir():
        if file.is_file():
            shutil.copy(file, pytester.path)
    install = [npm, "install", "--no-audit", "--no-fund", "--silent"]
    home = os.environ | {"npm_config_cache": str(pytester.path / ".npm")}
    if subprocess.run(install, cwd=pytester.path, env=home, check=False, timeout=240).returncode:
        pytest.skip("npm cannot install the SDK: there is no network")
    pytester.makepyfile(test_it=SUITE)
    dead(monkeypatch)
    recorded = pytester.runpytest_inprocess("--tokentape-record=once", f"--tokentape-upstream={url}")
    recorded.assert_outcomes(passed=1)
    recorded.stdout.fnmatch_lines(["RECORDED 2  test_it.py::test_typescript"])
    played = pytester.runpytest_inprocess()
    played.assert_outcomes(passed=1)
    played.stdout.fnmatch_lines(["HIT 2  test_it.py::test_typescript"])
