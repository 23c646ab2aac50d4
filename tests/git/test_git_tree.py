from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import pygit2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pygit2.enums import FileMode, ObjectType

from netbox_hedgehog.errors import ContentProblem, NeedsOperator, RetryLater
from netbox_hedgehog.git import (
    GitLimits,
    ManifestFile,
    directory_tree,
    has_tree,
    list_manifests,
    manifest_changes,
    read_manifest,
)
from tests.support.git_server import commit_files

LIMITS = GitLimits()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fabric.git"


def paths(path: Path, commit: str, directory: str = "/", limits: GitLimits = LIMITS) -> list[str]:
    repository = pygit2.Repository(str(path))
    tree = directory_tree(repository, commit, directory)
    return [manifest.path for manifest in list_manifests(repository, tree, directory, limits)]


def test_manifests_are_listed_from_the_root_of_the_repository_in_order(path: Path) -> None:
    names = ["lab/z.yaml", "lab/b/c.yml", "lab/a.json", "lab/b.yaml", "lab/README.md", "prod/x.yaml", "lab/yaml"]
    commit = commit_files(path, dict.fromkeys(names, b"x: 1\n"), "files")
    assert paths(path, commit, "lab") == ["lab/a.json", "lab/b.yaml", "lab/b/c.yml", "lab/z.yaml"]


def test_a_manifest_has_the_id_of_its_content(path: Path) -> None:
    commit = commit_files(path, {"a.yaml": b"same", "b.yaml": b"same", "c.yaml": b"other!"}, "files")
    repository = pygit2.Repository(str(path))
    a, b, c = list_manifests(repository, directory_tree(repository, commit, ""), "", LIMITS)
    assert a.blob_id == b.blob_id != c.blob_id
    assert read_manifest(repository, c, LIMITS) == b"other!"


@pytest.mark.parametrize("directory", ["", "/", "//", "./", "."])
def test_the_root_has_many_spellings(path: Path, directory: str) -> None:
    commit = commit_files(path, {"a.yaml": b""}, "files")
    assert paths(path, commit, directory) == ["a.yaml"]


@pytest.mark.parametrize("directory", ["a/b", "/a/b", "a/b/", "/a//b/", "./a/b"])
def test_a_directory_has_many_spellings(path: Path, directory: str) -> None:
    commit = commit_files(path, {"a/b/c.yaml": b""}, "files")
    assert paths(path, commit, directory) == ["a/b/c.yaml"]


def test_the_tree_changes_only_with_what_is_below_it(path: Path) -> None:
    first = commit_files(path, {"lab/a.yaml": b"1", "prod/a.yaml": b"1"}, "first")
    second = commit_files(path, {"prod/a.yaml": b"2"}, "second")
    repository = pygit2.Repository(str(path))
    assert directory_tree(repository, first, "lab") == directory_tree(repository, second, "lab")
    assert directory_tree(repository, first, "prod") != directory_tree(repository, second, "prod")


@pytest.mark.parametrize("directory", ["gone", "lab/gone", "..", "lab/../lab", "/../etc", "lab\0"])
def test_a_directory_that_is_not_there_needs_the_operator(path: Path, directory: str) -> None:
    commit = commit_files(path, {"lab/a.yaml": b""}, "files")
    with pytest.raises(NeedsOperator) as caught:
        paths(path, commit, directory)
    assert caught.value.code == "git.directory_not_found"


def test_the_directories_that_are_there_instead_are_named(path: Path) -> None:
    files = {"fabrics/east/a.yaml": b"", "fabrics/we\nst/a.yaml": b"", "fabrics/.git-tools/a.yaml": b""}
    commit = commit_files(path, {**files, "fabrics/readme": b"", "many/readme": b""}, "files")
    with pytest.raises(NeedsOperator, match=r": /fabrics has east, we\?st\. → "):
        paths(path, commit, "/fabrics/eats")
    with pytest.raises(NeedsOperator, match=r": /many has no directories\. → "):
        paths(path, commit, "many/east")


