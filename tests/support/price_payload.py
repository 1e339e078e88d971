"""The bundled price table in the form in which genai-prices publishes it, to be changed and served."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

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
    other = {"id": "avian", "name": "Avian", "api_pattern": "avian", "models": []}
    return json.dumps([other, whole]).encode()


def _model(model: ModelInfo) -> dict[str, Any]:
    found = {"id": model.id, "match": _plain(model.match), "prices": _plain(model.prices)}
    return found | ({"price_variants": _plain(model.price_variants)} if model.price_variants else {})


def _plain(value: Any) -> Any:
    """The package's types as objects, without what is not set; decimals as numbers."""
    if hasattr(value, "__dict__"):
        fields = {key: item for key, item in vars(value).items() if not key.startswith("_")}
        return {key.rstrip("_"): _plain(item) for key, item in fields.items() if item is not None}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if hasattr(value, "isoformat") else value
