"""The bundled price table in the form in which genai-prices publishes it, to be changed and served."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from genai_prices.data_snapshot import get_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from genai_prices.types import ModelInfo


def published(change: Callable[[dict[str, Any]], object] = lambda _models: None) -> bytes:
    """The table; `change` may change its Anthropic models, by id."""
    (anthropic,) = (provider for provider in get_snapshot().providers if provider.id == "anthropic")
    models = {model.id: _model(model) for model in anthropic.models}
    change(models)
    whole = {
        "id": anthropic.id,
        "name": anthropic.name,
        "api_pattern": anthropic.api_pattern,
        "models": list(models.values()),
    }
    other: dict[str, Any] = {"id": "avian", "name": "Avian", "api_pattern": "avian", "models": []}
    return json.dumps([other, whole]).encode()


def _model(model: ModelInfo) -> dict[str, Any]:
    found = {"id": model.id, "match": _plain(model.match), "prices": _plain(model.prices)}
    return found | ({"price_variants": _plain(model.price_variants)} if model.price_variants else {})


def _plain(value: Any) -> Any:
    """The package's types as objects, without what is not set; decimals as numbers."""
    if hasattr(value, "__dict__"):
        return _object(msgspec.convert(vars(value), dict[str, Any]))
    if isinstance(value, list):
        return list(map(_plain, msgspec.convert(value, list[Any])))
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if hasattr(value, "isoformat") else value


def _object(fields: dict[str, Any]) -> dict[str, Any]:
    """What begins with an underscore is the package's own; `or` and `and` have one behind."""
    return {
        key.rstrip("_"): _plain(item)
        for key, item in fields.items()
        if not key.startswith("_") and item is not None
    }
