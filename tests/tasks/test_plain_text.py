"""Text from outside is shown literally, and nothing interprets it."""

from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from tasks.plain_text import markdown_text, visible

HOSTILE = [
    "![x](http://evil.example/x.png)",
    "[x](javascript:alert(1))",
    "<img src=x onerror=alert(1)>",
    "a|b.jpg",
    "`rm -rf`",
    "**bold** *and* __under__ _scored_ ~~struck~~",
    "snake_case_name.jpg",
    "# heading",
    "> quote",
    "- item",
    "+ item",
    "1. first",
    "2) second",
    "---",
    "===",
    "http://evil.example",
    "www.evil.example",
    "someone@evil.example",
    "&lt;b&gt; &#60;",
    "back\\slash \\[x]",
    "s3://bucket/key_1/2.jpg",
    "<!-- hidden -->",
    "[x]: http://evil.example",
]


class Words(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.words, self.tags = "", set[str]()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.words += data


def shown(markdown: str) -> Words:
    return Words(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown))


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_shows_the_text_itself_in_a_paragraph_a_list_and_a_table(text: str) -> None:
    escaped = markdown_text(text)
    paragraph, item = shown(escaped), shown(f"- {escaped}")
    table = shown(f"| heading |\n| --- |\n| {escaped} |")
    assert (paragraph.words.strip(), paragraph.tags) == (text, {"p"})
    assert (item.words.strip(), item.tags) == (text, {"ul", "li"})
    assert table.words.split("\n") == ["", "", "", "heading", "", "", "", "", text, "", "", "", ""]
    assert table.tags == {"table", "thead", "tbody", "tr", "th", "td"}


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_has_nothing_that_becomes_a_link_by_itself(text: str) -> None:
    assert not any(link in markdown_text(text).lower() for link in ("://", "www.", "e@e"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain – naïve ✓ 图.jpg", "plain – naïve ✓ 图.jpg"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x1b[31mred\x07\x00", "\\x1b[31mred\\x07\\x00"),
        ("gpj.\u202eevil", "gpj.\\u202eevil"),
        ("zero\u200bwidth\u2028line", "zero\\u200bwidth\\u2028line"),
        (b"\xff.jpg".decode("utf-8", "surrogateescape"), "\\udcff.jpg"),
    ],
)
def test_what_can_not_be_seen_is_escaped(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert visible(text).isprintable()
    shown.encode("utf-8")


def test_markdown_escapes_what_can_not_be_seen_too() -> None:
    assert markdown_text("a\n| b") == "a\\\\n\\| b"
    assert markdown_text("  two  spaces ") == "two spaces"
