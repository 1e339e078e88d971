"""Addresses inside replies that clients follow: they must lead back here, and never to the real API.

A batch names where its results are as a whole URL (`results_url`, `anthropic.types.MessageBatch`), and
the official SDKs ask exactly there, whatever their base_url is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from tokentape.proxy.messages.routes import BATCHES, RESULTS, find_route

if TYPE_CHECKING:
    from tokentape.recorder.cassette.interaction import Request, Response

_RESULTS_URL: Final = re.compile(rb'("results_url"\s*:\s*")https?://[^/"\s]+(/v1/messages/batches/)')


def relinked(request: Request, response: Response, base: bytes) -> Response:
    """A recorded response whose addresses of results lie below `base`, a URL without a slash at its end."""
    endpoint = find_route(request.method, request.uri).endpoint
    if not base or not endpoint.startswith(BATCHES) or endpoint == RESULTS:
        return response
    return replace(response, body=_RESULTS_URL.sub(lambda found: found[1] + base + found[2], response.body))
