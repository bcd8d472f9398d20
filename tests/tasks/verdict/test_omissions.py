"""A figure that can't be computed is left out with a reason, and the rest of the report stays."""

from tasks.verdict.omissions import Omissions


def test_what_can_be_worked_out_is_and_nothing_is_said() -> None:
    omissions = Omissions()
    assert omissions.unless_odd("the answer", lambda: 42, None) == 42
    assert omissions.lines == []


def test_what_can_not_is_left_out_with_a_line_that_says_why() -> None:
    omissions = Omissions(["earlier"])
    assert omissions.unless_odd("the quotient", lambda: 1 / 0, None) is None
    assert omissions.unless_odd("the item", lambda: {}["absent"], ()) == ()
    assert omissions.unless_odd("the rest", lambda: next(iter(())), "") == ""
    assert omissions.lines == [
        "earlier",
        "the quotient: left out, ZeroDivisionError: division by zero",
        "the item: left out, KeyError: 'absent'",
        "the rest: left out, StopIteration",
    ]
