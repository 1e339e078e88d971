"""Where the cassette of a test lies: exactly where pytest-recording looks for it.

`cassettes/<test module>/<test>.yaml` beside the test's file; a method is `<Class>.<test>`, and characters
that a file's name cannot have are `-` (the documentation of pytest-recording, "Default cassette names").
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_FORBIDDEN: Final = str.maketrans(dict.fromkeys("<>?%*:|\"'/\\", "-"))
_LONGEST: Final = 255
"""Characters of a file's name, the suffix included."""
SUFFIX: Final = ".yaml"


def folder_of(module: Path) -> Path:
    """The folder of a test module's cassettes."""
    return module.parent / "cassettes" / module.stem


def name_of(test: str, class_name: str = "") -> str:
    """The file's name for a test, whose own name has its parameters in brackets."""
    name = (f"{class_name}.{test}" if class_name else test).translate(_FORBIDDEN)
    if len(name) + len(SUFFIX) <= _LONGEST:
        return name + SUFFIX
    digest = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
    return f"{name[: _LONGEST - len(SUFFIX) - len(digest) - 3]}...{digest}{SUFFIX}"
