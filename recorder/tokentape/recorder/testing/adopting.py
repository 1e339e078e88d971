"""Tests marked for pytest-recording, taken over: `tokentape_adopt_vcr = true` in the ini file.

What its marker and the fixture `vcr_config` say is read as settings of ours, with its own precedence: the
option `--record-mode`, the marker, the fixture (the documentation of pytest-recording, "Usage").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tokentape.recorder.testing.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pytest

MARKER: Final = "vcr"
_FUNCTIONS: Final = (
    *("before_record_request", "before_record_response", "before_record", "custom_patches"),
    *("filter_post_data_parameters", "filter_query_parameters"),
)
"""What cannot be read as data, or would be left unsaid: better refused than kept out of sight."""


def adopted(item: pytest.Item, config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a test marked for pytest-recording stands for.

    Args:
        item: the test.
        config: what `vcr_config` returns.

    Raises:
        SettingsError: it uses what cannot be taken over.
    """
    merged: dict[str, Any] = dict(config)
    for marker in reversed(list(item.iter_markers(MARKER))):
        if marker.args:
            raise SettingsError(
                f"{item.name} plays several cassettes, which tokentape does not: join them with "
                "tokentape cassette merge."
            )
        merged.update(marker.kwargs)
    if unfit := [name for name in _FUNCTIONS if merged.get(name)]:
        raise SettingsError(
            f"tokentape cannot take over {unfit[0]}: say redact={{...}} in a marker tokentape instead."
        )
    settings: dict[str, Any] = {"hosts": ("*",)}
    if mode := item.config.getoption("--record-mode", None) or merged.get("record_mode"):
        settings["record"] = str(getattr(mode, "value", mode))
    if merged.get("allow_playback_repeats"):
        settings["after_last"] = "repeat_last"
    if headers := merged.get("filter_headers"):
        settings["redact"] = {"redact_headers": list(_names(headers))}
    if (named := item.get_closest_marker("default_cassette")) is not None and named.args:
        settings["cassette"] = str(named.args[0])
    return settings


def _names(headers: Iterable[Any]) -> Iterable[str]:
    """The names of headers, which may come with what replaces them."""
    return (str(one if isinstance(one, str) else one[0]) for one in headers)
