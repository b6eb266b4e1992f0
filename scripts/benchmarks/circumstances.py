"""What a run has to be read with: the machine, the versions and the day."""

from __future__ import annotations

import datetime as dt
import os
import platform
from importlib.metadata import version
from pathlib import Path

import edgekit


def circumstances() -> dict[str, str]:
    """Facts about this run, for the document and under the table."""
    return {
        "machine": f"{cpu_name()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "versions": (
            f"EdgeKit {edgekit.__version__}, ai-edge-litert {version('ai-edge-litert')}, "
            f"TVM {version('apache-tvm')}, Python {platform.python_version()}"
        ),
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
    }


def cpu_name() -> str:
    """What this machine's CPU calls itself."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
