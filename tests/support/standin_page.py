"""Write the tables of the stand-in's page: `python -m tests.support.standin_page docs/standin.md`.

Fields, their defaults and what is said of them come from the source of the behaviour.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tokentape.recorder.standin import behaviour, totals

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType


def fields(module: ModuleType, *classes: str) -> str:
    """A table of the fields of some classes: name, default, docstring."""
    tree = ast.parse(inspect.getsource(module))
    bodies = [node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name in classes]
    rows = [
        _row(field, follower)
        for body in bodies
        for field, follower in pairwise([*body, ast.Pass()])
        if isinstance(field, ast.AnnAssign)
    ]
    return "\n".join(["| field | default | |", "|---|---|---|", *rows]) + "\n"


def _row(field: ast.AnnAssign, follower: ast.stmt) -> str:
    shown = _default(field.value)
    match follower:
        case ast.Expr(value=ast.Constant(value=str(text))):
            words = re.sub(r"\s+", " ", text).replace("|", "\\|")
        case _:
            words = ""
    return f"| `{ast.unparse(field.target)}` | {shown} | {words} |"


def _default(value: ast.expr | None) -> str:
    """A default as JSON has it; nothing for one that is made by a call, or is empty."""
    try:
        default = ast.literal_eval(value) if value else None
    except ValueError:
        return ""
    return "" if default in (None, "") else f"`{json.dumps(default)}`"


PARTS: Final[dict[str, Callable[[], str]]] = {
    "behaviour": lambda: fields(behaviour, "Behaviour", "Settings"),
    "totals": lambda: fields(totals, "Totals"),
}


def renewed(page: str) -> str:
    """A page with every part in it as it is now."""
    for name, written in PARTS.items():
        begin, end = f"<!-- {name}: generated -->\n", f"<!-- end of {name} -->\n"
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = f"{before}{begin}{written()}{end}{after}"
    return page


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
