"""Strings as YAML, ASCII only, in the plainest style that holds them.

| style | for |
|---|---|
| plain | names, URLs, most header values |
| 'single' | other printable text on one line |
| a literal block | bodies of several lines: one line of text, one line of the file |
| "double", a line each | what holds anything else: characters outside ASCII, white space at a line's end |

The fast reader knows these styles and no others: `PLAIN`, `RESERVED` and `DOUBLE` are shared with it.
Grammar: https://yaml.org/spec/1.1/, as libyaml reads it.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tokentape.recorder.cassette.bodies import WrittenBody

_WORD: Final = "[A-Za-z0-9._/;=+()*?&@,%~-]*"
PLAIN: Final = rf"[A-Za-z]{_WORD}(?:(?::(?=[^ \n])| (?=[A-Za-z0-9(/*])){_WORD})*"
"""Text that is itself in a plain scalar: it begins like a word, and holds no `: ` and no ` #`."""
RESERVED: Final = frozenset({"y", "n", "yes", "no", "true", "false", "on", "off", "null"})
"""Words that YAML 1.1 takes for something else than a string, in lower case."""
DOUBLE: Final = r'"(?:[^"\\\n]|\\[^\n]|\\\n +(?! ))*"'
"""A double-quoted scalar whose only line ends are escaped ones."""

_PLAIN: Final = re.compile(PLAIN)
_PRINTABLE: Final = re.compile("[ -~]*")
_PRINTABLE_LINES: Final = re.compile("[!-~][\n -~]*")
_TO_ESCAPE: Final = re.compile(r"[^ !#-\[\]-~]")
_ESCAPE: Final = re.compile(r"\\(?:\n *|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))")
_ESCAPED: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}
_UNESCAPED: Final = {"\\": "\\", '"': '"', "n": "\n", "t": "\t", " ": " "}
_LINE_WIDTH: Final = 76
_BYTES_A_LINE: Final = _LINE_WIDTH // 4 * 3


def scalar(text: str) -> str:
    """A string on one line."""
    if _PLAIN.fullmatch(text) and text.lower() not in RESERVED:
        return text
    if _PRINTABLE.fullmatch(text):
        return "'" + text.replace("'", "''") + "'"
    return f'"{_escaped(text)}"'


def block(body: WrittenBody, indent: str) -> str:
    """What follows `key: ` for a body: its lines stand under `indent`. Ends in no line end."""
    if isinstance(body, bytes):
        return f"!!binary |\n{indent}" + f"\n{indent}".join(_base64_lines(body))
    if not body:
        return "''"
    if _is_literal(body):
        return "|" + _chomping(body) + "\n" + literal_lines(body, indent)
    return _double(body, indent)


def literal_lines(text: str, indent: str) -> str:
    """The lines of a literal block, the last line end left off."""
    lines = text.removesuffix("\n").split("\n")
    return "\n".join([indent + line if line else "" for line in lines])


def unescaped(double: str) -> str | None:
    """The text of a double-quoted scalar that matches `DOUBLE`; `None` for escapes never written here."""
    unknown: list[str] = []

    def plain(match: re.Match[str]) -> str:
        short, long, character = match.groups()
        if code := short or long:
            return _character(int(code, 16), unknown)
        if character is None:
            return ""
        if character not in _UNESCAPED:
            unknown.append(character)
        return _UNESCAPED.get(character, "")

    text = _ESCAPE.sub(plain, double[1:-1])
    return None if unknown else text


def _character(code: int, unknown: list[str]) -> str:
    if 0xD800 <= code <= 0xDFFF or code > 0x10FFFF:
        unknown.append(hex(code))
        return ""
    return chr(code)


def _is_literal(text: str) -> bool:
    """Printable, and safe from editors that take white space off the ends of lines."""
    return bool(_PRINTABLE_LINES.fullmatch(text)) and " \n" not in text and not text.endswith(" ")


def _chomping(text: str) -> str:
    if not text.endswith("\n"):
        return "-"
    return "+" if text.endswith("\n\n") else ""


def _double(text: str, indent: str) -> str:
    """Every line of the text on a line of its own; an escape keeps the white space that it begins with."""
    if "\n" not in text:
        return f'"{_escaped(text)}"'
    lines = [_escaped(line) for line in text.split("\n")]
    kept = [f"\\{line}" if line.startswith(" ") else line for line in lines]
    return f'"\\\n{indent}' + f"\\n\\\n{indent}".join(kept) + '"'


def _escaped(text: str) -> str:
    return _TO_ESCAPE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:
        return "\\ufffd"  # half a surrogate pair, which YAML cannot hold
    return _ESCAPED.get(character) or (f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")


def _base64_lines(data: bytes) -> list[str]:
    return [
        base64.b64encode(data[begin : begin + _BYTES_A_LINE]).decode()
        for begin in range(0, len(data), _BYTES_A_LINE)
    ]
