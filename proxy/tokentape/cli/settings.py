"""Where the values of options come from: flag, then environment, then file, then the default.

The file is the nearest one upwards from the working directory: a `tokentape.toml`, or a
`pyproject.toml` with a `[tool.tokentape]` table; in one folder the former wins. Keys that are not an
option are refused by name: a misspelt limit would be no limit.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from typing import TYPE_CHECKING, Any, cast

import click
import msgspec

from tokentape.cli.errors import UsageError
from tokentape.cli.options import ASKING, BY_NAME, CASSETTE, OPTIONS, SERVING, TABLES, Settings
from tokentape.cli.values import Address

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tokentape.cli.options import Option

PORTS = frozenset({"listen", "admin", "intercept_listen"})
DEVELOPERS = frozenset({"TOKENTAPE_RECORDINGS", "TOKENTAPE_CI_STRICT", "TOKENTAPE_PROMETHEUS"})
"""Documented variables that are no option: tests read them."""
OWN_PORTS = frozenset({"up", "doctor"})
"""Commands that mean the ports of a file; the others take free ones."""


class ConfigFile(msgspec.Struct, frozen=True):
    """The options of a file."""

    path: Path | None
    values: dict[str, Any]


def load(flags: Mapping[str, Any], environment: Mapping[str, str], folder: Path, command: str) -> Settings:
    """The settings of a command.

    Args:
        flags: by option name; `None` and an empty tuple mean that the flag was not given.
        environment: where `TOKENTAPE_...` is looked up; an empty value counts as unset.
        folder: where the search for a file begins.
        command: `run` and `demo` do not take their ports from a file, which would be those of `up`.

    Raises:
        UsageError: a file cannot be read, has an unknown key, or a value is wrong wherever it stands.
    """
    file = find_file(folder)
    chosen: dict[str, Any] = {}
    for option in OPTIONS:
        given = _given(option, flags, environment, file, command)
        if given is not None and (command in option.commands or flags.get(option.name) is not None):
            chosen[option.name] = given
    for name, read in TABLES.items():
        if name in file.values:
            chosen[name] = _read(read, file.values[name], f"{name} in {file.path}")
    settings = Settings(**(_defaults(command, environment) | chosen))
    if command in ASKING | CASSETTE:
        return settings
    if command != "doctor":  # It opens no port, and looks at whatever is there.
        _check_exposure(settings)
    if command != "replay":  # It has no upstream.
        _check(settings, environment)
    if settings.request_log == "-" and command in SERVING - {"up"}:
        raise UsageError("--request-log -: stdout is not the proxy's own here; name a file.")
    return settings


def _given(
    option: Option, flags: Mapping[str, Any], environment: Mapping[str, str], file: ConfigFile, command: str
) -> object:
    """The value from the first source that has one, else `None`. Wrong values further down count too."""
    values: list[object] = []
    flag = flags.get(option.name)
    if flag is not None and flag != ():
        values.append(_read(option.read, flag, option.flag))
    if variable := environment.get(option.variable):
        values.append(_read(option.read, variable, option.variable))
    if option.name in file.values:
        value = _read(option.read, file.values[option.name], f"{option.name} in {file.path}")
        if command in OWN_PORTS or option.name not in PORTS:
            values.append(value)
    return values[0] if values else None


def _read(read: Callable[[object], object], value: object, source: str) -> object:
    try:
        return read(value)
    except ValueError as error:
        raise UsageError(f"{source} {error}.") from None


def _defaults(command: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """What a command does otherwise than the declared defaults: free ports, and the upstream at hand."""
    if command in OWN_PORTS | ASKING | CASSETTE:
        return {}
    free = Address("127.0.0.1", 0)
    if command == "demo":
        return {"listen": free, "admin": free}
    before = environment.get("ANTHROPIC_BASE_URL")
    return {"listen": free, "admin": None, "intercept_listen": free} | (
        {"upstream": before} if before else {}
    )


def find_file(folder: Path) -> ConfigFile:
    """The options of the nearest file upwards from a folder; none where there is no such file.

    Raises:
        UsageError: the file cannot be read, or has an unknown key.
    """
    for place in (folder, *folder.parents):
        own, project = place / "tokentape.toml", place / "pyproject.toml"
        if own.is_file():
            return _checked(own, _parsed(own))
        tools = _parsed(project).get("tool") if project.is_file() else None
        table = cast("dict[str, object]", tools).get("tokentape") if isinstance(tools, dict) else None
        if table is not None:
            return _checked(project, table)
    return ConfigFile(None, {})


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}.") from None


def _checked(path: Path, table: object) -> ConfigFile:
    if not isinstance(table, dict):
        raise UsageError(f"tool.tokentape in {path} must be a table.")
    values: dict[str, Any] = msgspec.convert(table, dict[str, Any])
    for key in values:
        known = (*BY_NAME, *TABLES)
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else "docs/configuration.md lists all options."
            raise UsageError(f"{path} has an unknown key {key!r}: {hint}")
    return ConfigFile(path, values)


def misspelt(environment: Mapping[str, str]) -> list[str]:
    """A sentence for each variable that begins as ours do and is none.

    It is a warning, where a key of a file is refused: the environment may be another version's too.
    """
    known = {option.variable for option in OPTIONS} | DEVELOPERS
    strangers = sorted(name for name in environment if name.startswith("TOKENTAPE_") and name not in known)
    return [f"{name} is no option of tokentape: {_hint(name, sorted(known))}" for name in strangers]


def _hint(name: str, known: list[str]) -> str:
    # All share the beginning, which would make anything look near.
    ends = [each.removeprefix("TOKENTAPE_") for each in known]
    near = difflib.get_close_matches(name.removeprefix("TOKENTAPE_"), ends, 1)
    return f"did you mean TOKENTAPE_{near[0]}?" if near else "docs/configuration.md lists all options."


def _check_exposure(settings: Settings) -> None:
    ports = (
        ("--listen", settings.listen),
        ("--admin", settings.admin),
        ("--intercept-listen", settings.intercept_listen if settings.intercept else None),
    )
    for name, address in ports:
        if address is not None and not address.loopback and not settings.expose:
            raise UsageError(
                f"{name} {address} can be reached by other machines: add --expose to allow that, "
                "or bind 127.0.0.1."
            )


def _check(settings: Settings, environment: Mapping[str, str]) -> None:
    """What no value alone can tell."""
    from tokentape.cli.exporting import plan
    from tokentape.proxy.relay.upstream_url import parse_upstream

    if settings.admin == settings.listen and settings.listen.port:
        raise UsageError(f"--listen and --admin are both {settings.listen}: choose two ports.")
    if settings.intercept and settings.intercept_listen.port:
        for name, taken in (("--listen", settings.listen), ("--admin", settings.admin)):
            if taken == settings.intercept_listen:
                raise UsageError(f"{name} and --intercept-listen are both {taken}: choose two ports.")
    try:
        upstream = parse_upstream(settings.upstream, dict(environment))
    except ValueError as error:
        raise UsageError(str(error)) from None
    if settings.append and settings.overwrite:
        raise UsageError("--append and --overwrite exclude each other: choose one.")
    if _is_own(settings.listen, upstream.host, upstream.port):
        raise UsageError(f"--upstream {settings.upstream} is the proxy itself: name the server behind it.")
    _check_metric_labels(settings.metric_labels)
    _check_ledger(settings.ledger)
    try:
        plan(settings, environment)
    except ValueError as error:
        raise UsageError(f"{str(error).removesuffix('.')}.") from None


def _is_own(listen: Address, host: str, port: int) -> bool:
    local = {"localhost", "127.0.0.1", "::1"}
    return port == listen.port and (host == listen.host or (host in local and listen.reachable.host in local))


def _check_metric_labels(keys: tuple[str, ...]) -> None:
    from tokentape.proxy.telemetry.instruments import label_names

    try:
        label_names(keys)
    except ValueError as error:
        raise UsageError(f"{error}.") from None


def _check_ledger(named: str) -> None:
    if "://" not in named:
        return
    from tokentape.proxy.ledger.errors import LedgerError
    from tokentape.proxy.ledger.location import locate

    try:
        locate(named)
    except LedgerError as error:
        raise UsageError(f"--ledger: {error}") from None


def load_here(flags: Mapping[str, Any], command: str) -> Settings:
    """The settings of a command that runs in this process's folder and environment.

    Variables that only look like ours are warned of on stderr.
    """
    from pathlib import Path

    for warning in misspelt(os.environ):
        click.echo(warning, err=True)

    settings = load(flags, os.environ, Path.cwd(), command)
    if command in SERVING:
        from tokentape.cli.exporting import plan

        for warning in plan(settings, os.environ).warnings:
            click.echo(warning, err=True)
    return settings
