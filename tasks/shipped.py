"""Files of the repository that the code reads: tables of deployments/aws, pins of requirements.

In a checkout they lie where people look for them. A wheel carries them inside this package (pyproject.toml).
"""

from pathlib import Path

_IN_A_WHEEL = Path(__file__).parent / "shipped_files"
FROM_A_WHEEL = _IN_A_WHEEL.is_dir()


def shipped(path: str) -> Path:
    """The file that a checkout has at this path."""
    return (_IN_A_WHEEL if FROM_A_WHEEL else Path(__file__).parents[1]) / path
