"""The `stygig` command: a thin front for each flow."""

GARBAGE_ALLOCATIONS = 50_000
"""The threshold for `gc` where Prefect is imported: at Python's own 700, a sixth of the start is a search for garbage
that imports don't leave."""
