"""Which process a process id means: ids are used again, the time of the start is not."""

from pathlib import Path


def start_time(pid: int) -> str:
    """When the process started, as the kernel counts it; empty if it has ended."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return ""
    return "" if state == "Z" else fields[18]
