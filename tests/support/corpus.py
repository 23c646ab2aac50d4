"""The golden corpus: whole fabrics as files, and what is expected of each in ``resources.txt`` and ``findings.txt``.

`python -m tests.support.corpus` writes the expectations anew; read the difference before you commit it.
"""

from __future__ import annotations

from pathlib import Path

from netbox_hedgehog.manifests import Finding, ManifestLimits, Resource, check, facts_of, read_manifests

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
FABRICS = sorted(directory.parent for directory in CORPUS.rglob("manifests"))


def files(fabric: Path) -> list[tuple[str, bytes]]:
    """Path below the GitOps directory, and content."""
    root = fabric / "manifests"
    return [(str(path.relative_to(root)), path.read_bytes()) for path in sorted(root.rglob("*")) if path.is_file()]


def resources(fabric: Path) -> list[Resource]:
    read = read_manifests(files(fabric), limits=ManifestLimits())
    assert read.problems == []
    return read.resources


def findings(resources: list[Resource]) -> list[Finding]:
    return check(facts for each in resources if (facts := facts_of(each)))


def described(fabric: Path) -> dict[str, str]:
    """Name of an expectation → its text."""
    found = resources(fabric)
    return {
        "resources.txt": _lines(
            f"{each.path}:{each.line} {each.api_version} {each.kind} {each.namespace}/{each.name} "
            f"{each.content().digest()}"
            for each in found
        ),
        "findings.txt": _lines(
            f"{each.path}:{each.line} {each.severity} {each.code} {each.key[1]} {each.key[2]}/{each.key[3]}"
            f" {each.field}: {each.message}"
            for each in findings(found)
        ),
    }


def _lines(lines):
    return "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    for directory in FABRICS:
        for name, text in described(directory).items():
            (directory / name).write_text(text)
