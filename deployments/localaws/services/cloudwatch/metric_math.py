"""Metric math: CloudWatch's expressions over the results of other queries.

Python's parser reads the expression, but Python never runs it: only the operators and functions below exist.
"""

from __future__ import annotations

import ast
import itertools
import math
import operator
import re
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

# The values of a time series by the start of their period, in seconds since the epoch.
Series = dict[float, float]
Value = float | Series | list[Series]
LONGEST_EXPRESSION = 2048

_WORDS = ((re.compile(r"\bAND\b|&&"), " and "), (re.compile(r"\bOR\b|\|\|"), " or "), (re.compile(r"\bNOT\b"), " not "))
_BINARY: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.And: lambda a, b: float(bool(a and b)),
    ast.Or: lambda a, b: float(bool(a or b)),
    ast.Eq: lambda a, b: float(a == b),
    ast.NotEq: lambda a, b: float(a != b),
    ast.Lt: lambda a, b: float(a < b),
    ast.LtE: lambda a, b: float(a <= b),
    ast.Gt: lambda a, b: float(a > b),
    ast.GtE: lambda a, b: float(a >= b),
}
_ONE: dict[str, Callable[[float], float]] = {"ABS": abs, "CEIL": math.ceil, "FLOOR": math.floor}
_MANY: dict[str, Callable[[list[float]], float]] = {
    "SUM": math.fsum,
    "AVG": statistics.fmean,
    "MIN": min,
    "MAX": max,
    "STDDEV": statistics.pstdev,
    "DATAPOINT_COUNT": lambda values: float(len(values)),
}


class MathError(Exception):
    """An expression that cannot be read or evaluated."""


@dataclass(frozen=True)
class Context:
    """The queries that an expression can refer to, and its periods (starts in `grid`, length in seconds)."""

    lookup: Callable[[str], Series]
    metrics: Callable[[], Mapping[str, Series]]
    grid: list[float]
    period: int


def evaluate(expression: str, context: Context) -> Series:
    """The time series that the expression describes."""
    if len(expression) > LONGEST_EXPRESSION:
        raise MathError(f"the expression is longer than {LONGEST_EXPRESSION} characters")
    text = expression.replace("^", "**")  # in CloudWatch ^ is a power, in Python it is exclusive or
    for pattern, word in _WORDS:
        text = pattern.sub(word, text)
    try:
        value = _Evaluation(context).value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError) as exc:
        raise MathError("the expression cannot be parsed") from exc
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        raise MathError("the expression has to return a time series")
    return dict(sorted(value.items()))


@dataclass(frozen=True)
class _Evaluation:
    context: Context

    def value(self, node: ast.AST) -> Value:
        match node:
            case ast.Constant(value=bool()):  # first, because Python's bool is an int
                raise MathError("True and False are no metric math")
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name():
                return self.context.lookup(node.id)
            case ast.List():
                return [series for item in node.elts for series in _all_series(self.value(item))]
            case ast.UnaryOp(op=ast.USub()):
                return _pairwise(operator.mul, -1.0, self.value(node.operand))
            case ast.UnaryOp(op=ast.Not()):
                return _pairwise(lambda _, b: float(not b), 1.0, self.value(node.operand))
            case ast.BinOp() if type(node.op) in _BINARY:
                return _pairwise(_BINARY[type(node.op)], self.value(node.left), self.value(node.right))
            case ast.BoolOp():
                return self._fold(_BINARY[type(node.op)], node.values)
            case ast.Compare() if len(node.ops) == 1 and type(node.ops[0]) in _BINARY:
                return _pairwise(_BINARY[type(node.ops[0])], self.value(node.left), self.value(node.comparators[0]))
            case ast.Call(func=ast.Name(id=name), keywords=[]):
                return self._call(name, node.args)
        raise MathError(f"{ast.unparse(node)!r} is no metric math")

    def _fold(self, combine: Callable[[float, float], float], nodes: list[ast.expr]) -> Value:
        result = self.value(nodes[0])
        for node in nodes[1:]:
            result = _pairwise(combine, result, self.value(node))
        return result

    def _call(self, name: str, arguments: list[ast.expr]) -> Value:
        if name == "METRICS" and len(arguments) <= 1:
            return self._metrics(arguments)
        if name == "FILL" and len(arguments) == 2:
            return self._fill(self.value(arguments[0]), arguments[1])
        if name == "PERIOD" and len(arguments) == 1:
            return float(self.context.period)
        values = [self.value(argument) for argument in arguments]
        if name == "IF" and len(values) in (2, 3):
            return _if(*values)
        if name in _ONE and len(values) == 1:
            return _pairwise(lambda _, b: _ONE[name](b), 0.0, values[0])
        if name in _MANY and len(values) == 1:
            return _aggregate(_MANY[name], values[0])
        if name in ("DIFF", "RATE") and len(values) == 1 and isinstance(values[0], dict):
            return _differences(values[0], name == "RATE")
        if name == "TIME_SERIES" and len(values) == 1 and isinstance(values[0], float):
            return dict.fromkeys(self.context.grid, values[0])
        raise MathError(f"there is no function {name} of {len(arguments)} such arguments")

    def _metrics(self, arguments: list[ast.expr]) -> list[Series]:
        wanted = arguments[0].value if arguments and isinstance(arguments[0], ast.Constant) else ""
        return [series for name, series in self.context.metrics().items() if str(wanted) in name]

    def _fill(self, value: Value, filler: ast.expr) -> Value:
        if isinstance(value, list):
            return [series for each in value for series in _all_series(self._fill(each, filler))]
        if not isinstance(value, dict):
            raise MathError("FILL takes a time series")
        if isinstance(filler, ast.Name) and filler.id in ("REPEAT", "LINEAR"):
            return _repeat(value, self.context.grid) if filler.id == "REPEAT" else _linear(value, self.context.grid)
        other = self.value(filler)
        if isinstance(other, list):
            raise MathError("FILL fills with a number, a time series, REPEAT or LINEAR")
        return {**(other if isinstance(other, dict) else dict.fromkeys(self.context.grid, other)), **value}


