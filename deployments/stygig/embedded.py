"""The embedded AWS as this project uses it: its commands, and its environment with our setting for the role."""

from collections.abc import Mapping

from localaws.cli.commands import commands


def our_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The embedded AWS's environment variables, with its execution role as our setting names it."""
    return {**variables, "STYGIG_EXECUTION_ROLE_ARN": variables["LOCALAWS_EXECUTION_ROLE_ARN"]}


local = commands(our_environment)
