"""What each client needs: lines to copy, and what to know."""

from __future__ import annotations

from typing import Final

import msgspec

_URL: Final = "{url}"


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """One client. `{url}` stands for the proxy's base_url."""

    name: str
    """As given to `tokentape doctor`."""
    title: str
    lines: str
    """To copy."""
    notes: tuple[str, ...] = ()
    """Shown when asked about this client alone."""

    def lines_for(self, base_url: str) -> list[str]:
        """The lines to copy, with the address in them."""
        return self.lines.replace(_URL, base_url).splitlines()

    def notes_for(self, base_url: str) -> list[str]:
        """The notes, with the address in them."""
        return [note.replace(_URL, base_url) for note in self.notes]


_LABELS: Final = """\
Labels stand in the first path segment, as in {url}/@project=checkout,team=search, or in a header that \
the SDK adds from ANTHROPIC_CUSTOM_HEADERS='x-tokentape-labels: project=checkout,team=search'."""

PYTHON: Final = Client(
    name="python",
    title="Python SDK",
    lines="""\
export ANTHROPIC_BASE_URL={url}
client = anthropic.Anthropic(base_url="{url}")  # or in code
""",
    notes=(_LABELS,),
)

TYPESCRIPT: Final = Client(
    name="typescript",
    title="TypeScript SDK",
    lines="""\
export ANTHROPIC_BASE_URL={url}
const client = new Anthropic({ baseURL: "{url}" });  // or in code
""",
    notes=(_LABELS,),
)

CURL: Final = Client(
    name="curl",
    title="curl",
    lines="""\
curl -N {url}/v1/messages -H "x-api-key: $ANTHROPIC_API_KEY" -H 'anthropic-version: 2023-06-01' \\
  -H 'content-type: application/json' -d '{"model": "claude-sonnet-4-6", "max_tokens": 100,
  "stream": true, "messages": [{"role": "user", "content": "Hello"}]}'
""",
    notes=("-N shows each event of a stream when it comes.",),
)

LANGCHAIN: Final = Client(
    name="langchain",
    title="LangChain",
    lines="""\
export ANTHROPIC_BASE_URL={url}
model = ChatAnthropic(model="claude-sonnet-4-6", base_url="{url}")  # or in code
""",
    notes=("ANTHROPIC_API_URL comes before ANTHROPIC_BASE_URL there: leave it unset.",),
)

# https://code.claude.com/docs/en/env-vars says what ANTHROPIC_BASE_URL switches off.
_TOOL_SEARCH: Final = """\
Behind a base_url that is not Anthropic's own, Claude Code switches off tool search: then the definitions \
of all MCP tools go along with every request. ENABLE_TOOL_SEARCH=true keeps it. It needs a proxy that \
passes tool_reference blocks on, and this one changes no body."""
_CONTEXT: Final = """\
Some versions are reported to take the context window to be 200K tokens behind another base_url, also \
where it is 1M: /context shows which one is in use."""
_SETTINGS: Final = """\
The variables are read when claude starts; /status then shows the base_url. They may also stand under \
"env" in ~/.claude/settings.json."""

CLAUDE_CODE: Final = Client(
    name="claude-code",
    title="Claude Code",
    lines="""\
ANTHROPIC_BASE_URL={url} ENABLE_TOOL_SEARCH=true claude
tokentape run --intercept -- claude  # with a proxy of its own, and nothing switched off
tokentape run -- claude  # the same without the extra `intercept`; it sets ENABLE_TOOL_SEARCH=true
""",
    notes=(_TOOL_SEARCH, _CONTEXT, _SETTINGS),
)

CLIENTS: Final = (PYTHON, TYPESCRIPT, CURL, LANGCHAIN, CLAUDE_CODE)
