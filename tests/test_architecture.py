"""Files that the documentation names exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "tests" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]


def named_paths(text: str) -> set[str]:
    """Return the paths of files and folders of the repository that a page names in code spans."""
    spans = re.findall(r"`([\w./*-]+)`", text)
    return {span for span in spans if re.match(r"(okube_api|tests|docs|scripts|benchmarks|openapi)/", span)}


def linked_paths(text: str) -> set[str]:
    """Return the relative targets of the links of a page."""
    return set(re.findall(r"\]\((?!https?:|#)([^)#]+)", text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_named_files_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [path for path in sorted(named_paths(text)) if not (ROOT / path).exists()] == []
    assert [path for path in sorted(linked_paths(text)) if not (page.parent / path).exists()] == []


def test_the_architecture_names_files() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert "okube_api/engine/run.py" in named_paths(text)
    assert "glossary.md" in linked_paths(text)
