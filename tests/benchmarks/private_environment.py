"""Virtual environments of a contender's own: its dependencies must never meet the project's."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


class InstallError(Exception):
    """A contender could not be installed; the message says why in one sentence."""


def program(name: str, environment: str, requirement: str, *, oldest: tuple[int, int]) -> Path:
    """A console script out of `.venv-<environment>`, which is made where it is missing.

    Raises:
        InstallError: there is no interpreter that is new enough, or the installation failed.
    """
    folder = _ROOT / f".venv-{environment}"
    stamp, script = folder / ".installed", folder / "bin" / name
    if not (stamp.is_file() and stamp.read_text("utf-8") == requirement and script.exists()):
        _install(folder, requirement, _interpreter(oldest))
        stamp.write_text(requirement, "utf-8")
    return script


def _install(folder: Path, requirement: str, interpreter: str) -> None:
    python = str(folder / "bin" / "python")
    uv = _uv()
    if uv:
        _run(uv, "venv", "--quiet", "--clear", "--python", interpreter, str(folder))
        _run(uv, "pip", "install", "--quiet", "--python", python, requirement)
    else:
        _run(interpreter, "-m", "venv", "--clear", str(folder))
        _run(python, "-m", "pip", "install", "--quiet", requirement)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise InstallError(f"`{' '.join(command[:3])} ...` failed: {last.strip()}")


def _interpreter(oldest: tuple[int, int]) -> str:
    """This interpreter where it is new enough, else the newest on the path."""
    found = [sys.executable, *(shutil.which(f"python3.{minor}") for minor in (13, 12))]
    for candidate in filter(None, found):
        version = _says(candidate, "-c", f"import sys; print(sys.version_info >= {oldest})")
        if version == "True":
            return candidate
    raise InstallError(f"no Python {oldest[0]}.{oldest[1]} or newer was found")


def _uv() -> str | None:
    """The uv beside this interpreter, or on the path; asked for its version, since it may be a mere shim."""
    candidates = (str(Path(sys.executable).with_name("uv")), shutil.which("uv"))
    return next((uv for uv in candidates if uv and _says(uv, "--version").startswith("uv")), None)


def _says(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
