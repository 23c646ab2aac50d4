from __future__ import annotations

import subprocess
from pathlib import Path

import pygit2
import pytest
from pygit2.enums import FileMode

from netbox_hedgehog.errors import ContentProblem, NeedsOperator
from netbox_hedgehog.git import GitLimits, directory_tree, list_manifests, parse_ignore_file
from tests.support.git_server import commit_files

FILES = [
    "a.yaml",
    "b.json",
    "keep.gen.yaml",
    "top.gen.yaml",
    "build/out.yaml",
    "lab/build/out.yaml",
    "lab/a.yaml",
    "lab/deep/er/a.yaml",
    "lab/deep/er/x y.yaml",
    "lab/top.gen.yaml",
    "#hash.yaml",
    "!bang.yaml",
    "straße.yaml",
]


def listed(path: Path, ignore: str | bytes, prefix: str = "", files: list[str] = FILES) -> list[str]:
    content = dict.fromkeys((prefix + name for name in files), b"x: 1\n")
    content[f"{prefix}.hedgehogignore"] = ignore.encode() if isinstance(ignore, str) else ignore
    commit = commit_files(path, content, "files")
    repository = pygit2.Repository(str(path))
    manifests = list_manifests(repository, directory_tree(repository, commit, prefix), prefix, GitLimits())
    return [manifest.path for manifest in manifests]


def kept_by_git(folder: Path, ignore: str) -> list[str]:
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / ".gitignore").write_text(ignore)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    command = ["git", "ls-files", "--others", "--exclude-standard", "-z"]
    output = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    return sorted(name for name in output.split("\0") if name and name != ".gitignore")


@pytest.mark.parametrize(
    "ignore",
    [
        "",
        "# a comment\n\n",
        "*.gen.yaml\n!keep.gen.yaml\n",
        "!keep.gen.yaml\n*.gen.yaml\n",
        "build/\n",
        "/build/\n",
        "build/\n!build/out.yaml\n",
        "lab/*\n!lab/build/\n",
        "lab/**/a.yaml\n",
        "**/er/\n",
        "/*\n!/lab/\n",
        "\\#hash.yaml\n\\!bang.yaml\n",
        "?.yaml\n",
        "[a-c].*\n",
        "[!a].yaml\n",
        "lab/deep/er/x\\ y.yaml\n",
        "a.yaml   \n",
        "*\n",
        "\ufeffa.yaml\r\nb.json\r\n",
    ],
)
def test_what_is_left_out_is_what_git_leaves_out(tmp_path: Path, ignore: str) -> None:
    folder = tmp_path / "worktree"
    folder.mkdir()
    assert listed(tmp_path / "a.git", ignore) == kept_by_git(folder, ignore)


def test_patterns_are_relative_to_the_gitops_directory(tmp_path: Path) -> None:
    path = tmp_path / "a.git"
    commit_files(path, {".hedgehogignore": b"*\n", "site/lab/.hedgehogignore": b"*\n"}, "elsewhere")
    assert listed(path, "/lab/\n", "site/", ["a.yaml", "lab/a.yaml"]) == ["site/a.yaml"]


def test_a_directory_that_is_left_out_is_not_even_looked_at(tmp_path: Path) -> None:
    deep = "vendor/" + "d/" * 40 + "a.yaml"
    assert listed(tmp_path / "a.git", "vendor/\n", files=["a.yaml", deep]) == ["a.yaml"]


def test_every_bad_line_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContentProblem) as caught:
        listed(tmp_path / "a.git", "*.gen.yaml\n!\n[z-a]*\n# fine\n[[:alpha:]]*\n\x1b[z-a]\n", "lab/")
    assert caught.value.code == "git.ignore_invalid"
    for place in ("lab/.hedgehogignore:2:", "lab/.hedgehogignore:3:", "lab/.hedgehogignore:5:"):
        assert place in caught.value.message
    assert "lab/.hedgehogignore:1:" not in caught.value.message
    assert r"\x1b[z-a]" in caught.value.message


@pytest.mark.parametrize("ignore", ["x\n" * 1001, "#" * 70_000, ("a*" * 120 + "\n") * 1000, "a" * 60_000])
def test_too_much_is_refused(tmp_path: Path, ignore: str) -> None:
    with pytest.raises(NeedsOperator):
        listed(tmp_path / "a.git", ignore)


def test_many_bad_lines_are_counted() -> None:
    with pytest.raises(ContentProblem, match="… and 90 more"):
        parse_ignore_file(b"!\n" * 100, ".hedgehogignore")


def test_a_pattern_that_would_backtrack_for_ever_costs_nothing(tmp_path: Path) -> None:
    assert listed(tmp_path / "a.git", "a*" * 30 + "b\n", files=["a" * 250 + ".yaml"]) != []


def test_a_link_is_no_ignore_file(tmp_path: Path) -> None:
    path = tmp_path / "a.git"
    commit = commit_files(
        path, {"a.yaml": b"", ".hedgehogignore": b"/etc/passwd"}, "files", modes={".hedgehogignore": FileMode.LINK}
    )
    repository = pygit2.Repository(str(path))
    with pytest.raises(ContentProblem, match="no regular file"):
        list_manifests(repository, directory_tree(repository, commit, ""), "", GitLimits())
