"""Long base64 in bodies, and binary bodies, as files of their own: named by their hash, decoded.

In the text of a body a file stands as the string `tokentape-media:HASH.EXT`, and the extension lets a
reviewer see the picture. A text that holds such a string already keeps all its base64 in place, so that
putting the files back gives the same text to the byte.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

LEAST: Final = 4096
"""Characters of base64, or bytes of a body, that are worth a file."""

NAME: Final = re.compile(r"[0-9a-f]{64}\.[a-z]{3,4}")
"""A file's name."""

_SCHEME: Final = "tokentape-media:"
_BASE64: Final = re.compile(f'"([A-Za-z0-9+/]{{{LEAST},}}={{0,2}})"')
_REFERENCE: Final = re.compile(f'"{_SCHEME}({NAME.pattern})"')
_KINDS: Final = {
    b"\x89PNG": "png",
    b"\xff\xd8\xff": "jpg",
    b"GIF8": "gif",
    b"RIFF": "webp",
    b"%PDF": "pdf",
}

Files = dict[str, bytes]
"""Contents by name."""


def taken_out(text: str, files: Files) -> str:
    """The text with references for its long base64, which goes to `files`."""
    if _SCHEME in text:
        return text

    def reference(match: re.Match[str]) -> str:
        try:
            data = base64.b64decode(match[1], validate=True)
        except binascii.Error:
            return match[0]
        if base64.b64encode(data).decode() != match[1]:
            return match[0]
        return f'"{_SCHEME}{added(data, files)}"'

    return _BASE64.sub(reference, text)


def put_back(text: str, fetch: Callable[[str], bytes]) -> str:
    """The text with the base64 of its files; `fetch` gives a file's content by its name."""
    return _REFERENCE.sub(lambda match: f'"{base64.b64encode(fetch(match[1])).decode()}"', text)


def added(data: bytes, files: Files) -> str:
    """Put a content among the files; its name."""
    kind = next((kind for magic, kind in _KINDS.items() if data.startswith(magic)), "bin")
    name = f"{hashlib.sha256(data).hexdigest()}.{kind}"
    files[name] = data
    return name


def is_whole(name: str, data: bytes) -> bool:
    """Whether the content is what the name says."""
    return hashlib.sha256(data).hexdigest() == name.partition(".")[0]
