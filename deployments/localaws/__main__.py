"""The entry point of `python -m localaws` and of the command `localaws`."""

from localaws.cli.commands import app
from localaws.cli.streams import make_streams_unbreakable


def main() -> None:
    """Run the command that the arguments name; the process exits with its status."""
    make_streams_unbreakable()
    app(prog_name="localaws")


if __name__ == "__main__":
    main()
