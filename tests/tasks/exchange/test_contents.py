"""Comparison of answers of any kind: no difference where there is none, and each one found at its place."""

import io
import json
import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tasks.errors import InputError
from tasks.exchange.array_content import ArrayContent
from tasks.exchange.content import Content, UnreadableAnswerError
from tasks.exchange.json_content import JsonContent, never_ignored
from tasks.exchange.kinds import AnswerKind, checked_tolerance, read_content
from tasks.exchange.plain_content import TableContent
from tasks.exchange.tolerance import Tolerance

TOLERANCE = Tolerance(1e-3)
RUNS = 200


def npy(array: Any) -> bytes:
    packed = io.BytesIO()
    np.save(packed, array)
    return packed.getvalue()


HEADER = b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fortran_order': False, 'shape': %s, }"


def npz(**arrays: Any) -> bytes:
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    return packed.getvalue()


def differences(first: bytes, second: bytes, content_type: str = "application/json", **how: Any) -> list[str]:
    one, another = (read_content(body, content_type, "auto") for body in (first, second))
    return [str(each) for each in one.differences(another, Tolerance(**({"absolute": 1e-3} | how)))]


def drawn(chance: random.Random) -> dict[str, Any]:
    """A document like a detector's answer."""
    boxes = [
        {"id": number, "label": chance.choice("abc"), "box": [chance.uniform(0, 1) for _ in range(4)]}
        for number in range(chance.randint(1, 9))
    ]
    return {"model": "m", "boxes": boxes, "score": chance.random(), "flags": {"a": True, "b": None}}


def jittered(value: Any, chance: random.Random, most: float) -> Any:
    if isinstance(value, dict):
        return {name: jittered(each, chance, most) for name, each in value.items()}
    if isinstance(value, list):
        return [jittered(each, chance, most) for each in value]
    return value + chance.uniform(-most, most) if isinstance(value, float) else value


@pytest.mark.parametrize("seed", range(RUNS))
def test_jitter_within_the_tolerance_is_no_difference(seed: int) -> None:
    chance = random.Random(seed)
    document = drawn(chance)
    moved = jittered(document, chance, 0.9e-3)
    assert JsonContent(document).differences(JsonContent(moved), TOLERANCE) == ()
    array = np.array([box["box"] for box in document["boxes"]])
    near = array + np.array([[chance.uniform(-0.9e-3, 0.9e-3) for _ in row] for row in array])
    assert ArrayContent({"": array}).differences(ArrayContent({"": near}), TOLERANCE) == ()
    rows, other = ([[f"{cell:.9f}" for cell in row] for row in each] for each in (array, near))
    assert TableContent("", rows).differences(TableContent("", other), TOLERANCE) == ()


def swap(document: dict[str, Any], at: int) -> str:
    boxes = document["boxes"]
    boxes.append({"id": 99, "label": "z", "box": [0.5] * 4})
    boxes[at], boxes[-1] = boxes[-1], boxes[at]
    return f"$.boxes[{at}]"


def drift(document: dict[str, Any], at: int) -> str:
    document["boxes"][at]["box"][2] += 0.01
    return f"$.boxes[{at}].box[2]"


def lacking_key(document: dict[str, Any], at: int) -> str:
    del document["boxes"][at]["label"]
    return f"$.boxes[{at}].label"


def other_type(document: dict[str, Any], at: int) -> str:
    document["boxes"][at]["label"] = 3
    return f"$.boxes[{at}].label"


def longer_list(document: dict[str, Any], at: int) -> str:
    document["boxes"][at]["box"].append(0.1)
    return f"$.boxes[{at}].box length"


INJECTED: list[Callable[[dict[str, Any], int], str]] = [swap, drift, lacking_key, other_type, longer_list]


@pytest.mark.parametrize("seed", range(RUNS))
def test_one_injected_difference_is_found_at_its_place(seed: int) -> None:
    chance = random.Random(seed)
    document = drawn(chance)
    altered = json.loads(json.dumps(jittered(document, chance, 0.9e-3)))
    place = INJECTED[seed % len(INJECTED)](altered, chance.randrange(len(document["boxes"])))
    found = JsonContent(document).differences(JsonContent(altered), TOLERANCE)
    assert any(each.field.startswith(place) for each in found), [str(each) for each in found]
    again = JsonContent(altered).differences(JsonContent(document), TOLERANCE)
    assert {each.field for each in again} == {each.field for each in found}


