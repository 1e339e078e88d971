"""What the plugin costs a suite that does not use it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = (
    "httpx",
    "httpx2",
    "vcr",
    "yaml",
    "msgspec",
    "genai_prices",
    "anthropic",
    "asyncio",
    "sqlalchemy",
    "ssl",
)

SCRIPT = f"""
import sys, pytest, _pytest.config, _pytest.terminal
before = set(sys.modules)
import tokentape.recorder.pytest_plugin as plugin
config = _pytest.config.get_config()
config.pluginmanager.register(plugin, "tokentape-again")
new = set(sys.modules) - before
print(sorted(name for name in new if name.startswith("tokentape")))
print(sorted(name for name in sys.modules if name in {HEAVY!r} and name in new))
"""


def test_the_plugin_alone_imports_nothing_but_itself() -> None:
    result = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    own, heavy = result.stdout.splitlines()
    assert own == "['tokentape', 'tokentape.recorder', 'tokentape.recorder.pytest_plugin']"
    assert heavy == "[]"


def test_a_run_without_a_marked_test_imports_nothing_of_ours(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(): pass")
    script = (
        "import sys, pytest; pytest.main(['-q', '-p', 'no:cacheprovider']);"
        "print(sorted(name for name in sys.modules if name.startswith('tokentape.')))"
    )
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "1 passed" in result.stdout
    assert result.stdout.splitlines()[-1] == "['tokentape.recorder', 'tokentape.recorder.pytest_plugin']"
