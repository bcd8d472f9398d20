"""Every link of the documentation leads somewhere: to a file, to a heading in it, or to a proper address."""

import re
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.acceptance.rows import REPOSITORY

PAGES = sorted(
    [REPOSITORY / "README.md", REPOSITORY / "CHANGELOG.md"]
    + [page for folder in ("docs", "deployments") for page in (REPOSITORY / folder).rglob("*.md")]
)
LINK = re.compile(
    r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)|^\[[^\]]+\]:\s*(\S+)|<(https?://[^>\s]+)>", re.MULTILINE
)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def links(text: str) -> list[str]:
    """The targets of inline links, pictures, reference definitions and bare addresses, but not those shown as code."""
    prose = re.sub(r"`[^`\n]*`", lambda code: "" if "](" in code[0] else code[0], FENCED.sub("", text))
    return [next(filter(None, found)) for found in LINK.findall(prose)]


def anchors(text: str) -> set[str]:
    """The names that GitHub gives to headings: lower case, dashes for blanks, no punctuation, numbered if twice."""
    seen: dict[str, int] = {}
    for heading in re.findall(r"^#{1,6}\s+(.+?)\s*#*$", FENCED.sub("", text), re.MULTILINE):
        name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        seen[name] = seen.get(name, 0) + 1
    return {name if number == 0 else f"{name}-{number}" for name, times in seen.items() for number in range(times)}


def fault_of(link: str, page: Path) -> str:
    """The fault of a link on a page; an empty string if there is none."""
    parts = urlsplit(link)
    if parts.scheme or link.startswith("//"):
        page_of_the_web = parts.scheme in {"http", "https"} and "." in parts.netloc
        address_of_somebody = parts.scheme == "mailto" and "@" in parts.path
        return "" if page_of_the_web or address_of_somebody else f"{link} is no address"
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.exists():
        return f"{link}: {target} is not there"
    if parts.fragment and parts.fragment not in anchors(target.read_text("utf-8")):
        return f"{link}: {target.name} has no such heading"
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_link_leads_somewhere(page: Path) -> None:
    faults = [fault for link in links(page.read_text("utf-8")) if (fault := fault_of(link, page))]
    assert faults == []


def test_what_is_linked_is_part_of_the_repository() -> None:
    """A file that lies here and isn't tracked is missing for everybody else."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    there = {REPOSITORY / name for name in listed}
    for page in PAGES:
        local = [urlsplit(link) for link in links(page.read_text("utf-8"))]
        files = {(page.parent / unquote(each.path)).resolve() for each in local if each.path and not each.scheme}
        assert {file for file in files if file.is_file()} <= there


def test_the_documentation_has_links() -> None:
    assert {page.name for page in PAGES} >= {"README.md", "CHANGELOG.md", "runbook.md", "contract.md"}
    assert len(links((REPOSITORY / "README.md").read_text("utf-8"))) >= 3


TEXT = """# A `heading`, twice
[a](other.md) ![b](picture.png "title") [c](other.md#part-one)
[d]: https://example.com/x
<https://example.com/y> `[code](nowhere.md)`
```
[fenced](nowhere.md)
# no heading
```
## A heading, twice
[own](#a-heading-twice-1)
"""


def test_links_and_headings_are_found_and_code_is_not() -> None:
    assert links(TEXT) == [
        *("other.md", "picture.png", "other.md#part-one", "https://example.com/x", "https://example.com/y"),
        "#a-heading-twice-1",
    ]
    assert anchors(TEXT) == {"a-heading-twice", "a-heading-twice-1"}


@pytest.mark.parametrize(
    ("link", "fault"),
    [
        ("page.md", ""),
        ("#a-heading-twice-1", ""),
        ("page.md#a-heading-twice", ""),
        ("https://example.com/a?b#c", ""),
        ("mailto:somebody@example.com", ""),
        ("nowhere.md", "is not there"),
        ("#nowhere", "has no such heading"),
        ("page.md#a-heading-twice-2", "has no such heading"),
        ("https://", "is no address"),
        ("htps://example.com", "is no address"),
        ("mailto:somebody", "is no address"),
    ],
)
def test_a_link_that_leads_nowhere_is_told(tmp_path: Path, link: str, fault: str) -> None:
    (tmp_path / "page.md").write_text(TEXT)
    found = fault_of(link, tmp_path / "page.md")
    assert (fault in found) if fault else found == ""
