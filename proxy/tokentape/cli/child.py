"""A command as a child: it has our terminal and gets our signals, and its end is told as a shell would."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

_PASSED_ON: Final = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
_FROM_TERMINAL: Final = ("SIGINT", "SIGQUIT")
"""Ctrl-C and Ctrl-\\ reach every process of the terminal's foreground group by themselves."""


class _NotFoundError(click.ClickException):
    exit_code = 127


class _NotExecutableError(click.ClickException):
    exit_code = 126


def program(name: str) -> str:
    """The path of a program.

    Raises:
        click.ClickException: there is none (status 127), or it may not be run (126), as in a shell.
    """
    path = shutil.which(name)
    if path is not None:
        return path
    if os.path.dirname(name) and os.path.exists(name):  # noqa: PTH110, PTH120 - the text, not a Path, decides
        raise _NotExecutableError(f"{name} cannot be run: it is no program, or not executable.")
    raise _NotFoundError(f"{name} was not found: check the name, or the PATH.")


async def run_child(command: Sequence[str], environment: dict[str, str]) -> int:
    """Run a command to its end.

    Returns:
        Its exit status, or 128 + N where signal N ended it.

    Raises:
        click.ClickException: it could not be started.
    """
    try:
        process = await asyncio.create_subprocess_exec(*command, env=environment)
    except OSError as error:
        raise _NotExecutableError(f"{command[0]} cannot be run: {error.strerror}.") from None
    with _passing_signals_to(process):
        status = await process.wait()
    return status if status >= 0 else 128 - status


@contextlib.contextmanager
def _passing_signals_to(process: asyncio.subprocess.Process) -> Generator[None]:
    """Hand signals of ours to the process. What is ignored stays ignored, there as here."""
    loop = asyncio.get_running_loop()

    def pass_on(number: signal.Signals) -> None:
        if number.name in _FROM_TERMINAL and _in_foreground():
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)

    numbers = [signal.Signals[name] for name in (*_PASSED_ON, *_FROM_TERMINAL)]
    taken = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    for number in taken:
        loop.add_signal_handler(number, pass_on, number)
    try:
        yield
    finally:
        for number in taken:
            loop.remove_signal_handler(number)


def _in_foreground() -> bool:
    """Whether a terminal sends its signals to this process, and so to the child beside it."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
