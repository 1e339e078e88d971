"""Who may import whom, and that each package can be imported without the others."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

MAY_IMPORT = {
    "tokentape.proxy": {"tokentape.proxy"},
    "tokentape.recorder": {
        "tokentape.recorder",
        *(f"tokentape.proxy.{name}" for name in ("http1", "frames", "messages", "pricing", "catalogue")),
        *(f"tokentape.proxy.{name}" for name in ("relay", "observer")),  # to record behind a base_url
    },
    "tokentape.dashboards": {"tokentape.dashboards", "tokentape.proxy.catalogue"},
    "tokentape.cli": {"tokentape"},
    # Inside the proxy:
    "tokentape.proxy.catalogue": set[str](),
    "tokentape.proxy.frames": set[str](),
    "tokentape.proxy.supervisor": set[str](),
    "tokentape.proxy.http1": {"tokentape.proxy.http1"},
    "tokentape.proxy.messages": {"tokentape.proxy.messages", "tokentape.proxy.frames"},
    # A data plane carries bytes and understands nothing.
    "tokentape.proxy.relay": {
        *("tokentape.proxy.relay", "tokentape.proxy.http1", "tokentape.proxy.frames"),
        *("tokentape.proxy.frame_link", "tokentape.proxy.answers"),
    },
    # The other data plane: its frames are the relay's.
    "tokentape.proxy.intercept": {
        *("tokentape.proxy.intercept", "tokentape.proxy.relay", "tokentape.proxy.frames"),
        *("tokentape.proxy.frame_link", "tokentape.proxy.answers"),
    },
    "tokentape.proxy.frame_link": {"tokentape.proxy.frames"},
    "tokentape.proxy.observer": {
        *("tokentape.proxy.observer", "tokentape.proxy.messages", "tokentape.proxy.frames"),
        *("tokentape.proxy.http1", "tokentape.proxy.pricing"),
    },
    "tokentape.proxy.telemetry": {
        *("tokentape.proxy.telemetry", "tokentape.proxy.catalogue", "tokentape.proxy.messages"),
        *("tokentape.proxy.frames", "tokentape.proxy.pricing", "tokentape.proxy.ledger"),
    },
}


def modules() -> dict[str, Path]:
    """Every module by its dotted name."""
    found: dict[str, Path] = {}
    for root in ("proxy", "recorder", "dashboards"):
        for path in (ROOT / root / "tokentape").rglob("*.py"):
            parts = path.relative_to(ROOT / root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path) -> set[str]:
    """What a module imports of this project, for type checkers only and inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative imports cannot be checked"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in names if within(name, "tokentape")}


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    inside = {name: path for name, path in modules().items() if within(name, room)}
    assert inside, f"{room} is gone"
    forbidden = {
        f"{name} imports {target}"
        for name, path in inside.items()
        for target in imports(path)
        if not any(within(target, allowed) for allowed in MAY_IMPORT[room])
    }
    assert forbidden == set()


def test_nobody_imports_the_composition_root() -> None:
    assert [
        name
        for name, path in modules().items()
        if not within(name, "tokentape.cli")
        and any(within(target, "tokentape.cli") for target in imports(path))
    ] == []


@pytest.mark.parametrize(
    ("room", "known"),
    [
        ("proxy", {"proxy"}),
        ("recorder", {"recorder", "proxy"}),
        ("dashboards", {"dashboards", "proxy"}),
        ("cli", {"cli", "proxy", "recorder"}),
    ],
)
def test_a_room_can_be_imported_alone(room: str, known: set[str]) -> None:
    """All its modules, in an interpreter of their own, which then holds no room that it must not know."""
    inside = [name for name in modules() if within(name, f"tokentape.{room}")]
    names = sorted(name for name in inside if not name.endswith("__main__"))
    # Grafana's types say at import that there are newer ones, which no Grafana before 12 loads.
    quiet = "import warnings; warnings.filterwarnings('ignore', 'Prefer using dashboardv2'); "
    script = f"import importlib, sys; [importlib.import_module(n) for n in {names}]; print(*sys.modules)"
    command = [sys.executable, "-W", "error", "-c", quiet + script]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    loaded = {name.split(".")[1] for name in result.stdout.split() if name.startswith("tokentape.")}
    assert loaded <= known
