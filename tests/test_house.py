"""The house: each room leans only on those below it, nothing goes in circles, and the wings stay apart."""

from collections import Counter

import pytest

from tools.house.drawing import PAGE, arrows, with_drawing
from tools.house.imports import REPOSITORY, ROOMS, ROOTS, imported, leans_on, module_of, modules

MAY_IMPORT = {
    "flows": {"flows", "tasks", "recommender"},
    "tasks": {"tasks", "recommender"},
    "tools": {"tools", "tasks", "recommender"},
    "recommender": {"recommender"},
    "localaws": {"localaws"},
    "stygig": {"stygig", "flows", "tasks", "localaws"},
}


@pytest.mark.parametrize("package", ROOTS)
def test_each_wing_leans_on_none_but_those_it_may(package: str) -> None:
    for name, path in modules(package).items():
        strangers = {each.partition(".")[0] for each in imported(path)} & set(ROOTS) - MAY_IMPORT[package]
        assert not strangers, f"{name} imports {', '.join(strangers)}"


def test_the_emulator_is_a_product_of_its_own_without_a_word_of_the_rest() -> None:
    files = [
        path for path in (REPOSITORY / "deployments/localaws").rglob("*") if path.suffix in (".py", ".md", ".json")
    ]
    words = [path.read_text().replace("stygig-localaws", "").lower() for path in files]  # what it is called in an index
    assert len(words) > 100
    assert not [path for path, text in zip(files, words, strict=True) if "stygig" in text or "recommender" in text]


LARGEST_ROOM = 15


def test_no_room_is_too_large_to_be_taken_in() -> None:
    rooms = Counter(path.parent for package in ROOTS for path in modules(package).values() if path.stem[0] != "_")
    large = {str(room.relative_to(REPOSITORY)): count for room, count in rooms.items() if count > LARGEST_ROOM}
    assert not large


LONGEST_FILE = 250


def test_no_file_is_too_long_for_a_few_screens() -> None:
    lines = {name: len(path.read_text().splitlines()) for each in ROOTS for name, path in modules(each).items()}
    assert {name: count for name, count in lines.items() if count > LONGEST_FILE} == {}


def height(module: str) -> int:
    """How far up the module's room lies; 0 is the ground."""
    room = module.split(".")[1] if "." in module else ""
    return len(ROOMS) - ROOMS.index(room) if room in ROOMS else 0


def test_no_room_of_tasks_leans_on_one_above_it() -> None:
    up = [f"{m} -> {other}" for m, others in leans_on("tasks").items() for other in others if height(other) > height(m)]
    assert not up


def test_every_room_is_there() -> None:
    there = {module.split(".")[1] for module in modules("tasks") if module.count(".") == 2}
    assert there == set(ROOMS)


IN_A_CIRCLE = {
    "localaws": {
        "localaws.sagemaker.endpoint",  # has a queue, which dispatches work, which asks the endpoint for an instance
        "localaws.sagemaker.data_plane.async_queue",
        "localaws.sagemaker.data_plane.async_work",
    }
}


@pytest.mark.parametrize("package", ROOTS)
def test_nothing_goes_in_circles(package: str) -> None:
    edges = leans_on(package)
    for end in (without_leaves, without_roots):
        edges = end(edges)
    assert set(edges) == IN_A_CIRCLE.get(package, set())


def without_leaves(edges: dict[str, set[str]]) -> dict[str, set[str]]:
    """The modules that are in a circle or above one."""
    while leaves := [name for name, others in edges.items() if not others & set(edges)]:
        edges = {name: others for name, others in edges.items() if name not in leaves}
    return edges


def without_roots(edges: dict[str, set[str]]) -> dict[str, set[str]]:
    """The modules that are in a circle or below one."""
    while roots := set(edges) - set().union(*edges.values()):
        edges = {name: others for name, others in edges.items() if name not in roots}
    return edges


def test_a_circle_and_a_way_up_would_be_seen() -> None:
    assert height("tasks.report.page") > height("tasks.verdict.cost") > height("tasks.names") == 0
    assert module_of("tasks.resources.kinds.KINDS", modules("tasks")) == "tasks.resources.kinds"
    assert module_of("boto3.client", modules("tasks")) == ""


def test_the_page_on_the_architecture_shows_todays_rooms() -> None:
    page = PAGE.read_text()
    assert with_drawing(page) == page, "draw it anew: python -m tools.house"


def test_the_picture_leaves_out_what_its_arrows_imply() -> None:
    assert list(arrows({"a": {"b", "c"}, "b": {"c"}, "c": set()})) == [("a", "b"), ("b", "c")]


STAGES = ("invoking", "verdict", "report")


def test_whatever_sends_waits_judges_and_reports_works_for_any_model() -> None:
    """One module of tasks/exchange/ knows the recommender's requests and answers."""
    judging = [m for m in modules("tasks") if m.split(".")[1:2] and m.split(".")[1] in STAGES]
    exchange = {m for m in modules("tasks") if m.startswith("tasks.exchange.")}
    for name in (*judging, *modules("flows"), *sorted(exchange - {"tasks.exchange.recommendations"})):
        path = modules(name.partition(".")[0])[name]
        assert "recommender" not in {each.partition(".")[0] for each in imported(path)}, name
