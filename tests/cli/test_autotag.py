"""Labels from a git repository, and in a base_url."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from tokentape.cli.autotag import git_labels, labelled
from tokentape.proxy.messages.labels import parse_labels
from tokentape.proxy.relay.forwarding import take_label_segment

if TYPE_CHECKING:
    from pathlib import Path


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def repository(folder: Path) -> Path:
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "feature/search")
    git(folder, "commit", "-q", "--allow-empty", "-m", "first")
    return folder


def test_a_repository_names_the_project_and_the_branch_from_any_folder_inside(tmp_path: Path) -> None:
    below = repository(tmp_path / "checkout") / "a" / "b"
    below.mkdir(parents=True)
    assert git_labels(below) == ["project=checkout", "branch=feature/search"]


def test_a_branch_without_a_commit_counts(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main", "fresh")
    assert git_labels(tmp_path / "fresh") == ["project=fresh", "branch=main"]


def test_a_detached_head_is_no_branch(tmp_path: Path) -> None:
    folder = repository(tmp_path / "checkout")
    git(folder, "checkout", "-q", "--detach")
    assert git_labels(folder) == ["project=checkout"]


def test_a_worktree_has_its_own_branch(tmp_path: Path) -> None:
    git(repository(tmp_path / "checkout"), "worktree", "add", "-q", "-b", "fix", "../side")
    assert git_labels(tmp_path / "side") == ["project=side", "branch=fix"]


def test_a_broken_repository_is_still_a_project(tmp_path: Path) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / ".git").write_text("gitdir: nowhere\n")
    assert git_labels(tmp_path / "odd") == ["project=odd"]


def test_outside_a_repository_there_are_no_labels(tmp_path: Path) -> None:
    assert git_labels(tmp_path) == []


def test_labels_stand_in_the_first_path_segment_and_the_last_of_equal_keys_counts() -> None:
    assert (
        labelled("http://h:1", ["project=a", "branch=b/c", "project=d"])
        == "http://h:1/@project=d,branch=b%2Fc"
    )
    assert labelled("http://h:1", []) == "http://h:1"


KEYS = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_.\-]{0,63}", fullmatch=True)
VALUES = st.text(min_size=1, max_size=100).filter(lambda text: text.strip() == text and text.isprintable())


@given(st.dictionaries(KEYS, VALUES, max_size=16))
def test_what_is_labelled_is_what_the_proxy_reads(labels: dict[str, str]) -> None:
    url = labelled("", [f"{key}={value}" for key, value in labels.items()])
    segment, target = take_label_segment(f"{url}/v1/messages".encode("ascii"))
    assert (parse_labels(segment.decode()), target) == (labels, b"/v1/messages")
