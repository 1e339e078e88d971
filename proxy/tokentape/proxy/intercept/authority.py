"""The certificate authority that clients of the intercept trust: made once, in a folder of our own.

Whoever has its key can pose as any server towards whoever trusts its certificate. So the key is readable
by its owner alone, no certificate store of the system is touched, and removing it takes one command.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import ssl
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# mitmproxy looks for files of these names.
_BASENAME: Final = "mitmproxy"
_KEY_FILE: Final = f"{_BASENAME}-ca.pem"
_CERTIFICATE_FILE: Final = f"{_BASENAME}-ca-cert.pem"
_KEY_BITS: Final = 2048
_NAME: Final = "tokentape intercept"


class Authority(msgspec.Struct, frozen=True):
    """A folder with a key and its certificate."""

    folder: Path

    @property
    def certificate(self) -> Path:
        """What clients trust, PEM."""
        return self.folder / _CERTIFICATE_FILE

    @property
    def exists(self) -> bool:
        """It has been made."""
        return (self.folder / _KEY_FILE).is_file() and self.certificate.is_file()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as browsers and OpenSSL show it."""
        der = ssl.PEM_cert_to_DER_cert(self.certificate.read_text("ascii"))
        digest = hashlib.sha256(der).hexdigest().upper()
        return ":".join(digest[place : place + 2] for place in range(0, len(digest), 2))

    def ensure(self) -> None:
        """Make it where it is missing; of several processes that do so at once, one wins.

        Raises:
            ImportError: the extra `intercept` is not installed.
            OSError: the folder cannot be written.
        """
        if self.exists:
            return
        store: Any = import_module("mitmproxy.certs").CertStore
        self.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".intercept-", dir=self.folder.parent))
        try:
            store.create_store(made, _BASENAME, _KEY_BITS, organization="tokentape", cn=_NAME)
            for file in made.iterdir():
                file.chmod(0o600)
            try:
                made.rename(self.folder)
            except OSError:
                if not self.exists:
                    raise
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def remove(self) -> bool:
        """Delete it, key and all; whether there was one."""
        found = self.folder.is_dir()
        if found:
            shutil.rmtree(self.folder)
        return found

    def bundle(self, others: Iterable[Path]) -> Path:
        """A file with the certificates of other bundles and this one, for clients that take one file."""
        texts = [each.read_text("utf-8", "replace") for each in (*others, self.certificate)]
        handle, name = tempfile.mkstemp(prefix=".bundle-", dir=self.folder)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("\n".join(text.strip() for text in texts) + "\n")
        return Path(name).rename(self.folder / "bundle.pem")


def trusted_file(environment: Mapping[str, str]) -> Path | None:
    """The bundle of authorities that programs on this machine trust.

    `SSL_CERT_FILE` where it is set, as for OpenSSL; else OpenSSL's own, else certifi's.
    """
    named = environment.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    if named and Path(named).is_file():
        return Path(named)
    try:
        import certifi  # noqa: PLC0415 - comes with the extra
    except ImportError:
        return None
    return Path(certifi.where())
