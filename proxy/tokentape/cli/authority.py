"""`tokentape intercept`: the certificate authority that clients of the intercept trust."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokentape.cli.errors import FailedError

if TYPE_CHECKING:
    from tokentape.proxy.intercept.authority import Authority


@click.group(short_help="The intercept's certificates.")
def intercept() -> None:
    """Work on what `up --intercept` and `run --intercept` leave behind: a certificate authority."""


@intercept.group("ca", short_help="Print, export or remove the certificate authority.")
def ca() -> None:
    """The authority whose certificates intercepted clients see instead of the API's.

    Its key stays in your own folder, and nothing but the variables of a command makes anybody trust it.
    """


@ca.command("print", short_help="Show where it is, and its certificate.")
def print_() -> None:
    """Show the folder, the SHA-256 fingerprint, and the certificate. There is no key in what is shown."""
    own = _existing()
    click.echo(f"folder {own.folder}")
    click.echo(f"SHA-256 {own.fingerprint}")
    click.echo(own.certificate.read_text("ascii"), nl=False)


@ca.command(short_help="Write the certificate to a file.")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
def export(path: Path) -> None:
    """Write the certificate, without its key, to PATH; for clients that take none from the environment."""
    text = _existing().certificate.read_text("ascii")
    try:
        path.write_text(text, "ascii")
    except OSError as error:
        raise FailedError(f"{path} cannot be written: {error.strerror}.") from None


@ca.command(short_help="Delete it, key and all.")
def remove() -> None:
    """Delete the authority; the next --intercept makes another one."""
    from tokentape.cli.intercepting import authority

    own = authority()
    removed = own.remove()
    click.echo(f"{own.folder} {'is deleted' if removed else 'is not there'}")


def _existing() -> Authority:
    from tokentape.cli.intercepting import authority

    own = authority()
    if not own.exists:
        raise FailedError(
            "There is no certificate authority yet: up --intercept or run --intercept makes it."
        )
    return own
