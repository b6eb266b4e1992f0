"""Whoever interrupts the making of a board finds nothing half-made, and can start again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.emulator


def device_up(cache: Path, state: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "EDGEKIT_CACHE": str(cache), "XDG_STATE_HOME": str(state)}
    # A job in the background is started with SIGINT ignored, and Python then never hears it.
    command = ["env", "--default-signal=INT", sys.executable, "-m", "edgekit", "device", "up"]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def interrupt_at(line: str, running: subprocess.Popen[str], number: signal.Signals) -> str:
    """Wait for a line of progress, send a signal, and return what was said after it."""
    assert running.stderr is not None
    for said in running.stderr:
        if said.startswith(line):
            running.send_signal(number)
            break
    return running.communicate(timeout=60)[1]


def trees(cache: Path) -> list[str]:
    return [path.name for path in (cache / "rootfs").iterdir() if path.is_dir()]


def test_an_interrupted_download_leaves_no_half_root_filesystem(tmp_path: Path) -> None:
    cache, state = tmp_path / "cache", tmp_path / "state"
    with device_up(cache, state) as running:
        said = interrupt_at("downloading", running, signal.SIGINT)
    assert running.returncode == 130
    assert said.strip() == "interrupted"
    assert trees(cache) == []
    with device_up(cache, state) as running:
        interrupt_at("downloading", running, signal.SIGKILL)
    # Not even a handler could run: what is left has a hidden name, and the next attempt removes it.
    left = trees(cache)
    assert all(name.startswith(".") for name in left)
    with device_up(cache, state) as running:
        interrupt_at("downloading", running, signal.SIGINT)
    assert trees(cache) == []