@pytest.mark.parametrize("seed", range(RUNS))
def test_one_altered_array_is_found_at_its_place(seed: int) -> None:
    chance = np.random.default_rng(seed)
    array = chance.normal(size=(3, 4)).astype(np.float32)
    altered = array + chance.uniform(-0.9e-3, 0.9e-3, array.shape).astype(np.float32)
    wrong: dict[int, tuple[Any, str]] = {
        0: (altered.astype(np.float64), "dtype"),
        1: (altered[:, :3], "shape"),
        2: (np.where(np.arange(12).reshape(3, 4) == 7, altered + 0.01, altered), "element [1, 3], 1 of 12 differ"),
        3: (np.where(np.arange(12).reshape(3, 4) == 7, np.float32("nan"), altered), "element [1, 3], 1 of 12 differ"),
    }
    other, place = wrong[seed % 4]
    (found,) = ArrayContent({"": array}).differences(ArrayContent({"": other}), TOLERANCE)
    assert found.field == place


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        (b'{"a": 1}', b'{"a": 1.0005}', []),
        (b'{"a": 1}', b'{"a": true}', ["$.a: real-time 1, asynchronous true"]),
        (b'{"a": NaN}', b'{"a": NaN}', []),
        (b'{"a": NaN}', b'{"a": 1}', ["$.a: real-time nan, asynchronous 1"]),
        (b'{"a": Infinity}', b'{"a": -Infinity}', ["$.a: real-time inf, asynchronous -inf"]),
        (b'{"a": null}', b"{}", ["$.a: real-time null, asynchronous nothing"]),
        (b"[1, 2]", b"[1]", ["$ length: real-time 2, asynchronous 1"]),
        (b'{"a b": "x"}', b'{"a b": "y"}', ['$[\'a b\']: real-time "x", asynchronous "y"']),
        (b"[]", b"[]", []),
        (b"1", b'"1"', ['$: real-time 1, asynchronous "1"']),
    ],
)
def test_json_is_told_by_its_paths(first: bytes, second: bytes, found: list[str]) -> None:
    assert differences(first, second) == found


def test_a_relative_tolerance_is_of_the_larger_number() -> None:
    assert differences(b"[1000]", b"[1009]", relative=0.01) == []
    assert differences(b"[1000]", b"[1011]", relative=0.01) == ["$[0]: real-time 1000, asynchronous 1011"]


def test_ignored_paths_are_not_compared() -> None:
    first, second = b'{"a": [{"t": 1, "x": 1}], "timings_ms": {"b": 1}}', b'{"a": [{"t": 2, "x": 1}], "timings_ms": {}}'
    assert differences(first, second, ignore=("$.timings_ms", "$..t")) == []
    assert [each.partition(":")[0] for each in differences(first, second, ignore=("$..t",))] == ["$.timings_ms.b"]
    with pytest.raises(InputError, match="is no JSONPath"):
        checked_tolerance("json", 0, 0, ["timings"], "")


def test_what_is_ignored_of_a_list_does_not_count_in_its_length() -> None:
    assert differences(b'{"t": [1, 2, 3]}', b'{"t": [4, 5]}', ignore=("$.t[*]",)) == []
    assert differences(b"[1, 2, 3]", b"[1, 2]", ignore=("$[0]",)) == ["$ length: real-time 2, asynchronous 1"]


def test_what_is_ignored_is_found_by_its_place_in_its_own_list() -> None:
    first, second = b'[{"id": 1, "t": 1}, {"id": 2, "t": 2}]', b'[{"id": 2, "t": 3}, {"id": 1, "t": 4}]'
    assert differences(first, second, key="id", ignore=("$[*].t",)) == []
    assert differences(first, second, key="id", ignore=("$[?@.id == 1]",)) == [
        "$[?@.id==2].t: real-time 2, asynchronous 3"
    ]
    assert differences(first, b'[{"id": 2, "t": 2}, {"id": 3, "t": 0}]', key="id", ignore=("$[?@.id == 3]",)) == [
        '$[?@.id==1]: real-time {"id": 1, "t": 1}, asynchronous nothing'
    ]