def test_of_many_long_names_some_beginnings_are_named(path: Path) -> None:
    commit = commit_files(path, {f"{n:02}{'x' * 200}/a.yaml": b"" for n in range(15)}, "files")
    with pytest.raises(NeedsOperator, match=r": / has 00x.*, 09x{58}, 5 more\. → ") as caught:
        paths(path, commit, "east")
    assert len(str(caught.value)) < 1000


def test_a_file_a_link_and_a_submodule_are_no_directories(path: Path) -> None:
    files = {"file": b"", "link": b"lab", "module": b"ab" * 20, "lab/a.yaml": b""}
    modes = {"link": FileMode.LINK, "module": FileMode.COMMIT}
    commit = commit_files(path, files, "files", modes=modes)
    for directory in ("file", "link", "module"):
        with pytest.raises(NeedsOperator) as caught:
            paths(path, commit, directory)
        assert caught.value.code == "git.not_a_directory"


def test_links_submodules_and_hidden_names_are_left_out(path: Path) -> None:
    files = {
        "a.yaml": b"",
        "run.yaml": b"",
        "link.yaml": b"/etc/passwd",
        "module.yaml": b"ab" * 20,
        ".github/ci.yaml": b"",
        "sub/.hidden/x.yaml": b"",
        ".pre-commit-config.yaml": b"",
    }
    modes = {"link.yaml": FileMode.LINK, "module.yaml": FileMode.COMMIT, "run.yaml": FileMode.BLOB_EXECUTABLE}
    assert paths(path, commit_files(path, files, "files", modes=modes)) == ["a.yaml", "run.yaml"]


def test_a_name_that_is_not_utf_8_is_readable_and_storable(path: Path) -> None:
    commit_files(path, {"a.yaml": b""}, "files")
    repository = pygit2.Repository(str(path))
    blob = repository.create_blob(b"x: 1\n")
    entry = b"100644 caf\xe9.yaml\0" + blob.raw
    inner = repository.odb.write(pygit2.enums.ObjectType.TREE, entry)
    tree = repository.odb.write(pygit2.enums.ObjectType.TREE, b"40000 d\xff\0" + inner.raw)
    manifests = list_manifests(repository, str(tree), "", LIMITS)
    assert [manifest.path for manifest in manifests] == [r"d\xff/caf\xe9.yaml"]
    manifests[0].path.encode()


def test_a_directory_with_an_accent_is_found(path: Path) -> None:
    assert paths(path, commit_files(path, {"Zürich/a.yaml": b""}, "files"), "Zürich") == ["Zürich/a.yaml"]


def test_too_many_files_are_refused(path: Path) -> None:
    commit = commit_files(path, {f"{n}.yaml": b"" for n in range(4)}, "files")
    assert len(paths(path, commit, limits=replace(LIMITS, max_files=4))) == 4
    with pytest.raises(NeedsOperator) as caught:
        paths(path, commit, limits=replace(LIMITS, max_files=3))
    assert caught.value.code == "git.too_many_files"


def test_a_few_trees_that_stand_for_billions_of_files_are_refused(path: Path) -> None:
    commit_files(path, {"a.yaml": b""}, "files")
    repository = pygit2.Repository(str(path))
    tree = repository.TreeBuilder()
    tree.insert("nothing", repository.create_blob(b""), FileMode.BLOB)
    tree_id = tree.write()
    for _ in range(10):
        tree = repository.TreeBuilder()
        for number in range(10):
            tree.insert(str(number), tree_id, FileMode.TREE)
        tree_id = tree.write()
    with pytest.raises(ContentProblem) as caught:
        list_manifests(repository, str(tree_id), "/", replace(LIMITS, max_entries=1000))
    assert caught.value.code == "git.too_many_entries"


def test_a_directory_whose_list_inflates_beyond_reason_is_not_read(path: Path, monkeypatch) -> None:
    monkeypatch.setattr("netbox_hedgehog.git.tree._MOST_TREE_BYTES", 1000)
    commit = commit_files(path, {f"{n}.yaml": b"" for n in range(40)}, "files")
    with pytest.raises(ContentProblem) as caught:
        paths(path, commit)
    assert caught.value.code == "git.too_many_entries"


