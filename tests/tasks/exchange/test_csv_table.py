"""Tables as spreadsheets write them; what is wrong is named with its line."""

from pathlib import Path

import pytest

from tasks.errors import InputError
from tasks.exchange.csv_table import read_table


def written(folder: Path, text: str) -> Path:
    file = folder / "table.csv"
    file.write_bytes(text.encode())
    return file


@pytest.mark.parametrize(
    "text", ["File, Label\na.jpg, Hat\n", "\ufefffile,label\r\na.jpg,Hat\r\n", "\n , \nfile,label\na.jpg,Hat\n"]
)
def test_capitals_spaces_and_a_bom_do_not_matter(tmp_path: Path, text: str) -> None:
    table = read_table(written(tmp_path, text), "file", "label")
    assert table.columns == ("file", "label")
    assert [row for _, row in table.rows] == [{"file": "a.jpg", "label": "Hat"}]


def test_blank_rows_and_columns_are_skipped_and_lines_keep_their_numbers(tmp_path: Path) -> None:
    text = "file,label,,\na.jpg,Hat,,,,\n,,,\n  , \n\nb.jpg\n,\n"
    table = read_table(written(tmp_path, text), "file", "label")
    assert table.columns == ("file", "label")
    assert [(line, row["file"], row["label"]) for line, row in table.rows] == [(2, "a.jpg", "Hat"), (6, "b.jpg", "")]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "needs a header with the columns file and label, each once; it has none"),
        ("file,name\na.jpg,Hat\n", "it has file, name"),
        ("file,label,Label\na.jpg,Hat,Cap\n", "each once; it has file, label, label"),
        ("file,label\n", "names no pictures"),
        ("file,label\n,,\n", "names no pictures"),
        ("file,label\na.jpg,Hat,red\n", "line 2: more values than columns"),
    ],
)
def test_a_table_that_cannot_be_read_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(InputError, match=rf"table\.csv.*{complaint}"):
        read_table(written(tmp_path, text), "file", "label")


def test_a_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"table\.csv is no CSV in UTF-8: .*No such file.*columns file and label"):
        read_table(tmp_path / "table.csv", "file", "label")