@pytest.mark.parametrize(
    ("first", "second", "ignored"),
    [
        ({"l": [{"tmp": 1}, {"x": 1}]}, {"l": [{"WRONG": 9}]}, "$.l[?@.tmp]"),
        ([{"tmp": 1}, {"x": 1}], [{"x": 9}, {"x": 1}], "$[?@.tmp]"),
        ([{"tmp": 1}, {"x": 1}, {"y": 1}], [{"z": 9}, {"x": 1}, {"y": 1}], "$[?@.tmp]"),
        ({"a": [{"debug": False, "s": 1}]}, {"a": [{"debug": True, "s": 9}]}, "$.a[?@.debug==true]"),
    ],
)
def test_an_element_that_is_ignored_on_one_side_hides_none_of_the_other(
    first: object, second: object, ignored: str
) -> None:
    tolerance = Tolerance(1e-3, ignore=(ignored,))
    assert JsonContent(first).differences(JsonContent(second), tolerance) != ()
    assert JsonContent(second).differences(JsonContent(first), tolerance) != ()
    assert JsonContent(first).differences(JsonContent(first), tolerance) == ()


def test_answers_of_which_all_is_ignored_prove_nothing() -> None:
    first, second = JsonContent({"t": {"a": 1}}), JsonContent({"t": {"a": 2}})
    assert first.nothing_to_compare(second, Tolerance(0, ignore=("$.t.a",)))
    assert not first.nothing_to_compare(second, Tolerance(0))
    nobody = JsonContent({"people": [], "ms": 1})
    assert not nobody.nothing_to_compare(nobody, Tolerance(0, ignore=("$.ms",)))


def test_a_hundred_levels_are_compared_whatever_is_ignored() -> None:
    deep = b'{"t": 1, "a": ' + b"[" * 98 + b"1" + b"]" * 98 + b"}"
    assert differences(deep, deep.replace(b'"t": 1', b'"t": 2'), ignore=("$..t",)) == []
    with pytest.raises(UnreadableAnswerError, match="more than 100 levels"):
        JsonContent.read(b"[" * 101 + b"]" * 101)


def test_lists_are_matched_by_a_key() -> None:
    first, second = b'[{"id": 1, "x": 1}, {"id": 2, "x": 2}]', b'[{"id": 2, "x": 2}, {"id": 1, "x": 3}]'
    assert differences(first, second, key="id") == ["$[?@.id==1].x: real-time 1, asynchronous 3"]
    assert len(differences(first, second)) == 4
    assert differences(b'[{"id": 1}]', b'[{"id": 2}]', key="id") == [
        '$[?@.id==1]: real-time {"id": 1}, asynchronous nothing',
        '$[?@.id==2]: real-time nothing, asynchronous {"id": 2}',
    ]


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        (b"{", "json", "no JSON"),
        (b'{"a": 1, "a": 2}', "json", "the name 'a' stands twice"),
        (b"[" * 100_000 + b"]" * 100_000, "json", "nested more than 100 levels"),
        (b"\xff\xfe\xff", "json", "no JSON"),
        (npy(np.array([{"a": 1}, None], dtype=object)), "array", "pickle"),
        (b"PK\x03\x04 cut", "array", "no array of numpy's formats"),
        (b"", "array", "no array of numpy's formats"),
        (b"[1]", "array", "no array of numpy's formats: it begins with"),
        (npy(np.arange(3)) + b"more", "array", "4 bytes after it"),
        (npz(a=np.arange(3)) + b"more", "array", "bytes after its end"),
        (npy(np.arange(3))[:-1], "array", "expected 24 bytes got 23"),
        (npz(a=np.arange(99)).replace(b"\x05\x00\x00\x00", b"\x06\x00\x00\x00", 1), "array", "Bad CRC-32"),
        (b"\x93NUMPY\x01\x00" + b"\xff" * 9, "array", "no array of numpy's formats"),
        (HEADER % b"(10000000000000,)", "array", "no array of numpy's formats"),
        (HEADER % b"(((,", "array", "no array of numpy's formats"),
        (npy(np.array(["abc"]))[:-12] + b"\xff\xff\xff\x7f" + bytes(8), "array", "characters that don't exist"),
        (npy(np.zeros(1, "M8[s]")).replace(b"<M8[s]'", b"<M8'   "), "array", "without a unit"),
        (b'{"a": 1e999}', "json", "1e999 is beyond"),
        (b"1" * 5000, "json", "no JSON"),
        (b'a,"b\n', "csv", "no CSV"),
        (b"\xe9t\xe9", "text", "no text in utf-8"),
    ],
)
def test_what_is_not_of_its_kind_is_refused_by_name(body: bytes, kind: AnswerKind, reason: str) -> None:
    with pytest.raises(UnreadableAnswerError, match=reason):
        read_content(body, "", kind)


