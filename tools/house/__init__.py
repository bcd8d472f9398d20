"""The structure of the code, read from its imports: held by tests/test_house.py, drawn in docs/architecture.md."""
