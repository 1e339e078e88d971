"""What no text may hold when it leaves."""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING, Any, Final

from tokentape.proxy.messages import tolerant

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

REPLACEMENT: Final = "[redacted]"

ALWAYS: Final = (r"sk-ant-[\w-]{8,}",)
"""Keys and tokens of the API, whoever pasted them."""

STRUCTURE: Final = frozenset({"type", "role", "id", "name", "modality", "mime_type", "finish_reason"})
"""Fields that the conventions' shape hangs on."""

FREE: Final = frozenset({"arguments", "parameters"})
"""Fields that hold JSON of the application's own."""


class Redactor:
    """Replaces what patterns match, then asks the user's own function.

    Args:
        patterns: regular expressions, beside those that always count.
        hook: `module:function`, or nothing; a function from `str` to `str`.

    Raises:
        re.error: a pattern is none.
        ImportError, AttributeError: there is no such function.
    """

    def __init__(self, patterns: Sequence[str] = (), hook: str = "") -> None:
        self._patterns = [re.compile(pattern) for pattern in (*ALWAYS, *patterns)]
        self._hook = _function(hook) if hook else None

    def text(self, text: str) -> str:
        """One text without what must not leave.

        Raises:
            Exception: whatever the hook raises; TypeError where it gives no text.
        """
        replaced = self.pattern(text)
        return replaced if self._hook is None else _checked(self._hook(replaced))

    def pattern(self, text: str) -> str:
        """The same without the hook."""
        for pattern in self._patterns:
            text = pattern.sub(REPLACEMENT, text)
        return text

    def value(self, value: Any, *, free: bool = False) -> Any:
        """A value of content with every text in it redacted.

        What holds the conventions' shape together goes through the patterns only. In `free` parts, whose
        shape is the application's own, every text and every key goes through all.
        """
        if isinstance(value, str):
            return self.text(value)
        if tolerant.is_array(value):
            return [self.value(item, free=free) for item in value]
        if not tolerant.is_object(value):
            return value
        if free:
            return {self.text(name): self.value(item, free=True) for name, item in value.items()}
        return {name: self._field(name, item) for name, item in value.items()}

    def _field(self, name: str, item: Any) -> Any:
        if name in STRUCTURE and isinstance(item, str):
            return self.pattern(item)
        return self.value(item, free=name in FREE)


def _checked(answer: object) -> str:
    if not isinstance(answer, str):
        raise TypeError("the content hook must return a str")
    return answer


def _function(hook: str) -> Callable[[str], Any]:
    module, _, name = hook.partition(":")
    function: Callable[[str], Any] = getattr(importlib.import_module(module), name)
    return function
