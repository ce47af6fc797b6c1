"""What the README shows is what the tree holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs/howto").glob("*.md"))]


def test_the_modelfile_shown_is_the_one_in_examples() -> None:
    shown = re.search(r"```dockerfile\n(.*?)```", README, re.DOTALL)
    assert shown is not None
    assert shown[1] == (ROOT / "examples/Modelfile").read_text()


@pytest.mark.skipif(not (ROOT / ".ci").exists(), reason="an sdist has no CI script")
def test_ci_runs_the_command_that_the_readme_names() -> None:
    assert "$ make test\n" in README
    assert (ROOT / ".ci/run").read_text().splitlines()[-1] == "make test"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


SOURCES = [path for name in ("pyollama", "modelfile_grammar", "csrc") for path in (ROOT / name).rglob("*.*")]
DOCUMENT = re.compile(r"[\w/]*\b[a-z]+\.md\b( sections? \d|\W+\d)?")


def test_sources_cite_documents_that_exist() -> None:
    """A name with a number after it means a section, and our documents have none."""
    wrong = []
    for path in SOURCES:
        if path.suffix in (".py", ".pyx", ".pxd", ".cpp", ".hpp"):
            for cited in DOCUMENT.finditer(path.read_text()):
                exists = (ROOT / cited[0]).exists() or list(ROOT.glob(f"docs/*/{cited[0]}"))
                if cited[1] or not exists:
                    wrong.append(f"{path.relative_to(ROOT)}: {cited[0]}")
    assert wrong == []
