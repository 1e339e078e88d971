"""The official SDK's clients, one pair a project, all pointed at the proxy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

import anthropic
import httpx2

from tokentape.cli.autotag import labelled
from tokentape.cli.errors import FailedError

if TYPE_CHECKING:
    from types import TracebackType

_KEY = "sk-ant-demo"
"""The stand-in takes any. A real key would not leave the machine, but none is needed."""
_SECONDS = 20.0
_MAJOR = 2


def check_version() -> None:
    """See that the SDK is one that the scenes were written for.

    Raises:
        FailedError: it is too old.
    """
    if int(anthropic.__version__.split(".")[0]) < _MAJOR:
        raise FailedError(
            f"The demo needs version {_MAJOR} of the official SDK, and {anthropic.__version__} is installed: "
            "pip install --upgrade 'tokentape[demo]'."
        )


def steer(**behaviour: Any) -> dict[str, str]:
    """The header that tells the stand-in how to answer one request."""
    return {"x-standin-behaviour": json.dumps(behaviour)}


class Clients:
    """Clients by project, made when first asked for."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._sync: dict[str, anthropic.Anthropic] = {}
        self._async: dict[str, anthropic.AsyncAnthropic] = {}

    def sync(self, project: str) -> anthropic.Anthropic:
        """A client for calls that block."""
        if project not in self._sync:
            # A client of our own: the SDK's default one takes up the environment's forward proxies, which
            # cannot reach this machine's loopback.
            self._sync[project] = anthropic.Anthropic(
                api_key=_KEY,
                base_url=self._url(project),
                timeout=_SECONDS,
                http_client=httpx2.Client(trust_env=False, timeout=_SECONDS),
            )
        return self._sync[project]

    def asynchronous(self, project: str) -> anthropic.AsyncAnthropic:
        """A client for many calls at once."""
        if project not in self._async:
            self._async[project] = anthropic.AsyncAnthropic(
                api_key=_KEY,
                base_url=self._url(project),
                timeout=_SECONDS,
                http_client=httpx2.AsyncClient(trust_env=False, timeout=_SECONDS),
            )
        return self._async[project]

    def _url(self, project: str) -> str:
        return labelled(self._base_url, [f"project={project}"])

    async def __aenter__(self) -> Self:
        """Nothing is opened before it is needed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        for blocking in self._sync.values():
            blocking.close()
        for client in self._async.values():
            await client.close()
