import base64
import xml.etree.ElementTree as ET

from tasks.report.plots import latency_image, latency_plot

SERIES = {"real-time": [55.0, 60.0, 70.0], "asynchronous": [700.0, 900.0, 2500.0]}


def test_plot_has_a_curve_in_the_colour_of_each_side() -> None:
    svg = latency_plot(SERIES)
    assert "var(--real-time)" in svg
    assert "var(--asynchronous)" in svg
    assert "var(--asynchronous)" not in latency_plot({"real-time": [60.0]})


def test_plot_fits_its_column_and_keeps_its_words() -> None:
    svg = latency_plot(SERIES)
    opening = svg[: svg.index(">")]
    assert "viewBox" in opening
    assert "width" not in opening
    assert ">1 s</text>" in svg


def test_plot_of_no_latencies_is_nothing() -> None:
    assert latency_plot({"real-time": [], "asynchronous": []}) == ""
    assert latency_image({}) == ""


def test_plot_takes_latencies_which_do_not_differ() -> None:
    assert "<svg" in latency_plot({"real-time": [0.0], "asynchronous": [0.0, 0.0]})


def test_image_is_an_svg_with_colours_of_its_own() -> None:
    svg = base64.b64decode(latency_image(SERIES).removeprefix("data:image/svg+xml;base64,"))
    assert ET.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
    assert b"var(" not in svg
    assert b"#3b7de0" in svg
