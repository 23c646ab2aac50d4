"""The references are what the code says, and no link leads nowhere."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def reference(root: Path) -> dict[str, Any]:
    return runpy.run_path(str(root / "docs/reference.py"))


@pytest.fixture(scope="module")
def pages(files: list[Path]) -> dict[Path, str]:
    return {file: file.read_text() for file in files if file.suffix == ".md"}


@pytest.mark.parametrize("page", ["settings.md", "commands.md"])
def test_a_reference_is_what_the_code_says(page, reference, root):
    assert (root / "docs" / page).read_text() == reference["pages"]()[page], "run `make docs`"


def test_every_variable_is_explained_and_no_other(reference):
    options = {option.name for option in reference["Conf"].options()}
    assert set(reference["MEANINGS"]) == set(reference["variables"]()) - options
    assert set(reference["UNSET"]) <= set(reference["MEANINGS"])


def test_every_command_tells_its_exit_codes(reference):
    sections = reference["pages"]()["commands.md"].split("\n## ")[1:]
    silent = [section.splitlines()[0] for section in sections if "xit code" not in section]
    assert silent == ["run"]


def anchors(text: str) -> set[str]:
    """As GitHub derives them from headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead(file: Path, text: str, pages: dict[Path, str]) -> list[str]:
    """The relative links of a page that lead nowhere."""
    found = []
    for link in LINK.findall(CODE.sub("", text)):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (file.parent / path).resolve() if path else file
        if not target.exists() or (anchor and anchor not in anchors(pages.get(target, ""))):
            found.append(link)
    return found


def test_every_link_leads_somewhere(pages):
    assert {str(file): links for file, text in pages.items() if (links := dead(file, text, pages))} == {}


def test_a_link_that_leads_nowhere_is_found(pages, root):
    readme = root / "README.md"
    text = "[a](docs/missing.md) [b](#the-schedule) [c](#missing) [d](docs/operations.md#missing) `[e](missing)`"
    assert dead(readme, text, pages) == ["docs/missing.md", "#missing", "docs/operations.md#missing"]


def test_the_table_of_contents_names_every_page(pages, root):
    contents = root / "docs/README.md"
    linked = {(contents.parent / link).resolve() for link in LINK.findall(pages[contents])}
    assert {page for page in pages if page.parent == contents.parent} - {contents} - linked == set()


def test_the_pictures_are_small(root):
    """They stay in the history for ever, each time they are taken anew."""
    sizes = {picture.name: picture.stat().st_size for picture in (root / "docs/images").iterdir()}
    assert {name: size for name, size in sizes.items() if size > 150_000} == {}
