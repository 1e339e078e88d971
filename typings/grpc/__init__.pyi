"""What tokentape uses of grpcio, which ships no types."""

import enum
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any

class Compression(enum.IntEnum):
    NoCompression = 0
    Deflate = 1
    Gzip = 2

class StatusCode(enum.Enum):
    CANCELLED = (1, "cancelled")
    DEADLINE_EXCEEDED = (4, "deadline exceeded")
    RESOURCE_EXHAUSTED = (8, "resource exhausted")
    INVALID_ARGUMENT = (3, "invalid argument")
    ABORTED = (10, "aborted")
    OUT_OF_RANGE = (11, "out of range")
    UNAVAILABLE = (14, "unavailable")
    DATA_LOSS = (15, "data loss")

class RpcError(Exception):
    def code(self) -> StatusCode: ...
    def details(self) -> str | None: ...

class ChannelCredentials: ...

class UnaryUnaryMultiCallable:
    def __call__(
        self,
        request: bytes,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str]] | None = None,
        *,
        compression: Compression | None = None,
    ) -> bytes: ...

class Channel:
    def unary_unary(
        self,
        method: str,
        request_serializer: Callable[[Any], bytes] | None = None,
        response_deserializer: Callable[[bytes], Any] | None = None,
    ) -> UnaryUnaryMultiCallable: ...
    def close(self) -> None: ...

def insecure_channel(target: str, options: Sequence[tuple[str, object]] | None = None) -> Channel: ...
def secure_channel(
    target: str, credentials: ChannelCredentials, options: Sequence[tuple[str, object]] | None = None
) -> Channel: ...
def ssl_channel_credentials(
    root_certificates: bytes | None = None,
    private_key: bytes | None = None,
    certificate_chain: bytes | None = None,
) -> ChannelCredentials: ...

class ServicerContext:
    def abort(self, code: StatusCode, details: str) -> None: ...
    def invocation_metadata(self) -> Sequence[Any]: ...

class RpcMethodHandler: ...
class GenericRpcHandler: ...

def unary_unary_rpc_method_handler(
    behavior: Callable[[bytes, ServicerContext], bytes],
    request_deserializer: Callable[[bytes], Any] | None = None,
    response_serializer: Callable[[Any], bytes] | None = None,
) -> RpcMethodHandler: ...
def method_handlers_generic_handler(
    service: str, method_handlers: dict[str, RpcMethodHandler]
) -> GenericRpcHandler: ...

class _Event:
    def wait(self, timeout: float | None = None) -> bool: ...

class Server:
    def add_generic_rpc_handlers(self, handlers: Sequence[GenericRpcHandler]) -> None: ...
    def add_insecure_port(self, address: str) -> int: ...
    def start(self) -> None: ...
    def stop(self, grace: float | None) -> _Event: ...

def server(thread_pool: Executor, options: Sequence[tuple[str, object]] | None = None) -> Server: ...
