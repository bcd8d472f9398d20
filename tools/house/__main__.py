"""`python -m tools.house` draws the picture in docs/architecture.md anew, from the imports."""

from tools.house.drawing import PAGE, with_drawing

PAGE.write_text(with_drawing(PAGE.read_text()))
