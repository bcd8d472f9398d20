"""Checks of a test from its file alone: that it is there, and that it is not always left out."""

import ast
from collections.abc import Iterable
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef
NEVER_RUN = frozenset({"skip", "xfail"})


def fault_of_link(test: str, root: Path) -> str:
    """The reason a link shows nothing; empty if a test of that name is there and isn't left out unconditionally."""
    path, _, name = test.partition("::")
    file = root / path
    if not file.is_file():
        return f"{test}: there is no file {path}"
    module = ast.parse(file.read_text("utf-8"))
    found = [node for node in module.body if isinstance(node, Function) and node.name == name]
    if not found or not name.startswith("test_"):
        return f"{test}: {path} has no test {name!r} (whole test functions are linked, without [a case])"
    reasons = [*_marks(_module_marks(module)), *_marks(found[-1].decorator_list), *_called_at_once(found[-1])]
    return f"{test} is left out by {', '.join(reasons)}" if reasons else ""


def _module_marks(module: ast.Module) -> list[ast.expr]:
    """The marks in `pytestmark`."""
    marks: list[ast.expr] = []
    for node in module.body:
        if isinstance(node, ast.Assign) and any(ast.unparse(target) == "pytestmark" for target in node.targets):
            marks += node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else [node.value]
    return marks


def _marks(decorators: Iterable[ast.expr]) -> list[str]:
    return [text for each in decorators if _leaves_out(each) for text in [ast.unparse(each)]]


def _leaves_out(mark: ast.expr) -> bool:
    called = mark if isinstance(mark, ast.Call) else None
    name = ast.unparse(called.func if called else mark).removeprefix("pytest.").removeprefix("mark.")
    if name == "skipif" and called and called.args:
        return isinstance(called.args[0], ast.Constant) and bool(called.args[0].value)
    return name in NEVER_RUN


def _called_at_once(function: Function) -> list[str]:
    """Calls of `pytest.skip(…)` and the like that are statements of the function itself, not below an `if`."""
    calls = [node.value for node in function.body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)]
    return [ast.unparse(call) for call in calls if ast.unparse(call.func) in {f"pytest.{each}" for each in NEVER_RUN}]
