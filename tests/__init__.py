"""A package, so that no installed package called `tests` is imported in its place."""