@pytest.mark.parametrize(
    ("content_type", "body", "kind"),
    [
        ("application/json; charset=utf-8", b"{}", "json"),
        ("application/vnd.api+json", b"{}", "json"),
        ("application/jsonlines", b'{"a": 1}\n\n{"a": 2}\n', "json"),
        ("application/x-npy", npy(np.arange(3)), "array"),
        ("application/octet-stream", npy(np.arange(3)), "array"),
        ("application/x-npz", npz(a=np.arange(3)), "array"),
        ("text/csv", b"1,2", "table"),
        ("text/html", b"<p>", "text"),
        ("application/octet-stream", b"x", "bytes"),
        ("", b"x", "bytes"),
    ],
)
def test_the_kind_follows_from_the_content_type(content_type: str, body: bytes, kind: str) -> None:
    content = read_content(body, content_type, "auto")
    assert content.kind == kind
    assert content.differences(read_content(body, content_type, "auto"), TOLERANCE) == ()


def test_named_and_structured_arrays() -> None:
    kinds = np.dtype([("name", "U4"), ("score", "f4")])
    first, second = np.array([("a", 0.5)], kinds), np.array([("b", 0.5)], kinds)
    assert differences(npy(first), npy(second), "application/x-npy") == [
        "field name element [0], 1 of 1 differ: real-time a, asynchronous b"
    ]
    found = differences(npz(a=np.zeros(2), b=np.zeros(1)), npz(a=np.ones(2)), "application/x-npz")
    assert found == [
        "array a element [0], 2 of 2 differ: real-time 0.0, asynchronous 1.0",
        "array a element [1]: real-time 0.0, asynchronous 1.0",
        "array b: real-time float64[1], asynchronous nothing",
    ]


def test_small_and_unsigned_integers_do_not_wrap_around() -> None:
    first, second = np.array([1, 250], np.uint8), np.array([250, 1], np.uint8)
    found = ArrayContent({"": first}).differences(ArrayContent({"": second}), TOLERANCE)
    assert [each.size for each in found] == [249, 249]


@pytest.mark.parametrize(
    ("first", "second", "size"),
    [
        (np.array([2**60]), np.array([2**60 + 100]), 100),
        (np.array([-(2**63)]), np.array([2**63 - 1]), 2.0**64),
        (np.array([2**64 - 1], np.uint64), np.array([2**64 - 2], np.uint64), 1),
        (np.array([1], np.longdouble), np.array([1], np.longdouble) + np.longdouble(2) ** -60, 2.0**-60),
        (np.array([1 + 1j]), np.array([1 + 2j]), 1),
        (np.array([complex(np.nan, 1)]), np.array([complex(np.nan, 500)]), math.inf),
        (np.array([np.nan]), np.array([1.0]), math.inf),
        (np.array([np.inf]), np.array([-np.inf]), math.inf),
        (np.array([True]), np.array([False]), None),
        (np.array(["2020-01-01"], "M8[D]"), np.array(["NaT"], "M8[D]"), None),
        (np.array([1], "m8[s]"), np.array([2], "m8[s]"), None),
        (np.array(["a"]), np.array(["b"]), None),
        (np.array(5), np.array(6), 1),
    ],
)
def test_elements_are_compared_exactly_by_their_type(first: Any, second: Any, size: float | None) -> None:
    one, another = (ArrayContent.read(npy(each)) for each in (first, second))
    (found,) = one.differences(another, Tolerance(0))
    assert found.size == size
    assert one.differences(one, Tolerance(0)) == ()
    assert another.differences(another, Tolerance(0)) == ()


