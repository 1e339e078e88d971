"""Requests: read, and refused in the API's words where they are wrong.

Fields are those of `anthropic.types.MessageCreateParams`. Only what the stand-in's answers depend on
is checked; everything else passes, known or not.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal

import msgspec

from tokentape.recorder.wire.errors import ApiError, invalid

MARKS: Final = 4
"""Blocks with `cache_control` in one request."""

Block = dict[str, Any]


class Message(msgspec.Struct):
    """One message of a conversation."""

    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class CacheControl(msgspec.Struct):
    """A cache mark."""

    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] = "5m"


class Thinking(msgspec.Struct):
    """The `thinking` parameter."""

    type: str
    budget_tokens: int | None = None

    @property
    def on(self) -> bool:
        """Thinking was asked for."""
        return self.type in {"enabled", "adaptive"}


class ToolChoice(msgspec.Struct):
    """The `tool_choice` parameter."""

    type: str
    name: str | None = None


class Prompt(msgspec.Struct, kw_only=True):
    """What `count_tokens` takes, and the part of a message request that is counted."""

    model: str
    messages: list[Message]
    system: str | list[Block] | None = None
    tools: list[Block] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    cache_control: CacheControl | None = None


class MessageRequest(Prompt, kw_only=True):
    """What `POST /v1/messages` takes."""

    max_tokens: int
    stream: bool | None = None
    stop_sequences: list[str] | None = None
    service_tier: str | None = None
    inference_geo: str | None = None
    speed: str | None = None
    temperature: float | None = None


class BatchEntry(msgspec.Struct):
    """One request of a batch; its parameters are read when the batch runs."""

    custom_id: str
    params: msgspec.Raw


class BatchRequest(msgspec.Struct):
    """What `POST /v1/messages/batches` takes."""

    requests: list[BatchEntry]


_message_decoder = msgspec.json.Decoder(MessageRequest)
_prompt_decoder = msgspec.json.Decoder(Prompt)
_batch_decoder = msgspec.json.Decoder(BatchRequest)


def read_message_request(body: bytes | msgspec.Raw) -> MessageRequest:
    """A request for a message.

    Raises:
        ApiError: 400, the body is no such request.
    """
    try:
        request = _message_decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise _refusal(error) from None
    _check(request)
    if request.max_tokens < 1:
        raise invalid("max_tokens: Input should be greater than or equal to 1")
    if request.temperature is not None and not 0 <= request.temperature <= 1:
        raise invalid("temperature: range: 0..1")
    _check_thinking(request)
    return request


def read_prompt(body: bytes) -> Prompt:
    """A prompt to count.

    Raises:
        ApiError: 400, the body is no such request.
    """
    try:
        prompt = _prompt_decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise _refusal(error) from None
    _check(prompt)
    return prompt


def read_batch(body: bytes) -> list[BatchEntry]:
    """The requests of a batch.

    Raises:
        ApiError: 400, the body is no such request.
    """
    try:
        entries = _batch_decoder.decode(body).requests
    except msgspec.MsgspecError as error:
        raise _refusal(error) from None
    if not entries:
        raise invalid("requests: List should have at least 1 item after validation, not 0")
    if len({entry.custom_id for entry in entries}) < len(entries):
        raise invalid("requests: custom_id must be unique for each request within the Message Batch")
    return entries


def cache_control(block: Block) -> CacheControl | None:
    """The cache mark of a block.

    Raises:
        ApiError: 400, it is none that the API knows.
    """
    mark = block.get("cache_control")
    if mark is None:
        return None
    try:
        return msgspec.convert(mark, CacheControl)
    except msgspec.MsgspecError as error:
        raise _refusal(error, "cache_control") from None


def _check(prompt: Prompt) -> None:
    if not prompt.model:
        raise invalid("model: String should have at least 1 character")
    messages = prompt.messages
    if not messages:
        raise invalid("messages: at least one message is required")
    if messages[0].role == "assistant":
        raise invalid("messages: first message must use the user role")
    for index, message in enumerate(messages):
        if not message.content and (index < len(messages) - 1 or message.role != "assistant"):
            raise invalid(
                f"messages.{index}: all messages must have non-empty content except for the optional "
                "final assistant message"
            )


def _check_thinking(request: MessageRequest) -> None:
    thinking = request.thinking
    if thinking is None or thinking.type != "enabled":
        return
    if thinking.budget_tokens is None:
        raise invalid("thinking.enabled.budget_tokens: Field required")
    if thinking.budget_tokens < 1024:
        raise invalid("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
    if request.max_tokens <= thinking.budget_tokens:
        raise invalid("`max_tokens` must be greater than `thinking.budget_tokens`.")


_PATH: Final = re.compile(r"(?P<what>.*?)(?: - at `\$?\.?(?P<path>.*)`)?", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(?P<field>.*)`")
_TYPE: Final = re.compile(r"Expected `(?P<expected>.*)`, got `(?P<got>.*)`")
_WORDS: Final = {
    "int": "Input should be a valid integer",
    "str": "Input should be a valid string",
    "bool": "Input should be a valid boolean",
    "array": "Input should be a valid list",
    "object": "Input should be a valid dictionary",
    "float": "Input should be a valid number",
}


def _refusal(error: msgspec.MsgspecError, under: str = "") -> ApiError:
    """The API's sentence for what msgspec found: `messages.0.role: Field required`."""
    if not isinstance(error, msgspec.ValidationError):
        return invalid(f"The request body is not valid JSON: {error}")
    match = _PATH.fullmatch(str(error))
    what, path = (match["what"], match["path"] or "") if match else (str(error), "")
    place = ".".join(filter(None, (under, re.sub(r"\[(\d+|\.\.\.)\]", r".\1", path))))
    if missing := _MISSING.fullmatch(what):
        return invalid(f"{'.'.join(filter(None, (place, missing['field'])))}: Field required")
    if wrong := _TYPE.fullmatch(what):
        expected = wrong["expected"].split(" | ")[0]
        what = _WORDS.get(expected, f"Input should be a valid {expected}")
    return invalid(f"{place}: {what}" if place else what)
