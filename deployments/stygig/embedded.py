"""The embedded AWS as this project uses it: its commands, and its environment with our setting for the role."""

from collections.abc import Mapping

from localaws.cli.commands import commands


def our_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The embedded AWS's environment variables, with its roles as our settings name them."""
    roles = {f"STYGIG_{role}_ROLE_ARN": variables[f"LOCALAWS_{role}_ROLE_ARN"] for role in ("EXECUTION", "SCHEDULER")}
    return {**variables, **roles}


local = commands(our_environment)