def _all_series(value: Value) -> list[Series]:
    if isinstance(value, float):
        raise MathError("a number cannot be in an array of time series")
    return value if isinstance(value, list) else [value]


def _pairwise(combine: Callable[[Any, Any], float], left: Value, right: Value) -> Value:
    """The operation at every instant that both have; if it has no result, as for 1/0, there is no datapoint."""
    if isinstance(left, list):
        return [series for each in left for series in _all_series(_pairwise(combine, each, right))]
    if isinstance(right, list):
        return [series for each in right for series in _all_series(_pairwise(combine, left, each))]
    if isinstance(left, float) and isinstance(right, float):
        result = _safely(combine, left, right)
        if result is None:
            raise MathError("a number of the expression has no value")
        return result
    instants = [instant for instant in (left if isinstance(left, dict) else right) if _has(right, instant)]  # type: ignore[union-attr]
    results = {instant: _safely(combine, _at(left, instant), _at(right, instant)) for instant in instants}
    return {instant: result for instant, result in results.items() if result is not None}


def _safely(combine: Callable[[Any, Any], float], left: float, right: float) -> float | None:
    try:
        result = combine(left, right)
    except (ZeroDivisionError, OverflowError):
        return None
    return float(result) if isinstance(result, int | float) and math.isfinite(result) else None


def _has(value: float | Series, instant: float) -> bool:
    return not isinstance(value, dict) or instant in value


def _at(value: float | Series, instant: float) -> float:
    return value[instant] if isinstance(value, dict) else value


def _if(condition: Value, then: Value, otherwise: Value | None = None) -> Value:
    if isinstance(condition, list) or isinstance(then, list) or isinstance(otherwise, list):
        raise MathError("IF takes no array")
    if isinstance(condition, float):
        return then if condition or otherwise is None else otherwise
    chosen = {instant: then if truth else otherwise for instant, truth in condition.items()}
    return {
        instant: _at(branch, instant)
        for instant, branch in chosen.items()
        if branch is not None and _has(branch, instant)
    }


def _aggregate(combine: Callable[[list[float]], float], value: Value) -> Value:
    """Combine one time series into a number, or an array of them into a time series, instant by instant."""
    if isinstance(value, float):
        return value
    if isinstance(value, dict):
        if not value:
            raise MathError("a time series without datapoints has no such number")
        return float(combine(list(value.values())))
    instants = sorted({instant for series in value for instant in series})
    return {at: float(combine([series[at] for series in value if at in series])) for at in instants}


def _differences(series: Series, per_second: bool) -> Series:
    found: Series = {}
    instants = sorted(series)
    for earlier, later in itertools.pairwise(instants):
        found[later] = (series[later] - series[earlier]) / (later - earlier if per_second else 1)
    return found


def _repeat(series: Series, grid: list[float]) -> Series:
    filled: Series = {}
    last: float | None = None
    for instant in sorted({*grid, *series}):
        last = series.get(instant, last)
        if last is not None:
            filled[instant] = last
    return filled


def _linear(series: Series, grid: list[float]) -> Series:
    filled = dict(series)
    known = sorted(series)
    for earlier, later in itertools.pairwise(known):
        slope = (series[later] - series[earlier]) / (later - earlier)
        filled.update({at: series[earlier] + slope * (at - earlier) for at in grid if earlier < at < later})
    return filled
