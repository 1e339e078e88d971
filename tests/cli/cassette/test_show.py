from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cli.cassette.running import kept, run
from tests.proxy.messages.exchanges import dump, message
from tests.recorder.editing.samples import MESSAGES, answered, asked, conversation, said

from tokentape.recorder.cassette.interaction import Interaction

if TYPE_CHECKING:
    from pathlib import Path

CONVERSATION = """\
chat.yaml: 2 interactions

#0 POST /v1/messages claude-sonnet-4-5 200
  system: Be brief.
  tools (1): weather
  user: Weather in Rome?
  assistant thinks: Rome, then.
  assistant calls weather: {"city": "Rome"}
  10 in 5 out · 0.000105 USD · 2.00 s to the first token · 6.00 s · tool_use

#1 POST /v1/messages claude-sonnet-4-5 200 goes on with #0
  user gives the result: Sunny
  assistant: Sunny in Rome.
  10 in 5 out · 0.000105 USD · end_turn
"""


def test_a_conversation_is_readable(tmp_path: Path) -> None:
    file = kept(tmp_path / "chat.yaml", *conversation())
    result = run("show", file)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == CONVERSATION.replace("chat.yaml", str(file))


def test_long_texts_are_cut_unless_all_is_asked_for(tmp_path: Path) -> None:
    text = "word " * 1000
    file = kept(
        tmp_path / "a.yaml", Interaction(request=asked({"role": "user", "content": text}), response=said("x"))
    )
    assert f"  user: {text[:599]}… (4,400 more characters)\n" in run("show", file).stdout
    assert f"  user: {text}\n" in run("show", "--full", file).stdout


def test_texts_with_citations_are_one_and_media_is_told(tmp_path: Path) -> None:
    content: list[dict[str, object]] = [
        {"type": "text", "text": "It is"},
        {"type": "text", "text": " warm.", "citations": []},
    ]
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk=" * 500}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": True, "content": [image]}
    asking = asked({"role": "user", "content": [image, result]})
    file = kept(
        tmp_path / "a.yaml", Interaction(request=asking, response=answered(dump(message(content=content))))
    )
    shown = run("show", file).stdout
    assert "  user gives image: (base64, 2,000 characters)\n" in shown
    assert "  user gives the result (error): gives image: (base64, 2,000 characters)\n" in shown
    assert "  assistant: It is warm.\n" in shown


def test_what_is_no_message_is_shown_as_it_is(tmp_path: Path) -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    failed = Interaction(
        request=asked({"role": "user", "content": "Hi"}), response=answered(dump(error), status=529)
    )
    models = Interaction(
        request=asked(uri="https://api.anthropic.com/v1/models?limit=1", method="GET"),
        response=answered(b'{"data":[]}'),
    )
    shown = run("show", kept(tmp_path / "a.yaml", failed, models)).stdout
    assert "#0 POST /v1/messages claude-sonnet-4-5 529\n" in shown
    assert '"message": "Overloaded"' in shown
    assert "  api_error\n" in shown
    assert "#1 GET /v1/models?limit=1 200\n" in shown
    assert shown.endswith("  no tokens\n")


def test_neither_secrets_nor_control_characters_reach_the_terminal(tmp_path: Path) -> None:
    key = "sk-ant-api03-the-key-of-this-session-0001"
    asking = asked({"role": "user", "content": f"\x1b[31m{key}\x07 [bold]x[/bold]"})
    file = kept(tmp_path / "a.yaml", Interaction(request=asking, response=said("\x1b]0;title\x07")))
    shown = run("show", file).stdout
    assert "  user: �[31mREDACTED-api-key� [bold]x[/bold]\n" in shown
    assert key not in shown
    assert "\x1b" not in shown


def test_a_missing_file_and_an_empty_folder_are_one_sentence(tmp_path: Path) -> None:
    missing = run("show", tmp_path / "no.yaml")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert missing.stderr.startswith(f"Error: {tmp_path}/no.yaml does not exist: ")
    empty = run("show", tmp_path)
    assert (empty.exit_code, empty.stderr) == (
        1,
        f"Error: {tmp_path} has no cassettes: no .yaml, .yml or .json files are in it.\n",
    )
    assert run("show").exit_code == 2


def test_a_folder_stands_for_the_cassettes_in_it(tmp_path: Path) -> None:
    for name in ("b/two.yaml", "a/one.json"):
        kept(tmp_path / name, Interaction(request=asked(uri=MESSAGES), response=answered(b"")))
    (tmp_path / "a/one.played.json").write_text("{}", encoding="utf-8")
    titles = [line for line in run("show", tmp_path).stdout.splitlines() if "interaction" in line]
    assert titles == [f"{tmp_path}/a/one.json: 1 interaction", f"{tmp_path}/b/two.yaml: 1 interaction"]