def test_the_fields_of_structured_arrays_are_compared_like_arrays() -> None:
    kinds = np.dtype([("box", "f8", (2,)), ("at", "M8[s]"), ("inner", [("n", "i8")])])
    first = np.array([((0.5, math.nan), "NaT", (2**60,))], kinds)
    near, far = first.copy(), first.copy()
    near["box"][0, 0] += 9e-4
    far["box"][0, 1], far["inner"]["n"] = 1.0, 2**60 + 1
    assert differences(npy(first), npy(near), "application/x-npy") == []
    assert [each.partition(":")[0] for each in differences(npy(first), npy(far), "application/x-npy")] == [
        "field box element [0, 1], 1 of 2 differ",
        "field inner field n element [0], 1 of 1 differ",
    ]


def test_tables_and_texts() -> None:
    assert differences(b'a,"b, c"\n1,2\n', b'a,"b, c"\r\n1.0005,2\r\n', "text/csv") == []
    assert differences(b"a,1\n", b"a,2,3\n", "text/csv") == [
        "row 1, column 2: real-time '1', asynchronous '2'",
        "row 1, column 3: real-time nothing, asynchronous '3'",
    ]
    assert differences("né\n".encode("latin-1"), "né\n".encode("latin-1"), "text/csv; charset=latin-1") == []
    assert differences("a,b".encode("utf-16"), b"a,b", "text/csv") == []
    assert differences(b"one\ntwo", b"one\n2", "text/plain") == ["line 2: real-time 'two', asynchronous '2'"]
    (found,) = differences(b"one", b"two", "application/pdf")
    assert found.startswith("bytes: real-time 3 bytes, sha256 ")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b"", "text/csv"), (b"", "text/plain"), (b"", "x/y"), (b"[]", "application/json"), (b"null", "application/json")],
)
def test_an_empty_answer_proves_nothing(body: bytes, content_type: str) -> None:
    assert read_content(body, content_type, "auto").proves_nothing


def test_large_answers_have_a_clear_result() -> None:
    numbers = [index / 7 for index in range(100_000)]
    moved = [*numbers[:-1], 0.0]
    first, second = JsonContent(numbers), JsonContent(moved)
    (found,) = first.differences(second, TOLERANCE)
    assert found.field == "$[99999]"
    text = {"text": "x" * 50_000_000}
    assert JsonContent.read(json.dumps(text).encode()).differences(JsonContent(text), TOLERANCE) == ()
    assert len(JsonContent(text).shown.text) < 10_000
    many = JsonContent([0] * 100_000).differences(JsonContent([1] * 100_000), TOLERANCE)
    assert len(many) == 1_000


def test_every_kind_can_be_shown_and_written_as_json() -> None:
    bodies: list[Content] = [
        read_content(b'{"a": [1, 2]}', "application/json", "auto"),
        read_content(npz(a=np.arange(4), b=np.zeros((2, 2))), "application/x-npz", "auto"),
        read_content(b"a,b\n", "text/csv", "auto"),
        read_content(b"text", "text/plain", "auto"),
        read_content(b"\x00\x01", "", "auto"),
    ]
    for content in bodies:
        assert content.shown.text
        json.dumps(content.to_json())


