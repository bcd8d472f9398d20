"""Plots as SVG: inline, in the colours of the page's CSS variables, or as a picture for markdown."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# matplotlib knows no CSS variables, so it draws in these colours, which are then replaced in its SVG.
INK, GRID = "#010203", "#040506"
COLOURS = {"real-time": "#070809", "asynchronous": "#0a0b0c"}
CSS_COLOURS = {
    INK: "var(--muted)",
    GRID: "var(--line)",
    COLOURS["real-time"]: "var(--real-time)",
    COLOURS["asynchronous"]: "var(--asynchronous)",
}
# For markdown, which has no variables: tones that are readable on white and on black.
FIXED_COLOURS = {INK: "#7b8494", GRID: "#7b849455", COLOURS["real-time"]: "#3b7de0", COLOURS["asynchronous"]: "#dd6f28"}
LOGARITHMIC_FROM_RATIO = 8


def latency_plot(series: Mapping[str, Sequence[float]]) -> str:
    """An inline SVG with a cumulative curve per side of latencies in ms; "" if there are none."""
    drawn = _drawn(series)
    if not drawn:
        return ""
    # Without a fixed size the drawing fits its column.
    sizeless = re.sub(r' (?:width|height)="[^"]*"', "", drawn[: drawn.index(">")]) + drawn[drawn.index(">") :]
    bare = re.sub(r' (xmlns|xmlns:xlink|version)="[^"]*"', "", sizeless)
    label = "Share of requests answered within a time, real-time and asynchronous"
    return _coloured(bare, CSS_COLOURS).replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


def latency_image(series: Mapping[str, Sequence[float]]) -> str:
    """The same plot as a data: URI for a markdown picture; "" if there are no latencies."""
    drawn = _coloured(_drawn(series), FIXED_COLOURS)
    return "data:image/svg+xml;base64," + base64.b64encode(drawn.encode()).decode("ascii") if drawn else ""


def _drawn(series: Mapping[str, Sequence[float]]) -> str:
    measured = {side: sorted(values) for side, values in series.items() if len(values)}
    if not measured:
        return ""
    import matplotlib
    from matplotlib.figure import Figure

    # Text stays text: glyph outlines would weigh more than the curves, and would not take the page's font.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "latency", "font.size": 10}):
        figure = Figure(figsize=(11.6, 3.2))
        axes = figure.add_subplot()
        for side, values in measured.items():
            _draw_curve(axes, side, values)
        _style_axes(axes, measured)
        figure.subplots_adjust(left=0.055, right=0.985, top=0.95, bottom=0.12)
        drawn = io.StringIO()
        # Without the date, and with a fixed salt for its ids, the same numbers give the same SVG.
        figure.savefig(drawn, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = drawn.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    return re.sub(r"font: ([\d.]+px)[^;\"]*", r"font: \1 system-ui, sans-serif", svg).strip()


def _draw_curve(axes: Axes, side: str, values: Sequence[float]) -> None:
    shares = [(index + 1) / len(values) for index in range(len(values))]
    axes.step([values[0], *values], [0.0, *shares], where="post", color=COLOURS[side], linewidth=2.2)
    middle = values[(len(values) - 1) // 2]
    axes.plot([middle], [0.5], "o", color=COLOURS[side], markersize=6)


def _style_axes(axes: Axes, measured: Mapping[str, Sequence[float]]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    smallest = max(min(values[0] for values in measured.values()), 0.1)
    largest = max(smallest, *(values[-1] for values in measured.values()))
    if largest / smallest >= LOGARITHMIC_FROM_RATIO:
        axes.set_xscale("log")
        axes.set_xlim(smallest / 1.3, largest * 1.3)
        axes.xaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0), numticks=14))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_xlim(0, largest * 1.08)
    axes.xaxis.set_major_formatter(FuncFormatter(_tick))
    axes.set_ylim(0, 1.03)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "50 %", "", "100 %"])
    axes.grid(visible=True, color=GRID, linewidth=0.8)
    axes.tick_params(which="both", length=0, labelcolor=INK)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _tick(duration_ms: float, _position: Any = None) -> str:
    return f"{duration_ms:g} ms" if duration_ms < 1000 else f"{duration_ms / 1000:g} s"


def _coloured(svg: str, colours: Mapping[str, str]) -> str:
    for drawn, wanted in colours.items():
        svg = svg.replace(drawn, wanted)
    return svg