@pytest.mark.parametrize("tree", [b"100644 a.yaml", b"junk", b"100644 a.yaml\0short", b"1006x4 a.yaml\0" + b"a" * 20])
def test_a_tree_that_is_cut_or_nonsense_means_a_damaged_mirror(path: Path, tree: bytes) -> None:
    commit_files(path, {"a.yaml": b""}, "files")
    repository = pygit2.Repository(str(path))
    tree_id = str(repository.odb.write(pygit2.enums.ObjectType.TREE, tree))
    with pytest.raises(RetryLater) as caught:
        list_manifests(repository, tree_id, "/", LIMITS)
    assert caught.value.code == "git.corrupt"


NAMES = st.sampled_from(["a", "b", "c.yaml", "d.yaml", "e.txt", ".f.yaml"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
MODES = st.sampled_from([FileMode.BLOB, FileMode.BLOB, FileMode.BLOB_EXECUTABLE, FileMode.LINK])
TREES = st.dictionaries(PATHS, st.tuples(st.sampled_from([b"1", b"2"]), MODES), max_size=8)
IGNORED = st.sampled_from([None, None, b"a/", b"c.*"])


def without_conflicts(files: dict[str, tuple[bytes, FileMode]]) -> dict[str, tuple[bytes, FileMode]]:
    return {path: file for path, file in files.items() if not any(each.startswith(f"{path}/") for each in files)}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TREES, TREES, st.lists(IGNORED, min_size=2, max_size=2))
def test_changes_are_the_difference_of_the_two_lists_whatever_the_trees(
    path: Path, old: dict[str, tuple[bytes, FileMode]], new: dict[str, tuple[bytes, FileMode]], ignored: list[bytes]
) -> None:
    repository = pygit2.init_repository(str(path), bare=True)
    trees = []
    for files, rules in zip((without_conflicts(old), without_conflicts(new)), ignored, strict=True):
        index = pygit2.Index()
        for name, (content, mode) in files.items():
            index.add(pygit2.IndexEntry(f"lab/{name}", repository.create_blob(content), mode))
        if rules:
            index.add(pygit2.IndexEntry("lab/.hedgehogignore", repository.create_blob(rules), FileMode.BLOB))
        top = repository[index.write_tree(repository)]
        trees.append(str(top["lab"].id) if "lab" in top else str(top.id))
    before, after = (dict(list_manifests(repository, tree, "lab", LIMITS)) for tree in trees)
    changes = manifest_changes(repository, *trees, "lab", LIMITS)
    assert changes.changed == sorted(file for file in after.items() if file not in before.items())
    assert changes.removed == before.keys() - after.keys()
    assert {name: blob for name, blob in before.items() if name not in changes.paths} | dict(changes.changed) == after


def test_only_directories_that_differ_are_looked_into(path: Path) -> None:
    files = {f"{top}/{name}.yaml": b"" for top in "abc" for name in "xyz"}
    old, new = commit_files(path, files, "first"), commit_files(path, {"b/y.yaml": b"new"}, "second")
    repository = pygit2.Repository(str(path))
    trees = [directory_tree(repository, commit, "/") for commit in (old, new)]
    # The root and b, before and after: that leaves no room for a and c.
    changes = manifest_changes(repository, *trees, "/", replace(LIMITS, max_entries=12))
    assert changes.paths == {"b/y.yaml"}


def test_many_small_changes_do_not_grow_past_the_limit_of_files(path: Path) -> None:
    old, new = commit_files(path, {"a.yaml": b"", "b.yaml": b""}, "1"), commit_files(path, {"c.yaml": b""}, "2")
    repository = pygit2.Repository(str(path))
    trees = [directory_tree(repository, commit, "/") for commit in (old, new)]
    with pytest.raises(ContentProblem) as caught:
        manifest_changes(repository, *trees, "/", replace(LIMITS, max_files=2))
    assert caught.value.code == "git.too_many_files"


def test_fifty_thousand_files_are_listed_in_order(path: Path) -> None:
    commit = commit_files(path, {f"d{n % 50}/{n:05}.yaml": b"" for n in range(50_000)}, "files")
    found = paths(path, commit)
    assert (len(found), found) == (50_000, sorted(found))


def test_a_large_file_is_refused_by_its_name(path: Path) -> None:
    commit_files(path, {"a.yaml": b"x" * 101}, "files")
    repository = pygit2.Repository(str(path))
    blob = str(repository.create_blob(b"x" * 101))
    with pytest.raises(NeedsOperator, match=r"lab/a\.yaml") as caught:
        read_manifest(repository, ManifestFile("lab/a.yaml", blob), replace(LIMITS, max_file_bytes=100))
    assert caught.value.code == "git.file_too_large"


def test_deep_nesting_is_refused(path: Path) -> None:
    commit = commit_files(path, {"d/" * 5 + "a.yaml": b""}, "files")
    assert len(paths(path, commit, limits=replace(LIMITS, max_depth=5))) == 1
    with pytest.raises(NeedsOperator) as caught:
        paths(path, commit, limits=replace(LIMITS, max_depth=4))
    assert caught.value.code == "git.too_deep"


def test_a_pointer_to_large_file_storage_is_refused(path: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 12345\n"
    commit_files(path, {"a.yaml": pointer}, "files")
    repository = pygit2.Repository(str(path))
    with pytest.raises(NeedsOperator, match=r"lab/a\.yaml") as caught:
        read_manifest(repository, ManifestFile("lab/a.yaml", str(repository.create_blob(pointer))), LIMITS)
    assert caught.value.code == "git.lfs_pointer"


@pytest.mark.parametrize("blob", ["ab" * 20, "nonsense"])
def test_an_object_that_is_missing_means_a_damaged_mirror(path: Path, blob: str) -> None:
    commit_files(path, {"a.yaml": b""}, "files")
    with pytest.raises(RetryLater) as caught:
        read_manifest(pygit2.Repository(str(path)), ManifestFile("a.yaml", blob), LIMITS)
    assert caught.value.code == "git.corrupt"


def test_a_tree_is_not_read_as_a_file(path: Path) -> None:
    commit = commit_files(path, {"a.yaml": b""}, "files")
    repository = pygit2.Repository(str(path))
    with pytest.raises(RetryLater):
        read_manifest(repository, ManifestFile("a.yaml", directory_tree(repository, commit, "/")), LIMITS)


def test_a_tree_is_known_until_the_mirror_is_made_anew(path: Path) -> None:
    commit = commit_files(path, {"a.yaml": b""}, "files")
    tree = directory_tree(pygit2.Repository(str(path)), commit, "/")
    assert has_tree(pygit2.Repository(str(path)), tree)
    assert not has_tree(pygit2.Repository(str(path)), "ab" * 20)


def test_a_tree_whose_modes_are_longer_than_any_is_corrupt(tmp_path: Path) -> None:
    repository = pygit2.init_repository(str(tmp_path / "modes.git"), bare=True)
    blob = repository.create_blob(b"a: 1\n")
    below = repository.odb.write(ObjectType.TREE, b"100644777777 a.yaml\0" + blob.raw)
    tree = repository.odb.write(ObjectType.TREE, b"40000 d\0" + below.raw)  # libgit2 itself looks at the root alone
    with pytest.raises(RetryLater) as caught:
        list_manifests(repository, str(tree), "/", LIMITS)
    assert caught.value.code == "git.corrupt"


def test_looking_for_a_directory_again_and_again_keeps_no_memory(path: Path) -> None:
    commit = commit_files(path, {"lab/fabric/a.yaml": b""}, "files")
    repository = pygit2.Repository(str(path))

    directory_tree(repository, commit, "lab/fabric")
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(1_000):
            directory_tree(repository, commit, "lab/fabric")
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 10_000