@pytest.mark.parametrize(
    ("first", "second", "content_type", "same"),
    [
        (b"007", b"7", "text/csv", False),
        (b"12345678901234567", b"12345678901234568", "text/csv", False),
        (b"1e2", b"100", "text/csv", True),
        (b"inf", b"inf", "text/csv", True),
        (b"12345678901234567", b"12345678901234568", "application/json", False),
        (b"9007199254740993", b"9007199254740992.0", "application/json", False),
        (b"1" + b"0" * 400, b"1" + b"0" * 400, "application/json", True),
        (b"1" + b"0" * 400, b"1" + b"0" * 399 + b"1", "application/json", False),
        (b"1" + b"0" * 400, b"1.5", "application/json", False),
        (b"1" + b"0" * 400, b"NaN", "application/json", False),
        (b"1e400", b"1e401", "text/csv", False),
        (b"1e400", b"1e400", "text/csv", True),
        (b"1e999999999", b"1e999999998", "text/csv", False),
        (b"12345678901234567.5", b"12345678901234567.0", "text/csv", False),
        (b"nan", b"NaN", "text/csv", True),
        (b"nan", b"1", "text/csv", False),
        (b"snan", b"1", "text/csv", False),
        (b"+41791234567", b"41791234567", "text/csv", False),
        ("١".encode(), b"1", "text/csv", False),
        (b"-1.50", b" -1.5", "text/csv", True),
        (b"a\x0cb", b"a\nb", "text/plain", False),
        (b"a\r\nb", b"a\nb", "text/plain", True),
        (b"a\n", b"a", "text/plain", False),
    ],
)
def test_what_looks_alike_is_not_the_same(first: bytes, second: bytes, content_type: str, same: bool) -> None:
    assert (differences(first, second, content_type) == []) is same


def test_what_no_file_can_hold_is_shown_as_an_escape() -> None:
    found = read_content(b'{"a": "\\ud800"}', "application/json", "auto")
    other = read_content(b'{"a": "\\ud801"}', "application/json", "auto")
    assert found.shown.text.encode()
    assert [str(each).encode() for each in found.differences(other, TOLERANCE)]


def test_a_long_cell_is_a_cell() -> None:
    assert differences(b"a" * 200_000, b"a" * 200_000, "text/csv") == []


def test_an_expression_that_ignores_nothing_is_told() -> None:
    contents = [JsonContent({"a": 1}), JsonContent({"b": 1}), None, TableContent("", [])]
    assert never_ignored(Tolerance(0, ignore=("$.a", "$.b", "$.nosuch")), contents) == [
        "$.nosuch names nothing in the baseline's answers, so nothing was ignored by it"
    ]


def test_lines_of_json_are_as_deep_as_json_may_be() -> None:
    deep = b"[" * 99 + b"1" + b"]" * 99
    assert (
        read_content(deep, "application/jsonlines", "auto").differences(
            read_content(deep, "application/jsonlines", "auto"), Tolerance(0, ignore=("$..x",))
        )
        == ()
    )
    with pytest.raises(UnreadableAnswerError, match="nested more than 9"):
        read_content(b"[" + deep + b"]", "application/jsonlines", "auto")


def test_lists_of_which_one_lacks_the_key_are_no_match() -> None:
    found = differences(b'[{"id": 1}, {"id": 2}]', b'[{"id": 1}, {"x": 2}]', key="id")
    assert found[0] == (
        "$: real-time each element has a id of its own, asynchronous not each element has a id of its own"
    )


@pytest.mark.parametrize("ignored", ["$.items[?@.debug==true]"])
def test_a_member_that_is_ignored_on_one_side_alone_is_a_difference(ignored: str) -> None:
    one, other = ({"items": {"a": {"debug": debug, "v": 1}}} for debug in (True, False))
    for first, second in ((one, other), (other, one)):
        assert JsonContent(first).differences(JsonContent(second), Tolerance(0, ignore=(ignored,))) != ()
    assert JsonContent(one).differences(JsonContent(one), Tolerance(0, ignore=(ignored,))) == ()


def test_what_is_told_of_a_filtered_list_has_the_numbers_of_the_baseline() -> None:
    first, second = [{"debug": True}, {"v": 1}], [{"v": 2}]
    (found,) = JsonContent(first).differences(JsonContent(second), Tolerance(0, ignore=("$[?@.debug==true]",)))
    assert (found.field, found.place) == ("$[1].v", (0, "v"))


def test_odd_names_and_charsets_are_told() -> None:
    kinds = np.dtype([("\ud800", "f8")])
    (found,) = ArrayContent({"": np.zeros(1, kinds)}).differences(ArrayContent({"": np.ones(1, kinds)}), TOLERANCE)
    assert str(found).encode()
    assert read_content(b"x", "text/plain; charset*=a\0b'en'x", "auto").kind == "text"
    assert differences(b"0." + b"1" * 100_000, b"0." + b"2" * 100_000, "text/csv") != []
