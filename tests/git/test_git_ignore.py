from __future__ import annotations

import subprocess
from pathlib import Path

import pygit2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pygit2.enums import FileMode

from netbox_hedgehog.errors import ContentProblem, NeedsOperator
from netbox_hedgehog.git import GitLimits, directory_tree, list_manifests, parse_ignore_file
from netbox_hedgehog.git.ignore import IgnoreRules
from tests.support.git_server import clean_git_environment, commit_files

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
        "*\n!*/\n!*.yaml\n",
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
        listed(tmp_path / "a.git", b"*.gen.yaml\n[a\n\xff\n# fine\n[[:what:]]*\na\\\n", "lab/")
    assert caught.value.code == "git.ignore_invalid"
    for place in [f"lab/.hedgehogignore:{number}:" for number in (2, 3, 5, 6)]:
        assert place in caught.value.message
    assert "lab/.hedgehogignore:1:" not in caught.value.message


@pytest.mark.parametrize("ignore", ["x\n" * 1001, "#" * 70_000, "a" * 1001])
def test_too_much_is_refused(tmp_path: Path, ignore: str) -> None:
    with pytest.raises(NeedsOperator):
        listed(tmp_path / "a.git", ignore)


def test_many_bad_lines_are_counted() -> None:
    with pytest.raises(ContentProblem, match="… and 90 more"):
        parse_ignore_file(b"[\n" * 100, ".hedgehogignore")


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


def left_out(lines: bytes, paths: list[str]) -> set[str]:
    """Those of ``paths`` that the rules leave out, directories above them asked about first."""
    rules = parse_ignore_file(lines, ".hedgehogignore")
    return {path for path in paths if _ignored(rules, path)}


def _ignored(rules: IgnoreRules, path: str) -> bool:
    parts = path.split("/")
    above = ("/".join(parts[:end]) for end in range(1, len(parts)))
    return any(rules.ignores_directory(each) for each in above) or rules.ignores_file(path)


@pytest.fixture(scope="module")
def worktree(tmp_path_factory) -> Path:
    """A working copy with every path that the patterns below are tried on."""
    top = tmp_path_factory.mktemp("worktree")
    git(top, "init", "--quiet")
    for path in PATHS:
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).touch()
    return top


def git(top: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", top, *arguments], env=clean_git_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout


def left_out_by_git(top: Path, lines: bytes) -> set[str]:
    (top / ".gitignore").write_bytes(lines)
    ignored = git(top, "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--", *PATHS)
    return set(filter(None, ignored.split("\0")))


NAMES = ["a", "b", "ab", "a.b", "bab", "-", "]", "!a", "#a", "a b", "^"]
PATHS = [f"{name}" for name in NAMES[3:]]
PATHS += [f"{top}/{name}" for top in ("a", "b") for name in ("a.b", "bab", "ab", "a b")]
PATHS += [f"{top}/{middle}/{name}" for top in ("a", "b") for middle in ("a", "b") for name in ("a.b", "bab", "-")]
PATHS += ["a/b/a/b/a.b", "a/a/a/a/a/ab"]

SINGLE = [
    "a",
    "b",
    "ab",
    ".",
    "*",
    "**",
    "?",
    "/",
    "/",
    "!",
    "#",
    " ",
    "-",
    "^",
    "]",
    "\\a",
    "\\*",
    "\\!",
    "\\#",
    "\\ ",
]
SETS = ["[ab]", "[!a]", "[^b]", "[a-b]", "[b-a]", "[]]", "[!]]", "[]-a]", "[\\]a]", "[a\\-b]", "[[:alpha:]]", "[!-]"]
pieces = st.sampled_from([*SINGLE, *SETS, "**/", "/**", "/**/", "a/", "*/"])


def is_plain(line: str) -> bool:
    """Whether stars that stand for directories stand alone: Git takes ``a**/**`` for ``a`` and anything behind it."""
    return all("**" not in name or not name.strip("*!") for name in line.split("/"))


lines = st.lists(st.lists(pieces, max_size=6).map("".join).filter(is_plain), min_size=1, max_size=4)


@given(lines)
@example(["a/*", "!a/b"])
@example(["*", "!*/", "!*.b"])
@example(["/a/**", "!/a/b/", "**/b/a.b"])
@example(["a/**/b", "**/a/**/b/**"])
@example(["foo/", "a.b ", "bab\\ ", "#a", "\\#a", "!a", "\\!a"])
@settings(max_examples=200, deadline=None)
def test_random_patterns_leave_out_what_git_leaves_out(worktree, lines):
    text = "\n".join(lines).encode()
    assert left_out(text, PATHS) == left_out_by_git(worktree, text)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("pattern", ["*a" * 400 + "b", "**/*a*b/" * 100 + "c", "*a*/" * 200 + "b"])
@pytest.mark.parametrize("path", ["a" * 4000, "a/" * 2000 + "a", ("a" * 50 + "/") * 80 + "a"])
def test_no_pattern_takes_long_on_any_path(pattern, path):
    assert left_out(pattern.encode(), [path]) == set()
