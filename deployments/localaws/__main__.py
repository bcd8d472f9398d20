"""`python -m localaws`, or the command `localaws`."""

from localaws.cli.commands import app
from localaws.cli.streams import make_streams_unbreakable


def main() -> None:
    """Run the command that was asked for; its exit status is the process's."""
    make_streams_unbreakable()
    app(prog_name="localaws")


if __name__ == "__main__":
    main()
