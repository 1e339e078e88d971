"""The attributes that others have named: the conventions, and the official SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokentape.proxy.messages.call import Outcome
from tokentape.proxy.messages.routes import MESSAGES
from tokentape.proxy.telemetry.otel.attribute import Attribute
from tokentape.proxy.telemetry.otel.conventions import PROVIDER, error_type, operation

if TYPE_CHECKING:
    from tokentape.proxy.messages.call import Call
    from tokentape.proxy.pricing.bill import Bill
    from tokentape.proxy.telemetry.otel.values import Value


def _finish_reasons(call: Call, _bill: Bill | None) -> Value | None:
    return (call.stop_reason,) if call.stop_reason else None


def _finish_reasons_latest(call: Call, _bill: Bill | None) -> Value | None:
    """As above; a generation that began and never said why it ended has the reason `error`."""
    if call.stop_reason:
        return (call.stop_reason,)
    ended = call.endpoint != MESSAGES or call.outcome is Outcome.OK
    return None if ended else ("error",)


def input_tokens(call: Call) -> int | None:
    """All input tokens, cached ones included, which is how the conventions count."""
    usage = call.usage
    if usage is None or usage.input_tokens is None:
        return None
    return usage.input_tokens + (usage.cache_read_input_tokens or 0) + _cache_writes(call)


def _cache_writes(call: Call) -> int:
    return call.cache_writes.tokens_5m + call.cache_writes.tokens_1h


CONVENTIONS: Final = (
    Attribute(
        "gen_ai.operation.name",
        "string",
        "`chat`, `count_tokens`, or `batches.` and what was done; absent on requests without inference.",
        lambda call, _: operation(call.endpoint, call.method),
    ),
    Attribute("gen_ai.provider.name", "string", "Always `anthropic`.", lambda _call, _bill: PROVIDER),
    Attribute(
        "gen_ai.request.model", "string", "The model as it was asked for.", lambda call, _: call.model_asked
    ),
    Attribute("gen_ai.request.max_tokens", "int", "`max_tokens`.", lambda call, _: call.request.max_tokens),
    Attribute(
        "gen_ai.request.stream",
        "boolean",
        "True where the reply was a stream, absent elsewhere.",
        lambda call, _: call.stream or None,
    ),
    Attribute(
        "gen_ai.request.reasoning.level",
        "string",
        "`output_config.effort`. Edition 1.41 lacks it; the name is the official SDK's.",
        lambda call, _: call.request.effort,
    ),
    Attribute("gen_ai.response.id", "string", "Id of the message.", lambda call, _: call.message_id),
    Attribute(
        "gen_ai.response.model",
        "string",
        "The model that answered, as it named itself.",
        lambda call, _: call.model_served,
    ),
    Attribute(
        "gen_ai.response.finish_reasons",
        "string[]",
        "The stop reason, in the API's own words.",
        _finish_reasons,
        latest="",
    ),
    Attribute(
        "",
        "string[]",
        "The stop reason, in the API's own words; `error` where a reply broke off.",
        _finish_reasons_latest,
        latest="gen_ai.response.finish_reasons",
    ),
    Attribute(
        "gen_ai.response.time_to_first_chunk",
        "double",
        "Seconds until the first content delta of a stream, counted as the official SDK does.",
        lambda call, _: call.timings.first_token_any,
    ),
    Attribute(
        "gen_ai.usage.input_tokens",
        "int",
        "All input tokens, cache reads and cache writes included: never add those again.",
        lambda call, _: input_tokens(call),
    ),
    Attribute(
        "gen_ai.usage.output_tokens",
        "int",
        "Output tokens, thinking included.",
        lambda call, _: call.usage.output_tokens if call.usage else None,
    ),
    Attribute(
        "gen_ai.usage.cache_read.input_tokens",
        "int",
        "Input tokens read from the prompt cache.",
        lambda call, _: call.usage.cache_read_input_tokens if call.usage else None,
    ),
    Attribute(
        "gen_ai.usage.cache_creation.input_tokens",
        "int",
        "Input tokens written to the prompt cache.",
        lambda call, _: call.usage.cache_creation_input_tokens if call.usage else None,
        latest="gen_ai.usage.cache_write.input_tokens",
    ),
    Attribute(
        "gen_ai.usage.reasoning.output_tokens",
        "int",
        "Thinking tokens, a part of the output tokens.",
        lambda call, _: call.usage.thinking_tokens if call.usage else None,
    ),
    Attribute(
        "error.type",
        "string",
        "Why it failed: the API's error type, or the proxy's reason; absent on success, and where the "
        "client left.",
        lambda call, _: error_type(call),
    ),
    Attribute("http.request.method", "string", "HTTP method.", lambda call, _: call.method),
    Attribute(
        "http.route", "string", "The path, with ids replaced by `{id}`.", lambda call, _: call.endpoint
    ),
    Attribute(
        "http.response.status_code",
        "int",
        "HTTP status that the client saw; absent where it saw none.",
        lambda call, _: call.status,
    ),
    Attribute(
        "http.request.resend_count",
        "int",
        "Which retry this is, from 1; absent on the first attempt.",
        lambda call, _: call.attempt or None,
    ),
    Attribute("session.id", "string", "Session, where the client named one.", lambda call, _: call.session),
    Attribute(
        "enduser.pseudo.id",
        "string",
        "Salted hash of `metadata.user_id`.",
        lambda call, _: call.user,
    ),
)

ANTHROPIC: Final = (
    Attribute(
        "anthropic.message.stop_reason", "string", "The stop reason.", lambda call, _: call.stop_reason
    ),
    Attribute(
        "anthropic.request.id", "string", "`request-id` of the reply.", lambda call, _: call.request_id
    ),
    Attribute(
        "anthropic.organization.id",
        "string",
        "`anthropic-organization-id` of the reply.",
        lambda call, _: call.organization_id,
    ),
    Attribute(
        "anthropic.request.service_tier",
        "string",
        "The service tier that was asked for.",
        lambda call, _: call.request.service_tier,
    ),
    Attribute(
        "anthropic.response.service_tier",
        "string",
        "The service tier that was used.",
        lambda call, _: call.usage.service_tier if call.usage else None,
    ),
    Attribute(
        "anthropic.usage.cache_creation.ephemeral_5m_input_tokens",
        "int",
        "Cache writes that live five minutes, where the API said so.",
        lambda call, _: call.usage.ephemeral_5m_input_tokens if call.usage else None,
    ),
    Attribute(
        "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",
        "int",
        "Cache writes that live an hour, where the API said so.",
        lambda call, _: call.usage.ephemeral_1h_input_tokens if call.usage else None,
    ),
    Attribute("anthropic.beta", "string[]", "Beta features asked for.", lambda call, _: call.betas or None),
    Attribute("anthropic.thinking.type", "string", "`thinking.type`.", lambda call, _: call.request.thinking),
)
