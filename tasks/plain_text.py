"""Text from outside (names of files, other programs' errors), made safe to show."""

import re

_MARKDOWN = {ord(character): f"\\{character}" for character in "\\`*[]!|~&@#>"} | {ord("<"): "&lt;"}
_EDGE_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_BULLET, _NUMBER = re.compile(r"^[-+=]"), re.compile(r"^(\d+)([.)])(?=\s)")
_LINK = re.compile(r"://|www\.", re.IGNORECASE)


def visible(text: str) -> str:
    """The text with unprintable characters escaped as in Python (\\n, \\x1b, \\u202e), which a terminal might obey."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def visible_lines(text: str) -> str:
    """Like `visible`, for text of several lines, whose line breaks stay."""
    return "\n".join(map(visible, text.split("\n")))


def markdown_text(text: str) -> str:
    """The text as markdown that shows it unchanged: no picture, link, emphasis, list, HTML or end of a table's cell."""
    escaped = " ".join(visible(text).translate(_MARKDOWN).split())
    escaped = _EDGE_UNDERSCORE.sub(r"\\_", escaped)
    escaped = _NUMBER.sub(r"\1\\\2", _BULLET.sub(r"\\\g<0>", escaped))
    return _LINK.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", escaped)
