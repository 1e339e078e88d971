"""Errors that a user can do something about: one sentence on stderr, and the exit status.

- `UsageError` (2): an option, a variable or a file is wrong.
- `FailedError` (1): all was said well, but it could not be done.
"""

from __future__ import annotations

import sys

import click


class UsageError(click.ClickException):
    """What was asked for makes no sense."""

    exit_code = 2


class FailedError(click.ClickException):
    """What was asked for could not be done."""

    exit_code = 1


def require_posix() -> None:
    """Refuse to start a proxy where processes cannot inherit sockets.

    Raises:
        FailedError: this is Windows.
    """
    if sys.platform == "win32":
        raise FailedError("The proxy runs on Linux and macOS: on Windows, start it inside WSL.")
