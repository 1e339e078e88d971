"""Who is speaking: the resource of all signals, and the scope of what is in them.

Names: https://github.com/open-telemetry/semantic-conventions/tree/v1.41.1/docs/resource.
"""

from __future__ import annotations

import platform
import socket
import uuid
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from tokentape.proxy.telemetry.otel import wire
from tokentape.proxy.telemetry.otel.values import attributes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SERVICE_NAME: Final = "service.name"
SCOPE: Final = "tokentape.proxy"


def resource_attributes(given: Mapping[str, str]) -> dict[str, str]:
    """The attributes of this process; what was given wins.

    The instance is new with every observer, as its counters are.
    """
    own = version("tokentape")
    return {
        SERVICE_NAME: "tokentape",
        "service.version": own,
        "service.instance.id": str(uuid.uuid4()),
        "host.name": socket.gethostname(),
        "process.runtime.name": platform.python_implementation().lower(),
        "process.runtime.version": platform.python_version(),
        "telemetry.sdk.name": "tokentape",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.version": own,
        **given,
    }


class Envelope:
    """What stands around the items of every request: resource, scope, schema.

    `ResourceSpans`, `ResourceMetrics` and `ResourceLogs` have the same fields, and so have the three scopes.
    """

    def __init__(self, resource: Mapping[str, str], schema_url: str) -> None:
        self._resource = wire.blob(1, wire.repeated(1, attributes(resource)))
        self._schema = wire.text(3, schema_url) if schema_url else b""
        self._scope = wire.blob(1, wire.text(1, SCOPE) + wire.text(2, version("tokentape")))

    def request(self, items: Sequence[bytes]) -> bytes:
        """An export request of spans, metrics or log records."""
        scope = wire.blob(2, self._scope + wire.repeated(2, items) + self._schema)
        return wire.blob(1, self._resource + scope + self._schema)
