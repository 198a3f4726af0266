"""What a process and its children occupy, as Linux tells it, in megabytes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path


def now(pid: int) -> float:
    """The memory in use."""
    return sum(_kilobytes(each, "VmRSS") for each in _family(pid)) / 1024


def peak(pid: int) -> float:
    """The most that was in use since the last `reset`, each process by itself."""
    return sum(_kilobytes(each, "VmHWM") for each in _family(pid)) / 1024


def reset(pid: int) -> None:
    """Forget the peak so far."""
    for each in _family(pid):
        Path(f"/proc/{each}/clear_refs").write_text("5")


def machine() -> str:
    """The processor, how many of it, and the memory."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text("utf-8"))
    total = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text("utf-8"))
    return ", ".join(
        (
            model[1] if model else os.uname().machine,
            f"{os.cpu_count()} cores",
            f"{int(total[1]) / 1024 / 1024:.0f} GB" if total else "",
        )
    )


def _family(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text("ascii").split():
            yield from _family(int(child))


def _kilobytes(pid: int, what: str) -> int:
    found = re.search(rf"{what}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text("utf-8"))
    return int(found[1]) if found else 0
